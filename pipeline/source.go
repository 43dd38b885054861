package pipeline

import (
	"context"
	"time"

	"pipeline/pipeline/diag"
)

// Position is where to resume reading; empty is the beginning. Only the source
// that made a Position can read it.
type Position string

// Record is one record as its source wrote it, and where it stood there.
type Record struct {
	Text []byte // one JSON value; what it is worth is found out by the mapper
	Line int    // 1-based line of a file; 0 where the source has no lines
	Raw  []byte // the original, where Text was made from something else (a row of a CSV file)
	Push uint64 // the Seq of the push that it came in; 0 where it was not pushed

	// Fault is set where the source knows that this is no record: Text is then
	// empty and the engine rejects it with this reason.
	Fault *Fault

	kept *keptRecord // set for a record that comes back from the reject file
}

// Fault says why a source could not make a record.
type Fault struct {
	Code   string // a reject code: "too-large", "csv-syntax"
	Reason string

	// For what was too large to keep: where it began, how long it was, and its
	// SHA-256 in hex.
	Offset, Bytes int64
	SHA256        string
}

// Page is what one request, or one read of a file, returned: records still
// encoded, in order.
type Page struct {
	Number  int      // 1-based number of the request; 0 where the source has no pages
	First   int      // 0-based place of the first record in the source's page, where a page comes in pieces
	Records []Record // they point into Buf
	Next    Position // where to resume after this page
	Total   int      // records in the whole list, where the source was told; 0: unknown
	Buf     []byte   // memory of the page; the source grows it, the engine recycles it

	whole *whole // what this is a piece of; nil: it is whole
}

// Source yields each page after from, in order. yield blocks while the engine
// is full and owns the page from then on; Read returns what yield returned, nil
// at the end, or why it could not go on. When ctx is done it returns soon.
type Source interface {
	Read(ctx context.Context, from Position, yield func(*Page) error) error
}

// Paged is a Source that may be able to begin at a page without asking for those
// before it.
type Paged interface {
	// At is where page n begins, counted from 1; ok is false where only the pages
	// before it can tell.
	At(n int) (from Position, ok bool)
}

// Estimator is a Source that can tell how much there is to read.
type Estimator interface {
	// Estimate makes one call and tells from its answer what reading all takes.
	Estimate(ctx context.Context) (Estimate, error)
}

// Estimate is what reading a whole stream takes. The zero Estimate is unknown.
type Estimate struct{ Records, Calls int }

// SourceConnector is what `source: {NAME: {…}}` names. Its declaration is the
// only truth for decoding, defaults, help and the editor's schema.
type SourceConnector struct {
	Name    string
	Summary string
	Docs    string // address of the platform's own documentation
	Options []Option
	Streams []Stream // the first is the default; a file has one without a name
	Limit   Limit    // what the platform allows; the zero Limit is none

	// Remote sources have a base URL, credentials and a rate.
	Remote bool

	// PushOnly sources are nothing but what is pushed to them, with the options of
	// PushOptionList.
	PushOnly bool

	// Check reports what is wrong with the options beyond their types, without
	// I/O. It may be nil.
	Check func(Options) []OptionError

	// Open makes a source for one run. It does no call yet.
	Open func(context.Context, SourceConfig) (Source, error)
}

// Stream is one list a connector offers.
type Stream struct {
	Name    string
	Summary string
	Key     string   // the record's own key, for rejects and the ledger
	Schema  Document // what is known of a record; Name is empty where nothing is

	// Incremental streams can be asked for what changed after a time.
	Incremental bool

	// Detail is set where each record takes a call of its own.
	Detail bool

	// Pushed is what is known of pushes of its records; nil: it cannot be pushed.
	Pushed *PushedStream

	// Needs are options that this stream cannot do without, though others of the
	// connector can. Open refuses a source without them.
	Needs []string
}

// Document is a named text, such as a JSON Schema that is built in.
type Document struct {
	Name string // the path people know it by: "schemas/gevme.attendee.schema.json"
	Text []byte
}

// Limit is how fast a source may be asked.
type Limit struct {
	Rate        Rate
	Concurrency int // calls in flight; 0 is not limited
}

// Rate is at most Calls in any rolling window Per. The zero Rate is no limit.
type Rate struct {
	Calls int
	Per   time.Duration
}

// SourceConfig is all a source is given for one run.
type SourceConfig struct {
	Mapping    string // name of the mapping, for messages
	Connector  string
	Options    Options
	Stream     string
	Limit      Limit // the rate and concurrency of this mapping, at most the connector's
	Connection string
	Since      time.Time // incremental: only what changed after; zero: all
	Tape       Tape      // nil: nothing is kept
	Offline    bool      // answer only from the tape; what is not on it is an error
	World      *World
}

// Tape keeps the answers that a source fetched, by request. A request that is on
// it is not made again, and an answer is durable on it before it is used. It may
// be used from several goroutines.
type Tape interface {
	// Get appends the answer to that request to dst; ok is false where there is
	// none.
	Get(ctx context.Context, request string, dst []byte) (body []byte, ok bool, err error)
	// Pack makes an answer ready to be kept, which takes a while, and no longer
	// needs body when it returns. put keeps it: it is durable when put returns nil.
	// Without put it is not kept.
	Pack(request string, body []byte) (put func() error)
}

// OptionError is what is wrong with one option.
type OptionError struct {
	Option  string
	Message string
	Hint    string
}

// Declared reads a connector that a mapping names by its file, and with open
// the files that it names in turn
// (`source: {./eventbrite.yaml: {…}}`).
type Declared func(file string, src []byte, open func(name string) ([]byte, error)) (SourceConnector, diag.List)
