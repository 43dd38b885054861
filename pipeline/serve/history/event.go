// Package history is what happened in `pipeline serve`: events, which are added to
// the engine's log of them, and a file that can be asked, which is made from that
// log and can be made again.
//
// The log is the truth and history.db its projection. Every node of a cluster
// projects all events for itself, so that each can answer; a file that is old,
// damaged or gone is made anew. What is in an event is fit for a log: names of
// fields, codes and counts, never a person's data, a header, a URL or a secret.
package history

import (
	"encoding/json"
	"fmt"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	MappingLoaded       Kind = "mapping-loaded"       // a new or changed mapping is used from now on
	MappingWrong        Kind = "mapping-wrong"        // a changed mapping has mistakes; the one before stays
	MappingGone         Kind = "mapping-gone"         // its file is gone
	RunStarted          Kind = "run-started"          //
	RunEnded            Kind = "run-ended"            //
	Delivered           Kind = "delivered"            // a minute of deliveries to one sink
	Called              Kind = "called"               // a minute of calls to the source
	Pushed              Kind = "pushed"               // a minute of pushes
	DeadLetter          Kind = "dead"                 // a delivery was given up
	DeadReplayed        Kind = "dead-replayed"        // it is to be tried again
	DeadDropped         Kind = "dead-dropped"         // somebody said that it may go
	DestinationDisabled Kind = "destination-disabled" // nothing is sent there any more
	DestinationEnabled  Kind = "destination-enabled"  // … and now it is again
	TokenRefused        Kind = "token-refused"        // by the source
	SourceSilent        Kind = "source-silent"        // it sent nothing for long
	LeaseTaken          Kind = "lease-taken"          // this node took over from another one
	DataShown           Kind = "data-shown"           // somebody asked for the data of people; its text says who
	Audit               Kind = "audit"                // what the engine's audit found; an empty text: all is well again
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

// Result is what became of a run. The first four are those that a RunEnded has.
type Result string

// What becomes of runs.
const (
	Done     Result = "done"     // all rows were delivered, or are in the outbox
	Rejected Result = "rejected" // published, and some records were rejected
	Failed   Result = "failed"
	Stopped  Result = "stopped" // asked to; it goes on another time
	Running  Result = "running"
	Lost     Result = "lost" // another run of the mapping began without a word of this one's end
)

// Event is something that happened. Which of its parts it has depends on its kind.
type Event struct {
	// ID tells events apart: of two with the same one, and the same mapping, within
	// the engine's window one is stored. Empty: the recorder makes one up.
	ID string `json:"-"`

	Kind    Kind      `json:"kind"`
	At      time.Time `json:"at"`                // the recorder's now where it is zero
	Mapping string    `json:"mapping,omitempty"` // empty: of serve as a whole
	Run     string    `json:"run,omitempty"`     // the ID of a run
	Node    string    `json:"node,omitempty"`    // where; the recorder fills it in
	Sink    string    `json:"sink,omitempty"`    // of deliveries, dead letters and destinations: as the mapping names it
	Text    string    `json:"text,omitempty"`    // for people: the reason, the diagnostics, what was found

	Client  *ClientInfo     `json:"client,omitempty"`  // MappingLoaded
	Trigger Trigger         `json:"trigger,omitempty"` // RunStarted
	End     *End            `json:"end,omitempty"`     // RunEnded
	Minute  *Minute         `json:"minute,omitempty"`  // Delivered, Called, Pushed
	Dead    *DeadInfo       `json:"dead,omitempty"`    // DeadLetter, and its ID of DeadReplayed and DeadDropped
	More    json.RawMessage `json:"more,omitempty"`    // what only people read, in `pipeline runs --json` and the page
}

// ClientInfo is a mapping as it is used now.
type ClientInfo struct {
	File     string   `json:"file"`
	Hash     string   `json:"hash,omitempty"` // of all its files
	Source   string   `json:"source"`         // as Plan.From says it
	Sinks    []string `json:"sinks"`          // connectors
	Schedule string   `json:"schedule,omitempty"`
	Push     bool     `json:"push,omitempty"` // it is pushed to
}

// End is how a run ended.
type End struct {
	Result Result          `json:"result"`
	TookMS int64           `json:"took_ms"`
	Calls  int             `json:"calls,omitempty"`
	Report pipeline.Report `json:"report"` // Event.Text is the error
}

// DeadInfo is a delivery that was given up. Its ID is the Name of the letter; its
// message in engine.Dead has the body, and nothing of a row is here.
type DeadInfo struct {
	ID       string    `json:"id"`
	Seq      uint64    `json:"seq,omitempty"` // in engine.Dead
	Status   int       `json:"status,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	First    time.Time `json:"first,omitzero"` // attempt
}

// Minute is what happened in one minute, on one node. Event.At is its beginning.
type Minute struct {
	Count  int `json:"count"`            // calls, deliveries that arrived, pushes that were stored
	Failed int `json:"failed,omitempty"` // attempts that did not, pushes that were refused
	Twice  int `json:"twice,omitempty"`  // pushes that were stored before
	// Limit is how many calls the source allows in a minute, 0 where it says none.
	Limit  int   `json:"limit,omitempty"`
	Waited int64 `json:"waited_ms,omitempty"` // for the limit, all together
	P50    int64 `json:"p50_ms,omitempty"`    // how long answers took
	P95    int64 `json:"p95_ms,omitempty"`
	P99    int64 `json:"p99_ms,omitempty"`
}

// The bounds of an event, so that it fits into a message of the engine.
const (
	maxText  = 4 << 10
	maxList  = 100
	maxEvent = engine.MaxBody / 2
)

// encode is the body of an event's message. Lists that are too long for one are
// cut; their counts are elsewhere in the report.
func (e Event) encode() ([]byte, error) {
	e.Text = cut(e.Text, maxText)
	if e.End != nil {
		end := *e.End
		r := &end.Report
		r.Causes, r.Warnings, r.Drift = head(r.Causes), head(r.Warnings), head(r.Drift)
		e.End = &end
	}
	body, err := json.Marshal(e)
	if err == nil && len(body) > maxEvent && e.End != nil {
		e.End.Report.Warnings, e.End.Report.Drift, e.More = nil, nil, nil
		body, err = json.Marshal(e)
	}
	if err != nil {
		return nil, fmt.Errorf("write the event %s of %s: %w", e.Kind, e.Mapping, err)
	}
	return body, nil
}

func head[T any](list []T) []T { return list[:min(len(list), maxList)] }

// cut is text in at most n bytes, cut between characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n] + "…"
}
