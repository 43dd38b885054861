package deliver

// worker.go: one worker brings the requests of one sink to its receiver.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// worker is the deliveries of one sink. One goroutine has all of it; tries are made
// beside it.
type worker struct {
	d             *Deliveries
	mapping, sink string
	send          pipeline.Courier

	place    place
	revision uint64
	unsaved  int       // changes that the value does not have
	saved    time.Time // when it had all
	first    bool      // it is to be saved before anything is tried

	read    uint64              // messages up to it were read
	ahead   []request           // read, and not tried
	flying  map[uint64]*request // under way
	results chan result
	more    chan error // nil: nobody waits for messages
	circuit circuit
	away    bool // the receiver was away, or this worker does not know
}

// result is how a try went.
type result struct {
	request *request
	outcome pipeline.Try
}

// The pace of a worker.
const (
	saveEvery  = time.Second
	saveAfter  = 100 // changes
	saveBefore = 400 // … and no try is begun while more are not saved
	readAhead  = 64  // requests
	aheadBytes = 4 << 20
	checkEvery = 5 * time.Second // whether a disabled receiver was enabled
)

// Work delivers the requests of one sink until ctx is done. An error says that it
// has to be begun again: somebody else moved the place on, or the engine is ill.
func (d *Deliveries) Work(ctx context.Context, mapping, sink string, send pipeline.Courier) error {
	p, revision, err := loadPlace(ctx, d.Engine, mapping, sink)
	if err != nil {
		return err
	}
	w := &worker{
		d: d, mapping: mapping, sink: sink, send: send, place: p, revision: revision, read: p.Seq, saved: time.Now(), away: true,
		flying: map[uint64]*request{}, results: make(chan result, send.Concurrency()),
	}
	if w.place.Target != send.Target() {
		w.enable()
		w.place.Target = send.Target()
		w.changed()
	}
	return w.work(ctx)
}

// enable ends that nothing is sent.
func (w *worker) enable() {
	if w.place.Disabled == "" {
		return
	}
	w.place.Disabled = ""
	w.d.Notes.Enabled(w.mapping, w.sink)
}

func (w *worker) work(ctx context.Context) (err error) {
	tries, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for len(w.flying) > 0 { // each ends soon
			w.settle(tries, <-w.results)
		}
		late, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		if w.unsaved > 0 && !errors.Is(err, engine.ErrConflict) {
			err = errors.Join(err, w.save(late))
		}
	}()
	err = w.loop(ctx, tries)
	if ctx.Err() != nil {
		err = nil // what it says is that it was ended
	}
	return err
}

// loop begins tries and settles them.
func (w *worker) loop(ctx, tries context.Context) error {
	for {
		if err := w.keep(ctx); err != nil {
			return err
		}
		wake, err := w.dispatch(tries)
		if err != nil {
			return err
		}
		timer := time.NewTimer(time.Until(wake))
		select {
		case r := <-w.results:
			w.settle(tries, r)
		case err := <-w.more:
			w.more = nil
			if err != nil {
				return err
			}
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// dispatch begins what tries may be begun now, and returns when to look again at
// the latest.
func (w *worker) dispatch(ctx context.Context) (wake time.Time, err error) {
	wake = w.saved.Add(saveEvery)
	if w.unsaved == 0 {
		wake = time.Now().Add(24 * time.Hour) // something else wakes before
	}
	if w.place.Disabled != "" {
		return w.stillDisabled(ctx)
	}
	for w.unsaved < saveBefore && !w.first {
		now := time.Now()
		most := w.send.Concurrency()
		if w.circuit.open() {
			most = 1
		}
		if len(w.flying) >= most {
			return wake, nil // a result wakes
		}
		if now.Before(w.circuit.until) {
			return earliest(wake, w.circuit.until), nil
		}
		r, next, err := w.next(ctx, now)
		if err != nil {
			return wake, err
		}
		if r == nil {
			return earliest(wake, next), nil
		}
		w.flying[r.seq] = r
		go func() {
			began := time.Now()
			o := w.send.Try(ctx, r.id, r.body)
			o.Took = time.Since(began)
			w.results <- result{r, o}
		}()
	}
	return wake, nil
}

// earliest is the earlier time, where a zero one is never.
func earliest(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// stillDisabled looks whether somebody enabled the receiver.
func (w *worker) stillDisabled(ctx context.Context) (wake time.Time, err error) {
	if w.unsaved == 0 {
		p, revision, err := loadPlace(ctx, w.d.Engine, w.mapping, w.sink)
		if err != nil {
			return wake, err
		}
		if w.place, w.revision = p, revision; p.Disabled == "" {
			return time.Now(), nil
		}
	}
	return time.Now().Add(checkEvery), nil
}

// next is the request to try now. Where there is none, at is when the first one is
// due; zero: when something comes.
func (w *worker) next(ctx context.Context, now time.Time) (r *request, at time.Time, err error) {
	due, at := w.due(now)
	if due == nil {
		r, err := w.fresh(ctx)
		return r, at, err
	}
	r, err = w.again(ctx, due)
	if r == nil && err == nil {
		at = now // look once more
	}
	return r, at, err
}

// due is the first request that waits and may be tried now; at is when the next one
// may. Behind a request with the same key each one waits for it.
func (w *worker) due(now time.Time) (due *waiting, at time.Time) {
	held := map[uint64]bool{}
	for _, r := range w.flying {
		hold(held, r.keys)
	}
	for _, p := range w.place.Waiting {
		free := w.flying[p.Seq] == nil && !holds(held, p.Keys)
		hold(held, p.Keys)
		switch {
		case !free:
		case !p.Next.After(now):
			return p, at
		case at.IsZero() || p.Next.Before(at):
			at = p.Next
		}
	}
	return nil, at
}

func hold(held map[uint64]bool, keys []uint64) {
	for _, k := range keys {
		held[k] = true
	}
}

func holds(held map[uint64]bool, keys []uint64) bool {
	return slices.ContainsFunc(keys, func(k uint64) bool { return held[k] })
}

// again is the request that waits, out of the log. One that is not there any more
// is too old to be delivered.
func (w *worker) again(ctx context.Context, p *waiting) (*request, error) {
	var found *request
	err := engine.ReadSome(ctx, w.d.Engine, engine.Outbox, w.mapping, p.Seq-1, func(m engine.Message) error {
		if m.Seq == p.Seq {
			r, ok, err := decode(m, w.sink)
			if err != nil {
				return err
			}
			if ok {
				found = &r
			}
		}
		return engine.ErrEnough
	})
	if err != nil {
		return nil, fmt.Errorf("read a request of %s again: %w", w.mapping, err)
	}
	if found == nil {
		w.place.done(p.Seq)
		w.changed()
		w.d.Notes.GivenUp(w.mapping, w.sink, Letter{Mapping: w.mapping, Sink: w.sink, Reason: "the request is older than what is kept of them", Tries: p.Tries, First: p.First})
	}
	return found, nil
}

// fresh is the next request that was not tried yet. One that shares a key with
// those that wait or are under way waits behind them.
func (w *worker) fresh(ctx context.Context) (*request, error) {
	for {
		if w.place.weight() >= maxWaiting {
			return nil, nil
		}
		if len(w.ahead) == 0 {
			if err := w.readOn(ctx); err != nil || len(w.ahead) == 0 {
				return nil, err
			}
		}
		r := w.ahead[0]
		w.ahead = w.ahead[1:]
		held := map[uint64]bool{}
		for _, f := range w.flying {
			hold(held, f.keys)
		}
		for _, p := range w.place.Waiting {
			hold(held, p.Keys)
		}
		if !holds(held, r.keys) {
			return &r, nil
		}
		w.place.wait(&waiting{Seq: r.seq, Keys: r.keys})
		w.changed()
	}
}

// readOn reads requests ahead, or has itself told when there are any.
func (w *worker) readOn(ctx context.Context) error {
	bytes, before := 0, w.read
	err := engine.ReadSome(ctx, w.d.Engine, engine.Outbox, w.mapping, w.read, func(m engine.Message) error {
		r, ok, err := decode(m, w.sink)
		if err != nil {
			return err
		}
		w.read = m.Seq
		if !ok {
			return nil
		}
		w.ahead = append(w.ahead, r)
		if bytes += len(r.body); len(w.ahead) >= readAhead || bytes >= aheadBytes {
			return engine.ErrEnough
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the outbox of %s: %w", w.mapping, err)
	}
	if w.read != before {
		w.changed()
	}
	if len(w.ahead) == 0 && w.more == nil {
		more, after := make(chan error, 1), w.read
		w.more = more
		go func() { more <- w.d.Engine.Wait(ctx, engine.Outbox, w.mapping, after) }()
	}
	return nil
}

// settle notes how a try went.
func (w *worker) settle(ctx context.Context, r result) {
	delete(w.flying, r.request.seq)
	if ctx.Err() != nil && r.outcome.Verdict != pipeline.Delivered {
		// it was cut off, and is tried again by whoever comes next: it is not under
		// way any more, so that what is saved has to name it
		if w.place.find(r.request.seq) == nil {
			w.place.wait(&waiting{Seq: r.request.seq, Keys: r.request.keys})
		}
		return
	}
	now, o := time.Now(), r.outcome
	w.d.Notes.Tried(w.mapping, w.sink, o)
	w.changed()
	switch o.Verdict {
	case pipeline.Delivered:
		w.isThere()
		w.place.done(r.request.seq)
		return
	case pipeline.TryLater:
		w.circuit.failed(now, o.After)
		w.away = w.away || w.circuit.open()
	case pipeline.Refuses:
		w.isThere()
	case pipeline.Gone:
		w.place.Disabled = cmp.Or(o.Reason, "the receiver wants no more")
		w.d.Notes.Disabled(w.mapping, w.sink, w.place.Disabled)
	}
	w.postpone(ctx, r.request, now, o)
}

// isThere notes that the receiver answers. Those that wait because it did not need
// not wait any longer.
func (w *worker) isThere() {
	if w.away {
		for _, p := range w.place.Waiting {
			if p.Refused == 0 {
				p.Next = time.Time{}
			}
		}
	}
	w.circuit, w.away = circuit{}, false
}

// postpone lets a request wait for its next try, or gives it up.
func (w *worker) postpone(ctx context.Context, r *request, now time.Time, o pipeline.Try) {
	p := w.place.find(r.seq)
	if p == nil {
		p = &waiting{Seq: r.seq, Keys: r.keys}
		w.place.wait(p)
	}
	if o.Verdict == pipeline.Gone {
		p.Status, p.Reason = o.Status, o.Reason
		return
	}
	if !p.failed(now, o) {
		return
	}
	l := Letter{Mapping: w.mapping, Sink: w.sink, ID: r.id, Status: o.Status, Reason: o.Reason, Tries: p.Tries, First: p.First, Body: r.body, keys: r.keys}
	if err := w.d.giveUp(ctx, &l, r.seq); err != nil {
		p.Next = now.Add(delays[0]) // it is tried once more, and kept then
		return
	}
	w.place.done(r.seq)
	w.first = true
	w.d.Notes.GivenUp(w.mapping, w.sink, l)
}

func (w *worker) changed() {
	if w.unsaved == 0 {
		w.saved = time.Now()
	}
	w.unsaved++
}

// keep saves the place now and then. While it cannot be saved, deliveries go on for
// a while: what a crash would send again stays bounded. What was given up is saved
// before anything else is tried: after a crash it would come again, behind newer
// requests with its key.
func (w *worker) keep(ctx context.Context) error {
	if w.unsaved == 0 || !w.first && w.unsaved < saveAfter && time.Since(w.saved) < saveEvery {
		return nil
	}
	err := w.save(ctx)
	if errors.Is(err, engine.ErrConflict) {
		return err
	}
	if err != nil {
		w.saved = time.Now() // and try again in a while
	}
	return nil
}

// save writes the place: what is ahead and what is under way for the first time is
// behind it.
func (w *worker) save(ctx context.Context) error {
	at := w.read
	for _, r := range w.ahead {
		at = min(at, r.seq-1)
	}
	for seq := range w.flying {
		if w.place.find(seq) == nil {
			at = min(at, seq-1)
		}
	}
	w.place.Seq = at
	revision, err := savePlace(ctx, w.d.Engine, w.mapping, w.sink, w.place, w.revision)
	if err != nil {
		return err
	}
	w.revision, w.unsaved, w.saved, w.first = revision, 0, time.Now(), false
	return nil
}
