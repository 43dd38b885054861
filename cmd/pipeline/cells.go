package main

// cells.go: what a record holds, as a terminal shows it. Characters may be
// narrow, wide or nothing at all there, and none of them may command it.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"pipeline/pipeline/value"
)

// widths does not ask where the user lives: boxes and arrows are narrow.
var widths = &runewidth.Condition{StrictEmojiNeutral: true}

// wide is how many columns text takes.
func wide(text string) int { return widths.StringWidth(text) }

// longest is how much of a text is looked at, in bytes: no terminal shows more.
const longest = 16 << 10

// visible is text on one line, with signs for what would not be seen.
func visible(text string) string {
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	plain := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.IndexFunc(text, plain) < 0 {
		return text
	}
	return strings.Map(sign, strings.ReplaceAll(text, "\r\n", "\n"))
}

// sign is a character as it is shown.
func sign(r rune) rune {
	switch {
	case r == '\n' || r == '\u2028' || r == '\u2029':
		return '↵'
	case r == '\t':
		return '⇥'
	case r < ' ':
		return '␀' + r
	case r == 0x7f:
		return '␡'
	case r == '\u200c' || r == '\u200d': // they part and join letters and emoji
		return r
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co), r == utf8.RuneError:
		return '�'
	}
	return r
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
func cropped(text string, width int) string {
	if wide(text) <= width {
		return text
	}
	return widths.Truncate(text, max(width, 1), "…")
}

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
