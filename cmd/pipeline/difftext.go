package main

// difftext.go: what a change of a mapping changes, for a terminal and for a pull
// request.

import (
	"fmt"
	"io"
	"strings"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
)

// maskedNote says that samples are not what people wrote.
const maskedNote = "samples are masked: letters are x, digits 0"

// summaryLine is one line of counts.
type summaryLine struct {
	noun, what string // "row", "changed"
	count      int
	colour     string
}

// summary is the counts of rows and records that are worth a line.
func (c *comparison) summary() []summaryLine {
	lines := []summaryLine{
		{"row", "unchanged", c.Rows.Unchanged, ""},
		{"row", "changed", c.Rows.Changed, yellow},
		{"row", "added", c.Rows.Added, green},
		{"row", "removed", c.Rows.Removed, red},
	}
	for _, f := range c.Fates {
		colour := yellow
		if f.Name == fateNames[newlyRejected] {
			colour = red
		}
		lines = append(lines, summaryLine{"record", f.Name, f.Count, colour})
	}
	return lines
}

func (p recordPlace) String() string {
	var parts []string
	if p.Case != "" {
		parts = append(parts, p.Case)
	}
	switch {
	case p.Page > 0:
		parts = append(parts, fmt.Sprintf("page %d, item %d", p.Page, p.Item))
	case p.Line > 0:
		parts = append(parts, fmt.Sprintf("line %d", p.Line))
	}
	return strings.Join(parts, ", ")
}

// words says what became of a column.
func (c columnChange) words() string {
	switch {
	case c.Change != "changed":
		return c.Change + " (" + c.Type + ")"
	case c.Before != "" && c.Cells > 0:
		return fmt.Sprintf("%s, was %s; %s changed", c.Type, c.Before, diag.Count(c.Cells, "cell"))
	case c.Before != "":
		return c.Type + ", was " + c.Before
	}
	return diag.Count(c.Cells, "cell") + " changed"
}

// diffText prints a comparison for people.
type diffText struct {
	t    terminal
	c    *comparison
	text strings.Builder
}

func (d *diffText) print(w io.Writer) error {
	c := d.c
	d.line(d.t.paint(bold, visible(c.Old)+" -> "+visible(c.New)))
	d.line("over " + c.Over + ": " + diag.Count(c.Records, "record"))
	if !c.differs() {
		d.line("no row differs")
		_, err := io.WriteString(w, d.text.String())
		return err
	}
	d.line("")
	for _, l := range c.summary() {
		colour := l.colour
		if l.count == 0 {
			colour = ""
		}
		count, noun, _ := strings.Cut(diag.Count(l.count, l.noun), " ")
		d.line(d.t.paint(colour, fmt.Sprintf("%9s %s %s", count, noun, l.what)))
	}
	if c.Masked {
		d.line("")
		d.line(maskedNote)
	}
	d.columns()
	d.rejects()
	d.rows("added", green, c.Added, c.Rows.Added)
	d.rows("removed", red, c.Removed, c.Rows.Removed)
	_, err := io.WriteString(w, d.text.String())
	return err
}

func (d *diffText) line(text string) { d.text.WriteString(strings.TrimRight(text, " ") + "\n") }

func (d *diffText) heading(text string) {
	d.line("")
	d.line(d.t.paint(bold, text))
}

func (d *diffText) columns() {
	for _, col := range d.c.Columns {
		d.heading("column " + visible(col.Name) + ": " + col.words())
		for _, s := range col.Samples {
			d.cell(s)
		}
		d.more(col.Cells, len(col.Samples))
	}
}

// cell is a cell before and after, the words that differ in colour.
func (d *diffText) cell(s cellSample) {
	d.line("  " + d.t.paint(dim, s.String()))
	before, after := cropBoth(s.Before, s.After, d.t.width-7)
	before, after = golden.Words(before, after, golden.Style{
		Want: func(word string) string { return d.t.paint(red, word) },
		Got:  func(word string) string { return d.t.paint(green, word) },
	})
	d.line("    - " + before)
	d.line("    + " + after)
}

// more says how many samples are not shown.
func (d *diffText) more(all, shown int) {
	if all > shown && shown > 0 {
		d.line(d.t.paint(dim, fmt.Sprintf("  and %s more; --limit shows more of them", diag.Thousands(all-shown))))
	}
}

func (d *diffText) rejects() {
	for _, r := range d.c.Rejects {
		d.heading("rejected now, " + diag.Count(r.Count, "record"))
		for _, line := range wrapped(visible(r.words()), d.t.width-2) {
			d.line("  " + d.t.paint(red, line))
		}
		d.line("  " + d.t.paint(dim, "the first: "+r.First.String()))
	}
	for _, f := range d.c.Fates {
		if f.Name == fateNames[newlyRejected] {
			continue
		}
		d.heading(diag.Count(f.Count, "record") + " " + f.Name)
		for _, at := range f.Samples {
			d.line("  " + at.String())
		}
		d.more(f.Count, len(f.Samples))
	}
}

// words is why records are rejected.
func (r rejectChange) words() string {
	if r.Field == "" {
		return r.Reason + " (" + r.Code + ")"
	}
	return r.Field + ": " + r.Reason + " (" + r.Code + ")"
}

func (d *diffText) rows(what, colour string, samples []rowSample, all int) {
	if all == 0 {
		return
	}
	d.heading(diag.Count(all, "row") + " " + what)
	for _, s := range samples {
		line := "  " + s.String()
		if s.Key != "" {
			line += "  " + s.Key
		}
		d.line(d.t.paint(colour, cropped(line, d.t.width)))
	}
	d.more(all, len(samples))
}
