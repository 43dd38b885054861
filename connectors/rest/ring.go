package rest

// ring.go: the calls of one budget that count. It is the same in the memory of a
// process and in a file that processes share.

import (
	"context"
	"slices"
	"sync"
	"time"

	"pipeline/pipeline"
)

// keptCalls is how many calls a ring remembers at least, however long ago, so
// that a mapping with a longer window than all before it sees what was called in
// that window.
const keptCalls = 1000

// ring is the calls of one budget. The zero ring knows of none.
type ring struct {
	times   []time.Time   // of answers, in order
	unknown time.Time     // calls until then are not in times; zero: there were none
	flights []flight      // calls that are not answered yet
	paused  time.Time     // no call begins before
	longest time.Duration // the longest window that a limit had so far
	last    slot          // the one that was given away last
}

// flight is a call that is not answered yet, and who makes it.
type flight struct {
	slot   slot
	holder string
}

// reset makes the ring one that knows of no call, and keeps its memory.
func (r *ring) reset() { *r = ring{times: r.times[:0], flights: r.flights[:0]} }

// reserve books a call of holder where all limits allow one now.
func (r *ring) reserve(now time.Time, limits []pipeline.Limit, holder string) (s slot, ok bool, again time.Time) {
	ok, again = !now.Before(r.paused), r.paused
	for _, l := range limits {
		if l.Concurrency > 0 && len(r.flights) >= l.Concurrency {
			return 0, false, time.Time{}
		}
		if l.Rate.Calls == 0 {
			continue
		}
		r.longest = max(r.longest, l.Rate.Per)
		// the answer that has to be a window ago
		k := len(r.times) + len(r.flights) - l.Rate.Calls
		from := r.unknown // as if they had been as many as the limit allows
		switch {
		case k >= len(r.times):
			return 0, false, time.Time{}
		case k >= 0:
			from = r.times[k]
		case from.IsZero():
			continue
		}
		if free := from.Add(l.Rate.Per + margin); now.Before(free) {
			ok = false
			if free.After(again) {
				again = free
			}
		}
	}
	if !ok {
		return 0, false, again
	}
	r.last++
	r.flights = append(r.flights, flight{r.last, holder})
	return r.last, true, time.Time{}
}

// room is how many calls the rates of all limits allow now, at most that many;
// again is when to ask next where it is none, zero where that depends on calls that
// are under way.
func (r *ring) room(now time.Time, limits []pipeline.Limit, most int) (calls int, again time.Time) {
	rates := slices.Clone(limits)
	for i := range rates {
		rates[i].Concurrency = 0
	}
	var booked []slot
	for calls < most {
		s, ok, wait := r.reserve(now, rates, "")
		if !ok {
			again = wait
			break
		}
		booked = append(booked, s)
		calls++
	}
	for _, s := range booked {
		r.cancel(s)
	}
	return calls, again
}

// cancel forgets a call that was booked and not made.
func (r *ring) cancel(s slot) {
	r.flights = slices.DeleteFunc(r.flights, func(f flight) bool { return f.slot == s })
}

// answered puts a call among the answered ones, also where the ring has never
// heard of it.
func (r *ring) answered(s slot, at time.Time) {
	r.cancel(s)
	i := len(r.times)
	for i > 0 && r.times[i-1].After(at) {
		i--
	}
	r.times = slices.Insert(r.times, i, at)
}

func (r *ring) pause(until time.Time) {
	if until.After(r.paused) {
		r.paused = until
	}
}

// forget drops the answers that no limit asks for: of those that are more than
// keptCalls, what is older than the longest window.
func (r *ring) forget(now time.Time) {
	old := 0
	for old < len(r.times)-keptCalls && now.Sub(r.times[old]) > r.longest+margin {
		old++
	}
	if old > 0 {
		r.unknown = r.times[old-1]
		r.times = append(r.times[:0], r.times[old:]...)
	}
}

// memoryBook is a book of this process.
type memoryBook struct {
	mu   sync.Mutex
	ring ring
}

func (m *memoryBook) reserve(_ context.Context, now time.Time, limits []pipeline.Limit) (slot, bool, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok, again := m.ring.reserve(now, limits, "")
	return s, ok, again, nil
}

func (m *memoryBook) answered(s slot, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring.answered(s, at)
	if m.ring.times[0].Before(at.Add(-2*m.ring.longest)) && len(m.ring.times) > 2*keptCalls { // now and then, so that a call costs little
		m.ring.forget(at)
	}
	return nil
}

func (m *memoryBook) pause(until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring.pause(until)
	return nil
}
