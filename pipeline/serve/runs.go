package serve

// runs.go: one run, from its turn to what it leaves behind.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/receive"
)

// do waits for the job's turn, does it, and keeps what came of it. Its error is
// that the mapping is somebody else's.
func (w *worker) do(ctx, stop context.Context, j *job) error {
	w.change(func(st *status) { st.queued = j.trigger })
	turns := w.service.pulls
	if j.trigger == ByPush {
		turns = w.service.pushes
	}
	err := turns.Acquire(stop, 1)
	w.change(func(st *status) { st.queued = "" })
	if err != nil {
		return nil // it is to end, and nothing has begun
	}
	defer turns.Release(1)
	if j.asked != 0 { // once it is taken away it is not asked for again
		if err := w.service.c.Engine.Remove(ctx, engine.Cursors, "manual."+w.name, j.asked); err != nil && !errors.Is(err, engine.ErrConflict) {
			_ = pause(stop, leaseRenew)
			return nil // it is asked for still
		}
	}
	if j.trigger != ByPush { // what another node would do once more after this are runs of pushes only
		if err := w.save(ctx); err != nil {
			return err
		}
	}
	if j.trigger == ByPush || j.mapping.Credential == "" {
		return w.run(ctx, j)
	}
	err = w.service.leases.share(ctx, sourceLease+j.mapping.Credential, func(ctx context.Context) error { return w.run(ctx, j) })
	if errors.Is(err, errLeaseLost) && ctx.Err() == nil {
		return nil // of the credential: the job is due still
	}
	return err
}

// run runs the plan once.
func (w *worker) run(ctx context.Context, j *job) error {
	s, m := w.service, j.mapping
	began := time.Now()
	id := began.UTC().Format("20060102T150405-") + strings.ToLower(rand.Text()[:6])
	w.change(func(st *status) { st.running = &running{id: id, trigger: j.trigger, since: began} })
	s.c.Recorder.Add(history.Event{Kind: history.RunStarted, At: began, Mapping: w.name, Run: id, Trigger: j.trigger})
	ctx, span := s.c.Traces.Run(ctx, w.name, id, j.trigger)
	log := s.c.Log.With("mapping", w.name, "run", id)
	log.Info("run begins", "trigger", string(j.trigger))
	w.show(ctx)

	var calls atomic.Int64
	limit := m.callsAMinute()
	world := m.World()
	world.Calls = func(c pipeline.Call) {
		span.Call(c)
		if c.WaitFor.IsZero() {
			calls.Add(1)
			s.c.Recorder.Call(w.name, c.Took, c.Waited, limit)
		}
	}
	notice := func(message string) { log.Warn(message) }
	world.Notice = notice
	o := pipeline.RunOptions{
		World: world, State: m.State, Stop: s.draining, Notice: notice,
		Progress: func(r pipeline.Report) { w.progress(id, r); span.Page(r) },
	}
	if j.trigger == ByPush {
		o.Pushed, o.PushedStore, o.PushedAfter = receive.Inbox(s.c.Engine, w.name), w.store, w.cursor.value.Seq
		if w.keeper != nil {
			o.PushBegins = w.keeper.begins
		}
	}
	if w.keeper != nil {
		o.Mirror = &pages{keeper: w.keeper}
	}
	report, err := m.Plan.Run(ctx, o)

	last := &LastRun{ID: id, Trigger: j.trigger, Result: resultOf(report, err), Started: began, Ended: time.Now(), Report: report}
	if err != nil {
		last.Error = err.Error()
	}
	w.change(func(st *status) { st.running, st.last = nil, last })
	span.End(last.Result, report, err)
	w.ended(ctx, last, int(calls.Load()))
	log.Info("run ends", "result", string(last.Result), "took", last.Ended.Sub(began).Round(time.Millisecond).String(),
		"read", report.Read, "written", report.Written, "rejected", report.Rejected, "late", report.Late, "doubled", report.Doubled, "missed", report.Missed, "calls", calls.Load(), "error", last.Error)
	if errors.Is(err, engine.ErrConflict) {
		return err // somebody else works for the mapping
	}
	if err := w.keep(ctx, j, began, report, err); err != nil || w.keeper == nil || j.trigger == ByPush {
		return err
	}
	w.keeper.changed = true
	return w.save(ctx)
}

// ended keeps in the history how a run ended.
func (w *worker) ended(ctx context.Context, last *LastRun, calls int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	err := w.service.c.Recorder.Store(ctx, history.Event{
		Kind: history.RunEnded, At: last.Ended, Mapping: w.name, Run: last.ID, Trigger: last.Trigger, Text: last.Error,
		End: &history.End{Result: last.Result, TookMS: last.Ended.Sub(last.Started).Milliseconds(), Calls: calls, Report: last.Report},
	})
	if err != nil { // it is in the queue, and is stored when that can be
		w.service.c.Log.Warn("the end of the run is not in the history yet", "mapping", w.name, "run", last.ID, "error", err.Error())
	}
}

func resultOf(r pipeline.Report, err error) Result {
	var stopped *pipeline.Stopped
	switch {
	case errors.As(err, &stopped), errors.Is(err, context.Canceled), errors.Is(err, errLeaseLost), errors.Is(err, engine.ErrConflict):
		return Stopped
	case err != nil:
		return Failed
	case r.Rejected > 0:
		return Rejected
	}
	return Done
}

// progress keeps how far a run is, for those who look.
func (w *worker) progress(id string, r pipeline.Report) {
	w.change(func(st *status) {
		if st.running != nil && st.running.id == id {
			st.running.report = r
		}
	})
}

// keep notes what follows from a run: what it was for has happened, or it is tried
// again. Effect first, then the cursor: a process that dies in between does it
// again, which changes nothing.
func (w *worker) keep(ctx context.Context, j *job, began time.Time, r pipeline.Report, failed error) error {
	switch resultOf(r, failed) {
	case Stopped:
		return nil
	case Failed:
		w.failed(j, failed)
		return nil
	}
	w.change(func(st *status) { delete(st.trouble, kindOf(j.trigger)) })
	err := w.moveOn(ctx, j, began, r)
	if err != nil && !errors.Is(err, engine.ErrConflict) {
		// What is kept in the engine is behind: the same is done once more, when it can.
		w.service.c.Log.Warn("the run is over, and it is not known that it is", "mapping", w.name, "error", err.Error())
		_ = pause(ctx, leaseRenew)
		return nil
	}
	return err
}

// moveOn moves the cursors.
func (w *worker) moveOn(ctx context.Context, j *job, began time.Time, r pipeline.Report) error {
	if j.trigger == ByPush {
		if r.PushedTo == 0 {
			w.newest = 0 // there is nothing, whatever was said
			return nil
		}
		w.change(func(st *status) { st.pushed = max(st.pushed, r.PushedTo) })
		if r.PushedTo < w.newest {
			w.since = time.Now().Add(-debounce) // the rest has waited
		}
		return w.cursor.save(ctx, reached{Log: engine.Inbox, Seq: r.PushedTo})
	}
	if s := j.mapping.Schedule; s != nil && j.trigger == BySchedule {
		if err := w.scheduled.save(ctx, ran{Last: j.tick.UTC(), Of: s.String()}); err != nil {
			return err
		}
	}
	if s := j.mapping.every(); s != nil { // everything was pulled, whatever for
		if err := w.reconciled.load(ctx); err != nil {
			return err
		}
		return w.reconciled.save(ctx, ran{Last: began.UTC(), Of: s.String()})
	}
	return nil
}

// Start asks for a run of a mapping, as soon as there is a turn.
func (s *Service) Start(ctx context.Context, mapping string) error {
	c, err := s.client(mapping)
	if err != nil {
		return err
	}
	if m := c.mapping(); m.PushOnly {
		return fmt.Errorf("%s cannot be pulled: it is pushed to, and each push is mapped when it comes", mapping)
	}
	defer c.poke()
	return s.ask(ctx, "manual", mapping)
}

// Pause lets nothing of a mapping run by itself any more. What is pushed to it is
// kept.
func (s *Service) Pause(ctx context.Context, mapping string) error {
	c, err := s.client(mapping)
	if err != nil {
		return err
	}
	defer c.poke()
	return s.ask(ctx, "paused", mapping)
}

// Resume is the end of Pause.
func (s *Service) Resume(ctx context.Context, mapping string) error {
	c, err := s.client(mapping)
	if err != nil {
		return err
	}
	defer c.poke()
	entry, err := s.c.Engine.Get(ctx, engine.Cursors, "paused."+mapping)
	if err == nil {
		err = s.c.Engine.Remove(ctx, engine.Cursors, "paused."+mapping, entry.Revision)
	}
	if errors.Is(err, engine.ErrNoValue) || errors.Is(err, engine.ErrConflict) {
		return nil
	}
	return err
}

// ErrNoMapping is the error for a mapping that is not in the folder.
var ErrNoMapping = errors.New("there is no such mapping in the folder")

// client is the one of that name that runs.
func (s *Service) client(mapping string) (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.mapping() != nil && c.name() == mapping {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", mapping, ErrNoMapping)
}
