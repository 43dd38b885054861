package serve

// lease.go: who works on what, where several processes share an engine. A lease is
// a value that its holder changes again and again. Whoever has seen the same
// revision of it for a while takes it. Clocks are not compared: each process
// measures with its own how long nothing changed.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"pipeline/pipeline/serve/engine"
)

// The times of a lease. A holder that could not renew stops leaseStop after the
// start of its last renewal. Nobody takes the lease before leaseOver of silence,
// which began after that start: the difference is the time that work has to end.
const (
	leaseRenew = 2500 * time.Millisecond
	leaseStop  = 8 * time.Second
	leaseOver  = 10 * time.Second
)

// sourceLease and what names a credential is the lease of those who pull with it.
const sourceLease = "source."

// errLeaseLost is why the context of a holder ends.
var errLeaseLost = errors.New("the lease could not be renewed: another node may take over")

// leases are those that one process holds or wants.
type leases struct {
	engine engine.Engine
	holder string // this process, and no other one ever

	// alone says that nobody shares the engine: nothing is stored then, and nobody
	// waits for a process that has died.
	alone bool

	mu     sync.Mutex
	count  int                      // leases that were asked for
	here   map[string]chan struct{} // has something while a lease is held, where nobody else is
	shared map[string]*sharedLease
	seen   map[string]sighting
}

// sighting is a lease as this process has seen it last, and since when it is so.
type sighting struct {
	revision uint64
	since    time.Time
}

// lease is the value of a lease.
type lease struct {
	Holder string `json:"holder"` // whoever asked for it, and nobody else ever
	N      uint64 `json:"n"`      // higher with each renewal
}

// holdUntil waits until the lease of that name is free, and works under it. The
// context of work ends when the lease was lost, before anybody else can have it; work
// has to end soon then, and begins again when the lease is back. When work returns by
// itself, the lease is given back and holdUntil returns what it returned. Waiting for
// the lease ends with wanted, and work with ctx.
func (l *leases) holdUntil(wanted, ctx context.Context, name string, work func(context.Context) error) error {
	if l.alone {
		return l.holdHere(wanted, ctx, name, work)
	}
	for {
		h, err := l.take(wanted, name)
		if err != nil {
			return err
		}
		if err := h.work(ctx, work); !errors.Is(err, errLeaseLost) || ctx.Err() != nil {
			return err
		}
	}
}

// holdHere is holdUntil where nobody else is.
func (l *leases) holdHere(wanted, ctx context.Context, name string, work func(context.Context) error) error {
	l.mu.Lock()
	if l.here == nil {
		l.here = map[string]chan struct{}{}
	}
	turn := l.here[name]
	if turn == nil {
		turn = make(chan struct{}, 1)
		l.here[name] = turn
	}
	l.mu.Unlock()
	select {
	case turn <- struct{}{}:
	case <-wanted.Done():
		return context.Cause(wanted)
	}
	defer func() { <-turn }()
	return work(ctx)
}

// held is a lease that this process has.
type held struct {
	*leases
	name, id string
	n        uint64
	revision uint64
	since    time.Time // the start of the last renewal
}

// take waits until the lease is ours.
func (l *leases) take(ctx context.Context, name string) (*held, error) {
	h := &held{leases: l, name: name, id: l.newID()}
	for {
		entry, silent, err := l.look(ctx, name)
		free := errors.Is(err, engine.ErrNoValue)
		if free || err == nil && (silent >= leaseOver || h.own(entry)) {
			if err = h.put(ctx, entry.Revision, number(entry)+1); err == nil {
				return h, nil
			}
		}
		wait := leaseRenew
		if err == nil {
			wait = min(wait, leaseOver-silent)
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// look reads a lease, and says for how long at least nothing has changed in it.
func (l *leases) look(ctx context.Context, name string) (entry engine.Entry, silent time.Duration, err error) {
	entry, err = l.engine.Get(ctx, engine.Leases, name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, engine.ErrNoValue) {
		delete(l.seen, name)
	}
	if err != nil {
		return entry, 0, err
	}
	at, known := l.seen[name]
	if !known || at.revision != entry.Revision {
		if l.seen == nil {
			l.seen = map[string]sighting{}
		}
		at = sighting{entry.Revision, time.Now()}
		l.seen[name] = at
	}
	return entry, time.Since(at.since), nil
}

// watch looks at leases before they are wanted: who takes one lease of a process that
// died, and needs another one of its, would wait for the silence of both, one after
// the other.
func (l *leases) watch(ctx context.Context, names func() []string) {
	for pause(ctx, leaseRenew) == nil {
		for _, name := range names() {
			if !l.sharing(name) {
				_, _, _ = l.look(ctx, name) // what it saw is kept for take
			}
		}
	}
}

// sharing reports whether this process has a shared lease of that name, or waits for it.
func (l *leases) sharing(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shared[name] != nil
}

// newID tells those apart who ask for leases, in this process as well.
func (l *leases) newID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	return fmt.Sprintf("%s/%d", l.holder, l.count)
}

// own reports whether a value is ours, where the answer of the call that stored it
// was lost.
func (h *held) own(e engine.Entry) bool {
	var at lease
	return json.Unmarshal(e.Value, &at) == nil && at.Holder == h.id
}

func number(e engine.Entry) uint64 {
	var at lease
	_ = json.Unmarshal(e.Value, &at) // what is no lease is replaced by one
	return at.N
}

// put stores the value in place of revision.
func (h *held) put(ctx context.Context, revision, n uint64) error {
	began := time.Now()
	value, err := json.Marshal(lease{h.id, n})
	if err != nil {
		return err
	}
	now, err := h.engine.Put(ctx, engine.Leases, h.name, value, revision)
	if err != nil {
		return err
	}
	h.n, h.revision, h.since = n, now, began
	return nil
}

// work works while it can renew.
func (h *held) work(ctx context.Context, work func(context.Context) error) error {
	working, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	ended := make(chan error, 1)
	go func() { ended <- work(working) }()
	deadline := time.AfterFunc(time.Until(h.since.Add(leaseStop)), func() { lose(errLeaseLost) })
	defer deadline.Stop()
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if errors.Is(context.Cause(working), errLeaseLost) && ctx.Err() == nil {
				return errLeaseLost
			}
			h.giveBack()
			return err
		case <-tick.C:
			if working.Err() != nil {
				continue // lost, or asked to end: work is about to return
			}
			switch err := h.renew(working); {
			case errors.Is(err, errLeaseLost):
				lose(errLeaseLost)
			case err == nil && deadline.Stop():
				deadline.Reset(time.Until(h.since.Add(leaseStop)))
			}
		}
	}
}

// renew renews the lease, or reports that somebody else has it. Any other error
// says nothing: the next renewal may succeed.
func (h *held) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseRenew)
	defer cancel()
	err := h.put(ctx, h.revision, h.n+1)
	if !errors.Is(err, engine.ErrConflict) {
		return err
	}
	// An earlier renewal may have been stored, and its answer lost.
	entry, err := h.engine.Get(ctx, engine.Leases, h.name)
	switch {
	case err == nil && h.own(entry):
		return h.put(ctx, entry.Revision, number(entry)+1)
	case err == nil, errors.Is(err, engine.ErrNoValue):
		return errLeaseLost
	}
	return err
}

// giveBack lets others have the lease at once. Where that fails, they wait a
// little longer.
func (h *held) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseRenew)
	defer cancel()
	if err := h.engine.Remove(ctx, engine.Leases, h.name, h.revision); !errors.Is(err, engine.ErrConflict) {
		return
	}
	if entry, err := h.engine.Get(ctx, engine.Leases, h.name); err == nil && h.own(entry) {
		_ = h.engine.Remove(ctx, engine.Leases, h.name, entry.Revision)
	}
}

// sharedLease is a lease that several of this process work under.
type sharedLease struct {
	users int
	ctx   context.Context // ends when the lease is lost
	ready chan struct{}   // closed when the lease is held
	leave context.CancelFunc
	ended chan struct{} // closed when it was given back
}

// share is hold for a lease under which several of this process may work at once:
// the first one takes it, and the last one gives it back. It returns errLeaseLost
// where the lease was lost.
func (l *leases) share(ctx context.Context, name string, work func(context.Context) error) error {
	if l.alone {
		return work(ctx)
	}
	s := l.join(name)
	defer l.part(name, s)
	select {
	case <-s.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(errLeaseLost) })()
	err := work(ctx)
	if errors.Is(context.Cause(ctx), errLeaseLost) {
		return fmt.Errorf("%w: %w", errLeaseLost, err)
	}
	return err
}

func (l *leases) join(name string) *sharedLease {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.shared[name]; s != nil && (s.ctx == nil || s.ctx.Err() == nil) {
		s.users++
		return s
	}
	ctx, leave := context.WithCancel(context.Background())
	s := &sharedLease{users: 1, ready: make(chan struct{}), leave: leave, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		h, err := l.take(ctx, name)
		if err != nil {
			return // nobody wants it any more
		}
		_ = h.work(ctx, func(working context.Context) error {
			l.mu.Lock()
			s.ctx = working
			l.mu.Unlock()
			close(s.ready)
			<-working.Done()
			return nil
		})
	}()
	if l.shared == nil {
		l.shared = map[string]*sharedLease{}
	}
	l.shared[name] = s
	return s
}

// part leaves a shared lease, and gives it back where nobody is left.
func (l *leases) part(name string, s *sharedLease) {
	l.mu.Lock()
	s.users--
	last := s.users == 0
	if last && l.shared[name] == s {
		delete(l.shared, name)
	}
	l.mu.Unlock()
	if last {
		s.leave()
		<-s.ended
	}
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
