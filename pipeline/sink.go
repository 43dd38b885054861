package pipeline

import (
	"context"
	"fmt"

	"pipeline/pipeline/ledger"
	"pipeline/pipeline/value"
)

// Column is one field of the rows that a mapping makes.
type Column struct {
	Name        string
	Type        value.Type // unknown where neither mapping nor schemas say
	Converted   bool       // every value that is not null was converted to it
	Nullable    bool
	Optional    bool // the schema of the rows takes no null here, but lets the field be absent
	Description string
}

// Batch is rows in source order. It is borrowed: a sink copies what it keeps.
type Batch struct {
	Columns []Column
	push    uint64         // that its rows came in; 0: they were not pushed
	slab    []value.Value  // rows one after another, len(Columns) values each
	texts   [][]byte       // of each row, as RowJSON has it; nil: they were not made
	entries []ledger.Entry // of each row, with its key; nil: they were not made
}

// Len is the number of rows.
func (b *Batch) Len() int {
	switch {
	case b.texts != nil:
		return len(b.texts)
	case len(b.Columns) == 0:
		return 0
	}
	return len(b.slab) / len(b.Columns)
}

// Push is the number of the push that the rows came in, 0 where they were not pushed:
// of one push no key comes twice, of one run it may.
func (b *Batch) Push() uint64 { return b.push }

// Row is row i, borrowed.
func (b *Batch) Row(i int) []value.Value {
	n := len(b.Columns)
	return b.slab[i*n : (i+1)*n : (i+1)*n]
}

// Append adds a copy of row, which has one value per column.
func (b *Batch) Append(row []value.Value) { b.slab = append(b.slab, row...) }

// Writer sees the batches of one run one at a time, in source order, and ends
// in Commit or Abort.
type Writer interface {
	// Write takes the rows of b. It copies what it keeps.
	Write(ctx context.Context, b *Batch) error
	// Flush makes every row so far durable, though not yet visible. The engine
	// flushes all sinks before it commits any, so that a full disk at the
	// second sink leaves the first one as it was.
	Flush(ctx context.Context) error
	// Commit makes what was flushed visible. Twice is safe.
	Commit(ctx context.Context) error
	// Abort leaves nothing behind. After Commit it does nothing.
	Abort() error
}

// Encoder is a Writer whose rows are bytes, one row's the same whatever stands
// before it. Mappers then encode the rows of their pages beside each other, while
// the texts of a row are still close at hand, and the writer only appends them.
type Encoder interface {
	Writer
	// EncodeRow appends a row to dst. Many goroutines call it at once.
	EncodeRow(dst []byte, row []value.Value) []byte
	// WriteEncoded takes, in the place of Write, what EncodeRow made of the next
	// rows. It copies what it keeps.
	WriteEncoded(ctx context.Context, rows []byte) error
}

// Sender is a Writer of rows that does not wait for the answer to one request
// before it takes the rows of the next. It is given rows as text and as keys, see
// [RowJSON.AppendOf] and [Batch.AppendKey]: mappers make both, and keep no values.
type Sender interface {
	Writer
	// Send takes those rows of b, from row from on, that go out together, copies
	// what it keeps and returns how many they are: at once, unless as much is under
	// way as may be. answered is called once, from any goroutine, with what Write
	// would return for these rows. After an error that ends the run nothing more is
	// sent, and what is still to be sent is answered with it.
	Send(ctx context.Context, b *Batch, from int, answered func(error)) (rows int)
}

// SinkConnector is what an entry of `sinks:` names.
type SinkConnector struct {
	Name    string
	Summary string
	Options []Option

	// Check reports what is wrong with the options beyond their types, without
	// I/O. It may be nil.
	Check func(Options) []OptionError

	// Target is where rows go, as people name it: a path, a URL. Two sinks of
	// one run with the same target are a diagnostic.
	Target func(Options) string

	// Rows is set for a sink that delivers row by row: what it was given is
	// remembered by key, so that nothing is delivered twice.
	Rows bool

	// Binary is set for a sink whose files are no text, so that tests compare its
	// rows instead.
	Binary bool

	// Typed is set for a sink that has to know the type of every column.
	Typed bool

	// Keyed and Adds say of a sink with these options that it needs key:, and
	// that it adds to what is there, so that an incremental run can write to it.
	// Both may be nil; a sink of rows is both.
	Keyed, Adds func(Options) bool

	// Holder makes a check for rows of these columns, which belongs to one goroutine:
	// it says which column of a row the sink cannot keep as it is, and why. That is a
	// matter of one record, which is rejected; what Write returns ends the run. It may
	// be nil, where every row can be kept.
	Holder func([]Column) func(row []value.Value) (column int, err error)

	// Open makes a writer for one run. Where its World has an Outbox, a sink of rows
	// puts its requests there and sends none.
	Open func(context.Context, SinkConfig) (Writer, error)

	// Courier delivers what such writers put into the outbox; nil: there is none.
	Courier func(SinkConfig) (Courier, error)
}

// Refused is the error of Write where the receiver took some rows and refused
// others for good: those are rejects.
type Refused struct{ Rows []RefusedRow }

// RefusedRow is one row that a receiver refused.
type RefusedRow struct {
	Row    int    // in the batch that it came in
	Code   string // of the reject; empty: the receiver said so
	Reason string // for people: the status
	Answer string // what the receiver said, cropped
}

func (e *Refused) Error() string { return fmt.Sprintf("%d rows were refused", len(e.Rows)) }

// SinkConfig is all a sink is given for one run.
type SinkConfig struct {
	Mapping string
	Digest  string // SHA-256 of the mapping's file and of those that it extends, in hex
	Name    string // tells the sinks of a mapping apart: "webhook", "webhook-2"
	Target  string // what messages call the target; empty: what the sink calls it
	Options Options
	Columns []Column
	Key     []int  // columns that make a row the same row; nil: the mapping says none
	State   string // folder of what the mapping keeps between runs; empty: nothing is kept
	World   *World
}

// Registry is the connectors there are.
type Registry struct {
	Sources  []SourceConnector
	Sinks    []SinkConnector
	Declared Declared
}

// Source is the source connector of that name.
func (r *Registry) Source(name string) (SourceConnector, bool) {
	for _, c := range r.Sources {
		if c.Name == name {
			return c, true
		}
	}
	return SourceConnector{}, false
}

// Sink is the sink connector of that name.
func (r *Registry) Sink(name string) (SinkConnector, bool) {
	for _, c := range r.Sinks {
		if c.Name == name {
			return c, true
		}
	}
	return SinkConnector{}, false
}
