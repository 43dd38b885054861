package serve

import (
	"time"

	"pipeline/pipeline"
)

// Recorder is told what happens. Its methods may be called at the same time, and
// take no time.
type Recorder interface {
	Record(Event)
	// Call is told of each call of a run to its source.
	Call(m Mapping, run string, c pipeline.Call)
}

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	MappingLoaded Kind = "mapping-loaded" // a new or changed mapping is used from now on
	MappingWrong  Kind = "mapping-wrong"  // a new or changed mapping has mistakes; the one before stays
	MappingGone   Kind = "mapping-gone"   // its file is gone
	RunStarted    Kind = "run-started"
	RunEnded      Kind = "run-ended"
	TokenRefused  Kind = "token-refused" // or there is none
	LeaseTaken    Kind = "lease-taken"   // this process works for a mapping from now on
)

// Trigger is what a run was started by.
type Trigger string

// What starts runs.
const (
	BySchedule  Trigger = "schedule"
	ByPush      Trigger = "push"
	ByReconcile Trigger = "reconcile"
	ByHand      Trigger = "manual"
)

// Result is what became of a run.
type Result string

// What becomes of runs.
const (
	Done     Result = "done"
	Rejected Result = "rejected" // published, and some records were rejected
	Failed   Result = "failed"
	Stopped  Result = "stopped" // it goes on another time
)

// Event is something that happened. Which of its parts it has depends on its kind.
type Event struct {
	Kind    Kind
	Mapping string
	File    string   // of a mapping
	Text    string   // for people: the reason, what is wrong
	Loaded  *Mapping // MappingLoaded

	Run     string // the ID of a run; it and the next are of runs
	Trigger Trigger
	Started time.Time
	Result  Result
	Calls   int
	Report  *pipeline.Report
}

// nobody is a Recorder that nobody reads.
type nobody struct{}

func (nobody) Record(Event)                        {}
func (nobody) Call(Mapping, string, pipeline.Call) {}
