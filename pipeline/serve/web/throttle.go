package web

// throttle.go: who guesses tokens has to wait longer after each one.

import (
	"sync"
	"time"
)

const (
	freeTries   = 3 // typing mistakes
	longestWait = time.Minute
	forgotten   = 10 * time.Minute
	maxSources  = 4096 // that are remembered
)

// throttle counts the wrong tries of each address.
type throttle struct {
	now   func() time.Time
	mu    sync.Mutex
	tries map[string]tries
}

type tries struct {
	wrong int
	last  time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, tries: map[string]tries{}}
}

// wait is how long somebody has to wait before the next try; 0: not at all.
func (t *throttle) wait(from string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	of, found := t.tries[from]
	if !found || of.wrong <= freeTries {
		return 0
	}
	pause := min(time.Second<<min(of.wrong-freeTries-1, 10), longestWait)
	return max(of.last.Add(pause).Sub(t.now()), 0)
}

func (t *throttle) failed(from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.tries) >= maxSources {
		t.forget(now)
	}
	of := t.tries[from]
	if now.Sub(of.last) > forgotten {
		of.wrong = 0
	}
	t.tries[from] = tries{of.wrong + 1, now}
}

// forget makes room: for those who try no more, or else for anybody.
func (t *throttle) forget(now time.Time) {
	for from, of := range t.tries {
		if now.Sub(of.last) > forgotten {
			delete(t.tries, from)
		}
	}
	for from := range t.tries {
		if len(t.tries) < maxSources {
			return
		}
		delete(t.tries, from)
	}
}

func (t *throttle) right(from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, from)
}
