package pipeline

import (
	"slices"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// Plan is a mapping that was checked: runnable, and never changed again. Many
// goroutines may use it at once.
type Plan struct {
	name   string
	source planSource

	// A record's slots: first the paths that are read of it, then for each
	// level of each: the paths that are read of its elements, then the names of
	// let:.
	projection *jsonrow.Projection
	slots      int

	each   []eachStep
	lets   []letStep
	where  *step
	fields []fieldStep

	columns   []Column
	check     *schema.RowCheck // nil: there is no target schema
	key       []int            // columns that make a row the same row
	keyed     bool             // a sink needs the key: rows are held against it
	recordKey *recordKey       // the record's own key; nil: unknown
	sinks     []planSink
	rejects   rejectsPlan
}

// planSource is where records come from.
type planSource struct {
	connector  SourceConnector
	options    Options
	stream     Stream
	limit      Limit
	connection string

	incremental bool
	tape        bool          // keep what was fetched
	resume      time.Duration // how long an interrupted run can be gone on with
}

// step is an expression with the slots that it reads.
type step struct {
	program *expression.Program
	at      []int
	file    string        // where it stands, for messages: the file's own name …
	locate  *diag.Locator // … and its places
}

// eachStep makes a row of each element of a list.
type eachStep struct {
	step
	name       string
	projection *jsonrow.Projection // what is read of an element …
	from       int                 // … into the slots from here
}

// letStep puts what its expression gives into a slot of its own.
type letStep struct {
	step
	name  string
	slot  int
	early bool // where: needs it
}

// fieldStep makes one column.
type fieldStep struct {
	step
	name     string
	declared value.Type     // what to convert to; unknown: as it comes
	zone     *time.Location // where a day begins, for timestamp to date
	required bool
}

// recordKey is the member of a record that tells it from others.
type recordKey struct {
	name string
	slot int
}

type planSink struct {
	connector SinkConnector
	options   Options
	target    string
	shown     string // target, without what may be secret in it
}

// rejectsPlan is where rejects go and how many there may be.
type rejectsPlan struct {
	path       string
	maxCount   int     // -1: any number
	maxPercent float64 // of all records read; 100: any share
}

// questions are the questions that the expressions ask, each once.
func (p *Plan) questions() []string {
	var out []string
	add := func(s step) {
		for _, q := range s.program.Questions() {
			if !slices.Contains(out, q) {
				out = append(out, q)
			}
		}
	}
	for _, l := range p.lets {
		add(l.step)
	}
	if p.where != nil {
		add(*p.where)
	}
	for _, f := range p.fields {
		add(f.step)
	}
	return out
}

// Name is the mapping's name.
func (p *Plan) Name() string { return p.name }

// Columns are the columns of the rows, in order.
func (p *Plan) Columns() []Column { return p.columns }

// SourceName is the connector that records come from.
func (p *Plan) SourceName() string { return p.source.connector.Name }

// Remote reports whether the source is called over the network.
func (p *Plan) Remote() bool { return p.source.connector.Remote }

// Targets are where rows go, as people name it.
func (p *Plan) Targets() []string {
	var out []string
	for _, s := range p.sinks {
		out = append(out, s.target)
	}
	return out
}

// Outputs are the paths that a run writes as the mapping has them, the reject
// file among them; "-" is stdout.
func (p *Plan) Outputs() []string {
	out := []string{p.rejects.path}
	for _, s := range p.sinks {
		if !s.connector.Rows {
			out = append(out, s.target)
		}
	}
	return out
}

// ReadsStdin reports whether the source is stdin.
func (p *Plan) ReadsStdin() bool {
	return slices.ContainsFunc(p.source.connector.Options, func(o Option) bool {
		return o.Type == TypeInput && p.source.options.String(o.Name) == "-"
	})
}

// Adds reports whether a sink adds to a file that is there.
func (p *Plan) Adds() bool {
	return slices.ContainsFunc(p.sinks, func(s planSink) bool { return s.connector.Adds != nil && s.connector.Adds(s.options) })
}

// RowTargets are the receivers that take rows one by one.
func (p *Plan) RowTargets() []string {
	var out []string
	for _, s := range p.sinks {
		if s.connector.Rows {
			out = append(out, s.target)
		}
	}
	return out
}

// From is what the reject file calls the source: connector/stream.
func (p *Plan) From() string {
	if p.source.stream.Name == "" {
		return p.source.connector.Name
	}
	return p.source.connector.Name + "/" + p.source.stream.Name
}
