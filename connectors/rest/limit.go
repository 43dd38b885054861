package rest

// limit.go keeps calls below the limit in every rolling window. A token bucket
// that is full lets twice the limit through in one window; and a window that
// is counted from when calls were sent lets through what the network delays.
// So each call is written down, and its slot is free again one window after
// its *answer*: whenever the platform counted it, it was before that.

import (
	"context"
	"sync"
	"time"

	"pipeline/pipeline"
)

// budgetKey says who shares a budget.
type budgetKey struct{ connector, baseURL, connection string }

// book is where the calls of one budget are written down. All its methods may
// be called at the same time.
type book interface {
	// reserve books a call where all limits allow one now. Otherwise ok is
	// false and again is when to ask next; it is zero where that depends on
	// calls that are not answered yet.
	reserve(now time.Time, limits []pipeline.Limit) (ok bool, again time.Time)
	// answered says that a booked call is over, however it ended.
	answered(now time.Time)
	// pause lets no call begin before until.
	pause(until time.Time)
}

// margin is added to each window: platforms count in milliseconds.
const margin = time.Millisecond

// memoryBook is a book of this process. Where it is asked for a longer window
// than ever before, it knows the calls of the windows it was asked for.
type memoryBook struct {
	mu       sync.Mutex
	inFlight int
	times    []time.Time // of answers, in order, as far back as longest
	longest  time.Duration
	paused   time.Time
}

func (m *memoryBook) reserve(now time.Time, limits []pipeline.Limit) (bool, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	again, ok := m.paused, !now.Before(m.paused)
	for _, l := range limits {
		m.longest = max(m.longest, l.Rate.Per)
		if l.Concurrency > 0 && m.inFlight >= l.Concurrency {
			return false, time.Time{}
		}
		if l.Rate.Calls == 0 {
			continue
		}
		// the answer that has to be a window ago
		k := len(m.times) + m.inFlight - l.Rate.Calls
		if k < 0 {
			continue
		}
		if k >= len(m.times) {
			return false, time.Time{}
		}
		if free := m.times[k].Add(l.Rate.Per + margin); now.Before(free) {
			ok = false
			if free.After(again) {
				again = free
			}
		}
	}
	if ok {
		m.inFlight++
	}
	return ok, again
}

func (m *memoryBook) answered(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	old := 0
	for old < len(m.times) && now.Sub(m.times[old]) > m.longest+margin {
		old++
	}
	if old > len(m.times)/2 { // so that a call costs little however many there are
		m.times = append(m.times[:0], m.times[old:]...)
	}
	if m.longest > 0 {
		m.times = append(m.times, now)
	}
}

func (m *memoryBook) pause(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.After(m.paused) {
		m.paused = until
	}
}

// budget makes callers wait for the book.
type budget struct {
	book book

	mu      sync.Mutex
	changed chan struct{} // closed when a call was answered
}

func newBudget(b book) *budget { return &budget{book: b, changed: make(chan struct{})} }

// poll is how often a caller looks again while it waits for the answer to
// somebody's call.
const poll = time.Second

// wait returns when a call may be made, and how long that took. told is called
// with the time for which it waits, where that is known. Each successful wait
// is followed by one answered.
func (b *budget) wait(ctx context.Context, limits []pipeline.Limit, told func(until time.Time)) (time.Duration, error) {
	start := time.Now()
	var last time.Time
	for {
		b.mu.Lock()
		changed := b.changed // taken before the book is asked, so that no answer is missed
		b.mu.Unlock()
		now := time.Now()
		ok, again := b.book.reserve(now, limits)
		if ok {
			return now.Sub(start), nil
		}
		pause := poll
		if !again.IsZero() {
			pause = again.Sub(now)
			if !again.Equal(last) {
				told(again)
				last = again
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, ctx.Err()
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// answered says that a call is over.
func (b *budget) answered() {
	b.book.answered(time.Now())
	b.mu.Lock()
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
}

// limitsOf is what a call of a mapping has to keep: the connector's limit and
// its own. Where the mapping's is faster, somebody has said so on purpose
// (rate_override), and it stands alone.
func limitsOf(connector, mapping pipeline.Limit) []pipeline.Limit {
	limit := connector
	if mapping.Rate.Calls > 0 && perSecond(mapping.Rate) > perSecond(connector.Rate) {
		limit.Rate = pipeline.Rate{}
	}
	if mapping.Concurrency > connector.Concurrency {
		limit.Concurrency = 0
	}
	return []pipeline.Limit{limit, mapping}
}

func perSecond(r pipeline.Rate) float64 {
	if r.Calls == 0 {
		return 1e18 // no limit
	}
	return float64(r.Calls) / r.Per.Seconds()
}
