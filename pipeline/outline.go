package pipeline

// outline.go: what a plan does, for documents about it.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline/expression"
	"pipeline/pipeline/value"
)

// Outline is what a plan does, in texts that may be shown to anybody: a ${NAME}
// stands as it is written, and keys in expressions are hidden.
type Outline struct {
	Description string // of the mapping; empty where it has none
	Summary     string // of the connector
	Docs        string // address of the platform's own documentation
	Options     []OptionText
	Each, Let   []StepText
	Where       StepText // without an expression where all rows are kept
	Fields      []StepText
	Rules       [][]string // of the target schema, by field; as schema.Rule.What has them
	Target      string     // file of the target schema; empty where there is none
	RejectMax   string     // how many rejects there may be, "5%" or "100"; empty: any number
	Incremental bool       // a run asks for what changed since the last one
	Tape        bool       // what was fetched is kept
	Sinks       []SinkOutline
	Pushed      AuthKind      // how who pushes proves itself; empty: nothing is pushed
	Reconcile   time.Duration // how often all is pulled beside what is pushed; 0: never
	Schedule    string        // when it runs by itself; empty: it does not say
}

// OptionText is an option that the mapping gives to its source.
type OptionText struct{ Name, Value, Doc string }

// StepText is an expression, and what it is for.
type StepText struct {
	Name       string
	Expression string
	Words      string // the expression in English, as far as it can be said
	Reads      []ReadText
	Zone       string // of a field that is a day: where the day begins; empty where it does not say
}

// ReadText is a path of the record that an expression reads, and what the source's
// schema says of it.
type ReadText struct{ Path, Doc string }

// SinkOutline is where rows go.
type SinkOutline struct {
	Connector string
	Summary   string
	Target    string   // a path, or an address without its query; an address may hold a secret in its path
	Rows      bool     // it takes rows one by one
	Headers   []string // names of the headers of its requests
	Signed    bool     // its requests are signed
	Options   Options  // those that are numbers or one of few words, and those that are rates
}

// Outline is what the plan does.
func (p *Plan) Outline() Outline {
	out := Outline{
		Description: p.description,
		Summary:     p.source.connector.Summary,
		Docs:        p.source.connector.Docs,
		Incremental: p.source.incremental,
		Tape:        p.source.tape,
	}
	for _, o := range p.source.connector.Options {
		if text, given := p.source.written[o.Name]; given && !o.Secret {
			out.Options = append(out.Options, OptionText{o.Name, text, o.Doc})
		}
	}
	if out.Reconcile = p.reconcile; p.push != nil {
		out.Pushed = p.push.Auth.Kind
	}
	if p.schedule != nil {
		out.Schedule = p.schedule.String()
	}
	keys := p.keyNames()
	for _, e := range p.each {
		out.Each = append(out.Each, p.textOf(e.name, e.step, false))
	}
	for _, l := range p.lets {
		out.Let = append(out.Let, p.textOf(l.name, l.step, slices.Contains(keys, l.name)))
	}
	if p.where != nil {
		out.Where = p.textOf("", *p.where, false)
	}
	for _, f := range p.fields {
		text := p.textOf(f.name, f.step, false)
		if f.zone != nil {
			text.Zone = f.zone.String()
		}
		out.Fields = append(out.Fields, text)
	}
	out.Rules = make([][]string, len(p.fields))
	if p.target != nil {
		out.Target = p.target.Span().File
		for _, r := range p.target.Rules(p.columnNames()) {
			out.Rules[r.Column] = append(out.Rules[r.Column], r.What)
		}
	}
	switch r := p.rejects; {
	case r.maxCount >= 0:
		out.RejectMax = strconv.Itoa(r.maxCount)
	case r.maxPercent < 100:
		out.RejectMax = strconv.FormatFloat(r.maxPercent, 'f', -1, 64) + "%"
	}
	for _, s := range p.sinks {
		out.Sinks = append(out.Sinks, s.outline())
	}
	return out
}

func (p *Plan) textOf(name string, s step, hide bool) StepText {
	text := expression.Shown(s.program.Source(), hide)
	out := StepText{Name: name, Expression: text, Words: expression.Words(text)}
	for _, path := range p.readsOf(s) {
		out.Reads = append(out.Reads, ReadText{path, p.docOf(strings.Split(path, "."))})
	}
	return out
}

// docOf is what the source's schema says of a path, which may begin with a name of
// each:.
func (p *Plan) docOf(path []string) string {
	shape := p.record
	for _, e := range p.each {
		if list := e.program.Shape(); e.name == path[0] && list != nil {
			shape = &value.Shape{Fields: []value.Field{{Name: e.name, Shape: list.Elem}}}
		}
	}
	for _, name := range path {
		shape, _ = shape.Field(name)
	}
	if shape == nil {
		return ""
	}
	return shape.Doc
}

// keyNames are the names of let: that go into keys of pseudonyms, directly or by
// another name.
func (p *Plan) keyNames() []string {
	var names []string
	all := p.fields
	steps := make([]step, 0, len(all)+len(p.lets)+1)
	for _, f := range all {
		steps = append(steps, f.step)
	}
	if p.where != nil {
		steps = append(steps, *p.where)
	}
	for i := len(p.lets) - 1; i >= 0; i-- { // each may use those above it
		steps = append(steps, p.lets[i].step)
	}
	for _, s := range steps {
		i := slices.IndexFunc(p.lets, func(l letStep) bool { return l.program == s.program })
		if !expression.HasKey(s.program.Source()) && (i < 0 || !slices.Contains(names, p.lets[i].name)) {
			continue
		}
		for _, r := range s.program.Reads() {
			if r.Local {
				names = append(names, r.Path[0])
			}
		}
	}
	return names
}

func (p *Plan) columnNames() []string {
	names := make([]string, len(p.columns))
	for i, c := range p.columns {
		names[i] = c.Name
	}
	return names
}

// outline is what may be shown of a sink.
func (s planSink) outline() SinkOutline {
	out := SinkOutline{Connector: s.connector.Name, Summary: s.connector.Summary, Target: s.publicTarget(), Rows: s.connector.Rows, Options: Options{}}
	for _, o := range s.connector.Options {
		switch v := s.options[o.Name].(type) {
		case map[string]string:
			out.Headers = append(out.Headers, slices.Sorted(maps.Keys(v))...)
		case int64, bool:
			out.Options[o.Name] = v
		case string:
			out.Signed = out.Signed || o.Name == "secret" && v != ""
			if _, err := ParseRate(v); err == nil || slices.Contains(o.Values, v) {
				out.Options[o.Name] = v
			}
		}
	}
	return out
}

// publicTarget is the target as it is written: of a ${NAME} and its default, the
// name alone. It stands as a word while the connector takes the address apart.
func (s planSink) publicTarget() string {
	shown := maps.Clone(s.options)
	var back []string
	for name, text := range s.written {
		if !strings.Contains(text, "${") {
			continue
		}
		shown[name] = variable.ReplaceAllStringFunc(text, func(ref string) string {
			word := fmt.Sprintf("variable%dx", len(back))
			name, _, _ := strings.Cut(ref[2:len(ref)-1], ":-")
			back = append(back, word, "${"+name+"}")
			return word
		})
	}
	return strings.TrimPrefix(strings.NewReplacer(back...).Replace(s.connector.Target(shown)), "://") // what has no scheme is a variable
}
