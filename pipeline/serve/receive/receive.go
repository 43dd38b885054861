// Package receive takes what is pushed over HTTP: it looks who sends it, bounds
// it, stores it, and only then says so. Nothing is parsed before: what is no
// record, mapping finds out, from what was stored.
package receive

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// The bounds of a request, beside those that a mapping sets.
const (
	bodyTime    = 10 * time.Second       // for all of a body to come
	storeTime   = 12 * time.Second       // for the store to take it
	tryTime     = 4 * time.Second        // of those, for one try
	tryPause    = 500 * time.Millisecond // between tries
	retryAfter  = "5"                    // seconds, where it could not be stored
	maxID       = 200                    // bytes of an id that a sender names
	maxRatio    = 200                    // bytes that one byte of gzip may become
	atOnce      = 128                    // requests by default
	timestamped = 5 * time.Minute        // how far a sender's clock may be off
)

// Hook is a mapping that takes pushes.
type Hook struct {
	Mapping string // its name, and the topic of its inbox
	Push    *pipeline.Push
}

// Options are what a handler works with.
type Options struct {
	Engine engine.Engine
	// AtOnce is how many requests are worked on at a time; 0 is 128. A body of
	// each may be in memory.
	AtOnce int
	// Seen is told of every request when it was answered, from several goroutines;
	// it may be nil.
	Seen func(Outcome)
}

// Outcome is what became of a request.
type Outcome struct {
	Mapping  string // empty: the path is nobody's
	Status   int
	Result   Result
	Problem  string // for the log, where the store failed; without anything of the body
	Bytes    int    // of the body
	Took     time.Duration
	Tries    int // to store it
	Received engine.Receipt
}

// Result is a word for an Outcome.
type Result string

// The results there are.
const (
	Stored      Result = "stored"
	Duplicate   Result = "duplicate"    // it was stored before
	UnknownPath Result = "unknown-path" // nobody's
	WrongMethod Result = "wrong-method"
	Refused     Result = "refused"   // the sender did not prove itself
	TooLarge    Result = "too-large" // the body
	TooMany     Result = "too-many"  // pushes to this mapping
	TooSlow     Result = "too-slow"  // the sender
	CutOff      Result = "cut-off"   // the sender went away, or what it sent was broken
	Encoding    Result = "encoding"  // a content encoding that is not taken
	Busy        Result = "busy"      // too many requests at once
	Starting    Result = "starting"  // the hooks are not known yet
	Draining    Result = "draining"  // this process is about to end
	NotStored   Result = "not-stored"
)

// Handler takes pushes. Its methods may be called at the same time.
type Handler struct {
	engine   engine.Engine
	seen     func(Outcome)
	slots    chan struct{}                     // one for each request that is worked on
	hooks    atomic.Pointer[map[pathSum]*hook] // nil before the first Set
	draining atomic.Bool
	now      func() time.Time

	setting sync.Mutex // of Set
}

// pathSum is a hash of a path: looking for one takes the same time whatever part
// of a secret path was guessed.
type pathSum [sha256.Size]byte

// hook is a Hook at work.
type hook struct {
	Hook
	rate *rate
}

// New is a handler that does not know its hooks yet: until the first Set it answers
// 503, so that what is pushed while a process starts is sent again.
func New(o Options) *Handler {
	n := o.AtOnce
	if n == 0 {
		n = atOnce
	}
	h := &Handler{engine: o.Engine, seen: o.Seen, slots: make(chan struct{}, n), now: time.Now}
	if h.seen == nil {
		h.seen = func(Outcome) {}
	}
	return h
}

// Set replaces all hooks at once. Requests that are worked on keep the one that
// they came to. Of two with one path the first counts: pipeline.SamePaths tells.
func (h *Handler) Set(hooks []Hook) {
	h.setting.Lock()
	defer h.setting.Unlock()
	old := map[string]*hook{}
	for _, k := range h.all() {
		old[k.Mapping] = k
	}
	set := map[pathSum]*hook{}
	for _, k := range slices.Backward(hooks) {
		made := &hook{Hook: k, rate: newRate(k.Push.Rate)}
		if before := old[k.Mapping]; before != nil && before.Push.Rate == k.Push.Rate {
			made.rate = before.rate
		}
		set[sha256.Sum256([]byte(k.Push.Path))] = made
	}
	h.hooks.Store(&set)
}

// Mappings are the names of the mappings that take pushes now, in order.
func (h *Handler) Mappings() []string {
	var names []string
	for k := range maps.Values(h.all()) {
		names = append(names, k.Mapping)
	}
	slices.Sort(names)
	return names
}

// all are the hooks there are; nil: they are not known yet.
func (h *Handler) all() map[pathSum]*hook {
	if hooks := h.hooks.Load(); hooks != nil {
		return *hooks
	}
	return nil
}

// Drain answers what comes from now on with 503, so that senders turn to another
// node or try again. What is worked on is ended.
func (h *Handler) Drain() { h.draining.Store(true) }
