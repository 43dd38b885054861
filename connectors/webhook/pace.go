package webhook

import (
	"context"
	"sync"
	"time"

	"pipeline/pipeline"
)

// pacer is when the next request may be sent. All workers share it.
type pacer struct {
	rate pipeline.Rate

	mu     sync.Mutex
	sent   []time.Time // of the last rate.Calls requests, a ring
	oldest int         // index in sent, once it is full
	paused time.Time   // no request before, for the receiver asked so
	said   time.Time   // when the user was told last that deliveries are tried again
}

// due reports whether the user was not told anything for a while, and notes that
// now something is.
func (p *pacer) due(now time.Time, quiet time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.said) < quiet {
		return false
	}
	p.said = now
	return true
}

// wait returns when a request may be sent, and counts it: never more than the
// rate allows in any window, wherever it begins. It is an error when ctx is done or
// failed is closed.
func (p *pacer) wait(ctx context.Context, failed <-chan struct{}) error {
	for {
		select {
		case <-failed:
			return errFailed
		default:
		}
		now := time.Now()
		until := p.take(now)
		if !until.After(now) {
			return ctx.Err()
		}
		if err := sleep(ctx, failed, until.Sub(now)); err != nil {
			return err
		}
	}
}

// take counts a request that is sent now, or says when to ask again.
func (p *pacer) take(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.paused.After(now):
		return p.paused
	case p.rate.Calls == 0:
		return now
	case len(p.sent) < p.rate.Calls:
		p.sent = append(p.sent, now)
		return now
	}
	if free := p.sent[p.oldest].Add(p.rate.Per); free.After(now) {
		return free
	}
	p.sent[p.oldest] = now
	p.oldest = (p.oldest + 1) % len(p.sent)
	return now
}

// pause lets nobody send before until.
func (p *pacer) pause(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.paused) {
		p.paused = until
	}
}

func sleep(ctx context.Context, failed <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-failed:
		return errFailed
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
