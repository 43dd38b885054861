package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	name        string
	description string // as it is written
	digest      string // of the files that the mapping was written in
	source      planSource

	// A record's slots: first the paths that are read of it, then for each
	// level of each: the paths that are read of its elements, then the names of
	// let:.
	projection *jsonrow.Projection
	slots      int
	paths      []string // of the slots, but for those of let:

	each   []eachStep
	lets   []letStep
	where  *step
	fields []fieldStep

	tables    map[string]expression.Table // for lookup()
	record    *value.Shape                // of a record; nil: nothing is known
	target    *schema.Schema              // of the rows; nil: there is none
	columns   []Column
	check     *schema.RowCheck // nil: there is no target schema
	key       []int            // columns that make a row the same row
	keyed     bool             // a sink needs the key: rows are held against it
	recordKey *recordKey       // the record's own key; nil: unknown
	sinks     []planSink
	rejects   rejectsPlan

	push      *Push         // nil: nothing can be pushed to it
	pushAt    diag.Span     // of its path
	reconcile time.Duration // 0: never
	schedule  *Schedule     // nil: it does not run by itself
}

// planSource is where records come from.
type planSource struct {
	connector  SourceConnector
	options    Options
	shown      map[string]string // the options as texts, without what may be secret in them
	written    map[string]string // the options that the mapping gives, as it writes them
	stream     Stream
	limit      Limit
	connection string

	incremental bool
	tape        bool          // keep what was fetched
	resume      time.Duration // how long an interrupted run can be gone on with

	schema     string // the file that says what a record is; empty: nothing does
	ownSchema  bool   // the mapping names it
	driftFails bool   // a record that is not as it says ends the run
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
	nameAt   diag.Span      // of its name
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
	written   map[string]string // the options that the mapping gives, as it writes them
	target    string
	shown     string    // target, without what may be secret in it
	at        diag.Span // where it is named
}

// rejectsPlan is where rejects go and how many there may be.
type rejectsPlan struct {
	path       string
	maxCount   int     // -1: any number
	maxPercent float64 // of all records read; 100: any share
	retry      bool    // an incremental run maps the open ones again
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

// FieldInfo says what a column is, and what it is made of.
type FieldInfo struct {
	Column
	Expression string
	Span       diag.Span // of the expression, in the file that has it
	NameSpan   diag.Span // of the field's name
	// Reads are the paths of the record that the expression reads, such as
	// "ticket.name"; of a name of let: or each:, what is read for it.
	Reads  []string
	Target schema.Column // what the target says of it; the zero Column without a target
}

// Fields are the columns with what they are made of, in order.
func (p *Plan) Fields() []FieldInfo {
	out := make([]FieldInfo, len(p.fields))
	for i, f := range p.fields {
		out[i] = FieldInfo{
			Column: p.columns[i], Expression: f.program.Source(), Span: f.locate.Span(0, len(f.program.Source())),
			NameSpan: f.nameAt, Reads: p.readsOf(f.step),
		}
		if p.target != nil {
			out[i].Target = p.target.Column(f.name)
		}
	}
	return out
}

// readsOf are the paths of the record that a step needs, each once.
func (p *Plan) readsOf(s step) []string {
	var out []string
	add := func(path string) {
		if !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	for _, r := range s.program.Reads() {
		name := r.Path[0]
		from := slices.IndexFunc(p.lets, func(l letStep) bool { return r.Local && l.name == name })
		if from >= 0 {
			for _, path := range p.readsOf(p.lets[from].step) {
				add(path)
			}
			continue
		}
		add(strings.Join(r.Path, "."))
	}
	return out
}

// Paths are what the mapping reads of a record, such as "ticket.name", and of
// the elements of each:, such as "attendee.ticket".
func (p *Plan) Paths() []string { return p.paths }

// RecordPaths is how many of Paths are of the record; the others are of elements.
func (p *Plan) RecordPaths() int { return p.projection.Slots() }

// Where is the expression of where:, empty where there is none.
func (p *Plan) Where() string {
	if p.where == nil {
		return ""
	}
	return p.where.program.Source()
}

// KeepsTape reports whether runs keep what they fetch.
func (p *Plan) KeepsTape() bool { return p.source.connector.Remote && p.source.tape }

// KeyColumns are the columns of key:, by their place; nil where there is none.
func (p *Plan) KeyColumns() []int { return p.key }

// Stream is what the source reads.
func (p *Plan) Stream() Stream { return p.source.stream }

// Record is what is known of a record, nil where nothing is.
func (p *Plan) Record() *value.Shape { return p.record }

// SourceSchema is the file that says what a record is, empty where nothing does;
// own reports whether the mapping names it.
func (p *Plan) SourceSchema() (file string, own bool) { return p.source.schema, p.source.ownSchema }

// Limit is how fast the source is asked.
func (p *Plan) Limit() Limit { return p.source.limit }

// Connection is whose credentials the source uses.
func (p *Plan) Connection() string { return p.source.connection }

// SourceOptions are the options of the source.
func (p *Plan) SourceOptions() Options { return maps.Clone(p.source.options) }

// ShownOptions are the options of the source as texts, without what ${NAME} put
// into them.
func (p *Plan) ShownOptions() map[string]string { return maps.Clone(p.source.shown) }

// IsDefault reports whether an option of the source is what its connector says by
// default.
func (p *Plan) IsDefault(option string) bool {
	return slices.ContainsFunc(p.source.connector.Options, func(o Option) bool {
		return o.Name == option && o.Default != nil && fmt.Sprint(o.Default) == p.source.shown[option]
	})
}

// SourceName is the connector that records come from.
func (p *Plan) SourceName() string { return p.source.connector.Name }

// Remote reports whether the source is called over the network.
func (p *Plan) Remote() bool { return p.source.connector.Remote }

// SinkInfo is where rows go, for people.
type SinkInfo struct {
	Connector string
	Name      string // tells the sinks of a mapping apart: "webhook", "webhook-2"
	Rows      bool   // it takes rows one by one
	Target    string // without what may be secret in it
	Mode      string // replace, append or merge; empty where the sink has none
}

// Sinks are where rows go, in the order of the mapping.
func (p *Plan) Sinks() []SinkInfo {
	var out []SinkInfo
	for i, s := range p.sinks {
		out = append(out, SinkInfo{Connector: s.connector.Name, Name: p.sinkName(i), Rows: s.connector.Rows, Target: s.shown, Mode: s.options.String("mode")})
	}
	return out
}

// MostRejects is how many rejects there may be, as the mapping says it: "100",
// "5%", or empty for any number.
func (p *Plan) MostRejects() string {
	switch r := p.rejects; {
	case r.maxCount >= 0:
		return strconv.Itoa(r.maxCount)
	case r.maxPercent < 100:
		return fmt.Sprintf("%g%%", r.maxPercent)
	default:
		return ""
	}
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

// RejectFile is the path of the reject file as the mapping has it.
func (p *Plan) RejectFile() string { return p.rejects.path }

// ReadsStdin reports whether the source is stdin.
func (p *Plan) ReadsStdin() bool {
	return slices.ContainsFunc(p.source.connector.Options, func(o Option) bool {
		return o.Type == TypeInput && p.source.options.String(o.Name) == "-"
	})
}

// WritesStdout reports whether rows go to stdout, and where the mapping says so.
func (p *Plan) WritesStdout() (diag.Span, bool) {
	for _, s := range p.sinks {
		if s.target == "-" {
			return s.at, true
		}
	}
	return diag.Span{}, false
}

// Adds reports whether a sink adds to a file that is there.
func (p *Plan) Adds() bool {
	return slices.ContainsFunc(p.sinks, func(s planSink) bool { return s.connector.Adds != nil && s.connector.Adds(s.options) })
}

// RowTargets are the receivers that take rows one by one. What is secret in them is
// not left out: they are not for people.
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
