package main

// plantext.go: a plan as people read it.

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pipeline/pipeline/diag"
)

// planText prints a plan for people.
type planText struct {
	out io.Writer
	t   terminal
	p   *planned
	err error
}

func (w *planText) print() error {
	w.source()
	w.item("calls", w.calls())
	w.alone()
	w.sinks()
	w.state()
	w.columns()
	return w.err
}

func (w *planText) line(text string) {
	if w.err == nil {
		_, w.err = fmt.Fprintln(w.out, strings.TrimRight(text, " "))
	}
}

// item is a line with a name in front, wrapped where it is long.
func (w *planText) item(name, text string) {
	for i, line := range wrapped(visible(text), max(w.t.width-10, 20)) {
		if i > 0 {
			name = ""
		}
		w.line(w.t.paint(bold, fmt.Sprintf("%-10s", name)) + line)
	}
}

func (w *planText) source() {
	s := w.p.Source
	name := s.Connector
	if s.Stream != "" {
		name += "/" + s.Stream
	}
	for _, option := range slices.Sorted(maps.Keys(s.Options)) {
		name += ", " + option + " " + s.Options[option]
	}
	w.item("mapping", w.p.Mapping)
	w.item("source", name)
	if !s.Remote {
		return
	}
	w.item("", "at "+s.BaseURL+", connection "+s.Connection)
	limit := "limit " + s.Rate
	if s.Concurrency > 0 {
		limit += ", " + diag.Count(s.Concurrency, "call") + " in flight"
	}
	if s.Detail {
		limit += "; one call per page of the list, and one per record"
	}
	w.item("", limit)
}

// alone says what the mapping does by itself, in pipeline serve.
func (w *planText) alone() {
	if p := w.p.Push; p != nil {
		text := "POST " + p.Path + ", proven by " + p.Auth
		if p.ID != "" {
			text += ", told apart by " + p.ID
		}
		w.item("pushed", text+", at most "+p.Rate)
	}
	if w.p.Reconcile != "" {
		w.item("reconcile", "everything is pulled every "+w.p.Reconcile)
	}
	if w.p.Schedule != "" {
		w.item("schedule", w.p.Schedule)
	}
}

// calls says how many calls a run takes, and what that is worth.
func (w *planText) calls() string {
	c := w.p.Calls
	switch {
	case w.p.Push != nil && !w.p.Source.Remote:
		return "none, it maps what is pushed"
	case !w.p.Source.Remote:
		return "none, it reads a file"
	case c.Calls == 0 && c.From == "probe":
		return "not known: the platform does not say how many records there are; run once, and the next plan knows"
	case c.Calls == 0:
		return "not known: run it once, or ask the platform with --probe"
	}
	text := diag.Count(c.Calls, "call")
	if c.From == "probe" {
		text += " for " + diag.Count(c.Records, "record")
	}
	if c.Minutes != nil {
		text += ", " + minutes(*c.Minutes) + " at the limit"
	}
	if c.Run != nil {
		text += " (as the run of " + minute(*c.Run) + ")"
	}
	if w.p.Source.Incremental && c.From == "probe" {
		text += "; an incremental run asks for what changed alone"
	}
	return text
}

// minutes is a time that is not worth seconds.
func minutes(n float64) string {
	if n < 1 {
		return "less than a minute"
	}
	return diag.Count(int(n+0.5), "minute")
}

func (w *planText) sinks() {
	for i, s := range w.p.Sinks {
		name := "sinks"
		if i > 0 {
			name = ""
		}
		target := s.Target
		if target == "-" {
			target = "stdout"
		}
		text := s.Connector + " " + target
		if s.Mode != "" {
			text += ", " + s.Mode
		}
		w.item(name, text)
	}
	most := "any number"
	if w.p.Rejects.Max != "" {
		most = "at most " + w.p.Rejects.Max
	}
	w.item("rejects", w.p.Rejects.Path+", "+most)
}

func (w *planText) state() {
	s := w.p.State
	var kept []string
	for _, t := range []struct {
		name string
		tape *planTape
	}{{"an unfinished tape of ", s.Unfinished}, {"a tape of ", s.Tape}} {
		switch {
		case t.tape == nil:
		case t.tape.Problem != "":
			kept = append(kept, t.name+"no use: "+t.tape.Problem)
		default:
			kept = append(kept, fmt.Sprintf("%s%s (%s, %s bytes)", t.name, minute(t.tape.Started), diag.Count(t.tape.Answers, "answer"), diag.Thousands(int(t.tape.Bytes))))
		}
	}
	if s.Ledger {
		kept = append(kept, "the ledger of what receivers were given")
	}
	if s.Since != nil {
		kept = append(kept, "the position: the next run asks for what changed since "+minute(*s.Since))
	}
	switch {
	case len(kept) > 0:
		w.item("state", strings.Join(kept, "; ")+"; in "+s.Folder)
	case w.p.Source.Remote:
		w.item("state", "nothing is kept of earlier runs")
	}
}

// columns says what the columns are, and what tells rows apart and keeps them out.
func (w *planText) columns() {
	w.line("")
	if w.t.width < leastTable {
		w.list()
	} else {
		w.table()
	}
	if len(w.p.Key) > 0 {
		w.line("")
		w.item("key", strings.Join(w.p.Key, ", "))
	}
	if w.p.Where != "" {
		w.item("where", w.p.Where)
	}
}

// leastTable is how many columns a terminal needs for a table.
const leastTable = 80

// list is the columns one below the other.
func (w *planText) list() {
	for _, c := range w.p.Columns {
		text := c.Name + ": " + c.Type
		if c.Nullable {
			text += " or null"
		}
		if rule := ruleOf(c); rule != "" {
			text += ", " + rule
		}
		for _, line := range wrapped(visible(text), w.t.width) {
			w.line(line)
		}
		for _, line := range wrapped(visible(c.Expression), w.t.width-4) {
			w.line("    " + w.t.paint(dim, line))
		}
	}
}

// table is the columns as a table. The expression, which may be long, is left out
// where it is no more than the path.
func (w *planText) table() {
	rows := [][]string{{"column", "type", "null", "rule", "from", "expression"}}
	for _, c := range w.p.Columns {
		null, expression := "", c.Expression
		if c.Nullable {
			null = "null"
		}
		from := strings.Join(c.From, ", ")
		if expression == from {
			expression = ""
		}
		if from == "" {
			from = "nothing"
		}
		rows = append(rows, []string{c.Name, c.Type, null, ruleOf(c), from, strings.Join(strings.Fields(expression), " ")})
	}
	w.grid(rows)
}

// ruleOf is what the target's schema says of a column beyond its type.
func ruleOf(c planColumn) string {
	var rules []string
	if len(c.Enum) > 0 {
		rules = append(rules, strings.Join(c.Enum, "|"))
	}
	if c.Format != "" {
		rules = append(rules, c.Format)
	}
	if c.MaxLength > 0 {
		rules = append(rules, "at most "+strconv.Itoa(c.MaxLength)+" long")
	}
	return strings.Join(rules, ", ")
}

// The widest that a cell of the table may be; the last column takes what is left.
const widestCell = 28

// grid prints rows in columns, the first row as the heading. A column in which
// nothing stands is left out.
func (w *planText) grid(rows [][]string) {
	size := make([]int, len(rows[0]))
	for _, row := range rows[1:] {
		for i, cell := range row {
			size[i] = max(size[i], min(wide(visible(cell)), widestCell))
		}
	}
	for n, row := range rows {
		line := ""
		for i, cell := range row {
			switch {
			case size[i] == 0:
			case i == len(row)-1:
				line += visible(cell)
			default:
				line += fit(visible(cell), max(size[i], wide(rows[0][i]))) + "  "
			}
		}
		if w.t.tty {
			line = cropped(line, w.t.width)
		}
		if n == 0 {
			line = w.t.paint(bold, line)
		}
		w.line(line)
	}
}
