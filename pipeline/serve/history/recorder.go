package history

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"pipeline/pipeline/serve/engine"
)

// recorder.go: how events get into the log. Whoever does the work hands an event
// over and goes on; one goroutine stores them, in the order in which they came, and
// tries again while the engine cannot.

const (
	queueLength  = 4096             // events that wait for the engine
	storePause   = 5 * time.Second  // at most, between two tries
	drainTime    = 10 * time.Second // for what waits when serve ends
	serveTopic   = "serve"          // of events of no mapping
	firstPause   = 50 * time.Millisecond
	pauseGrowth  = 2
	storeTimeout = 15 * time.Second // of one try
)

// RecorderOptions is how a Recorder records.
type RecorderOptions struct {
	Node  string       // name of this node, in its events
	Log   *slog.Logger // is told what could not be kept; nil: nobody
	Meter Meter        // is told of everything at once, before it is stored; nil: nobody
}

// Meter is told of what a Recorder is told. Its methods may be called at the same
// time, and take no time.
type Meter interface {
	Event(Event)
	Call(mapping string, took, waited time.Duration, limit int)
	Delivery(mapping, sink string, took time.Duration, arrived bool)
	Push(mapping string, status int, twice bool)
}

// nobody is a Meter that nobody reads.
type nobody struct{}

func (nobody) Event(Event)                                    {}
func (nobody) Call(string, time.Duration, time.Duration, int) {}
func (nobody) Delivery(string, string, time.Duration, bool)   {}
func (nobody) Push(string, int, bool)                         {}

// Recorder adds events to the log Events. Its methods may be called at the same
// time, and before Run.
type Recorder struct {
	engine  engine.Engine
	o       RecorderOptions
	queue   chan waiting
	ended   chan struct{} // closed when Run has returned
	lost    atomic.Int64
	minutes minutes
}

// waiting is an event on its way.
type waiting struct {
	event  Event
	stored chan<- error // nil: nobody waits
}

// ErrEnded is the error of a Recorder whose Run has returned.
var ErrEnded = errors.New("history is not recorded any more")

// NewRecorder is a Recorder that stores nothing before Run.
func NewRecorder(e engine.Engine, o RecorderOptions) *Recorder {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Meter == nil {
		o.Meter = nobody{}
	}
	return &Recorder{engine: e, o: o, queue: make(chan waiting, queueLength), ended: make(chan struct{}), minutes: newMinutes()}
}

// Add hands over an event and does not wait. Where too many wait already, which
// takes an engine that is down for long, the event is lost, and counted.
func (r *Recorder) Add(e Event) {
	r.complete(&e)
	r.add(e)
}

func (r *Recorder) add(e Event) {
	select {
	case r.queue <- waiting{event: e}:
	default:
		r.lost.Add(1)
	}
}

// Store hands over an event and returns nil once no crash loses it, and all that
// were added before it: for the end of a run.
func (r *Recorder) Store(ctx context.Context, e Event) error {
	r.complete(&e)
	stored := make(chan error, 1)
	select {
	case r.queue <- waiting{e, stored}:
	case <-r.ended:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-stored:
		return err
	case <-r.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-stored: // both
		return err
	default:
		return ErrEnded
	}
}

// Lost is how many events could not be kept.
func (r *Recorder) Lost() int64 { return r.lost.Load() }

func (r *Recorder) complete(e *Event) {
	if e.ID == "" {
		e.ID = rand.Text()
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = e.At.UTC()
	e.Node = r.o.Node
	r.o.Meter.Event(*e)
}

// Run stores events until ctx is done, and then those that wait, for which it has
// ten seconds.
func (r *Recorder) Run(ctx context.Context) {
	defer close(r.ended)
	storing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })()
	for ctx.Err() == nil {
		minute := time.NewTimer(untilMinute(time.Now()))
		select {
		case w := <-r.queue:
			r.store(storing, w)
		case <-minute.C:
			r.addMinutes(time.Now())
		case <-ctx.Done():
		}
		minute.Stop()
	}
	r.addMinutes(time.Time{})
	for len(r.queue) > 0 {
		r.store(storing, <-r.queue)
	}
	if n := r.lost.Load(); n > 0 {
		r.o.Log.Warn("some of what happened is not in the history: the engine could not store it", "events", n)
	}
}

// untilMinute is how long the minute of now lasts.
func untilMinute(now time.Time) time.Duration {
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
}

// addMinutes hands over the minutes that are over.
func (r *Recorder) addMinutes(now time.Time) {
	for _, e := range r.minutes.take(now) {
		e.Node = r.o.Node
		r.add(e)
	}
}

// store appends an event, again and again while the engine cannot. ID makes that
// one message.
func (r *Recorder) store(ctx context.Context, w waiting) {
	err := r.append(ctx, w.event)
	if err != nil {
		r.lost.Add(1)
		r.o.Log.Error("an event is not in the history", "event", string(w.event.Kind), "mapping", w.event.Mapping, "run", w.event.Run, "error", err.Error())
	}
	if w.stored != nil {
		w.stored <- err
	}
}

func (r *Recorder) append(ctx context.Context, e Event) error {
	body, err := e.encode()
	if err != nil {
		return err
	}
	topic := e.Mapping
	if topic == "" {
		topic = serveTopic
	}
	for pause := firstPause; ; pause = min(pauseGrowth*pause, storePause) {
		try, cancel := context.WithTimeout(ctx, storeTimeout)
		_, err = r.engine.Append(try, engine.Events, topic, engine.Message{ID: e.ID, Body: body})
		cancel()
		if err == nil || errors.Is(err, engine.ErrTooLarge) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("store what happened: %w", err)
		case <-time.After(pause):
		}
	}
}
