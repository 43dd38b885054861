package diag

// textline.go: one line of a source as it looks on a terminal. Characters may
// be narrow, wide or nothing at all there, and the underline has to meet them.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const (
	maxShown   = 100 // columns of a source line; a longer one is cropped
	shownAhead = 40  // columns kept before the span where a line is cropped
	tab        = "    "
)

// underlined is the characters [from, to) of line that span asks to underline,
// counted from 0.
func underlined(span Span, line string) (from, to int) {
	text := []rune(line)
	for len(text) > 0 && unicode.IsSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	if span.Start.Column <= 0 { // the whole line
		for from < len(text) && unicode.IsSpace(text[from]) {
			from++
		}
		return from, max(len(text), from+1)
	}
	from = min(span.Start.Column-1, utf8.RuneCountInString(line))
	switch {
	case span.End == Pos{}:
		for to = from; to < len(text) && isWord(text[to]); to++ {
		}
	case span.End.Line > span.Start.Line:
		to = len(text)
	default:
		to = min(span.End.Column-1, max(len(text), from+1))
	}
	return from, max(to, from+1)
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// shownLine is a source line, or the part of it around a span, as printed.
type shownLine struct {
	text   string
	before int // columns before the underline
	under  int // columns to underline
}

// crop renders the characters of line around [from, to), with … where
// something was left out.
func crop(line string, from, to int) shownLine {
	type cell struct {
		text string
		wide int
	}
	var cells []cell
	total, start := 0, 0
	for _, r := range line { // a broken byte is one character, as in YAML columns
		text, wide := glyph(r)
		if len(cells) < from {
			start += wide
		}
		total += wide
		cells = append(cells, cell{text, wide})
		if total > start+maxShown {
			break // enough to fill what is shown, however long the line is
		}
	}
	first, columns := 0, 0
	var b strings.Builder
	var shown shownLine
	if total > maxShown && start > shownAhead {
		for skipped := 0; first < from && start-skipped > shownAhead; first++ {
			skipped += cells[first].wide
		}
		b.WriteString("…")
		columns = 1
		shown.before = 1
	}
	for i := first; i < len(cells); i++ {
		if total > maxShown && columns+cells[i].wide > maxShown-1 {
			b.WriteString("…")
			break
		}
		b.WriteString(cells[i].text)
		columns += cells[i].wide
		if i < from {
			shown.before += cells[i].wide
		} else if i < to {
			shown.under += cells[i].wide
		}
	}
	shown.text = b.String()
	shown.under = max(shown.under, 1)
	return shown
}

// glyph is how a character is printed, and how many columns it takes. What a
// terminal would obey instead of print becomes a picture of itself.
func glyph(r rune) (text string, columns int) {
	switch {
	case r == '\t':
		return tab, len(tab)
	case r < 0x20:
		return string(0x2400 + r), 1 // ␀ and on
	case r == 0x7f:
		return "␡", 1
	case r == '\u200d' || unicode.In(r, unicode.Mn, unicode.Me):
		return string(r), 0 // combines with what is before it
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
		return "\ufffd", 1 // among them those that turn the direction of text
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return string(r), 2
	default:
		return string(r), 1
	}
}

// printable is text without characters that a terminal would obey, but for
// line breaks.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' {
			b.WriteRune(r)
			continue
		}
		g, _ := glyph(r)
		b.WriteString(g)
	}
	return b.String()
}

// Columns is how many columns text takes on a terminal.
func Columns(text string) int {
	columns := 0
	for _, r := range text {
		_, wide := glyph(r)
		columns += wide
	}
	return columns
}

// Crop is text, or its first characters and … where it has more than most. What a
// terminal would obey stays in it: that is Fit's.
func Crop(text string, most int) string {
	for i := range text {
		if most--; most < 0 {
			return text[:i] + "…"
		}
	}
	return text
}

// Fit is text as it can be printed in one line of so many columns, with … where
// something was left out.
func Fit(text string, columns int) string {
	var b strings.Builder
	taken, kept := 0, 0 // kept is what stays where … has to follow
	for _, r := range text {
		shown, wide := glyph(r)
		if taken+wide > columns {
			return b.String()[:kept] + "…"
		}
		b.WriteString(shown)
		if taken += wide; taken < columns {
			kept = b.Len()
		}
	}
	return b.String()
}
