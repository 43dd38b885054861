package main

// diffmarkdown.go: what a change of a mapping changes, as a comment on a pull
// request.

import (
	"fmt"
	"strings"

	"pipeline/pipeline/diag"
)

// markdownOf is the comparison in Markdown.
func markdownOf(c *comparison) string {
	m := &markdown{c: c}
	m.line("### What changes from %s to %s", code(c.Old), code(c.New))
	m.line("")
	m.line("Over %s: %s.", c.Over, diag.Count(c.Records, "record"))
	m.line("")
	if !c.differs() {
		m.line("No row differs.")
		return m.text.String()
	}
	m.line("| | count |")
	m.line("|---|---:|")
	for _, l := range c.summary() {
		m.line("| %ss %s | %s |", l.noun, l.what, diag.Thousands(l.count))
	}
	m.columns()
	m.rejects()
	m.samples()
	return m.text.String()
}

type markdown struct {
	c    *comparison
	text strings.Builder
}

func (m *markdown) line(format string, args ...any) {
	fmt.Fprintf(&m.text, format+"\n", args...)
}

func (m *markdown) columns() {
	if len(m.c.Columns) == 0 {
		return
	}
	m.line("")
	m.line("| column | change |")
	m.line("|---|---|")
	for _, col := range m.c.Columns {
		m.line("| %s | %s |", code(col.Name), col.words())
	}
}

func (m *markdown) rejects() {
	if len(m.c.Rejects) == 0 {
		return
	}
	m.line("")
	m.line("| rejected now | records | the first |")
	m.line("|---|---:|---|")
	for _, r := range m.c.Rejects {
		m.line("| %s | %s | %s |", code(r.words()), diag.Thousands(r.Count), r.First)
	}
}

// samples are folded away, for a pull request is about the mapping.
func (m *markdown) samples() {
	m.details("Samples of changed cells", "| place | column | before | after |", "|---|---|---|---|", func() (lines []string) {
		for _, col := range m.c.Columns {
			for _, s := range col.Samples {
				lines = append(lines, fmt.Sprintf("| %s | %s | %s | %s |", s.recordPlace, code(col.Name), code(cropped(s.Before, widestSample)), code(cropped(s.After, widestSample))))
			}
		}
		return lines
	}())
	m.details("Samples of rows", "| place | row | key |", "|---|---|---|", func() (lines []string) {
		for _, s := range m.c.Added {
			lines = append(lines, fmt.Sprintf("| %s | added | %s |", s.recordPlace, code(s.Key)))
		}
		for _, s := range m.c.Removed {
			lines = append(lines, fmt.Sprintf("| %s | removed | %s |", s.recordPlace, code(s.Key)))
		}
		return lines
	}())
}

// widestSample is how wide a cell of the tables may be.
const widestSample = 80

func (m *markdown) details(title, head, rule string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if m.c.Masked {
		title += " (masked: letters are x, digits 0)"
	}
	m.line("\n<details><summary>%s</summary>\n\n%s\n%s", title, head, rule)
	for _, line := range lines {
		m.line("%s", line)
	}
	m.line("\n</details>")
}

// code is text as it is, in a cell of a table.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\n", " ").Replace(visible(text)) + "`"
}
