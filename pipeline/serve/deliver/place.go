package deliver

// place.go: how far a worker got, as one value that is moved on by comparing.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// place is how far the requests of one sink were delivered. All up to Seq are
// delivered, given up, or wait.
type place struct {
	Log      engine.Log `json:"log"`
	Seq      uint64     `json:"seq"`
	Waiting  []*waiting `json:"waiting,omitempty"`  // by Seq
	Target   string     `json:"target,omitempty"`   // where they went last, hashed
	Disabled string     `json:"disabled,omitempty"` // why nothing is sent any more; empty: it is
}

// waiting is a request that is to be tried later.
type waiting struct {
	Log     engine.Log `json:"log"`
	Seq     uint64     `json:"seq"`
	Keys    []uint64   `json:"keys,omitempty"`
	Tries   int        `json:"tries,omitempty"`
	Refused int        `json:"refused,omitempty"` // of the tries
	First   time.Time  `json:"first,omitzero"`    // try
	Next    time.Time  `json:"next,omitzero"`     // try; zero: as soon as it may
	Status  int        `json:"status,omitempty"`  // of the last one
	Reason  string     `json:"reason,omitempty"`
}

// maxWaiting is how many keys and requests may wait before no new ones are tried: the
// value has to fit.
const maxWaiting = 20_000

// placeName is the name of the value.
func placeName(mapping, sink string) string { return "deliver." + mapping + "." + sink }

// loadPlace is the place of a sink and its revision.
func loadPlace(ctx context.Context, e engine.Engine, mapping, sink string) (place, uint64, error) {
	p := place{Log: engine.Outbox}
	entry, err := e.Get(ctx, engine.Cursors, placeName(mapping, sink))
	if errors.Is(err, engine.ErrNoValue) {
		return p, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value, &p)
	}
	if err != nil {
		return p, 0, fmt.Errorf("read how far the deliveries of %s to %s got: %w", mapping, sink, err)
	}
	return p, entry.Revision, nil
}

// savePlace replaces the place of that revision.
func savePlace(ctx context.Context, e engine.Engine, mapping, sink string, p place, revision uint64) (uint64, error) {
	src, err := json.Marshal(p)
	if err == nil {
		revision, err = e.Put(ctx, engine.Cursors, placeName(mapping, sink), src, revision)
	}
	if err != nil {
		return 0, fmt.Errorf("note how far the deliveries of %s to %s got: %w", mapping, sink, err)
	}
	return revision, nil
}

// weight is how much the waiting requests take.
func (p *place) weight() int {
	n := 0
	for _, w := range p.Waiting {
		n += 8 + len(w.Keys)
	}
	return n
}

// find is the waiting request of that seq, or nil.
func (p *place) find(seq uint64) *waiting {
	i := slices.IndexFunc(p.Waiting, func(w *waiting) bool { return w.Seq == seq })
	if i < 0 {
		return nil
	}
	return p.Waiting[i]
}

// wait puts a request among those that wait.
func (p *place) wait(w *waiting) {
	w.Log = engine.Outbox
	i := len(p.Waiting)
	for i > 0 && p.Waiting[i-1].Seq > w.Seq {
		i--
	}
	p.Waiting = slices.Insert(p.Waiting, i, w)
}

// done takes a request away from those that wait.
func (p *place) done(seq uint64) {
	p.Waiting = slices.DeleteFunc(p.Waiting, func(w *waiting) bool { return w.Seq == seq })
}

// failed notes a try that did not deliver, and reports whether it was the last one.
func (w *waiting) failed(now time.Time, o pipeline.Try) (last bool) {
	w.Tries++
	w.Status, w.Reason = o.Status, o.Reason
	if w.First.IsZero() {
		w.First = now
	}
	if o.Verdict == pipeline.Refuses {
		w.Refused++
	}
	if w.Tries > len(delays) || w.Refused >= mayRefuse {
		return true
	}
	w.Next = now.Add(max(jittered(delays[w.Tries-1]), min(o.After, maxAfter)))
	return false
}

// jittered is a delay that is not that of all others who failed at the same time.
func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*(2*rand.Float64()-1)))
}

// circuit leaves a receiver alone that takes nothing: one request at a time finds
// out whether it is back.
type circuit struct {
	fails int           // in a row
	pause time.Duration // before the next probe; 0: requests are sent as they come
	until time.Time     // nothing is sent before
}

// open reports whether only probes are sent.
func (c *circuit) open() bool { return c.pause > 0 }

// failed notes a receiver that could not take a request.
func (c *circuit) failed(now time.Time, after time.Duration) {
	c.fails++
	if after > 0 {
		c.until = later(c.until, now.Add(min(after, maxAfter)))
	}
	if c.fails < failsInRow {
		return
	}
	c.pause = min(max(2*c.pause, firstProbe), lastProbe)
	c.until = later(c.until, now.Add(jittered(c.pause)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// once makes a value when it is first asked for; making it cannot fail.
func once[T any](make func() (T, error)) func() T {
	return sync.OnceValue(func() T {
		v, err := make()
		if err != nil {
			panic(err) // the options are constants
		}
		return v
	})
}
