package rest

// clusterbook.go: a budget that several machines share, as a value that is changed
// by comparing. Asking it for each call would cost a round through the cluster
// each, so a machine books calls by the block, and has to make them soon.
//
// Every machine counts its own calls as they were, and those of the others by
// their blocks, as if all had been made at the last moment. So what they make
// together stays below the limit in every window, whoever dies, and when; what is
// lost are the calls of a block that nobody made.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline"
)

// Values are small values that several machines share.
type Values interface {
	// Get is a value and its revision; both are zero where there is none.
	Get(ctx context.Context, name string) (value []byte, revision uint64, err error)
	// Put replaces the value of that revision, 0 where there is to be none. ok is
	// false where somebody else was faster.
	Put(ctx context.Context, name string, value []byte, revision uint64) (ok bool, err error)
}

const (
	blockCalls = 10              // calls of a block, at most
	blockLives = 5 * time.Second // from booking a block to its last call
	bookPause  = time.Second     // between two blocks that are not whole
	clockSkew  = time.Second     // how far the clocks of two machines may be apart
	bookTries  = 50              // how often others may be faster
)

// clusterBook is the book of one machine in a cluster.
type clusterBook struct {
	local  book // shared with the other processes of this machine
	values Values
	name   string
	holder string // of this book's blocks: another one with each start

	mu    sync.Mutex
	ring  ring // own calls, and those of others as if answered when their blocks are over
	slots map[slot]slot
	seen  map[string]bool // blocks of others that are in the ring
	left  int             // calls of the block that this machine has

	booked, until time.Time // its begin and end
}

// block is calls that one machine may make.
type block struct {
	Holder string    `json:"holder"`
	Number int       `json:"number"` // of its holder's blocks
	Calls  int       `json:"calls"`
	At     time.Time `json:"at"`
}

// blocks are those of one budget whose calls count.
type blocks struct {
	Blocks []block   `json:"blocks"`
	Paused time.Time `json:"paused"`
	Number int       `json:"number"` // of blocks that were ever booked
}

func newClusterBook(local book, values Values, key budgetKey) *clusterBook {
	sum := sha256.Sum256([]byte(strings.Join([]string{key.connector, key.baseURL, key.connection}, "\x00")))
	return &clusterBook{local: local, values: values, name: hex.EncodeToString(sum[:16]), holder: rand.Text(), slots: map[slot]slot{}, seen: map[string]bool{}}
}

// reserve books a call in the ring, in a block, and on this machine.
func (b *clusterBook) reserve(ctx context.Context, now time.Time, limits []pipeline.Limit) (slot, bool, time.Time, error) {
	if !anyRate(limits) {
		return b.local.reserve(ctx, now, limits)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 || !now.Before(b.until) {
		if ok, again, err := b.book(ctx, limits); !ok || err != nil {
			return 0, false, again, err
		}
		if now = time.Now(); !now.Before(b.until) {
			return 0, false, now, nil // it took as long as the block lives: the others do not count on its calls any more
		}
	}
	own, ok, again := b.ring.reserve(now, limits, b.holder)
	if !ok {
		return 0, false, again, nil
	}
	s, ok, again, err := b.local.reserve(ctx, now, limits)
	if !ok || err != nil {
		b.ring.cancel(own)
		return 0, false, again, err
	}
	b.left--
	b.slots[s] = own
	return s, true, time.Time{}, nil
}

// anyRate reports whether a limit is on calls in a time. One on calls in flight is
// that of each machine.
func anyRate(limits []pipeline.Limit) bool {
	return slices.ContainsFunc(limits, func(l pipeline.Limit) bool { return l.Rate.Calls > 0 })
}

// book books a block of calls that all limits allow now.
func (b *clusterBook) book(ctx context.Context, limits []pipeline.Limit) (ok bool, again time.Time, err error) {
	for range bookTries {
		all, revision, err := b.load(ctx)
		if err != nil {
			return false, time.Time{}, err
		}
		now := time.Now()
		calls, again := b.ring.room(now, limits, blockCalls)
		if calls == 0 {
			return false, again, nil
		}
		if next := b.booked.Add(bookPause); calls < blockCalls && now.Before(next) {
			return false, next, nil // where slots get free one by one, not a round for each
		}
		all.Number++
		all.Blocks = append(all.Blocks, block{Holder: b.holder, Number: all.Number, Calls: calls, At: now.Round(0)})
		switch ok, err := b.store(ctx, all, revision); {
		case err != nil:
			return false, time.Time{}, err
		case ok:
			b.left, b.until, b.booked = calls, now.Add(blockLives), now
			return true, time.Time{}, nil
		}
	}
	return false, time.Time{}, b.wrap(errors.New("others were faster each time"))
}

// load reads the blocks, and puts those of others into the ring.
func (b *clusterBook) load(ctx context.Context) (all blocks, revision uint64, err error) {
	src, revision, err := b.values.Get(ctx, b.name)
	if err == nil && len(src) > 0 {
		err = json.Unmarshal(src, &all)
	}
	if err != nil {
		return blocks{}, 0, b.wrap(err)
	}
	now := time.Now()
	b.ring.pause(earlier(all.Paused, now.Add(maxPatience)))
	for _, other := range all.Blocks {
		id := fmt.Sprint(other.Holder, "/", other.Number)
		if other.Holder == b.holder || b.seen[id] {
			continue
		}
		b.seen[id] = true
		over := earlier(other.At, now.Add(clockSkew)).Add(blockLives + clockSkew + onItsWay)
		for range other.Calls {
			b.ring.answered(0, over)
		}
	}
	return all, revision, nil
}

// earlier is the earlier of two times: what a clock says that is far ahead may not
// stop everybody.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// store writes the blocks, without those that count in no window any more.
func (b *clusterBook) store(ctx context.Context, all blocks, revision uint64) (ok bool, err error) {
	now := time.Now()
	b.ring.forget(now)
	kept := all.Blocks[:0]
	for _, old := range all.Blocks {
		if now.Sub(old.At) <= max(b.ring.longest, staleBlock)+blockLives+2*clockSkew+onItsWay {
			kept = append(kept, old)
			continue
		}
		delete(b.seen, fmt.Sprint(old.Holder, "/", old.Number))
	}
	all.Blocks = kept
	src, err := json.Marshal(all)
	if err != nil {
		return false, b.wrap(err)
	}
	ok, err = b.values.Put(ctx, b.name, src, revision)
	if err != nil {
		return false, b.wrap(err)
	}
	return ok, nil
}

// staleBlock is how long a block is kept at least: another machine may know of a
// longer window.
const staleBlock = 2 * time.Minute

func (b *clusterBook) wrap(err error) error {
	return fmt.Errorf("share the rate limit over the cluster: %w", err)
}

func (b *clusterBook) answered(s slot, at time.Time) error {
	b.mu.Lock()
	own, ok := b.slots[s]
	delete(b.slots, s)
	if ok {
		b.ring.answered(own, at)
	}
	b.mu.Unlock()
	return b.local.answered(s, at)
}

// pause is for everybody. Where the cluster cannot be told, the others find out
// by themselves.
func (b *clusterBook) pause(until time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring.pause(until)
	if err := b.local.pause(until); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	for range bookTries {
		all, revision, err := b.load(ctx)
		if err != nil || !until.After(all.Paused) {
			return err
		}
		all.Paused = until.Round(0)
		if ok, err := b.store(ctx, all, revision); ok || err != nil {
			return err
		}
	}
	return nil
}

func (b *clusterBook) used(now time.Time, per time.Duration) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ring.used(now, per)
}
