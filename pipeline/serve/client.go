package serve

// client.go: one mapping and the worker that runs it: one run after another, each
// when it is due.

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
)

// client is a mapping file, and what is known of how it goes.
type client struct {
	service *Service
	file    string
	retired chan struct{} // closed when its mapping is gone
	wake    chan struct{} // has something when there may be something to do
	ended   chan struct{} // closed when the worker has

	mu      sync.Mutex
	swapped chan struct{} // closed when another mapping takes over
	current *Mapping      // what runs; nil where the file was never right
	bad     *Mapping      // what the file says now, where that is wrong
	status  status
	rejects rejectFile // as it was counted last

	backlog backlog
}

// status is how a client is, apart from what its file says.
type status struct {
	works   bool      // this process has its lease
	running *running  // nil: nothing runs
	queued  Trigger   // what waits for its turn; empty: nothing
	due     time.Time // the next pull; zero: none is to come
	last    *LastRun
	trouble map[Trigger]trouble // by BySchedule (of all pulls) and ByPush
	paused  bool
	pushed  uint64 // how far runs of what was pushed got …
	placed  bool   // … and that is known

	handover string // why what another node kept cannot be taken over; empty: it can
}

type running struct {
	id      string
	trigger Trigger
	since   time.Time
	report  pipeline.Report
}

// LastRun is the run that ended last.
type LastRun struct {
	ID      string          `json:"run"`
	Trigger Trigger         `json:"trigger"`
	Result  Result          `json:"result"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended"`
	Error   string          `json:"error,omitempty"`
	Report  pipeline.Report `json:"report"`
}

// trouble is why runs fail, and from when on one is tried again.
type trouble struct {
	why, next string
	since     time.Time
	fails     int
	retry     time.Time
	token     bool          // it waits for another token than …
	refused   string        // … this one, hashed
	mapping   *Mapping      // it waits for another mapping than this one; nil: it does not
	pause     time.Duration // before retry
}

func newClient(s *Service, m Mapping) *client {
	return &client{service: s, file: m.File, retired: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// mapping is what runs now; nil where nothing does.
func (c *client) mapping() *Mapping {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// name is the mapping's, or the file where there never was one.
func (c *client) name() string {
	if m := c.mapping(); m != nil {
		return m.Plan.Name()
	}
	return c.file
}

// use lets a mapping take over, when a run that goes on is over.
func (c *client) use(m Mapping) {
	c.mu.Lock()
	c.current, c.bad = &m, nil
	if c.swapped != nil {
		close(c.swapped)
	}
	c.swapped = make(chan struct{})
	c.mu.Unlock()
	c.poke()
}

// wrong notes that the file is wrong now. What ran goes on.
func (c *client) wrong(m Mapping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad = &m
}

// retire ends the worker after its run.
func (c *client) retire() {
	if c.retired != nil {
		close(c.retired)
	}
}

// poke makes the worker look for something to do.
func (c *client) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// change changes the status.
func (c *client) change(f func(*status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status)
}

// stopping is closed when nothing new may begin.
func (c *client) stopping(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-c.service.draining:
		case <-c.retired:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

// live works whenever this process has the lease of the mapping. ctx cuts off what
// is going on.
func (c *client) live(ctx context.Context) {
	defer close(c.ended)
	s, name := c.service, c.name()
	stop, cancel := c.stopping(ctx)
	defer cancel()
	for stop.Err() == nil {
		// Waiting for the lease ends with stop, but work that goes on under it does not.
		err := s.leases.holdUntil(stop, ctx, "mapping."+name, func(ctx context.Context) error {
			c.change(func(st *status) { st.works = true })
			defer c.change(func(st *status) { st.works, st.placed, st.running, st.queued = false, false, nil, "" })
			if !s.c.Alone {
				s.c.Recorder.Add(history.Event{Kind: history.LeaseTaken, Mapping: name})
			}
			w := newWorker(c, name)
			if err := w.begin(ctx); err != nil {
				return err
			}
			return w.work(ctx, stop)
		})
		if err != nil && stop.Err() == nil {
			s.c.Log.Error("the work for a mapping is begun again", "mapping", name, "error", err.Error())
			_ = pause(stop, leaseRenew)
		}
	}
}

// worker does the work for a mapping while its lease is held.
type worker struct {
	*client
	name       string
	scheduled  cursor[ran]
	reconciled cursor[ran]
	cursor     cursor[reached]
	shown      cursor[Client] // how the client is, for other processes
	lookedAt   time.Time
	unshown    bool      // nobody looked since then
	newest     uint64    // push that there is
	since      time.Time // the first that waits was seen
	arrived    chan uint64
	store      string  // whose places the state folder has to have
	keeper     *keeper // nil: nobody else could take over
}

// reached is the value that says how far runs of what was pushed got.
type reached struct {
	Log engine.Log `json:"log"`
	Seq uint64     `json:"seq"`
}

func newWorker(c *client, name string) *worker {
	e := c.service.c.Engine
	w := &worker{
		client: c, name: name, arrived: make(chan uint64, 1),
		scheduled:  cursor[ran]{engine: e, bucket: engine.Cursors, name: "schedule." + name},
		reconciled: cursor[ran]{engine: e, bucket: engine.Cursors, name: "reconcile." + name},
		cursor:     cursor[reached]{engine: e, bucket: engine.Cursors, name: "pushed." + name},
		shown:      cursor[Client]{engine: e, bucket: engine.Cursors, name: "client." + name},
	}
	if !c.service.c.Alone && w.mapping().State != "" {
		w.keeper = newKeeper(c.service, name)
	}
	return w
}

// begin takes over what the node before has left.
func (w *worker) begin(ctx context.Context) error {
	if w.keeper == nil {
		return nil
	}
	err := w.keeper.takeOver(ctx, w.mapping())
	w.change(func(st *status) {
		st.handover = ""
		if err != nil && ctx.Err() == nil {
			st.handover = err.Error()
		}
	})
	return err
}

const (
	glance   = 15 * time.Second       // between two looks for what other processes may have asked for
	debounce = 250 * time.Millisecond // for what is pushed together
)

// work does what is due, until stop is done, and what goes on ended; or until ctx
// is.
func (w *worker) work(ctx, stop context.Context) error {
	background, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { w.listen(background) })
	if d := w.service.c.Deliveries; d != nil {
		beside.Go(func() { w.deliver(background, d) })
	}
	unknown := false // what is due
	// draining is asked for itself: a run that it has stopped would begin again until
	// stop follows
	for ctx.Err() == nil && stop.Err() == nil && !w.service.Draining() {
		job, wait, err := w.due(ctx)
		if err != nil {
			if errors.Is(err, engine.ErrConflict) {
				return err // somebody else works for the mapping
			}
			if !unknown { // once, and not at each try: a disk that is full may be the log's too
				w.service.c.Log.Warn("what is due is not known", "mapping", w.name, "error", err.Error())
			}
			wait = leaseRenew
		}
		unknown = err != nil
		if job != nil {
			if err := w.do(ctx, stop, job); err != nil {
				return err
			}
			if _, err := w.saveDue(ctx); err != nil {
				return err
			}
			continue
		}
		w.show(ctx)
		rest, err := w.saveDue(ctx)
		if err != nil {
			return err
		}
		if w.unshown {
			rest = min(rest, showEvery)
		}
		w.idle(stop, min(wait, rest))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return w.save(ctx) // before the lease is given back
}

// saveDue keeps the state for the other nodes, where it is time to, and returns how
// long that has time else.
func (w *worker) saveDue(ctx context.Context) (wait time.Duration, err error) {
	if w.keeper == nil {
		return glance, nil
	}
	due, wait := w.keeper.due(time.Now())
	if due {
		return glance, w.save(ctx)
	}
	return wait, nil
}

// save keeps the state for the other nodes, where it has changed. Its error is that the
// mapping is somebody else's; others are tried again.
func (w *worker) save(ctx context.Context) error {
	if w.keeper == nil || !w.keeper.changed {
		return nil
	}
	err := w.keeper.save(ctx, w.mapping())
	if err == nil || errors.Is(err, engine.ErrConflict) {
		return err
	}
	w.service.c.Log.Warn("the state is not kept for the other nodes", "mapping", w.name, "error", err.Error())
	return nil
}

// idle waits for something to do.
func (w *worker) idle(stop context.Context, wait time.Duration) {
	timer := time.NewTimer(min(max(wait, 0), glance))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.wake:
	case w.newest = <-w.arrived:
	case <-stop.Done():
	}
}

// listen says when something was pushed.
func (w *worker) listen(ctx context.Context) {
	e := w.service.c.Engine
	var seen uint64
	for ctx.Err() == nil {
		newest, err := e.Last(ctx, engine.Inbox, w.name)
		if err == nil && newest > seen {
			seen = newest
			select {
			case <-w.arrived: // an older one that nobody has taken
			default:
			}
			w.arrived <- seen
		}
		if err == nil {
			err = e.Wait(ctx, engine.Inbox, w.name, seen)
		}
		if err != nil {
			_ = pause(ctx, time.Second)
		}
	}
}

// deliver delivers what is in the outbox, as the mapping says it now.
func (w *worker) deliver(ctx context.Context, d Deliveries) {
	for ctx.Err() == nil {
		w.mu.Lock()
		m, swapped := *w.current, w.swapped
		w.mu.Unlock()
		working, cancel := context.WithCancel(ctx)
		go func() {
			select {
			case <-swapped:
			case <-working.Done():
			}
			cancel()
		}()
		if err := d.Work(working, m); err != nil && working.Err() == nil {
			w.service.c.Log.Error("deliveries are begun again", "mapping", w.name, "error", err.Error())
			_ = pause(working, leaseRenew)
		}
		cancel()
	}
}

// asked is the value that asks for a run.
type asked struct {
	At time.Time `json:"at"`
}

// asks is the value of that name, or revision 0.
func (w *worker) asks(ctx context.Context, what string) (engine.Entry, error) {
	entry, err := w.service.c.Engine.Get(ctx, engine.Cursors, what+"."+w.name)
	if errors.Is(err, engine.ErrNoValue) {
		return engine.Entry{}, nil
	}
	return entry, err
}

// ask stores a value that asks for something; where it is there, it is asked for
// already.
func (s *Service) ask(ctx context.Context, what, mapping string) error {
	value, err := json.Marshal(asked{time.Now().UTC()})
	if err != nil {
		return err
	}
	_, err = s.c.Engine.Put(ctx, engine.Cursors, what+"."+mapping, value, 0)
	if errors.Is(err, engine.ErrConflict) {
		err = nil
	}
	return err
}
