package serve

import (
	"context"
	"time"

	"pipeline/pipeline/serve/history"
)

// Recorder is told what happens; *history.Recorder is one. Its methods may be called
// at the same time.
type Recorder interface {
	// Add takes no time.
	Add(history.Event)
	// Store returns once no crash loses the event, or ctx is done.
	Store(ctx context.Context, e history.Event) error
	// Call is told of each call of a run to its source.
	Call(mapping string, took, waited time.Duration, limit int)
}

// Trigger is what a run was started by.
type Trigger = history.Trigger

// Result is what became of a run.
type Result = history.Result

// The triggers and results, as history has them.
const (
	BySchedule  = history.BySchedule
	ByPush      = history.ByPush
	ByReconcile = history.ByReconcile
	ByHand      = history.ByHand

	Done     = history.Done
	Rejected = history.Rejected
	Failed   = history.Failed
	Stopped  = history.Stopped
)

// storeTime is how long the end of a run waits for its place in the history.
const storeTime = 5 * time.Second

// nobody is a Recorder that nobody reads.
type nobody struct{}

func (nobody) Add(history.Event)                              {}
func (nobody) Store(context.Context, history.Event) error     { return nil }
func (nobody) Call(string, time.Duration, time.Duration, int) {}

// info is a mapping as the history keeps it.
func (m *Mapping) info() *history.ClientInfo {
	info := &history.ClientInfo{File: m.File, Hash: m.Hash, Source: m.Plan.From(), Sinks: m.Plan.SinkNames(), Push: m.Pushed}
	if m.Schedule != nil {
		info.Schedule = m.Schedule.String()
	}
	return info
}

// callsAMinute is how many calls the source of a mapping allows in a minute, 0 where
// it says none.
func (m *Mapping) callsAMinute() int {
	rate := m.Plan.Limit().Rate
	if rate.Calls == 0 {
		return 0
	}
	return int(float64(rate.Calls) * float64(time.Minute) / float64(rate.Per))
}
