package rest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pipeline/pipeline"
)

// memoryValues are values that take a while to ask.
type memoryValues struct {
	mu        sync.Mutex
	took      time.Duration
	values    map[string][]byte
	revisions map[string]uint64
}

func newMemoryValues(took time.Duration) *memoryValues {
	return &memoryValues{took: took, values: map[string][]byte{}, revisions: map[string]uint64{}}
}

func (v *memoryValues) Get(ctx context.Context, name string) ([]byte, uint64, error) {
	time.Sleep(v.took)
	v.mu.Lock()
	defer v.mu.Unlock()
	return bytes.Clone(v.values[name]), v.revisions[name], ctx.Err()
}

func (v *memoryValues) Put(ctx context.Context, name string, value []byte, revision uint64) (bool, error) {
	time.Sleep(v.took)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.revisions[name] != revision || ctx.Err() != nil {
		return false, ctx.Err()
	}
	v.values[name], v.revisions[name] = bytes.Clone(value), revision+1
	return true, nil
}

// machine calls until its time is over, and is gone then, in the middle of its
// block.
func machine(ctx context.Context, values Values, seen *arrivals, limits []pipeline.Limit, took time.Duration) {
	b := newBudget(newClusterBook(&memoryBook{}, values, budgetKey{"gevme", "https://example.com", "acme"}))
	for {
		s, _, err := b.wait(ctx, limits, func(time.Time) {})
		if err != nil {
			return
		}
		time.Sleep(took / 2)
		seen.add()
		time.Sleep(took - took/2)
		if ctx.Err() != nil {
			return // it died before it could say so
		}
		if err := b.answered(s, true); err != nil {
			return
		}
	}
}

// However many machines call, and whenever one of them dies and another one comes,
// no window holds more than the limit.
func TestLimitHoldsOverMachines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 50).Draw(rt, "calls")
		per := time.Duration(rapid.IntRange(2, 60).Draw(rt, "seconds")) * time.Second
		lives := rapid.SliceOfN(rapid.IntRange(1, 100), 2, 8).Draw(rt, "seconds that machines live")
		begin := rapid.SliceOfN(rapid.IntRange(0, 60), len(lives), len(lives)).Draw(rt, "and when they start")
		took := time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms a call")) * time.Millisecond
		asks := time.Duration(rapid.IntRange(0, 50).Draw(rt, "ms to ask the others")) * time.Millisecond
		limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: n, Per: per}, Concurrency: 4}}
		synctest.Test(t, func(*testing.T) {
			values, seen := newMemoryValues(asks), &arrivals{}
			var wg sync.WaitGroup
			for i := range lives {
				wg.Go(func() {
					time.Sleep(time.Duration(begin[i]) * time.Second)
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(lives[i])*time.Second)
					defer cancel()
					machine(ctx, values, seen, limits, took)
				})
			}
			wg.Wait()
			if most := seen.most(per); most > n {
				rt.Errorf("%d calls in %v, the limit is %d", most, per, n)
			}
		})
	})
}

// cutValues are the values as a machine sees them that is now and then cut off from
// the others, or stopped for a while: what it asks takes long, and what is stored
// then may be stored at any moment of that, and be told or not.
type cutValues struct {
	Values
	random *rand.Rand
}

var errCut = errors.New("the others cannot be reached")

func (c cutValues) Get(ctx context.Context, name string) ([]byte, uint64, error) {
	if c.stall(4) {
		return nil, 0, errCut
	}
	defer c.stall(8)
	return c.Values.Get(ctx, name)
}

func (c cutValues) Put(ctx context.Context, name string, value []byte, revision uint64) (bool, error) {
	if c.stall(4) {
		return false, errCut
	}
	ok, err := c.Values.Put(ctx, name, value, revision)
	if c.stall(4) {
		return false, errCut
	}
	return ok, err
}

// stall takes up to 20 s, once in so many times, and reports whether that is the end.
func (c cutValues) stall(once int) bool {
	if c.random.IntN(once) > 0 {
		return false
	}
	time.Sleep(time.Duration(c.random.IntN(20_000)) * time.Millisecond)
	return c.random.IntN(2) == 0
}

// However long the others do not answer, and whatever of that was stored, no window
// holds more than the limit.
func TestLimitHoldsWhereMachinesAreCutOff(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 50).Draw(rt, "calls")
		per := time.Duration(rapid.IntRange(2, 60).Draw(rt, "seconds")) * time.Second
		machines := rapid.IntRange(2, 4).Draw(rt, "machines")
		took := time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms a call")) * time.Millisecond
		seed := rapid.Uint64().Draw(rt, "seed")
		limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: n, Per: per}, Concurrency: 4}}
		synctest.Test(t, func(*testing.T) {
			values, seen := newMemoryValues(time.Millisecond), &arrivals{}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for i := range machines {
				cut := cutValues{values, rand.New(rand.NewPCG(seed, uint64(i)))}
				b := newBudget(newClusterBook(&memoryBook{}, cut, budgetKey{"gevme", "https://example.com", "acme"}))
				wg.Go(func() {
					for ctx.Err() == nil {
						s, _, err := b.wait(ctx, limits, func(time.Time) {})
						if err != nil {
							time.Sleep(time.Second)
							continue
						}
						time.Sleep(took / 2)
						seen.add()
						time.Sleep(took - took/2)
						_ = b.answered(s, true)
					}
				})
			}
			wg.Wait()
			if most := seen.most(per); most > n {
				rt.Errorf("%d calls in %v, the limit is %d", most, per, n)
			}
			if len(seen.times) == 0 {
				rt.Error("nothing was called")
			}
		})
	})
}

// One machine alone gets most of what the limit allows.
func TestLimitOverMachinesIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &arrivals{}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		machine(ctx, newMemoryValues(2*time.Millisecond), seen, []pipeline.Limit{{Rate: pipeline.Rate{Calls: 500, Per: time.Minute}}}, 100*time.Millisecond)
		if got := len(seen.times); got < 4250 {
			t.Errorf("%d calls in ten minutes, and 5,000 are allowed; expected at least 85 %%", got)
		}
	})
}

// What one machine is told to wait, the others wait too.
func TestPauseIsForAllMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := newMemoryValues(0)
		key := budgetKey{"gevme", "https://example.com", "acme"}
		one, other := newClusterBook(&memoryBook{}, values, key), newClusterBook(&memoryBook{}, values, key)
		until := time.Now().Add(30 * time.Second)
		if err := one.pause(until); err != nil {
			t.Fatal(err)
		}
		limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 5, Per: time.Minute}}}
		_, ok, again, err := other.reserve(t.Context(), time.Now(), limits)
		if err != nil || ok || !again.Equal(until.Round(0)) {
			t.Errorf("reserve on the other machine: ok %v, again in %v, err %v; expected to wait 30s", ok, time.Until(again), err)
		}
	})
}
