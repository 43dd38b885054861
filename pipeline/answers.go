package pipeline

// answers.go: what becomes of rows that were sent. Deliveries are recorded as the
// answers come in; what is refused, and pages, go on in the order of the source.

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"pipeline/pipeline/ledger"
)

// An answer waits for others to be recorded with it, but not for long: its page
// takes memory, and a run that dies repeats what is not recorded. That is as many
// rows as may be under way at the same time, which it repeats as well, but not so
// many that all connections are idle while they are recorded.
const (
	recordAfter   = 10 * time.Millisecond
	recordRows    = 256  // at least
	maxRecordRows = 1024 // at most
)

// answers takes the answers of one sink. What is below the channels belongs to the
// goroutine of take.
type answers struct {
	run  *run
	sink *rowSink
	out  chan<- *job

	sent     chan *shipment // in the order of the source; closed after the last
	answered chan *shipment // in any order, and maybe before they are in sent
	stop     chan struct{}  // closed: nothing more is to be sent
	waiting  atomic.Int64   // answers that are not recorded
	recorded chan struct{}  // has a value when some were

	queue    []*shipment // sent, and not through: in their order
	open     []*shipment // answered, and not recorded
	underWay int         // requests that are not answered
	rows     int         // in open
	entries  []ledger.Entry

	rejected int   // records of the pages that went on
	stopped  bool  // stop is closed
	last     *job  // the page with which there are too many rejects; nil: none
	err      error // the first one that ends the run
}

// take ends when everything that was sent is answered and recorded, whatever else
// happened: what a receiver has, it should not be sent again.
func (a *answers) take(ctx context.Context) error {
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	for sent := a.sent; sent != nil || a.underWay > 0; {
		waiting := len(a.open) > 0
		select {
		case one, ok := <-sent:
			if !ok {
				sent = nil
			} else {
				a.isSent(one)
			}
		case one := <-a.answered:
			a.isAnswered(one)
		case <-due.C:
			a.record()
		}
		if a.rows >= a.sink.atOnce {
			a.record()
		} else if !waiting && len(a.open) > 0 {
			due.Reset(recordAfter)
		}
		a.goOn(ctx)
	}
	a.record()
	a.goOn(ctx)
	if a.last != nil && a.err == nil {
		a.passOn(ctx, a.last)
	}
	return a.err
}

func (a *answers) isSent(one *shipment) {
	a.queue = append(a.queue, one)
	one.sent = true
	if one.rows == nil {
		one.recorded = true // there is nothing to record
		return
	}
	a.underWay++
	if one.answered {
		a.ready(one)
	}
}

func (a *answers) isAnswered(one *shipment) {
	a.underWay--
	one.answered = true
	if one.sent {
		a.ready(one)
	}
}

// ready puts an answer with those that are to be recorded.
func (a *answers) ready(one *shipment) {
	a.open = append(a.open, one)
	a.rows += len(one.rows)
	if _, refused := refusedBy(one.err); one.err != nil && !refused {
		a.fail(one.err)
	}
}

// refusedBy is the rows that were refused, where that is all that went wrong.
func refusedBy(err error) (rows []RefusedRow, only bool) {
	refused, only := err.(*Refused) //nolint:errorlint // joined with another error it is that error that counts
	if !only {
		return nil, false
	}
	return refused.Rows, true
}

// record tells the ledger what was delivered.
func (a *answers) record() {
	a.entries = a.entries[:0]
	for _, one := range a.open {
		a.entries = one.delivered(a.entries)
		one.recorded = true
	}
	switch {
	case a.sink.pushes != nil:
		a.sink.pushes.add(a.entries)
	case a.sink.run != nil:
		if err := a.sink.run.Delivered(a.entries); err != nil {
			a.fail(err)
		}
	}
	a.waiting.Add(-int64(len(a.open)))
	select {
	case a.recorded <- struct{}{}:
	default:
	}
	clear(a.open)
	a.open, a.rows = a.open[:0], 0
}

// haveRoom returns when not too many answers wait to be recorded, or reports that
// nothing more is to be sent.
func (a *answers) haveRoom(ctx context.Context) bool {
	for {
		select {
		case <-a.stop:
			return false
		default:
		}
		if a.waiting.Load() < int64(a.sink.waiting) {
			return true
		}
		select {
		case <-a.recorded:
		case <-a.stop:
		case <-ctx.Done():
			return false
		}
	}
}

// delivered appends those rows that the receiver took.
func (s *shipment) delivered(dst []ledger.Entry) []ledger.Entry {
	o := &s.job.out
	refused, only := refusedBy(s.err) // in the order of the rows
	if s.err != nil && !only {
		return dst // nobody knows
	}
	for _, row := range s.rows {
		if len(refused) > 0 && o.rows[refused[0].Row] == row {
			refused = refused[1:]
			continue
		}
		dst = append(dst, o.entries[row])
	}
	return dst
}

// goOn passes on the pages that are through. The rejects of a run end at the answer
// with which there are too many, in the order of the source, whatever came in before
// it.
func (a *answers) goOn(ctx context.Context) {
	for len(a.queue) > 0 && a.queue[0].recorded {
		one := a.queue[0]
		a.queue = slices.Delete(a.queue, 0, 1)
		switch refused, _ := refusedBy(one.err); {
		case a.last != nil, a.err != nil:
		case one.rows == nil:
			a.passOn(ctx, one.job)
		case refused != nil:
			a.refuse(one.job, refused)
		}
	}
}

func (a *answers) refuse(j *job, refused []RefusedRow) {
	for _, row := range refused {
		row.Row = j.out.rows[row.Row]
		j.out.refused = append(j.out.refused, row)
	}
	// a count of rejects ends the run at once, and not when the page is through
	if a.run.tooManyAre(a.rejected + len(j.rejected) + j.refusedRecords()) {
		j.out.enough = true
		a.last = j
		a.end()
	}
}

// refusedRecords is how many records the refused rows are of.
func (j *job) refusedRecords() int {
	n, last := 0, -1
	for _, row := range j.out.refused { // in the order of the page
		if item := j.items[row.Row]; item != last {
			n, last = n+1, item
		}
	}
	return n
}

// passOn passes on a page whose rows are all answered and recorded.
func (a *answers) passOn(ctx context.Context, j *job) {
	if a.sink.pushes != nil {
		a.sink.pushes.refuseAlike(&j.out)
	}
	if len(j.out.refused) > 0 {
		a.run.refuse(j, a.sink, j.out.refused)
	}
	a.rejected += len(j.rejected)
	if err := pass(ctx, a.out, j); err != nil {
		a.fail(err)
	}
}

func (a *answers) fail(err error) {
	if a.err == nil {
		a.err = err
	}
	a.end()
}

// end lets nothing more be sent.
func (a *answers) end() {
	if !a.stopped {
		a.stopped = true
		close(a.stop)
	}
}
