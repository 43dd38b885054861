package rest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pipeline/pipeline"
)

// arrivals is when calls reached the platform.
type arrivals struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *arrivals) add() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Now())
}

// most is the most calls in any window of that length, its ends included.
func (a *arrivals) most(per time.Duration) int {
	slices.SortFunc(a.times, time.Time.Compare)
	most := 0
	for i := range a.times {
		n := 0
		for _, t := range a.times[i:] {
			if t.Sub(a.times[i]) <= per {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// Whatever calls take and whenever in that time the platform counts them, no
// window holds more than the limit.
func TestLimitHoldsInEveryWindow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(rt, "calls")
		per := time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds")) * time.Second
		callers := rapid.IntRange(1, 6).Draw(rt, "callers")
		slow := rapid.IntRange(1, 3000).Draw(rt, "slowest call in ms")
		took := rapid.SliceOfN(rapid.IntRange(0, slow), 3*n, 3*n).Draw(rt, "ms")
		before := rapid.SliceOfN(rapid.IntRange(0, 100), 3*n, 3*n).Draw(rt, "% of it before the platform counts")
		synctest.Test(t, func(*testing.T) {
			seen := callAll(callers, took, before, pipeline.Limit{Rate: pipeline.Rate{Calls: n, Per: per}})
			if most := seen.most(per); most > n {
				rt.Errorf("%d calls in %v, the limit is %d", most, per, n)
			}
			if len(seen.times) != 3*n {
				rt.Errorf("%d calls were made of %d", len(seen.times), 3*n)
			}
		})
	})
}

// callAll makes calls that take so long, from so many goroutines.
func callAll(callers int, took, before []int, limits ...pipeline.Limit) *arrivals {
	b := newBudget(&memoryBook{})
	seen := &arrivals{}
	next := make(chan int)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range next {
				booked, _, err := b.wait(context.Background(), limits, func(time.Time) {})
				if err != nil {
					panic(err)
				}
				call := time.Duration(took[i]) * time.Millisecond
				early := call * time.Duration(before[i]) / 100
				time.Sleep(early)
				seen.add()
				time.Sleep(call - early)
				if err := b.answered(booked, true); err != nil {
					panic(err)
				}
			}
		})
	}
	for i := range took {
		next <- i
	}
	close(next)
	wg.Wait()
	return seen
}

func TestLimitIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := slices.Repeat([]int{100}, 5000)
		start := time.Now()
		callAll(4, took, took, pipeline.Limit{Rate: pipeline.Rate{Calls: 500, Per: time.Minute}})
		// the first 500 at once, the other 4,500 in nine windows and the time
		// that a window's calls take
		if got, most := time.Since(start), 9*time.Minute+10*13*time.Second; got < 9*time.Minute || got > most {
			t.Errorf("5,000 calls took %v, expected at least 9m and at most %v", got, most)
		}
	})
}

func TestLimitsHoldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := slices.Repeat([]int{0}, 60)
		seen := callAll(4, took, took,
			pipeline.Limit{Rate: pipeline.Rate{Calls: 20, Per: time.Minute}},
			pipeline.Limit{Rate: pipeline.Rate{Calls: 3, Per: time.Second}})
		if a, b := seen.most(time.Minute), seen.most(time.Second); a > 20 || b > 3 {
			t.Errorf("%d calls in a minute and %d in a second, the limits are 20 and 3", a, b)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(&memoryBook{})
		limits := []pipeline.Limit{{Concurrency: 2}}
		var mu sync.Mutex
		now, most := 0, 0
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				booked, _, err := b.wait(t.Context(), limits, func(time.Time) {})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				if err := b.answered(booked, true); err != nil {
					t.Error(err)
				}
			})
		}
		start := time.Now()
		wg.Wait()
		if most != 2 || time.Since(start) != 5*time.Second {
			t.Errorf("%d calls at once, and %v for ten of a second; expected 2 and 5s", most, time.Since(start))
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(&memoryBook{})
		limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 1, Per: time.Hour}}}
		var told []time.Time
		tell := func(at time.Time) { told = append(told, at) }
		booked, _, err := b.wait(t.Context(), limits, tell)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.answered(booked, true); err != nil {
			t.Fatal(err)
		}
		free := time.Now().Add(time.Hour + margin)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := b.wait(ctx, limits, tell); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, expected that the time was up", err)
		}
		if len(told) != 1 || !told[0].Equal(free) {
			t.Errorf("told %v, expected %v once", told, free)
		}
	})
}

func TestLimitsOf(t *testing.T) {
	declared := pipeline.Limit{Rate: pipeline.Rate{Calls: 500, Per: time.Minute}, Concurrency: 4}
	lower := pipeline.Limit{Rate: pipeline.Rate{Calls: 8, Per: time.Second}, Concurrency: 2}
	if got := limitsOf(declared, lower); got[0] != declared || got[1] != lower {
		t.Errorf("a lower limit of the mapping: got %v, expected that both hold", got)
	}
	faster := pipeline.Limit{Rate: pipeline.Rate{Calls: 10, Per: time.Second}, Concurrency: 8}
	if got := limitsOf(declared, faster); got[0] != (pipeline.Limit{}) || got[1] != faster {
		t.Errorf("a faster limit of the mapping: got %v, expected that it stands alone", got)
	}
}

func TestBookForgetsOldCalls(t *testing.T) {
	m := &memoryBook{}
	limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 10, Per: time.Second}}}
	now := time.Now()
	for range 100_000 {
		now = now.Add(200 * time.Millisecond)
		s, ok, _, err := m.reserve(t.Context(), now, limits)
		if err != nil || !ok {
			t.Fatal("a call was held up below the limit", err)
		}
		if err := m.answered(s, now); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.ring.times) > 2*keptCalls || len(m.ring.flights) > 0 {
		t.Errorf("the book holds %d calls for a limit of 10, and %d in flight", len(m.ring.times), len(m.ring.flights))
	}
}

// A mapping that asks for a longer window than all before it sees the calls in
// that window.
func TestLongerWindowSeesWhatWasCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, start := &ring{}, time.Now()
		short := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 300, Per: time.Minute}}}
		long := append(short, pipeline.Limit{Rate: pipeline.Rate{Calls: 100, Per: time.Hour}})
		for range 150 {
			s, ok, _ := r.reserve(time.Now(), short, "")
			if !ok {
				t.Fatal("a call was held up below the limit")
			}
			time.Sleep(time.Second)
			r.answered(s, time.Now())
		}
		_, ok, again := r.reserve(time.Now(), long, "")
		// the 51st of the 150 calls has to be an hour ago
		if want := start.Add(51*time.Second + time.Hour + margin); ok || !again.Equal(want) {
			t.Errorf("got %v and %v, expected a wait until %v", ok, again, want)
		}
	})
}

func BenchmarkBook(b *testing.B) {
	m := &memoryBook{}
	limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 500, Per: time.Minute}}}
	now := time.Now()
	for b.Loop() {
		now = now.Add(time.Second)
		s, _, _, _ := m.reserve(context.Background(), now, limits)
		_ = m.answered(s, now)
	}
}
