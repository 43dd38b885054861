package main

// compare.go: what two mappings make of the same records, counted, with a few
// samples of each difference. What is held does not grow with the records.

import (
	"bytes"
	"slices"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// comparison is what changes from one mapping to another, as --json has it.
type comparison struct {
	Old     string         `json:"old"`
	New     string         `json:"new"`
	Over    string         `json:"over"` // what was compared over, in words
	Masked  bool           `json:"masked"`
	Records int            `json:"records"`
	Rows    rowCounts      `json:"rows"`
	Fates   []fate         `json:"records_changed"`
	Rejects []rejectChange `json:"newly_rejected,omitempty"` // by cause
	Columns []columnChange `json:"columns"`
	Added   []rowSample    `json:"added_rows,omitempty"`
	Removed []rowSample    `json:"removed_rows,omitempty"`

	limit    int // samples of each kind
	common   []commonColumn
	old, new []pipeline.Column
	key      [2][]int // of old and new; nil: rows are told apart by their place
	cells    [2][]byte
	causes   map[string]int // index in Rejects
}

type rowCounts struct {
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"`
	Added     int `json:"added"`
	Removed   int `json:"removed"`
}

// fate is how many records end in another way than before.
type fate struct {
	Name    string        `json:"change"` // "newly rejected"
	Count   int           `json:"count"`
	Samples []recordPlace `json:"samples,omitempty"`
}

// The fates, in the order in which they are shown.
const (
	newlyRejected = iota
	noLongerRejected
	newlyFiltered
	noLongerFiltered
	otherReason
)

var fateNames = []string{"newly rejected", "no longer rejected", "newly filtered", "no longer filtered", "rejected for another reason"}

// rejectChange is records that the new mapping rejects for one cause, and the old
// one did not.
type rejectChange struct {
	Code   string      `json:"code"`
	Field  string      `json:"field,omitempty"`
	Reason string      `json:"reason"` // of the first
	Count  int         `json:"count"`
	First  recordPlace `json:"first"`
}

// recordPlace is where a record stood.
type recordPlace struct {
	Case string `json:"case,omitempty"` // of golden inputs
	Page int    `json:"page,omitempty"`
	Item int    `json:"item,omitempty"`
	Line int    `json:"line,omitempty"`
}

// columnChange is a column that is new, gone, of another type, or has other cells.
type columnChange struct {
	Name    string       `json:"name"`
	Change  string       `json:"change"` // added, removed, changed
	Type    string       `json:"type,omitempty"`
	Before  string       `json:"type_before,omitempty"` // where it differs
	Cells   int          `json:"cells,omitempty"`
	Samples []cellSample `json:"samples,omitempty"`
}

// cellSample is a cell before and after.
type cellSample struct {
	recordPlace
	Before string `json:"before"`
	After  string `json:"after"`
}

// rowSample is a row that is new or gone.
type rowSample struct {
	recordPlace
	Key string `json:"key,omitempty"`
}

// commonColumn is a column that both mappings have.
type commonColumn struct{ old, new, change int }

// maxRejectChanges is how many causes are told apart.
const maxRejectChanges = 100

func newComparison(old, new *pipeline.Plan, limit int, masked bool) *comparison {
	c := &comparison{limit: limit, Masked: masked, old: old.Columns(), new: new.Columns(), causes: map[string]int{}}
	for _, name := range fateNames {
		c.Fates = append(c.Fates, fate{Name: name})
	}
	for i, after := range c.new {
		change := columnChange{Name: after.Name, Change: "added", Type: after.Type.String()}
		if j := columnOf(c.old, after.Name); j >= 0 {
			c.common = append(c.common, commonColumn{j, i, len(c.Columns)})
			change.Change = "changed"
			if before := c.old[j].Type; before.Known() && after.Type.Known() && !before.Equal(after.Type) {
				change.Before = before.String()
			}
		}
		c.Columns = append(c.Columns, change)
	}
	for _, before := range c.old {
		if columnOf(c.new, before.Name) < 0 {
			c.Columns = append(c.Columns, columnChange{Name: before.Name, Change: "removed", Type: before.Type.String()})
		}
	}
	if names := keyNames(old); len(names) > 0 && slices.Equal(names, keyNames(new)) {
		c.key = [2][]int{old.KeyColumns(), new.KeyColumns()}
	}
	return c
}

func columnOf(columns []pipeline.Column, name string) int {
	return slices.IndexFunc(columns, func(c pipeline.Column) bool { return c.Name == name })
}

func keyNames(plan *pipeline.Plan) (names []string) {
	for _, i := range plan.KeyColumns() {
		names = append(names, plan.Columns()[i].Name)
	}
	return names
}

// record counts what became of one record.
func (c *comparison) record(at recordPlace, old, new *pipeline.Outcome) {
	c.Records++
	was, is := old.Reject != nil, new.Reject != nil
	switch {
	case is && !was:
		c.fate(newlyRejected, at)
		c.cause(at, new.Reject)
	case was && !is:
		c.fate(noLongerRejected, at)
	case was && (old.Reject.Code != new.Reject.Code || old.Reject.Field != new.Reject.Field):
		c.fate(otherReason, at)
	case was:
	case len(old.Rows) > 0 && len(new.Rows) == 0:
		c.fate(newlyFiltered, at)
	case len(old.Rows) == 0 && len(new.Rows) > 0:
		c.fate(noLongerFiltered, at)
	}
	c.rows(at, old.Rows, new.Rows)
}

func (c *comparison) fate(which int, at recordPlace) {
	f := &c.Fates[which]
	if f.Count++; f.Count <= c.limit {
		f.Samples = append(f.Samples, at)
	}
}

func (c *comparison) cause(at recordPlace, r *pipeline.Rejected) {
	id := r.Code + "\x00" + r.Field
	i, ok := c.causes[id]
	switch {
	case ok:
		c.Rejects[i].Count++
	case len(c.Rejects) < maxRejectChanges:
		c.causes[id] = len(c.Rejects)
		c.Rejects = append(c.Rejects, rejectChange{Code: r.Code, Field: r.Field, Reason: r.Reason, Count: 1, First: at})
	}
}

// rows pairs the rows of one record: by key where both mappings have the same
// one, else by their place.
func (c *comparison) rows(at recordPlace, old, new [][]value.Value) {
	partner := c.partners(old, new)
	taken := make([]bool, len(new))
	for i, row := range old {
		j := partner[i]
		if j < 0 {
			c.Rows.Removed++
			c.Removed = c.sample(c.Removed, at, row, c.old, c.key[0])
			continue
		}
		taken[j] = true
		if c.pair(at, row, new[j]) {
			c.Rows.Unchanged++
		} else {
			c.Rows.Changed++
		}
	}
	for j, row := range new {
		if !taken[j] {
			c.Rows.Added++
			c.Added = c.sample(c.Added, at, row, c.new, c.key[1])
		}
	}
}

// partners is the new row of each old one, -1 where there is none.
func (c *comparison) partners(old, new [][]value.Value) []int {
	out := make([]int, len(old))
	var places map[string][]int // of the new rows by key
	if c.key[0] != nil {
		places = map[string][]int{}
		for j, row := range new {
			k := string(pipeline.AppendKey(nil, row, c.key[1]))
			places[k] = append(places[k], j)
		}
	}
	for i, row := range old {
		switch {
		case places == nil && i < len(new):
			out[i] = i
			continue
		case places != nil:
			k := string(pipeline.AppendKey(nil, row, c.key[0]))
			if list := places[k]; len(list) > 0 {
				out[i], places[k] = list[0], list[1:]
				continue
			}
		}
		out[i] = -1
	}
	return out
}

// pair counts the cells that differ between two rows, of the columns that both
// have, and reports whether there are none.
func (c *comparison) pair(at recordPlace, old, new []value.Value) bool {
	same := true
	for _, col := range c.common {
		before, after := old[col.old], new[col.new]
		c.cells[0], c.cells[1] = before.AppendJSON(c.cells[0][:0]), after.AppendJSON(c.cells[1][:0])
		if bytes.Equal(c.cells[0], c.cells[1]) {
			continue
		}
		same = false
		change := &c.Columns[col.change]
		if change.Cells++; change.Cells <= c.limit {
			change.Samples = append(change.Samples, cellSample{at, c.cell(before), c.cell(after)})
		}
	}
	return same
}

// longestSample bounds what is kept of a cell, in bytes.
const longestSample = 2000

// cell is a value as a sample has it.
func (c *comparison) cell(v value.Value) string {
	text := shown(v)
	if len(text) > longestSample {
		text = visible(text[:longestSample]) + "…"
	}
	if c.Masked {
		return masked(v, text)
	}
	return text
}

func (c *comparison) sample(list []rowSample, at recordPlace, row []value.Value, columns []pipeline.Column, key []int) []rowSample {
	if len(list) == c.limit {
		return list
	}
	words := ""
	for _, i := range key {
		if words != "" {
			words += ", "
		}
		words += columns[i].Name + " " + c.cell(row[i])
	}
	return append(list, rowSample{at, words})
}

// differs reports whether anything does.
func (c *comparison) differs() bool {
	return c.Rows.Changed+c.Rows.Added+c.Rows.Removed > 0 ||
		slices.ContainsFunc(c.Fates, func(f fate) bool { return f.Count > 0 }) ||
		slices.ContainsFunc(c.Columns, columnChange.differs)
}

// differs reports whether a column is another one than before.
func (c columnChange) differs() bool { return c.Change != "changed" || c.Before != "" || c.Cells > 0 }

// finish leaves out the columns in which nothing changed.
func (c *comparison) finish() {
	c.Columns = slices.DeleteFunc(c.Columns, func(col columnChange) bool { return !col.differs() })
	c.Fates = slices.DeleteFunc(c.Fates, func(f fate) bool { return f.Count == 0 })
}
