package rest

// used.go answers how much of a limit is used, for people who watch a run.

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"time"
)

// Used is how many calls were made in the last per, by all who share the budget
// of a connector, its base URL (empty: the declared one) and a connection. It is
// 0 where that cannot be said: it is for people to look at, and no limit.
func (e *Engine) Used(connector, baseURL, connection string, per time.Duration) int {
	d, err := e.declaration(connector)
	if err != nil {
		return 0
	}
	base, problem, _ := parseBaseURL(cmp.Or(baseURL, d.baseURL))
	if problem != "" {
		return 0
	}
	return e.budget(budgetKey{connector, base.String(), cmp.Or(connection, connector)}).book.used(time.Now(), per)
}

// used counts the calls of the last per, and those that are not answered yet.
func (r *ring) used(now time.Time, per time.Duration) int {
	n := len(r.flights)
	for i := len(r.times) - 1; i >= 0 && now.Sub(r.times[i]) < per; i-- {
		n++
	}
	return n
}

func (m *memoryBook) used(now time.Time, per time.Duration) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ring.used(now, per)
}

func (b *sharedBook) used(now time.Time, per time.Duration) (n int) {
	dir, err := b.folder.find()
	if err != nil {
		return 0
	}
	if _, err := os.Stat(filepath.Join(dir, b.file)); err != nil {
		return 0 // a book that is only asked is not made
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	if b.folder.change(ctx, b.file, func(r *ring) bool { n = r.used(now, per); return false }) != nil {
		return 0
	}
	return n
}
