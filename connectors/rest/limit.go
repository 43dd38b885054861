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
	reserve(ctx context.Context, now time.Time, limits []pipeline.Limit) (s slot, ok bool, again time.Time, err error)
	// answered says that a booked call is over, and when the platform had seen
	// it at the latest.
	answered(s slot, at time.Time) error
	// pause lets no call begin before until.
	pause(until time.Time) error
	// used is how many calls were made in the last per, 0 where that cannot be
	// said.
	used(now time.Time, per time.Duration) int
}

// slot is a booked call.
type slot uint64

const (
	// margin is added to each window: platforms count in milliseconds.
	margin = time.Millisecond
	// onItsWay is how long a request may still travel after the one who sent it
	// has given up or died.
	onItsWay = time.Second
	// poll is how often a caller looks again while it waits for the answer to
	// somebody's call.
	poll = 250 * time.Millisecond
)

// budget makes callers wait for the book.
type budget struct {
	book book

	mu      sync.Mutex
	changed chan struct{} // closed when a call was answered
}

func newBudget(b book) *budget { return &budget{book: b, changed: make(chan struct{})} }

// wait returns when a call may be made, and how long that took. told is called
// with the time for which it waits, where that is known. Each successful wait
// is followed by one answered.
func (b *budget) wait(ctx context.Context, limits []pipeline.Limit, told func(until time.Time)) (slot, time.Duration, error) {
	start := time.Now()
	var last time.Time
	for {
		b.mu.Lock()
		changed := b.changed // taken before the book is asked, so that no answer is missed
		b.mu.Unlock()
		now := time.Now()
		s, ok, again, err := b.book.reserve(ctx, now, limits)
		if ok || err != nil {
			return s, now.Sub(start), err
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
			return 0, 0, ctx.Err()
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// answered says that a call is over. One that was not heard of may still reach
// the platform.
func (b *budget) answered(s slot, heard bool) error {
	at := time.Now()
	if !heard {
		at = at.Add(onItsWay)
	}
	err := b.book.answered(s, at)
	b.mu.Lock()
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
	return err
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
