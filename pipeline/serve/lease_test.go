package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// hold is holdUntil where one context ends both.
func (l *leases) hold(ctx context.Context, name string, work func(context.Context) error) error {
	return l.holdUntil(ctx, ctx, name, work)
}

// flaky is the engine as one node sees it.
type flaky struct {
	engine.Engine
	mu     sync.Mutex
	random *rand.Rand
	mode   string // "": well; fail: nothing is done; lost: it is done, and nobody is told; stall: it takes long
}

var errFlaky = errors.New("the engine cannot be reached")

func (f *flaky) set(mode string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = mode
}

func (f *flaky) before(ctx context.Context) (lost bool, err error) {
	f.mu.Lock()
	mode, wait := f.mode, time.Duration(f.random.IntN(3000))*time.Millisecond
	f.mu.Unlock()
	switch mode {
	case "fail":
		return false, errFlaky
	case "lost":
		return true, nil
	case "stall":
		return false, pause(ctx, wait)
	}
	return false, nil
}

func (f *flaky) Get(ctx context.Context, b engine.Bucket, name string) (engine.Entry, error) {
	if lost, err := f.before(ctx); lost || err != nil {
		return engine.Entry{}, errors.Join(err, errFlaky)
	}
	return f.Engine.Get(ctx, b, name)
}

func (f *flaky) Put(ctx context.Context, b engine.Bucket, name string, value []byte, revision uint64) (uint64, error) {
	lost, err := f.before(ctx)
	if err != nil {
		return 0, err
	}
	now, err := f.Engine.Put(context.WithoutCancel(ctx), b, name, value, revision) // it may arrive when nobody waits any more
	if lost {
		return 0, errFlaky
	}
	return now, err
}

// Whatever fails, no two work at once, although each takes its time to end; and
// when all is well again, somebody works.
func TestLeaseIsOneHolders(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			shared := enginetest.NewMemory()
			var working, times atomic.Int32
			ctx, cancel := context.WithCancel(t.Context())
			var nodes []*flaky
			var all sync.WaitGroup
			for n := range 5 {
				f := &flaky{Engine: shared, random: rand.New(rand.NewPCG(seed, uint64(n+1)))}
				nodes = append(nodes, f)
				l := &leases{engine: f, holder: fmt.Sprint("node", n)}
				all.Go(func() {
					for ctx.Err() == nil {
						_ = l.hold(ctx, "mapping.acme", func(ctx context.Context) error {
							if now := working.Add(1); now != 1 {
								t.Errorf("seed %d: %d work at once", seed, now)
							}
							times.Add(1)
							if n == 0 { // one gives it back by itself
								_ = pause(ctx, 20*time.Second)
							} else {
								<-ctx.Done()
							}
							time.Sleep(time.Duration(1500) * time.Millisecond) // work takes its time to end
							working.Add(-1)
							return nil
						})
					}
				})
			}
			for range 60 {
				nodes[random.IntN(len(nodes))].set([]string{"", "fail", "lost", "stall"}[random.IntN(4)])
				time.Sleep(time.Duration(random.IntN(8000)) * time.Millisecond)
			}
			for _, n := range nodes {
				n.set("")
			}
			time.Sleep(15 * time.Second)
			before := times.Load()
			if working.Load() == 0 {
				time.Sleep(5 * time.Second) // between two of the one that gives it back
			}
			if working.Load() != 1 && times.Load() == before {
				t.Errorf("seed %d: nobody works", seed)
			}
			cancel()
			all.Wait()
			if left, err := shared.List(t.Context(), engine.Leases, ""); err != nil || len(left) > 0 {
				t.Errorf("seed %d: not given back: %v %v", seed, left, err)
			}
		})
	}
}

func TestLeaseTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := enginetest.NewMemory()
		first := &flaky{Engine: shared, random: rand.New(rand.NewPCG(1, 1))}
		began := time.Now()
		at := func() time.Duration { return time.Since(began).Round(100 * time.Millisecond) }
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_ = (&leases{engine: first, holder: "a"}).hold(ctx, "x", func(ctx context.Context) error {
				<-ctx.Done()
				if at() != 18*time.Second || !errors.Is(context.Cause(ctx), errLeaseLost) {
					t.Errorf("the work of a holder without an engine ends after %v: %v", at(), context.Cause(ctx))
				}
				return nil
			})
		})
		synctest.Wait()
		all.Go(func() {
			_ = (&leases{engine: shared, holder: "b"}).hold(ctx, "x", func(ctx context.Context) error {
				if at() < 20*time.Second || at() > 23*time.Second {
					t.Errorf("another one takes over after %v", at())
				}
				return nil
			})
			cancel()
		})
		time.Sleep(11 * time.Second) // it renewed after 10 s
		first.set("fail")
		all.Wait()
	})
}

// Given back, a lease is free at the next look.
func TestLeaseIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := enginetest.NewMemory()
		draining, drain := context.WithCancel(t.Context())
		go func() {
			_ = (&leases{engine: shared, holder: "a"}).hold(draining, "x", func(ctx context.Context) error { <-ctx.Done(); return nil })
		}()
		synctest.Wait()
		var began time.Time
		time.AfterFunc(30*time.Second, func() { began = time.Now(); drain() })
		err := (&leases{engine: shared, holder: "b"}).hold(t.Context(), "x", func(context.Context) error {
			if waited := time.Since(began); waited > leaseRenew {
				t.Errorf("it was free after %v", waited)
			}
			return errFlaky
		})
		if !errors.Is(err, errFlaky) {
			t.Errorf("the error of the work is not that of hold: %v", err)
		}
	})
}

// Of one process several work under a shared lease, of others none; and who comes
// when the last has left takes it anew.
func TestSharedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := enginetest.NewMemory()
		var here, there atomic.Int32
		work := func(mine, other *atomic.Int32) func(context.Context) error {
			return func(context.Context) error {
				mine.Add(1)
				defer mine.Add(-1)
				if other.Load() > 0 {
					t.Error("two processes work at once")
				}
				time.Sleep(5 * time.Second)
				return nil
			}
		}
		a, b := &leases{engine: shared, holder: "a"}, &leases{engine: shared, holder: "b"}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for range 3 {
					if err := a.share(t.Context(), "source.x", work(&here, &there)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		time.Sleep(time.Second)
		if here.Load() != 3 {
			t.Errorf("%d of one process work, want 3", here.Load())
		}
		all.Go(func() {
			if err := b.share(t.Context(), "source.x", work(&there, &here)); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
	})
}

// Who takes over from a process that died gets both of its leases at once: the one
// that it waited for, and the one that it watched until then.
func TestWatchedLeaseIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := enginetest.NewMemory()
		dies := &flaky{Engine: shared, random: rand.New(rand.NewPCG(1, 1))}
		a, b := &leases{engine: dies, holder: "a"}, &leases{engine: shared, holder: "b"}
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			_ = a.hold(ctx, "mapping.x", func(ctx context.Context) error {
				return a.share(ctx, "source.x", func(ctx context.Context) error { <-ctx.Done(); return nil })
			})
		})
		synctest.Wait()
		const after = 31 * time.Second
		died := time.Now().Add(after)
		time.AfterFunc(after, func() { dies.set("fail") })
		all.Go(func() { b.watch(ctx, func() []string { return []string{"source.x"} }) })
		err := b.hold(t.Context(), "mapping.x", func(ctx context.Context) error {
			return b.share(ctx, "source.x", func(context.Context) error {
				if took := time.Since(died); took < leaseStop-leaseRenew || took > leaseOver+leaseRenew {
					t.Errorf("both leases are taken after %v, want at most %v", took, leaseOver+leaseRenew)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
		cancel()
		all.Wait()
	})
}
