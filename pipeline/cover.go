package pipeline

// cover.go: what of a mapping records ever came to, for tests that ask what none
// of their cases tests.

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/schema"
)

// Coverage is what of a plan the records of runs came to. Each run that is given
// it adds to it. The plan has to be compiled with Setup.Cover, or it has no
// branches.
type Coverage struct {
	plan  *Plan
	rules []schema.Rule
	steps []*step

	mu   sync.Mutex
	seen sighting
}

// sighting is what one mapper saw. It belongs to one goroutine.
type sighting struct {
	rules    []schema.Rule // of the coverage
	fields   []bool        // made with a value other than null
	reached  []bool        // by rule
	kept     bool          // by where:
	filtered bool
	branches map[*expression.Program][]bool
}

// Coverage is a coverage in which nothing was seen yet.
func (p *Plan) Coverage() *Coverage {
	c := &Coverage{plan: p}
	if p.target != nil {
		var names []string
		for _, col := range p.columns {
			names = append(names, col.Name)
		}
		c.rules = p.target.Rules(names)
	}
	c.steps = p.steps()
	c.seen = *c.sighting()
	return c
}

// sighting is that of a mapper which has seen nothing yet; nil without coverage.
func (c *Coverage) sighting() *sighting {
	if c == nil {
		return nil
	}
	return &sighting{rules: c.rules, fields: make([]bool, len(c.plan.fields)), reached: make([]bool, len(c.rules)), branches: map[*expression.Program][]bool{}}
}

// CoverKind is what a part of a mapping is.
type CoverKind string

// The kinds of what can be covered.
const (
	CoverField  CoverKind = "field"  // a column that has a value in some row
	CoverBranch CoverKind = "branch" // a way that an expression can go
	CoverRule   CoverKind = "rule"   // a rule of the target schema that some value comes to
)

// CoverItem is one part of a mapping that a test can come to.
type CoverItem struct {
	Kind    CoverKind
	Span    diag.Span
	What    string // what is to be said of it where nothing came to it
	Covered bool
}

// CountCovered is how many parts of a kind there are, and to how many of them a
// test came.
func CountCovered(items []CoverItem, kind CoverKind) (covered, of int) {
	for _, item := range items {
		if item.Kind != kind {
			continue
		}
		of++
		if item.Covered {
			covered++
		}
	}
	return covered, of
}

// Items are all parts of the mapping, fields first, then branches, then rules.
func (c *Coverage) Items() []CoverItem {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []CoverItem
	for i, f := range c.plan.fields {
		out = append(out, CoverItem{CoverField, f.nameAt, f.name + " is null in every row", c.seen.fields[i]})
	}
	for _, s := range c.steps {
		taken, from := c.seen.branches[s.program], len(out)
		for i, b := range s.program.Branches() {
			part := strings.Join(strings.Fields(s.program.Source()[b.From:b.To]), " ")
			out = append(out, CoverItem{CoverBranch, s.locate.Span(b.From, b.To), part + " " + b.What, taken != nil && taken[i]})
		}
		slices.SortStableFunc(out[from:], func(a, b CoverItem) int { return compareSpans(a.Span, b.Span) })
		if s == c.plan.where {
			at := s.locate.Span(0, len(s.program.Source()))
			out = append(out, CoverItem{CoverBranch, at, "where keeps no record", c.seen.kept}, CoverItem{CoverBranch, at, "where leaves no record out", c.seen.filtered})
		}
	}
	for i, r := range c.rules {
		out = append(out, CoverItem{CoverRule, r.Span, c.plan.columns[r.Column].Name + ": no row comes to " + r.What, c.seen.reached[i]})
	}
	return out
}

func compareSpans(a, b diag.Span) int {
	return cmp.Or(cmp.Compare(a.Start.Line, b.Start.Line), cmp.Compare(a.Start.Column, b.Start.Column))
}

// add adds what the mappers of a run saw.
func (c *Coverage) add(mappers []*mapper) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range mappers {
		union(c.seen.fields, m.seen.fields)
		union(c.seen.reached, m.seen.reached)
		c.seen.kept = c.seen.kept || m.seen.kept
		c.seen.filtered = c.seen.filtered || m.seen.filtered
		for _, s := range c.steps {
			taken := m.machine.Covered(s.program)
			if have, ok := c.seen.branches[s.program]; ok {
				union(have, taken)
			} else {
				c.seen.branches[s.program] = slices.Clone(taken)
			}
		}
	}
}

func union(dst, src []bool) {
	for i, b := range src {
		dst[i] = dst[i] || b
	}
}

// checked notes which rules a row comes to, good or bad.
func (s *sighting) checked(m *mapper) {
	for i := range s.rules {
		s.reached[i] = s.reached[i] || s.rules[i].Reached(m.row[s.rules[i].Column])
	}
}

// made notes the columns of a good row.
func (s *sighting) made(m *mapper) {
	for i, v := range m.row {
		s.fields[i] = s.fields[i] || !v.IsNull()
	}
}
