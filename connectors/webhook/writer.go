package webhook

import (
	"context"
	"hash/maphash"
	"net/http"
	"slices"
	"sync"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// shared is what all workers use and none changes.
type shared struct {
	params
	http  http.RoundTripper
	fixed http.Header // of every request
	pace  *pacer
	rows  object

	notice func(message string) // may be nil
}

// writer cuts a batch into requests and has them sent by its workers. It holds
// nothing between two calls of Write.
type writer struct {
	*shared
	key     []int
	workers []*worker
	seed    maphash.Seed
	text    []byte         // of a key
	last    map[uint64]int // task by hash of a key: the last one that has it
	tasks   []task
}

// task is one request: some rows, and the tasks before it that hold rows of the
// same keys.
type task struct {
	from, to int
	after    []int
}

func newWriter(p params, rt http.RoundTripper, c pipeline.SinkConfig) *writer {
	s := &shared{params: p, http: rt, pace: &pacer{rate: p.rate}, rows: newObject(c.Columns), notice: c.World.Notice}
	s.fixed = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"pipeline"}}
	for name, v := range p.headers {
		s.fixed[http.CanonicalHeaderKey(name)] = []string{v}
	}
	w := &writer{shared: s, key: c.Key, seed: maphash.MakeSeed(), last: map[uint64]int{}}
	for range p.concurrency {
		w.workers = append(w.workers, &worker{shared: s, signer: newSigner(c.Mapping, p.url.String(), p.secret)})
	}
	return w
}

// Write returns when the receiver has taken each row or refused it for good. A
// row is sent after all rows of its key that came before it were answered. A
// *pipeline.Refused lists what was refused. Any other error ends the run: some
// rows may have been delivered and others not, and where some were refused
// before, the error wraps a *pipeline.Refused as well.
func (w *writer) Write(ctx context.Context, b *pipeline.Batch) error {
	w.plan(b)
	q := newQueue(w.tasks)
	waiting, stop := context.WithCancel(ctx) // requests that are under way are not cut off by the failure of another
	defer stop()
	var group sync.WaitGroup
	for _, worker := range w.workers[:min(len(w.workers), len(w.tasks))] {
		group.Go(func() {
			for i, ok := q.next(); ok; i, ok = q.next() {
				refusal, err := worker.do(ctx, waiting, b, w.tasks[i])
				q.done(i, refusal, err)
				if err != nil {
					stop()
				}
			}
		})
	}
	group.Wait()
	return q.outcome()
}

// Generation makes the ids of deliveries those of another generation.
func (w *writer) Generation(n int64) {
	for _, worker := range w.workers {
		worker.signer.generation(n)
	}
}

// Flush does nothing: what Write returned for is with the receiver.
func (*writer) Flush(context.Context) error { return nil }

// Commit does nothing: a row is visible once it is delivered.
func (*writer) Commit(context.Context) error { return nil }

// Abort does nothing: what was delivered stays delivered.
func (*writer) Abort() error { return nil }

// plan cuts b into tasks.
func (w *writer) plan(b *pipeline.Batch) {
	w.tasks = w.tasks[:0]
	clear(w.last)
	for from := 0; from < b.Len(); from += w.batch {
		t := task{from: from, to: min(from+w.batch, b.Len())}
		for i := from; i < t.to && len(w.key) > 0; i++ {
			key := w.hash(b.Row(i))
			if before, ok := w.last[key]; ok && before != len(w.tasks) && !slices.Contains(t.after, before) {
				t.after = append(t.after, before)
			}
			w.last[key] = len(w.tasks)
		}
		w.tasks = append(w.tasks, t)
	}
}

// hash is the same for rows of one key. Where it is the same for rows of two,
// one waits for the other without need.
func (w *writer) hash(row []value.Value) uint64 {
	w.text = w.text[:0]
	for _, column := range w.key {
		w.text = append(row[column].AppendJSON(w.text), ',')
	}
	return maphash.Bytes(w.seed, w.text)
}
