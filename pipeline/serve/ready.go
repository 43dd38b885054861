package serve

// ready.go: what a worker does next.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/history"
)

// job is a run that is due.
type job struct {
	trigger Trigger
	mapping *Mapping
	tick    time.Time // BySchedule: the time that it is for
	since   time.Time // when it was due
	asked   uint64    // ByHand: the revision of the value that asked
}

// due is the job to do now, or how long to wait for one.
func (w *worker) due(ctx context.Context) (*job, time.Duration, error) {
	m, now := w.mapping(), time.Now()
	paused, err := w.asks(ctx, "paused")
	if err != nil {
		return nil, 0, err
	}
	w.change(func(st *status) { st.paused = paused.Revision != 0 })
	wait := glance
	jobs, err := w.jobs(ctx, m, now)
	if err != nil {
		return nil, 0, err
	}
	for _, j := range jobs {
		at := j.since
		if j.trigger != ByHand {
			if paused.Revision != 0 {
				continue
			}
			if from := w.after(j, now); from.After(at) {
				at = from
			}
		}
		if !at.After(now) {
			return j, 0, nil
		}
		wait = min(wait, at.Sub(now))
	}
	return nil, wait, nil
}

// jobs are what is to be done some time, the most urgent first: what is pushed is
// little, and waits for somebody.
func (w *worker) jobs(ctx context.Context, m *Mapping, now time.Time) ([]*job, error) {
	var jobs []*job
	if m.Pushed {
		j, err := w.pushJob(ctx, m, now)
		if err != nil {
			return nil, err
		}
		if j != nil {
			jobs = append(jobs, j)
		}
	}
	if m.PushOnly {
		return jobs, nil
	}
	byHand, err := w.asks(ctx, "manual")
	if err != nil {
		return nil, err
	}
	if byHand.Revision != 0 {
		jobs = append(jobs, &job{trigger: ByHand, mapping: m, asked: byHand.Revision, since: now})
	}
	pulls, err := w.pullJobs(ctx, m, now)
	return append(jobs, pulls...), err
}

// pullJobs are the next pulls by schedule and to reconcile.
func (w *worker) pullJobs(ctx context.Context, m *Mapping, now time.Time) ([]*job, error) {
	var jobs []*job
	var first time.Time
	for _, one := range []struct {
		trigger  Trigger
		schedule Schedule
		cursor   *cursor[ran]
	}{{BySchedule, m.Schedule, &w.scheduled}, {ByReconcile, m.every(), &w.reconciled}} {
		if one.schedule == nil {
			continue
		}
		last, err := lastOf(ctx, one.cursor, one.schedule, now)
		if err != nil {
			return nil, err
		}
		due, tick := next(one.schedule, last, now)
		if due.IsZero() {
			continue
		}
		if first.IsZero() || due.Before(first) {
			first = due
		}
		jobs = append(jobs, &job{trigger: one.trigger, mapping: m, tick: tick, since: due})
	}
	w.change(func(st *status) { st.due = first })
	return jobs, nil
}

// every is the schedule of reconcile:.
func (m *Mapping) every() Schedule {
	if m.Reconcile <= 0 {
		return nil
	}
	return every(m.Reconcile)
}

// pushJob is a run of what was pushed, where anything was, or where one was
// interrupted.
func (w *worker) pushJob(ctx context.Context, m *Mapping, now time.Time) (*job, error) {
	if err := w.reached(ctx, m); err != nil {
		return nil, err
	}
	select {
	case w.newest = <-w.arrived:
	default:
	}
	if w.keeper != nil {
		if err := w.keeper.redo(m.State); err != nil {
			return nil, err
		}
	}
	interrupted, err := pipeline.PushInterrupted(m.State)
	switch {
	case err != nil:
		return nil, err
	case interrupted:
		return &job{trigger: ByPush, mapping: m, since: now}, nil
	case w.newest <= w.status.pushed:
		w.since = time.Time{}
		return nil, nil
	}
	if w.since.IsZero() {
		w.since = now
	}
	return &job{trigger: ByPush, mapping: m, since: w.since.Add(debounce)}, nil
}

// reached finds out how far runs of what was pushed got: the state folder says it,
// and where that is new, the engine.
func (w *worker) reached(ctx context.Context, m *Mapping) error {
	if w.cursor.known {
		return nil
	}
	if err := w.cursor.load(ctx); err != nil {
		return err
	}
	store, err := w.service.storeID(ctx)
	if err != nil {
		w.cursor.known = false
		return err
	}
	w.store = store
	seq, known, err := pipeline.PushedIn(m.State, store)
	if err != nil {
		return err
	}
	if !known {
		seq = w.cursor.value.Seq
	}
	w.change(func(st *status) { st.pushed, st.placed = max(st.pushed, seq), true })
	return nil
}

// The times between runs that fail.
const (
	firstPause = 10 * time.Second
	lastPause  = 15 * time.Minute
	mendPause  = time.Hour // where nothing but a change of the mapping is likely to help
)

// kindOf is what troubles are told apart by: runs of what was pushed, and pulls.
func kindOf(t Trigger) Trigger {
	if t == ByPush {
		return ByPush
	}
	return BySchedule
}

// after is from when on a job may begin, as far as earlier ones failed.
func (w *worker) after(j *job, now time.Time) time.Time {
	w.mu.Lock()
	t, failed := w.status.trouble[kindOf(j.trigger)]
	w.mu.Unlock()
	switch {
	case !failed, t.mapping != j.mapping:
		return time.Time{}
	case t.token:
		if token, err := tokenOf(j.mapping); err == nil && hashed(token.Value) != t.refused {
			return time.Time{}
		}
		return now.Add(glance)
	}
	return t.retry
}

// failed works out what follows from the error of a run.
func (w *worker) failed(j *job, err error) {
	now := time.Now()
	advice := Advice{}
	if j.mapping.Advice != nil {
		advice = j.mapping.Advice(err)
	}
	refused := ""
	if advice.Token {
		token, _ := tokenOf(j.mapping) // there may be none
		refused = hashed(token.Value)
	}
	w.change(func(st *status) {
		t := st.trouble[kindOf(j.trigger)]
		if t.fails == 0 || t.mapping != j.mapping {
			t = trouble{since: now, pause: firstPause}
		} else {
			t.pause = min(2*t.pause, lastPause)
		}
		t.fails++
		t.why, t.next, t.mapping, t.token, t.refused = err.Error(), advice.Next, j.mapping, advice.Token, refused
		t.retry = now.Add(t.pause)
		if advice.Mend {
			t.retry = w.retryMended(j, now)
		}
		if st.trouble == nil {
			st.trouble = map[Trigger]trouble{}
		}
		st.trouble[kindOf(j.trigger)] = t
	})
	w.service.c.Log.Error("the client is ill", "mapping", w.name, "error", err.Error(), "next", advice.Next)
	if advice.Token {
		w.service.c.Recorder.Add(history.Event{Kind: history.TokenRefused, Mapping: w.name, Text: err.Error()})
	}
}

// retryMended is when a run is tried again that needs another mapping: when one
// would come anyway, for the records may have changed.
func (w *worker) retryMended(j *job, now time.Time) time.Time {
	retry := now.Add(mendPause)
	if s := j.mapping.Schedule; s != nil && j.trigger == BySchedule {
		if at := s.Next(now); !at.IsZero() {
			retry = at
		}
	}
	return retry
}

// tokenOf is the token that a mapping's next run would use.
func tokenOf(m *Mapping) (pipeline.Token, error) {
	world := m.World()
	if world.Token == nil {
		return pipeline.Token{}, fmt.Errorf("the mapping needs no token")
	}
	return world.Token(m.Plan.Connection())
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
