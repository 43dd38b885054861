package golden

// compare.go: what is different between what came out and what was wanted.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pipeline/pipeline/diag"
)

// Difference is how one output differs from what was wanted.
type Difference struct {
	File    string
	Rejects bool // it is the reject file

	Missing, Extra bool     // the file is there on one side alone
	Gone, New      []string // columns
	Order          bool     // the columns are the same, in another order
	Rows           []RowDiff
	Lines          []LineDiff // of a file that has no rows, or whose rows are the same
}

// RowDiff is a row that differs, or that is on one side alone.
type RowDiff struct {
	Row   string // which: its key, else its place
	Want  string // of a row that is gone: its text
	Got   string // of a row that is new: its text
	Cells []CellDiff

	Field, Reason, Value, Record string // of a reject that is new or gone
}

// CellDiff is a cell that differs.
type CellDiff struct{ Column, Want, Got string }

// LineDiff is a line that is gone or new.
type LineDiff struct {
	Number int // in the file that has it
	New    bool
	Text   string
}

// Maker is the line of the mapping that makes a column.
type Maker struct {
	Span diag.Span
	Text string // "email: lower(trim(email))"
}

// makers are the lines of the mapping by the column that they make.
func (s *Suite) makers() map[string]Maker {
	out := map[string]Maker{}
	for _, f := range s.plan.Fields() {
		text := strings.Join(strings.Fields(f.Expression), " ")
		out[f.Name] = Maker{f.NameSpan, f.Name + ": " + text}
	}
	return out
}

// compare is what is different, in the order of the names.
func (s *Suite) compare(want, got []File) []Difference {
	var names []string
	for _, f := range append(slices.Clone(want), got...) {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	var out []Difference
	for _, name := range slices.Compact(names) {
		w, wanted := find(want, name)
		g, made := find(got, name)
		if wanted && made && bytes.Equal(w, g) {
			continue
		}
		d := Difference{File: name, Rejects: name == s.rejectFile(), Missing: !made, Extra: !wanted}
		s.difference(&d, w, g)
		out = append(out, d)
	}
	return out
}

// rejectFile is the name of the reject file in a case.
func (s *Suite) rejectFile() string { return sealedName(s.plan.RejectFile()) }

func (s *Suite) difference(d *Difference, want, got []byte) {
	var columns, key []string
	for _, c := range s.plan.Columns() {
		columns = append(columns, c.Name)
	}
	for _, i := range s.plan.KeyColumns() {
		key = append(key, columns[i])
	}
	if d.Rejects {
		key = nil
	}
	if d.Missing {
		return
	}
	w, g, ok := tables(d.File, want, got, columns)
	if ok {
		d.columns(w, g)
		d.rows(w, g, key)
	}
	if len(d.Rows) == 0 && len(d.Gone)+len(d.New) == 0 && !d.Order && !(ok && d.Extra) {
		d.lines(want, got)
	}
}

// columns is what became of the columns.
func (d *Difference) columns(w, g table) {
	if d.Extra || d.Rejects {
		return
	}
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(c string) bool { return slices.Contains(b, c) })
	}
	d.Gone, d.New = without(w.columns, g.columns), without(g.columns, w.columns)
	d.Order = len(d.Gone)+len(d.New) == 0 && !slices.Equal(w.columns, g.columns)
}

// rows is what became of the rows. Those that no key tells apart are taken to be
// the ones at their place, between those that are alike.
func (d *Difference) rows(w, g table, key []string) {
	a, b, keyed := ids(w, g, key)
	pairs := align(a, b)
	if !keyed && !d.Rejects {
		pairs = inPlace(pairs)
	}
	for _, p := range pairs {
		switch {
		case p.b < 0:
			d.Rows = append(d.Rows, d.alone(w.rows[p.a], fmt.Sprintf("row %d", p.a+1), false))
		case p.a < 0:
			d.Rows = append(d.Rows, d.alone(g.rows[p.b], fmt.Sprintf("row %d", p.b+1), true))
		default:
			row := RowDiff{Row: fmt.Sprintf("row %d", p.b+1)}
			if keyed {
				row.Row += ", " + b[p.b]
			}
			row.Cells = d.cells(w.rows[p.a], g.rows[p.b], g.columns)
			if len(row.Cells) > 0 {
				d.Rows = append(d.Rows, row)
			}
		}
	}
}

// inPlace makes pairs of the rows that are gone and those that are new between two
// that are alike.
func inPlace(pairs []pair) []pair {
	var out, gone, fresh []pair
	flush := func() {
		n := min(len(gone), len(fresh))
		for i := range n {
			out = append(out, pair{gone[i].a, fresh[i].b})
		}
		out = append(append(out, gone[n:]...), fresh[n:]...)
		gone, fresh = nil, nil
	}
	for _, p := range pairs {
		switch {
		case p.b < 0:
			gone = append(gone, p)
		case p.a < 0:
			fresh = append(fresh, p)
		default:
			flush()
			out = append(out, p)
		}
	}
	flush()
	return out
}

// cells are those that differ in the columns that both rows have.
func (d *Difference) cells(w, g tableRow, columns []string) []CellDiff {
	var out []CellDiff
	for _, column := range columns {
		want, okW := w.cells[column]
		got, okG := g.cells[column]
		if okW && okG && want != got {
			out = append(out, CellDiff{column, want, got})
		}
	}
	return out
}

// alone is a row that one side has and the other has not.
func (d *Difference) alone(row tableRow, place string, fresh bool) RowDiff {
	r := RowDiff{Row: place}
	if fresh {
		r.Got = row.text
	} else {
		r.Want = row.text
	}
	if d.Rejects {
		r.Field = unquoted(row.cells["field"])
		r.Reason = fmt.Sprintf("%s (%s)", unquoted(row.cells["reason"]), unquoted(row.cells["code"]))
		r.Value, r.Record = row.cells["value"], row.cells["record"]
		for _, where := range []string{"item", "line"} {
			if n := row.cells[where]; n != "" {
				r.Row = "record " + n
			}
		}
		if page := row.cells["page"]; page != "" && page != "1" {
			r.Row += " of page " + page
		}
	}
	return r
}

// unquoted is the text of a JSON string.
func unquoted(cell string) string {
	var text string
	if json.Unmarshal([]byte(cell), &text) != nil {
		return cell
	}
	return text
}

// lines is what became of the lines.
func (d *Difference) lines(want, got []byte) {
	split := func(data []byte) (out []string) {
		for line := range strings.Lines(string(data)) {
			out = append(out, line)
		}
		return out
	}
	a, b := split(want), split(got)
	for _, p := range align(a, b) {
		switch {
		case p.b < 0:
			d.Lines = append(d.Lines, LineDiff{Number: p.a + 1, Text: strings.TrimSuffix(a[p.a], "\n")})
		case p.a < 0:
			d.Lines = append(d.Lines, LineDiff{Number: p.b + 1, New: true, Text: strings.TrimSuffix(b[p.b], "\n")})
		}
	}
}

// Blamed are the lines of the mapping that made what is not wanted, each once.
func (r *Result) Blamed() []Maker {
	var out []Maker
	add := func(column string) {
		if m, ok := r.makers[column]; ok && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	for _, d := range r.Differences {
		for _, row := range d.Rows {
			add(row.Field)
			for _, c := range row.Cells {
				add(c.Column)
			}
		}
		for _, column := range d.New {
			add(column)
		}
	}
	return out
}
