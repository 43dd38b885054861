package pipeline

// send.go: pages on their way to the sinks that take rows one by one. A receiver is
// slow beside everything else here, so that requests do not wait for the end of a
// page: while those of one page are under way the next one is mapped and sent. What
// was answered is recorded, and pages go on, in the order of the source.

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"pipeline/pipeline/ledger"
	"pipeline/pipeline/value"
)

// What may be on its way to receivers at once.
const (
	maxSending = 3 << 20         // bytes of records
	leastPage  = maxSending / 64 // what a page counts for, however small it is
)

// rowSink is a sink that takes rows one by one, with what it was given before.
type rowSink struct {
	Writer
	sender  Sender // that writer, or around it
	target  string // for people
	address string // for the ledger
	deletes bool
	run     *ledger.Run // nil: nothing is remembered in this run
	atOnce  int         // rows that are recorded together
	enough  int         // rows that keep it busy
	waiting int         // answers that may wait to be recorded: more, and nothing is sent for a while
	batch   Batch       // what of a page is new or has changed, where that is not all of it

	pushes *pushedRows // of a run of pushes; nil: it is none
}

func newRowSink(w Writer, s planSink) *rowSink {
	rows, concurrency := int(max(1, s.options.Int("batch"))), int(max(1, s.options.Int("concurrency")))
	sender, ok := w.(Sender)
	if !ok {
		sender = oneByOne{Writer: w, rows: max(32, 4*rows*concurrency)}
	}
	atOnce := min(max(recordRows, rows*concurrency), maxRecordRows)
	return &rowSink{Writer: w, sender: sender, target: s.shown, address: hashed(s.target), deletes: s.options.String("deletes") == "send", atOnce: atOnce, enough: 2 * (rows*concurrency + atOnce), waiting: max(4, 2*atOnce/rows)}
}

// oneByOne is a Writer that waits for its receiver. It is given some rows at a
// time, so that a run that dies repeats few.
type oneByOne struct {
	Writer
	rows int
}

func (w oneByOne) Send(ctx context.Context, b *Batch, from int, answered func(error)) int {
	to, n := min(from+w.rows, b.Len()), len(b.Columns)
	err := w.Write(ctx, &Batch{Columns: b.Columns, push: b.push, slab: b.slab[from*n : to*n], texts: b.texts[from:to], entries: b.entries[from:to]})
	if refused, only := err.(*Refused); only { //nolint:errorlint // joined with another error it is that error that counts
		for i := range refused.Rows {
			refused.Rows[i].Row += from
		}
	}
	answered(err)
	return to - from
}

// outgoing is what row sinks need of a page. It is recycled with its job.
type outgoing struct {
	form *RowJSON // nil: no sink takes rows one by one
	key  []int    // nil: nobody looks for keys

	memory  []byte         // of keys and texts
	entries []ledger.Entry // of each row
	texts   [][]byte       // of each row, with form
	known   []bool         // whether the sink at hand has the row already
	rows    []int          // those that it has not

	refused   []RefusedRow // by the sink at hand; their Row is one of the page
	enough    bool         // more is rejected than may be: nothing more is sent
	unchanged int          // rows that were not sent, for all sinks
	weight    int64        // of maxSending
}

func (o *outgoing) reset() {
	o.memory, o.entries, o.texts = o.memory[:0], o.entries[:0], o.texts[:0]
	o.enough, o.unchanged = false, 0
}

// size is how many bytes keys and texts take.
func (o *outgoing) size() int {
	return len(o.memory) + len(o.entries)*entryBytes + len(o.texts)*textBytes
}

// add makes key and text of the next row. Mappers do it, beside each other.
func (o *outgoing) add(row []value.Value) {
	if o.key == nil {
		return
	}
	start := len(o.memory)
	o.memory = AppendKey(o.memory, row, o.key)
	e := ledger.Entry{Key: slices.Clip(o.memory[start:])}
	if o.form != nil {
		start = len(o.memory)
		o.memory = o.form.Append(o.memory, row)
		text := slices.Clip(o.memory[start:])
		o.texts = append(o.texts, text)
		e.Row = ledger.Sum(text)
	}
	o.entries = append(o.entries, e)
}

// drop takes back all but some rows.
func (o *outgoing) drop(rows int) {
	o.entries, o.texts = o.entries[:min(rows, len(o.entries))], o.texts[:min(rows, len(o.texts))]
}

// remove forgets rows that are not sent.
func (o *outgoing) remove(from, to int) {
	if o.key != nil { // else nobody looks for keys
		o.entries = slices.Delete(o.entries, from, to)
	}
	if o.form != nil {
		o.texts = slices.Delete(o.texts, from, to)
	}
}

// deliver gives the rows of mapped pages to the row sinks, one sink after another,
// and yields the pages in their order when that is done. leave is told of a page
// that is through.
func (r *run) deliver(ctx context.Context, g *errgroup.Group, mapped <-chan *job, free chan<- *job) (delivered <-chan *job, leave func(*job)) {
	sinks := r.delivery.sinks
	r.delivery.release = func(*job) {}
	if len(sinks) == 0 {
		return r.admitted(ctx, g, mapped, func(*job) error { return nil }), func(j *job) { free <- j }
	}
	sending := semaphore.NewWeighted(maxSending)
	r.delivery.release = func(j *job) { sending.Release(j.out.weight) }
	spare := make(chan *job, maxSending/leastPage+1) // all there may be: the one that leaves made room before it is here
	enough, most := 0, 0                             // rows, and bytes that a page's texts and keys took
	for _, s := range sinks {
		enough = max(enough, s.enough)
	}
	delivered = r.admitted(ctx, g, mapped, func(j *job) error {
		j.out.weight, most = j.share(enough), max(most, len(j.out.memory))
		if err := sending.Acquire(ctx, j.out.weight); err != nil {
			return context.Cause(ctx)
		}
		if j.more { // it is not through
			return nil
		}
		select { // in its place another page may be read
		case other := <-spare:
			free <- other
		default:
			other := r.newJob()
			other.out.memory = make([]byte, 0, most+most/8) // while it grows, rows hold on to what it grew out of
			free <- other
		}
		return nil
	})
	for _, s := range sinks {
		delivered = r.through(ctx, g, s, delivered)
	}
	return delivered, func(j *job) {
		r.delivery.release(j)
		spare <- j
	}
}

// share is what a page counts for, of maxSending: its share of the bytes, or of
// the rows that are enough for the sinks.
func (j *job) share(enough int) int64 {
	return min(max(int64(j.page.size()), maxSending*int64(len(j.items))/int64(enough), leastPage), maxSending)
}

// admitted yields mapped pages whose records may go to sinks.
func (r *run) admitted(ctx context.Context, g *errgroup.Group, mapped <-chan *job, enter func(*job) error) <-chan *job {
	out := make(chan *job)
	g.Go(func() error {
		defer close(out)
		rejected := 0
		for j := range mapped {
			for more := true; more; {
				<-j.done
				more = j.more
				switch err := r.admit(j); {
				case errors.Is(err, errNextRun):
					r.push.enough()
					j.discard()
					for j := range mapped { // what was read beyond it is read again
						<-j.done
						j.discard()
					}
					return nil
				case err != nil:
					return err
				}
				rejected += len(j.rejected)
				enough := r.tooManyAre(rejected)
				j.out.enough = enough
				if err := enter(j); err != nil {
					return err
				}
				if err := pass(ctx, out, j); err != nil || enough {
					return err
				}
			}
		}
		return nil
	})
	return out
}

// tooManyAre reports whether so many rejects end the run at once.
func (r *run) tooManyAre(rejects int) bool {
	most := r.plan.rejects.maxCount
	return most >= 0 && rejects > most && !r.anyRejects()
}

// pass hands a page on.
func pass(ctx context.Context, out chan<- *job, j *job) error {
	select {
	case out <- j:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// admit counts what of a page differs from the source's schema, and rejects records
// whose key came before.
func (r *run) admit(j *job) error {
	if err := r.beginPage(j); err != nil {
		return err
	}
	r.addDrift(j)
	if len(r.delivery.sinks) > 0 { // what they are given cannot be taken back
		if err := r.drifts(); err != nil {
			return err
		}
	}
	j.pushes = pushCounts{}
	if err := errors.Join(r.setBack(j), r.unique(j), r.noteRejected(j)); err != nil {
		return err
	}
	r.rejectSettled(j)
	return r.outdated(j)
}

// shipment is rows of a page that went out together; without rows it is the end of
// the page.
type shipment struct {
	job  *job
	rows []int // of the page
	err  error // the answer

	sent, answered, recorded bool // as answers sees it
}

// through gives pages to one row sink, and yields them when they were answered.
func (r *run) through(ctx context.Context, g *errgroup.Group, s *rowSink, in <-chan *job) <-chan *job {
	out := make(chan *job)
	a := &answers{run: r, sink: s, out: out, sent: make(chan *shipment, s.waiting), answered: make(chan *shipment, s.waiting), recorded: make(chan struct{}, 1), stop: make(chan struct{})}
	g.Go(func() error {
		defer close(a.sent)
		for {
			select {
			case j, ok := <-in:
				if !ok {
					return nil
				}
				if err := r.send(ctx, s, j, a); err != nil {
					return err
				}
			case <-a.stop:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	})
	g.Go(func() error {
		defer close(out)
		return a.take(ctx)
	})
	return out
}

// send sends the rows of a page that are new or have changed.
func (r *run) send(ctx context.Context, s *rowSink, j *job, to *answers) error {
	o := &j.out
	if err := s.changed(o); err != nil {
		return err
	}
	o.unchanged += len(o.entries) - len(o.rows)
	if o.enough {
		o.rows = o.rows[:0]
	}
	b := s.toSend(j)
	for from := 0; from < len(o.rows); {
		if !to.haveRoom(ctx) {
			return context.Cause(ctx)
		}
		one := &shipment{job: j}
		n := s.sender.Send(ctx, b, from, func(err error) {
			one.err = err
			to.waiting.Add(1)
			to.answered <- one
		})
		one.rows = o.rows[from : from+n]
		from += n
		to.sent <- one
	}
	to.sent <- &shipment{job: j}
	return nil
}

// changed finds out which rows of a page the sink does not have.
func (s *rowSink) changed(o *outgoing) (err error) {
	o.known, o.rows, o.refused = o.known[:0], o.rows[:0], o.refused[:0]
	if s.run != nil && s.run.Known() > 0 {
		o.known, err = s.run.Unchanged(o.known, o.entries)
	}
	for row := range o.entries {
		known := len(o.known) > 0 && o.known[row]
		if s.pushes != nil {
			known = s.pushes.has(&o.entries[row], known)
		}
		if !known {
			o.rows = append(o.rows, row)
		}
	}
	return err
}

// toSend is those rows of a page.
func (s *rowSink) toSend(j *job) *Batch {
	o := &j.out
	push := j.push()
	if len(o.rows) == len(o.entries) {
		return &Batch{Columns: j.batch.Columns, push: push, slab: j.batch.slab, texts: o.texts, entries: o.entries}
	}
	b := &s.batch
	b.Columns, b.push, b.slab, b.texts, b.entries = j.batch.Columns, push, b.slab[:0], b.texts[:0], b.entries[:0]
	for _, row := range o.rows {
		if !j.onlyBytes {
			b.Append(j.batch.Row(row))
		}
		b.texts, b.entries = append(b.texts, o.texts[row]), append(b.entries, o.entries[row])
	}
	return b
}
