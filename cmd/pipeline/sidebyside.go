package main

// sidebyside.go: a record before and after, in the width of the terminal.

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// sideBySide shows what was read of a record beside the rows that it became.
// Where there is no room for both, one stands over the other.
type sideBySide struct {
	out     io.Writer
	t       terminal
	sources diag.Files // of the mapping, for the lines of rejects
	plan    *pipeline.Plan
	fields  []pipeline.FieldInfo
	paths   []string
	element []bool // of paths: it is read of an element of each:
	text    strings.Builder
}

const (
	leastBeside = 60 // columns, for two panes
	leastType   = 30 // columns of a pane that shows types
)

func newSideBySide(a *app, plan *pipeline.Plan, sources diag.Files) *sideBySide {
	s := &sideBySide{out: a.stdout, t: terminalOf(a.stdout), sources: sources, plan: plan, fields: plan.Fields(), paths: plan.Paths()}
	for i := range s.paths {
		s.element = append(s.element, i >= plan.RecordPaths())
	}
	return s
}

func (s *sideBySide) record(o *pipeline.Outcome) error {
	s.text.Reset()
	verdict, colour := "row", green
	switch {
	case o.Reject != nil:
		verdict, colour = "rejected", red
	case len(o.Rows) == 0:
		verdict, colour = "filtered", yellow
	case len(o.Rows) > 1:
		verdict = diag.Count(len(o.Rows), "row")
	}
	heading := placeOf(o) + ": " + verdict
	line := rule(cropped(heading, s.t.width), s.t.width)
	s.line(strings.Replace(line, verdict, s.t.paint(colour, verdict), 1))

	var read []value.Value
	if len(o.Read) > 0 {
		read = o.Read[0]
	}
	if len(o.Rows) == 0 {
		s.panes(s.before(o, read, nil), nil)
	}
	for i, row := range o.Rows {
		if i > 0 {
			s.line(s.t.paint(dim, fmt.Sprintf("row %d of %d", i+1, len(o.Rows))))
		}
		before, after := s.pair(o, o.Read[i], row, i > 0)
		s.panes(before, after)
	}
	switch {
	case o.Reject != nil:
		s.rejected(o.Reject)
	case len(o.Rows) == 0:
		s.filtered(o)
	}
	s.line("")
	_, err := io.WriteString(s.out, s.text.String())
	return err
}

func (s *sideBySide) line(text string) { s.text.WriteString(strings.TrimRight(text, " ") + "\n") }

// side is a name and its value in one of the panes.
type side struct {
	name, value, kind string
	made              bool // not as it was read
}

// pair is what was read, each beside the first column that reads it, and the
// columns. Of a later row only what is its own is shown again.
func (s *sideBySide) pair(o *pipeline.Outcome, read, row []value.Value, later bool) (before, after []side) {
	seen := make([]bool, len(s.paths))
	if later {
		for i := range seen {
			seen[i] = !s.element[i]
		}
	}
	for i, f := range s.fields {
		for _, path := range f.Reads {
			if at := slices.Index(s.paths, path); at >= 0 && !seen[at] {
				seen[at] = true
				before = append(before, s.path(at, read))
			}
		}
		kind := f.Type.String()
		if !f.Type.Known() {
			kind = row[i].Kind().String()
		}
		after = append(after, side{name: visible(f.Name), value: shown(row[i]), kind: kind, made: !s.asRead(f, read, row[i])})
		for len(before) < len(after) {
			before = append(before, side{})
		}
		for len(after) < len(before) {
			after = append(after, side{})
		}
	}
	for len(before) > 0 && before[len(before)-1].name == "" {
		before = before[:len(before)-1]
	}
	if later {
		return before, after
	}
	return append(before, s.before(o, read, seen)...), after
}

// before is what was read of a record and was not seen yet, and how much was not
// read.
func (s *sideBySide) before(o *pipeline.Outcome, read []value.Value, seen []bool) (out []side) {
	if read == nil {
		return []side{{name: "", value: visible(string(o.Record))}}
	}
	for i := range read {
		if seen == nil || !seen[i] {
			out = append(out, s.path(i, read))
		}
	}
	if n := s.unread(o); n > 0 {
		out = append(out, side{value: fmt.Sprintf("and %s that the mapping does not read", diag.Count(n, "field"))})
	}
	return out
}

func (s *sideBySide) path(i int, read []value.Value) side {
	return side{name: visible(s.paths[i]), value: shown(read[i])}
}

// asRead reports whether a column is a copy of something that it reads.
func (s *sideBySide) asRead(f pipeline.FieldInfo, read []value.Value, v value.Value) bool {
	return slices.ContainsFunc(f.Reads, func(path string) bool {
		at := slices.Index(s.paths, path)
		return at >= 0 && string(read[at].AppendJSON(nil)) == string(v.AppendJSON(nil))
	})
}

// unread is how many fields of the record no path begins with.
func (s *sideBySide) unread(o *pipeline.Outcome) int {
	n := 0
	err := pipeline.Members(o.Text, func(name, _ []byte) {
		read := slices.ContainsFunc(s.paths, func(path string) bool {
			return path == string(name) || strings.HasPrefix(path, string(name)+".")
		})
		if !read {
			n++
		}
	})
	if err != nil {
		return 0
	}
	return n
}

// panes prints both sides.
func (s *sideBySide) panes(before, after []side) {
	if s.t.width < leastBeside || after == nil {
		s.pane(before, s.t.width)
		if after != nil {
			s.line(s.t.paint(dim, "becomes"))
			s.pane(after, s.t.width)
		}
		return
	}
	left := (s.t.width - 3) / 2
	a, b := s.lines(before, left), s.lines(after, s.t.width-3-left)
	for i := range max(len(a), len(b)) {
		line := strings.Repeat(" ", left)
		if i < len(a) {
			line = a[i]
		}
		line += s.t.paint(dim, " │ ")
		if i < len(b) {
			line += b[i]
		}
		s.line(line)
	}
}

func (s *sideBySide) pane(sides []side, width int) {
	for i, line := range s.lines(sides, width) {
		if sides[i] != (side{}) {
			s.line(line)
		}
	}
}

// lines are sides, each in exactly that many columns.
func (s *sideBySide) lines(sides []side, width int) []string {
	names := 0
	for _, one := range sides {
		names = max(names, wide(one.name))
	}
	names = min(names, width/2)
	out := make([]string, len(sides))
	for i, one := range sides {
		out[i] = s.side(one, width, names)
	}
	return out
}

func (s *sideBySide) side(one side, width, names int) string {
	if one.name == "" {
		return s.t.paint(dim, "  "+fit(one.value, width-2))
	}
	if one.kind == "" { // what was read
		return "  " + fit(one.name, names) + "  " + fit(one.value, width-names-4)
	}
	mark, colour := "  ", ""
	if one.made {
		mark, colour = "~ ", yellow
	}
	kind := "  " + one.kind
	if width < leastType {
		kind = ""
	}
	value := fit(one.value, width-names-5-wide(kind))
	return s.t.paint(colour, mark) + fit(one.name, names) + " = " + s.t.paint(colour, value) + s.t.paint(dim, kind)
}

// filtered says why a record made no row.
func (s *sideBySide) filtered(o *pipeline.Outcome) {
	text := "where: " + visible(s.plan.Where())
	if o.Tried == 0 {
		text = "the list of each: has no elements"
	}
	for _, line := range wrapped(text, s.t.width-2) {
		s.line("  " + s.t.paint(yellow, line))
	}
}

// rejected says why a record was rejected, and shows the line of the mapping that
// could not make its column.
func (s *sideBySide) rejected(r *pipeline.Rejected) {
	text := r.Reason + " (" + r.Code + ")"
	if r.Field != "" {
		text = r.Field + ": " + text
	}
	for _, line := range wrapped(visible(text), s.t.width-2) {
		s.line("  " + s.t.paint(red, line))
	}
	i := slices.IndexFunc(s.fields, func(f pipeline.FieldInfo) bool { return f.Name == r.Field })
	if i < 0 {
		return
	}
	at := s.fields[i].NameSpan
	if text, ok := lineOf(s.sources[at.File], at.Start.Line); ok {
		s.line("  " + cropped(fmt.Sprintf("%s:%d │ %s", at.File, at.Start.Line, visible(strings.TrimSpace(text))), s.t.width-2))
	}
}

// lineOf is a line of a file, counted from 1.
func lineOf(src []byte, n int) (string, bool) {
	i := 0
	for line := range strings.Lines(string(src)) {
		if i++; i == n {
			return line, true
		}
	}
	return "", false
}
