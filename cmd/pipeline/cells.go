package main

// cells.go: what a record holds, as a terminal shows it. Characters may be
// narrow, wide or nothing at all there, and none of them may command it.

import (
	"math"
	"strings"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// wide is how many columns text takes.
func wide(text string) int { return diag.Columns(text) }

// longest is how much of a text is looked at, in bytes: no terminal shows more.
const longest = 16 << 10

// oneLine puts signs for what would begin another line, or be taken for spaces.
var oneLine = strings.NewReplacer("\r\n", "↵", "\n", "↵", "\u2028", "↵", "\u2029", "↵", "\t", "⇥")

// visible is text on one line, with signs for what would not be seen or would
// command the terminal.
func visible(text string) string {
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return diag.Fit(oneLine.Replace(text), math.MaxInt)
}

// shown is a value as it is shown: a text stands in quotes, so that its spaces
// are seen and "24" is not taken for a number.
func shown(v value.Value) string {
	switch v.Kind() {
	case value.Null:
		return "null"
	case value.Invalid:
		return "(not an object, but a " + v.Text() + ")"
	case value.String:
		return `"` + visible(v.Text()) + `"`
	}
	return visible(string(v.AppendText(nil)))
}

// fit is text in exactly that many columns, with … where it had more.
func fit(text string, width int) string {
	text = cropped(text, width)
	return text + strings.Repeat(" ", max(0, width-wide(text)))
}

// cropped is text in at most that many columns.
func cropped(text string, width int) string { return diag.Fit(text, max(width, 1)) }

// wrapped is text on lines of at most that many columns; a word that is longer
// is on a line of its own.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && wide(line)+1+wide(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// rule is a heading that goes over the whole width.
func rule(text string, width int) string {
	return text + " " + strings.Repeat("─", max(0, width-wide(text)-1))
}
