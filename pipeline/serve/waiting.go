package serve

// waiting.go: how many pushes wait. They are read to be counted, each of them once
// however often somebody asks: with thousands of them and a run for each few, counting
// from the start took longer than the runs, so that more and more waited.

import (
	"context"
	"slices"
	"sync"
	"time"

	"pipeline/pipeline/serve/engine"
)

// most is how many waiting pushes are counted.
const most = 10_000

// oldestPush is when the first push of a mapping behind after was stored; zero: none
// waits.
func oldestPush(ctx context.Context, e engine.Engine, mapping string, after uint64) (stored time.Time, err error) {
	err = engine.ReadSome(ctx, e, engine.Inbox, mapping, after, func(m engine.Message) error {
		stored = m.Stored
		return engine.ErrEnough
	})
	return stored, err
}

// backlog is what waits of a mapping's pushes, as far as it was read.
type backlog struct {
	mu    sync.Mutex
	after uint64   // that of the last count
	read  uint64   // how far the inbox was read
	seqs  []uint64 // those behind after, at most so many as are counted
}

// count is how many pushes of a mapping lie behind after, at most so many as are
// counted. It goes on where the last one ended.
func (b *backlog) count(ctx context.Context, e engine.Engine, mapping string, after uint64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if after < b.after { // another store, or an older state
		b.read, b.seqs = 0, nil
	}
	b.after = after
	done, _ := slices.BinarySearch(b.seqs, after+1)
	b.seqs = slices.Delete(b.seqs, 0, done)
	if len(b.seqs) >= most {
		return len(b.seqs), nil
	}
	err := engine.ReadSome(ctx, e, engine.Inbox, mapping, max(after, b.read), func(m engine.Message) error {
		b.read, b.seqs = m.Seq, append(b.seqs, m.Seq)
		if len(b.seqs) == most {
			return engine.ErrEnough
		}
		return nil
	})
	return len(b.seqs), err
}
