package serve

// due.go: when a mapping runs next. Nothing here is a timer that has to live: what
// is due is worked out from what ran last, which the engine keeps. So a time that
// was missed, for whatever reason, is caught up, and any number of them once.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pipeline/pipeline/serve/engine"
)

// turned is how far the clock may have been set back: a last run that is further
// ahead of the clock than that was one of a clock that was wrong.
const turned = 24 * time.Hour

// ran is the value that says what ran last.
type ran struct {
	// Last is the time that was due then; where nothing has run yet, it is when
	// somebody first looked.
	Last time.Time `json:"last"`
	Of   string    `json:"of"` // the schedule, for another one begins anew
}

// cursor is a value in the engine that whoever has the lease of the mapping moves.
type cursor[T any] struct {
	engine   engine.Engine
	bucket   engine.Bucket
	name     string
	known    bool // the value is at hand
	revision uint64
	value    T
}

// load reads the value, once.
func (c *cursor[T]) load(ctx context.Context) error {
	if c.known {
		return nil
	}
	entry, err := c.engine.Get(ctx, c.bucket, c.name)
	var value T
	if err == nil {
		err = json.Unmarshal(entry.Value, &value)
	}
	if err != nil && !errors.Is(err, engine.ErrNoValue) {
		return fmt.Errorf("read how far %s is: %w", c.name, err)
	}
	c.known, c.revision, c.value = true, entry.Revision, value
	return nil
}

// save moves the value on. Where somebody else has moved it, this process has no
// business with the mapping any more.
func (c *cursor[T]) save(ctx context.Context, value T) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	revision, err := c.engine.Put(ctx, c.bucket, c.name, text, c.revision)
	if err != nil {
		c.known = false // it may be stored all the same
		return fmt.Errorf("keep how far %s is: %w", c.name, err)
	}
	c.revision, c.value = revision, value
	return nil
}

// lastOf is the time that ran last. Of a schedule that is new it is now, which is
// kept: it is due for the first time at its next time, even if nobody is there then.
func lastOf(ctx context.Context, c *cursor[ran], s Schedule, now time.Time) (time.Time, error) {
	if err := c.load(ctx); err != nil {
		return time.Time{}, err
	}
	last := c.value.Last
	if c.revision == 0 || c.value.Of != s.String() || last.Sub(now) > turned {
		if err := c.save(ctx, ran{Last: now.UTC(), Of: s.String()}); err != nil {
			return time.Time{}, err
		}
		last = now
	}
	return last, nil
}

// next is when a schedule is due again after last. Where several times have passed,
// tick is the newest of them, which the run is for.
func next(s Schedule, last, now time.Time) (due, tick time.Time) {
	due = s.Next(last)
	if due.IsZero() || due.After(now) {
		return due, due
	}
	// Ticks are skipped from the end: of years of minutes there are millions.
	for step := time.Minute; ; step *= 4 {
		from := now.Add(-step)
		if !from.After(last) {
			from = last
		}
		for at := s.Next(from); !at.IsZero() && !at.After(now); at = s.Next(at) {
			tick = at
		}
		if !tick.IsZero() {
			return due, tick
		}
	}
}

// every is the Schedule of reconcile:.
type every time.Duration

// Next implements Schedule.
func (e every) Next(t time.Time) time.Time { return t.Add(time.Duration(e)) }

// String implements Schedule.
func (e every) String() string { return "every " + time.Duration(e).String() }
