package webhook

import (
	"hash/maphash"
	"slices"
	"sync"

	"pipeline/pipeline"
)

// order lets a request wait for those before it that hold rows of the same keys. It
// knows the keys of what is under way, and no others.
type order struct {
	key  []int
	seed maphash.Seed
	text []byte // of a key

	mu      sync.Mutex
	changed sync.Cond
	last    map[uint64]*place // by hash of a key: the last request that has it
}

// place is that of one request.
type place struct {
	after    []*place // whose answers it waits for
	keys     []uint64 // the hashes of its rows' keys
	answered bool
}

func newOrder(key []int) *order {
	o := &order{key: key, seed: maphash.MakeSeed(), last: map[uint64]*place{}}
	o.changed.L = &o.mu
	return o
}

// enter puts p behind all that entered before. One goroutine calls it.
func (o *order) enter(p *place, b *pipeline.Batch, from, to int) {
	if len(o.key) == 0 {
		return
	}
	p.keys = make([]uint64, 0, to-from)
	for row := from; row < to; row++ {
		p.keys = append(p.keys, o.hash(b, row))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, key := range p.keys {
		if before := o.last[key]; before != nil && before != p && !slices.Contains(p.after, before) {
			p.after = append(p.after, before)
		}
		o.last[key] = p
	}
}

// hash is the same for rows of one key. Where it is the same for rows of two,
// one waits for the other without need.
func (o *order) hash(b *pipeline.Batch, row int) uint64 {
	o.text = b.AppendKey(o.text[:0], row, o.key)
	return maphash.Bytes(o.seed, o.text)
}

// wait returns when p's turn has come: those before it were handed out earlier, so
// that somebody is at work on them.
func (o *order) wait(p *place) {
	if len(p.after) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, before := range p.after {
		for !before.answered {
			o.changed.Wait()
		}
	}
	p.after = nil
}

// leave lets those go on that wait for p.
func (o *order) leave(p *place) {
	if len(o.key) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p.answered = true
	for _, key := range p.keys {
		if o.last[key] == p {
			delete(o.last, key)
		}
	}
	o.changed.Broadcast()
}
