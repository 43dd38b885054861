package pipeline

// written.go: what a mapping holds records against, for those who make records up
// that have to go the same way through it: record.

import (
	"slices"
	"strings"

	"pipeline/pipeline/expression"
	"pipeline/pipeline/value"
)

// Texts are the texts that the expressions write, each once.
func (p *Plan) Texts() []string {
	var out []string
	for _, s := range p.steps() {
		out = append(out, s.program.Texts()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Listed are the paths of the record, such as "address.country", whose values go
// into lookup() or country(): what is on no list is null there, or an error.
func (p *Plan) Listed() []string {
	var out []string
	for _, s := range p.steps() {
		for _, r := range s.program.Listed() {
			out = append(out, p.resolve(r, len(p.each))...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Calls reports whether an expression calls the function of that name.
func (p *Plan) Calls(function string) bool {
	return slices.ContainsFunc(p.steps(), func(s *step) bool { return s.program.Calls(function) })
}

// steps are all expressions.
func (p *Plan) steps() []*step {
	var out []*step
	for i := range p.each {
		out = append(out, &p.each[i].step)
	}
	for i := range p.lets {
		out = append(out, &p.lets[i].step)
	}
	if p.where != nil {
		out = append(out, p.where)
	}
	for i := range p.fields {
		out = append(out, &p.fields[i].step)
	}
	return out
}

// resolve is what of the record a read comes down to: through the names of let:
// and of the first levels of each: to the paths that these are made of. A path
// within a list goes on behind that of the list.
func (p *Plan) resolve(r expression.Read, levels int) []string {
	name, rest := r.Path[0], r.Path[1:]
	if made := slices.IndexFunc(p.lets, func(l letStep) bool { return r.Local && l.name == name }); made >= 0 {
		return p.resolveAll(p.lets[made].step, levels, nil)
	}
	level := slices.IndexFunc(p.each[:levels], func(e eachStep) bool { return e.name == name })
	if level >= 0 && !r.Local {
		return p.resolveAll(p.each[level].step, level, rest) // a list may hide the name that it is made of
	}
	return []string{strings.Join(r.Path, ".")}
}

// resolveAll are the reads of a step, each with rest behind it.
func (p *Plan) resolveAll(s step, levels int, rest []string) []string {
	var out []string
	for _, r := range s.program.Reads() {
		for _, path := range p.resolve(r, levels) {
			out = append(out, strings.Join(append([]string{path}, rest...), "."))
		}
	}
	return out
}

// Amounts are the paths of the record that columns of numbers with a fraction are
// made of.
func (p *Plan) Amounts() []string {
	var out []string
	for i, f := range p.fields {
		if kind := p.columns[i].Type.Kind; kind == value.Decimal || kind == value.Float {
			out = append(out, p.resolveAll(f.step, len(p.each), nil)...)
		}
	}
	return out
}
