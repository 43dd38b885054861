// Package serve runs the mappings of a folder by themselves: by their schedules,
// and by what is pushed to them. It holds no data of its own. What has to last is
// in an engine, and in the state folders that runs have anyway: so that a process
// may die at any moment, and another one may go on.
package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/observe"
)

// Config is what a Service works with. Dir, Load and Engine are needed.
type Config struct {
	Dir    string // the folder of the mappings
	Load   Loader
	Engine engine.Engine
	// Alone says that no other process uses the engine, so that nobody has to be
	// asked who does what.
	Alone bool
	Node  string // the name of this process, for people

	// Concurrency is how many pulls run beside each other, and as many runs of what
	// was pushed: these are short, and must not wait for the others. 0: 4.
	Concurrency int
	Drain       time.Duration // how long runs may take to end, when serve does; 0: 30 s

	// Changed is told of the mappings that are used, by name, when the folder was
	// read for the first time and whenever they change. It may be nil.
	Changed func([]Mapping)

	Recorder   Recorder        // nil: nobody is told
	Traces     *observe.Traces // of runs; nil: none
	Deliveries Deliveries      // nil: nothing is delivered later
	Log        *slog.Logger
}

// Deliveries is what delivers to row sinks, beside the runs.
type Deliveries interface {
	// Work delivers what the mapping's runs leave in the outbox, until ctx is done.
	// One process at a time works for a mapping.
	Work(ctx context.Context, m Mapping) error
	// Waiting is how much of a mapping is not delivered yet.
	Waiting(ctx context.Context, m Mapping) (int, error)
}

// Service runs mappings.
type Service struct {
	c       Config
	leases  *leases
	pulls   *semaphore.Weighted // first come, first served
	pushes  *semaphore.Weighted
	started time.Time

	draining chan struct{} // closed when nothing new begins
	loaded   atomic.Bool   // the folder was looked at
	store    store

	mu      sync.Mutex
	clients map[string]*client // by file
	files   *folder
	working sync.WaitGroup // the workers of clients
}

// New makes a Service that does nothing before Run.
func New(c Config) *Service {
	if c.Concurrency <= 0 {
		c.Concurrency = 4
	}
	if c.Drain <= 0 {
		c.Drain = 30 * time.Second
	}
	if c.Recorder == nil {
		c.Recorder = nobody{}
	}
	if c.Traces == nil {
		c.Traces = &observe.Traces{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		c: c, draining: make(chan struct{}), clients: map[string]*client{}, started: time.Now(),
		leases: &leases{engine: c.Engine, holder: c.Node + "/" + rand.Text(), alone: c.Alone},
		pulls:  semaphore.NewWeighted(int64(c.Concurrency)), pushes: semaphore.NewWeighted(int64(c.Concurrency)),
		files: newFolder(c.Dir, c.Load),
	}
}

// sources are the leases of the credentials that mappings pull with.
func (s *Service) sources() []string {
	var all []string
	for _, m := range s.Mappings() {
		if m.Credential != "" {
			all = append(all, sourceLease+m.Credential)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lookEvery is how often the folder is looked at.
const lookEvery = 2 * time.Second

// Run runs the mappings until ctx is done, and then lets what is going on come to
// an end: it begins nothing, lets runs end the page that they are at, and gives its
// leases back. What takes longer than Drain is cut off, which loses nothing: it
// goes on at the next start.
func (s *Service) Run(ctx context.Context) error {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	if !s.c.Alone {
		s.working.Go(func() { s.tell(ctx) })
		s.working.Go(func() { s.leases.watch(ctx, s.sources) })
	}
	for first := true; ctx.Err() == nil; first = false {
		changes, err := s.files.look(first)
		if err != nil {
			if first {
				return err
			}
			s.c.Log.Error("the folder cannot be read; the mappings stay as they are", "folder", s.c.Dir, "error", err.Error())
		}
		s.apply(hard, changes)
		s.loaded.Store(true)
		if s.c.Changed != nil && (first || len(changes) > 0) {
			s.c.Changed(s.Mappings())
		}
		_ = pause(ctx, lookEvery) // its end is that of the loop
	}
	return s.drain(cut)
}

// ErrCut is the error of a drain that took too long.
var ErrCut = errors.New("some runs did not come to an end in time; they go on at the next start")

// drain waits for the end of all work, for which it has Drain.
func (s *Service) drain(cut func()) error {
	close(s.draining)
	s.c.Log.Info("stopping: nothing new begins", "drain", s.c.Drain.String())
	ended := make(chan struct{})
	go func() { s.working.Wait(); close(ended) }()
	timer := time.NewTimer(s.c.Drain)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
	}
	cut()
	<-ended
	return ErrCut
}

// Draining reports whether nothing new begins any more.
func (s *Service) Draining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// apply lets what was found in the folder take over.
func (s *Service) apply(ctx context.Context, changes []change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range changes {
		if ch.gone {
			if c := s.clients[ch.file]; c != nil {
				delete(s.clients, ch.file)
				c.retire()
				s.c.Recorder.Add(history.Event{Kind: history.MappingGone, Mapping: c.name(), Text: ch.file})
				s.c.Log.Info("the mapping is gone", "mapping", c.name(), "file", ch.file)
			}
			continue
		}
		s.take(ctx, ch.Mapping)
	}
}

// take lets a mapping take over, or says what is wrong with it.
func (s *Service) take(ctx context.Context, m Mapping) {
	c := s.clients[m.File]
	if m.Plan == nil {
		if c == nil {
			c = &client{service: s, file: m.File}
			s.clients[m.File] = c
		}
		c.wrong(m)
		s.c.Recorder.Add(history.Event{Kind: history.MappingWrong, Mapping: c.name(), Text: m.File + ": " + m.Problems()})
		s.c.Log.Error("the mapping is wrong", "mapping", c.name(), "file", m.File, "problems", m.Problems())
		return
	}
	if c != nil && (c.mapping() == nil || c.name() != m.Plan.Name()) { // what is known of it is of another one
		c.retire()
		c = nil
	}
	fresh := c == nil
	if fresh {
		c = newClient(s, m)
		s.clients[m.File] = c
	}
	c.use(m)
	s.c.Recorder.Add(history.Event{Kind: history.MappingLoaded, Mapping: m.Plan.Name(), Client: m.info()})
	s.c.Log.Info("the mapping is used", "mapping", m.Plan.Name(), "file", m.File, "hash", m.Hash)
	if fresh {
		s.working.Go(func() { c.live(ctx) })
	}
}

// Mappings are those that are used now, by name.
func (s *Service) Mappings() []Mapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Mapping
	for _, c := range s.clients {
		if m := c.mapping(); m != nil {
			out = append(out, *m)
		}
	}
	slices.SortFunc(out, func(a, b Mapping) int { return strings.Compare(a.Plan.Name(), b.Plan.Name()) })
	return out
}
