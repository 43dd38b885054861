package history

import (
	"encoding/json"
	"time"

	"pipeline/pipeline"
)

// answers.go: what history answers, as the page, `pipeline runs` and the metrics ask
// it. All of it is plain data with the names that the JSON has.

// State is how a client is, the worst of its problems.
type State string

// How clients are, from the best to the worst.
const (
	Healthy State = "healthy"
	New     State = "new"  // it has not run yet
	Late    State = "late" // nothing is wrong that we know, and nothing comes
	Ill     State = "ill"  // somebody has to do something
	Gone    State = "gone" // its mapping is not there any more
)

// States are all of them.
var States = []State{Healthy, New, Late, Ill, Gone}

// Problem is something that is wrong with a client, or with serve where the client
// is empty, since a moment and until an event says otherwise.
type Problem struct {
	Mapping string    `json:"mapping,omitempty"`
	Kind    Kind      `json:"kind"` // of the event that began it; RunEnded: the last run failed
	Sink    string    `json:"sink,omitempty"`
	Since   time.Time `json:"since"`
	Text    string    `json:"text"`
}

// State is what a problem makes of its client.
func (p Problem) State() State {
	if p.Kind == SourceSilent {
		return Late
	}
	return Ill
}

// Client is one mapping at a glance.
type Client struct {
	Mapping string `json:"mapping"`
	State   State  `json:"state"`
	// Problems are why it is not healthy, the worst first.
	Problems []Problem `json:"problems,omitempty"`
	ClientInfo
	Loaded  time.Time `json:"loaded,omitzero"`
	Heard   time.Time `json:"heard,omitzero"`   // the last push, or run that read something
	Success time.Time `json:"success,omitzero"` // the end of the last run that delivered
	Last    *Run      `json:"last,omitempty"`   // without its report
	Running bool      `json:"running,omitempty"`
	Dead    int       `json:"dead"` // letters that are open
	// Runs and Rejected are those of the last 24 hours.
	Runs     int `json:"runs_24h"`
	Rows     int `json:"rows_24h"`
	Rejected int `json:"rejected_24h"`
}

// Run is one run.
type Run struct {
	ID      string    `json:"run"`
	Mapping string    `json:"mapping"`
	Trigger Trigger   `json:"trigger"`
	Result  Result    `json:"result"`
	Node    string    `json:"node,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	TookMS  int64     `json:"took_ms"`
	Calls   int       `json:"calls"`

	Read      int `json:"read"`
	Written   int `json:"written"`
	Filtered  int `json:"filtered"`
	Unchanged int `json:"unchanged"`
	Deleted   int `json:"deleted"`
	Rejected  int `json:"rejected"`
	// Late, Doubled and Missed are pushes as a reconciling pull found them.
	Late    int `json:"late"`
	Doubled int `json:"doubled"`
	Missed  int `json:"missed"`

	Error string `json:"error,omitempty"`
	// Report is all of it; Runs and Clients leave it out.
	Report *pipeline.Report `json:"report,omitempty"`
}

// RunsFilter says which runs. The zero filter is the newest 100 of all.
type RunsFilter struct {
	Mapping string
	Results []Result  // any of them; none: all
	Since   time.Time // started then or later
	Before  string    // the ID of a run: those that started before it, for the next page
	Limit   int       // 0: 100
}

// Point is one step of a Series.
type Point struct {
	At       time.Time `json:"at"` // its beginning
	Runs     int       `json:"runs"`
	Failed   int       `json:"failed"` // runs
	Read     int       `json:"read"`
	Rows     int       `json:"rows"` // written
	Rejected int       `json:"rejected"`

	Calls  int   `json:"calls"`
	Most   int   `json:"calls_most"` // in one minute of the step
	Limit  int   `json:"limit"`      // of one minute
	Waited int64 `json:"waited_ms"`
	P50    int64 `json:"p50_ms"` // of calls; the worst minute of the step
	P95    int64 `json:"p95_ms"`
	P99    int64 `json:"p99_ms"`

	Pushed    int   `json:"pushed"`
	Refused   int   `json:"refused"` // pushes
	Delivered int   `json:"delivered"`
	Undone    int   `json:"delivery_failures"` // attempts that failed
	SendP95   int64 `json:"delivery_p95_ms"`
}

// DeadState is what became of a dead letter.
type DeadState string

// What becomes of dead letters.
const (
	LetterOpen     DeadState = "open"
	LetterReplayed DeadState = "replayed" // to be delivered again; dead again, it is open again
	LetterDropped  DeadState = "dropped"
)

// DeadEntry is one dead letter.
type DeadEntry struct {
	DeadInfo
	Mapping string    `json:"mapping"`
	Sink    string    `json:"sink"`
	Reason  string    `json:"reason"`
	Died    time.Time `json:"died"`
	State   DeadState `json:"state"`
	Changed time.Time `json:"changed,omitzero"` // when it was replayed or dropped
}

// DeadFilter says which dead letters. The zero filter is the newest 100 that are open.
type DeadFilter struct {
	Mapping, Sink string
	States        []DeadState // none: open
	Status        int         // 0: any
	Reason        string      // a part of it
	Since         time.Time   // died then or later
	Before        uint64      // Seq, for the next page
	Limit         int         // 0: 100
}

// Entry is an event as it stands in the log, without what other tables have of it:
// minutes and reports.
type Entry struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`

	Mapping string          `json:"mapping,omitempty"`
	Run     string          `json:"run,omitempty"`
	Node    string          `json:"node,omitempty"`
	Sink    string          `json:"sink,omitempty"`
	Text    string          `json:"text,omitempty"`
	More    json.RawMessage `json:"more,omitempty"`
}

// EntriesFilter says which events. The zero filter is the newest 100 of all.
type EntriesFilter struct {
	Mapping string
	Run     string
	Kinds   []Kind // none: all
	Since   time.Time
	Before  uint64 // Seq, for the next page
	Limit   int    // 0: 100
}
