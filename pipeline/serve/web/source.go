package web

// source.go: what the page asks, and whom.

import (
	"context"
	"errors"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

// ErrNone is the error for a client, run or letter that is not there.
var ErrNone = errors.New("there is none of that name here; it may have been removed since")

// Source is what the page shows, and what does as it is told. Its methods may be
// called at the same time. Errors are for people: they hold no secret and nothing
// that somebody wrote into a record.
type Source interface {
	Clients(ctx context.Context) ([]Client, error) // by name
	// Unready is why nothing can be stored or run, as /readyz says it; empty: it can.
	Unready(ctx context.Context) string
	// Destinations are the receivers of rows of a client; none: it writes files only.
	Destinations(ctx context.Context, client string) ([]Destination, error)
	// Files are those that diagnostics of a client may point at, by name. What cannot
	// be read is left out.
	Files(c Client) diag.Files
	// Rejects gives those that are open to see, as pipeline.ReadRejects does. There
	// may be none.
	Rejects(ctx context.Context, client string, see func(*pipeline.RejectLine) error) error

	Runs(ctx context.Context, f history.RunsFilter) ([]history.Run, error)
	Run(ctx context.Context, id string) (history.Run, error) // ErrNone
	Causes(ctx context.Context, run string) ([]pipeline.Cause, error)
	Series(ctx context.Context, client string, since time.Time, step time.Duration) ([]history.Point, error)
	Entries(ctx context.Context, f history.EntriesFilter) ([]history.Entry, error)

	Dead(ctx context.Context, f history.DeadFilter) ([]history.DeadEntry, error)
	Letter(ctx context.Context, client string, seq uint64) (Letter, error) // ErrNone

	// What is to be done is known to be when they return, not when it is done.
	Start(ctx context.Context, client string) error
	Pause(ctx context.Context, client string) error
	Resume(ctx context.Context, client string) error
	Enable(ctx context.Context, client, sink string) error
	Replay(ctx context.Context, client string, seq uint64) error
	Drop(ctx context.Context, client string, seq uint64) error

	// Note keeps that something happened; it takes no time.
	Note(history.Event)
}

// State is how a client is.
type State string

// How clients are. Of several that hold it is the first.
const (
	Ill     State = "ill"     // runs fail: somebody has to do something
	Wrong   State = "wrong"   // its file has mistakes; what was there before runs on
	Late    State = "late"    // something is due, and did not happen or end
	Running State = "running" //
	Paused  State = "paused"  // by hand
	Healthy State = "healthy" //
)

// States are all of them, those that need somebody first.
var States = []State{Ill, Wrong, Late, Running, Paused, Healthy}

// Client is one mapping of the folder.
type Client struct {
	Name  string    `json:"client"` // of the mapping; of its file where that was never right
	File  string    `json:"file"`
	State State     `json:"state"`
	Why   string    `json:"why,omitempty"`
	Next  string    `json:"next,omitempty"` // what to do about it
	Since time.Time `json:"since,omitzero"`

	Schedule  string          `json:"schedule,omitempty"`
	Reconcile pipeline.Period `json:"reconcile,omitempty"`
	PushPath  string          `json:"push_path,omitempty"` // for people: without what is secret in it
	PushOnly  bool            `json:"push_only,omitempty"` // it cannot be run by hand

	Node    string          `json:"node,omitempty"`    // that works for it
	Running history.Trigger `json:"running,omitempty"` // what the run that goes on was started by
	Began   time.Time       `json:"began,omitzero"`
	Read    int             `json:"read,omitempty"` // records, by the run that goes on
	Due     time.Time       `json:"due,omitzero"`
	Retry   time.Time       `json:"retry,omitzero"` // no run before, for those before failed
	Last    *history.Run    `json:"last,omitempty"`

	Rejects     int `json:"rejects"`     // that are open
	Pushes      int `json:"pushes"`      // that are not mapped yet
	Undelivered int `json:"undelivered"` // requests that have not arrived and were not given up
	Dead        int `json:"dead"`        // letters that are open

	Plan  *pipeline.Plan `json:"-"` // what runs; nil where nothing does
	Diags diag.List      `json:"-"` // what is wrong or doubtful in its file as it is now
}

// Destination is a receiver of rows.
type Destination struct {
	Sink     string `json:"sink"`
	Target   string `json:"target"` // without what may be secret in it
	Waiting  int    `json:"waiting"`
	Disabled string `json:"disabled,omitempty"` // why nothing is sent; empty: it is
}

// Letter is a delivery that was given up.
type Letter struct {
	history.DeadEntry
	Key  string `json:"key"` // the idempotency key
	Body []byte `json:"-"`
}
