// Package engine is what `pipeline serve` keeps its work in: logs that messages
// are added to, and small values under names. The interface is all that the rest
// of serve knows of it; package jetstream implements it, enginetest says in tests
// what it has to be.
//
// What is not here is left out on purpose. Nobody takes messages away: a reader
// keeps its place in the log as a value, which it moves on by comparing, so that
// neither a crash nor a reader that was thought dead can lose or repeat a step.
// Schedules are values too: what is due is worked out from when it last ran, so
// that nothing depends on a timer having lived.
//
// A message keeps its Seq for ever, also when everything is moved to another engine,
// so that a Seq may be kept anywhere. A Revision is good only as long as the process
// that was given it.
package engine

import (
	"context"
	"errors"
	"time"
)

// Log is a list of messages that only grows. Messages of one topic, which is the
// name of a mapping, keep their order.
type Log string

// The logs there are.
const (
	Inbox  Log = "inbox"  // what was pushed to us, as it came
	Outbox Log = "outbox" // rows that are to be delivered
	Dead   Log = "dead"   // deliveries that were given up
	Events Log = "events" // what happened, for history
	Pages  Log = "pages"  // what was fetched, so that another node need not fetch it again
)

// Logs are all of them.
var Logs = []Log{Inbox, Outbox, Dead, Events, Pages}

// Bucket is a set of values by name. Names have letters, digits, dots, dashes and
// underscores.
type Bucket string

// The buckets there are.
const (
	Leases  Bucket = "leases"  // who works on what
	Cursors Bucket = "cursors" // how far somebody got; names that begin with audit. are the engine's own
	Limits  Bucket = "limits"  // calls that were made, by budget
	State   Bucket = "state"   // what runs keep: positions, ledgers, open rejects
)

// Buckets are all of them.
var Buckets = []Bucket{Leases, Cursors, Limits, State}

// The bounds of what can be stored.
const (
	MaxBody   = 1 << 20        // bytes of a message's body
	MaxHeader = 8 << 10        // bytes of a message's ID and header, names and texts together
	MaxValue  = 1 << 20        // bytes of a value
	Window    = 72 * time.Hour // within which a message of the same ID is not stored again
)

// Message is an entry of a log.
type Message struct {
	// ID tells messages apart: one whose ID the topic has seen within Window is not
	// stored again. It is never empty.
	ID     string
	Header map[string]string // short texts
	Body   []byte

	Seq    uint64    // its place in its topic: higher is later, and there are holes; set by the engine
	Topic  string    // set by the engine
	Stored time.Time // set by the engine
}

// Receipt says where a message was stored. Once there is one, no crash and no
// power cut loses the message.
type Receipt struct {
	Seq       uint64
	Duplicate bool // there was one with this ID already, at Seq
}

// Entry is a value and its revision, which is never 0.
type Entry struct {
	Name     string
	Value    []byte
	Revision uint64
}

// Engine stores messages and values durably. All its methods may be called at the
// same time. An error other than those below means that it is not known whether
// the change was made: appending the same ID again is safe, and a value tells by
// its revision.
type Engine interface {
	// Append adds a message to the topic of a log.
	Append(ctx context.Context, log Log, topic string, m Message) (Receipt, error)
	// Read gives the messages of a topic after seq to yield, in order, and ends
	// with the last one that there was. The empty topic is all of them; Events and
	// Dead have it. A message is yield's only until it returns.
	Read(ctx context.Context, log Log, topic string, after uint64, yield func(Message) error) error
	// Last is the Seq of the newest message of a topic, 0 where there is none.
	Last(ctx context.Context, log Log, topic string) (uint64, error)
	// Wait returns nil once a topic may have a message after seq, or the error of
	// ctx. It may return too early, and is late by no more than a second.
	Wait(ctx context.Context, log Log, topic string, after uint64) error

	// Get is the newest value under a name, or ErrNoValue.
	Get(ctx context.Context, b Bucket, name string) (Entry, error)
	// Put replaces the value whose revision is given, 0 where there has to be none,
	// and returns the new revision; or ErrConflict where somebody else was faster.
	Put(ctx context.Context, b Bucket, name string, value []byte, revision uint64) (uint64, error)
	// Remove takes away the value whose revision is given, or says ErrConflict.
	Remove(ctx context.Context, b Bucket, name string, revision uint64) error
	// List is the values whose names begin with prefix, by name.
	List(ctx context.Context, b Bucket, prefix string) ([]Entry, error)

	// Status is how the engine is.
	Status(ctx context.Context) (Status, error)
	// Close ends it. What was stored stays.
	Close(ctx context.Context) error
}

// The errors that say that nothing was changed.
var (
	ErrNoValue  = errors.New("there is no such value")
	ErrConflict = errors.New("somebody else changed it first")
	ErrFull     = errors.New("the store is full")
	ErrTooLarge = errors.New("it is larger than what can be stored")
)

// Status is how an engine is, for health, the audit and people.
type Status struct {
	Mode     string       `json:"mode"`    // embedded, cluster or external
	Version  string       `json:"version"` // of the server
	Ready    bool         `json:"ready"`   // it can store now
	Problems []string     `json:"problems,omitempty"`
	Nodes    []NodeStatus `json:"nodes,omitempty"` // of a cluster
	Logs     []LogStatus  `json:"logs"`
	Free     uint64       `json:"free"` // bytes left on the disk of this node; 0: not known
}

// NodeStatus is a node of a cluster as this one sees it.
type NodeStatus struct {
	Name    string        `json:"name"`
	Here    bool          `json:"here,omitempty"`
	Online  bool          `json:"online"`
	Leads   int           `json:"leads"` // logs and buckets that it leads
	Behind  uint64        `json:"behind,omitempty"`
	Active  time.Duration `json:"active,omitempty"` // since it was heard of
	Version string        `json:"version,omitempty"`
}

// LogStatus is what a log holds.
type LogStatus struct {
	Log      Log          `json:"log"`
	Messages uint64       `json:"messages"`
	Bytes    uint64       `json:"bytes"`
	Most     uint64       `json:"most"` // bytes that it may hold
	Copies   []CopyStatus `json:"copies,omitempty"`
}

// CopyStatus is one node's copy of a log. Nothing is ever deleted from a log but
// by age, so that holes in it are damage.
type CopyStatus struct {
	Node     string `json:"node"`
	Messages uint64 `json:"messages"`
	Missing  uint64 `json:"missing"` // holes
}
