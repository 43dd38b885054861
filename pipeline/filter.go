package pipeline

// filter.go: a condition over records as they come, said beside the mapping, as
// in `pipeline preview --where`.

import (
	"errors"
	"slices"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// Filter is a condition over the records of a plan's source. It belongs to one
// goroutine.
type Filter struct {
	program *expression.Program
	machine *expression.Machine
	dec     *jsonrow.Decoder
	slots   []value.Value
	at      []int
}

// Filter compiles a condition over the records that p reads; file is what
// diagnostics call the text it stands in, now what now() says. The Filter is nil where there are
// errors.
func (p *Plan) Filter(file, src string, now time.Time) (*Filter, diag.List) {
	program, problems := expression.Compile(src, expression.Scope{Record: p.record, Tables: p.tables})
	var diags diag.List
	at := diag.NewSource(file, []byte(src))
	for _, q := range problems {
		diags = append(diags, diag.Diagnostic{Severity: q.Severity, Code: q.Code, Span: at.Span(q.From, q.To), Message: q.Message, Hint: q.Hint, Notes: q.Notes})
	}
	if program == nil {
		return nil, diags
	}
	if t := program.Type(); t.Known() && t.Kind != value.Boolean {
		return nil, diags.Error(codeWhere, at.Span(0, len(src)), "the condition gives "+article(t)+", and has to say true or false", `compare it, as in status != "cancelled"`)
	}
	f := &Filter{program: program, machine: expression.NewMachine(now)}
	var paths paths
	for _, r := range program.Reads() {
		if p.makes(r.Path[0]) {
			diags = diags.Warn("unknown-name", at.Span(0, len(src)), r.Path[0]+" is made by the mapping, and the condition is over the record as the source has it", "write what "+r.Path[0]+" is made of")
		}
		f.at = append(f.at, paths.slot(r.Path))
	}
	f.dec = jsonrow.NewDecoder(jsonrow.NewProjection(paths.list))
	f.slots = make([]value.Value, len(paths.list))
	return f, diags
}

// makes reports whether a name is of let: or each: and, as far as one knows, none
// of the record.
func (p *Plan) makes(name string) bool {
	_, declared := p.record.Field(name)
	return !declared && (slices.ContainsFunc(p.lets, func(l letStep) bool { return l.name == name }) ||
		slices.ContainsFunc(p.each, func(e eachStep) bool { return e.name == name }))
}

// Holds reports whether the condition is true of a record, given as JSON; null
// is not. The error says why that cannot be worked out.
func (f *Filter) Holds(record []byte) (bool, error) {
	f.dec.Reset()
	if err := f.dec.Decode(record, f.slots); err != nil {
		return false, err
	}
	f.machine.NextRecord()
	v, err := f.machine.Eval(f.program, f.slots, f.at)
	switch {
	case err != nil:
		return false, err
	case v.Kind() == value.Boolean:
		return v.Bool(), nil
	case v.IsNull():
		return false, nil
	}
	return false, errors.New("the condition gives " + v.Kind().String() + ", and has to say true or false")
}
