package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"pipeline/pipeline"
)

// shared is what all workers use and none changes.
type shared struct {
	params
	fixed http.Header // of every request
	pace  *pacer
	rows  pipeline.RowJSON

	notice func(message string) // may be nil

	sink   string          // its name in the mapping
	outbox pipeline.Outbox // takes the requests, which are not sent then; nil: they are
}

// maxBodies bounds, in bytes, the bodies that are under way. A larger one goes
// alone.
const maxBodies = 8 << 20

// writer makes requests of rows and has them sent by its workers, each over a
// connection of its own. The workers take turns, so that all connections are used,
// and none is closed by the receiver for being idle while the others are busy.
type writer struct {
	*shared
	order   *order
	bodies  *semaphore.Weighted
	workers []*worker

	queue   chan *task // nil: the workers do not run
	running sync.WaitGroup

	failed chan struct{} // closed once err is set
	once   sync.Once
	err    error // what ends the run
}

// task is one request on its way.
type task struct {
	ctx      context.Context
	push     uint64 // that its rows came in
	body     []byte
	keys     [][]byte // of its rows, for the outbox
	from, to int      // its rows in their batch
	weight   int64
	answered func(error)
	place    place
}

func newWriter(p params, transport func() http.RoundTripper, c pipeline.SinkConfig) *writer {
	s := &shared{params: p, pace: &pacer{rate: p.rate}, rows: pipeline.NewRowJSON(c.Columns), notice: c.World.Notice, sink: c.Name, outbox: c.World.Outbox}
	s.fixed = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"pipeline"}}
	for name, v := range p.headers {
		s.fixed[http.CanonicalHeaderKey(name)] = []string{v}
	}
	w := &writer{shared: s, order: newOrder(c.Key), bodies: semaphore.NewWeighted(maxBodies), failed: make(chan struct{})}
	for range p.concurrency {
		w.workers = append(w.workers, &worker{shared: s, http: transport(), failed: w.failed, signer: newSigner(c.Mapping, p.url.String(), p.secret)})
	}
	return w
}

// Send takes the rows of one request. A row is sent after all rows of its key that
// came before it were answered.
func (w *writer) Send(ctx context.Context, b *pipeline.Batch, from int, answered func(error)) int {
	t := &task{ctx: ctx, push: b.Push(), from: from, to: min(from+w.batch, b.Len()), answered: answered}
	if refused := w.fill(t, b); refused != nil {
		answered(refused)
		return t.to - t.from
	}
	t.weight = min(int64(len(t.body)), maxBodies)
	if w.bodies.Acquire(ctx, t.weight) != nil {
		answered(ctx.Err())
		return t.to - t.from
	}
	w.start()
	w.order.enter(&t.place, b, t.from, t.to)
	w.queue <- t // a worker takes it, soon after ctx is done at the latest
	return t.to - t.from
}

// CodeRequestTooLarge is the reject code of a row whose request is larger than what an
// outbox keeps.
const CodeRequestTooLarge = "request-too-large"

// fill makes the body of a request, or says why its rows are refused. A request that is
// larger than what the outbox keeps takes half of its rows, and half of these, until it
// is not: which rows go together depends on nothing but the rows.
func (w *writer) fill(t *task, b *pipeline.Batch) error {
	for {
		var wrong error
		if t.body, wrong = w.bodyOf(b, t.from, t.to); wrong != nil {
			return t.refused(pipeline.RefusedRow{Reason: "its body cannot be made: " + wrong.Error()})
		}
		if w.outbox == nil {
			return nil
		}
		t.keys = w.keysOf(b, t.from, t.to)
		if w.outbox.Fits(pipeline.Request{Sink: w.sink, Keys: t.keys, Body: t.body}) {
			return nil
		}
		rows := t.to - t.from
		if rows == 1 {
			return t.refused(pipeline.RefusedRow{Code: CodeRequestTooLarge, Reason: fmt.Sprintf("the request of this row has %d bytes, which is more than can be kept until it is delivered (1 MiB, compressed)", len(t.body))})
		}
		t.to = t.from + rows/2
	}
}

// bodyOf is the body of a request with the rows from up to to. It is made anew each
// time: a transport may still read it when it has returned an answer.
func (w *writer) bodyOf(b *pipeline.Batch, from, to int) ([]byte, error) {
	length := len("[]")
	for row := from; row < to; row++ {
		length += w.rows.LenOf(b, row) + len(",")
	}
	body := make([]byte, 0, length)
	if w.batch == 1 && w.envelope == nil {
		body = w.rows.AppendOf(body, b, from)
	} else {
		body = w.appendArray(body, b, from, to)
	}
	if w.envelope == nil {
		return body, nil
	}
	return w.envelope.JSON(string(w.rows.AppendOf(nil, b, from)), string(body))
}

func (w *writer) appendArray(dst []byte, b *pipeline.Batch, from, to int) []byte {
	dst = append(dst, '[')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		dst = w.rows.AppendOf(dst, b, i)
	}
	return append(dst, ']')
}

// refused is the error for rows of which none is ever taken, for the same reason.
func (t *task) refused(why pipeline.RefusedRow) *pipeline.Refused {
	refused := &pipeline.Refused{}
	for why.Row = t.from; why.Row < t.to; why.Row++ {
		refused.Rows = append(refused.Rows, why)
	}
	return refused
}

// Write returns when the receiver has taken each row or refused it for good. A
// *pipeline.Refused lists what was refused. Any other error ends the run: some
// rows may have been delivered and others not, and where some were refused
// before, the error wraps a *pipeline.Refused as well.
func (w *writer) Write(ctx context.Context, b *pipeline.Batch) error {
	var (
		mu      sync.Mutex
		all     sync.WaitGroup
		refused []pipeline.RefusedRow
		failed  error
	)
	for from := 0; from < b.Len(); {
		all.Add(1)
		from += w.Send(ctx, b, from, func(err error) {
			defer all.Done()
			mu.Lock()
			defer mu.Unlock()
			if some, only := err.(*pipeline.Refused); only { //nolint:errorlint // it is never wrapped
				refused = append(refused, some.Rows...)
			} else if failed == nil {
				failed = err
			}
		})
	}
	all.Wait()
	if len(refused) == 0 {
		return failed
	}
	slices.SortFunc(refused, func(a, b pipeline.RefusedRow) int { return cmp.Compare(a.Row, b.Row) })
	if failed == nil {
		return &pipeline.Refused{Rows: refused}
	}
	return errors.Join(failed, &pipeline.Refused{Rows: refused})
}

// start starts the workers, where they do not run.
func (w *writer) start() {
	if w.queue != nil {
		return
	}
	w.queue = make(chan *task, w.concurrency/w.batch) // few rows: their pages take memory while they wait
	for _, worker := range w.workers {
		w.running.Go(func() { w.work(worker, w.queue) })
	}
}

// work sends tasks until there are no more.
func (w *writer) work(by *worker, queue <-chan *task) {
	defer by.end()
	for t := range queue {
		w.order.wait(&t.place)
		refusal, err := by.bring(t.ctx, t.push, t.body, t.keys)
		switch {
		case err != nil:
			err = w.fail(err)
		case refusal != nil:
			err = t.refused(*refusal)
		}
		t.answered(err) // before the next one of its keys can be
		w.order.leave(&t.place)
		w.bodies.Release(t.weight)
	}
}

// fail lets nothing more be sent, and returns the first error for which it was
// called.
func (w *writer) fail(err error) error {
	w.once.Do(func() {
		w.err = err
		close(w.failed)
	})
	return w.err
}

// stop ends the workers. Everything that was sent is answered when it returns.
func (w *writer) stop() {
	if w.queue != nil {
		close(w.queue)
		w.running.Wait()
		w.queue = nil
	}
}

// Generation makes the ids of deliveries those of another generation.
func (w *writer) Generation(n int64) {
	for _, worker := range w.workers {
		worker.signer.generation(n)
	}
}

// Flush waits for the answers to all that was sent.
func (w *writer) Flush(context.Context) error {
	w.stop()
	return nil
}

// Commit does nothing: a row is visible once it is delivered.
func (*writer) Commit(context.Context) error { return nil }

// Abort waits as well: what was delivered stays delivered.
func (w *writer) Abort() error {
	w.stop()
	return nil
}
