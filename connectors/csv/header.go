package csv

// header.go: whether the columns of an old file are those of the mapping, and
// what to say where they are not.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/diag"
)

// checkDelimiter reports that row is the header with another delimiter, by which
// its cells cannot be what they should be.
func (o *old) checkDelimiter(cells [][]byte, row []byte) error {
	if o.isHeader(cells) {
		return nil
	}
	for _, delimiter := range []string{",", ";", "\t", "|"} {
		r := newReader(bytes.NewReader(row), delimiter)
		if _, err := r.next(); err == nil && o.isHeader(r.cells) {
			return fmt.Errorf("%s: its cells are separated by %q, and the delimiter of the mapping is %q; say `delimiter: %q`, or move the file away", o.doing, delimiter, o.options.Delimiter, delimiter)
		}
	}
	return nil
}

// checkHeader compares the first row of an old file with the columns.
func (o *old) checkHeader(cells [][]byte) error {
	if o.isHeader(cells) {
		return nil
	}
	const fix = "change the fields of the mapping back, or move the file away"
	if !o.looksLikeHeader(cells) {
		// It may be a row of data: nothing of it is said.
		return fmt.Errorf("%s: its first row, of %s, is not the header of the mapping:\n  the mapping makes  %s\n%s", o.doing, diag.Count(len(cells), "cell"), list(o.names), fix)
	}
	var has []string
	for _, cell := range cells {
		has = append(has, string(cell))
	}
	return fmt.Errorf("%s: its columns are not those of the mapping:\n  the file has       %s\n  the mapping makes  %s\n%s", o.doing, list(has), list(o.names), fix)
}

func (o *old) isHeader(cells [][]byte) bool {
	return slices.EqualFunc(cells, o.names, func(cell []byte, name string) bool { return string(cell) == name })
}

// looksLikeHeader reports whether at least half of cells are names of columns:
// then the rest are names as well, and not what a person answered.
func (o *old) looksLikeHeader(cells [][]byte) bool {
	known := map[string]bool{}
	for _, name := range o.names {
		known[name] = true
	}
	n := 0
	for _, cell := range cells {
		if known[string(cell)] {
			n++
		}
	}
	return n > 0 && 2*n >= len(cells)
}

// maxShown is how many columns, and how many characters of a name, a message
// has room for.
const maxShown = 100

// list is names as they are told, on one line.
func list(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == maxShown {
			fmt.Fprintf(&b, ", and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if utf8.RuneCountInString(name) > maxShown {
			name = string([]rune(name)[:maxShown]) + "…"
		}
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == ',' || r == '"' || r == 0x7f || r == utf8.RuneError }) {
			name = fmt.Sprintf("%q", name)
		}
		b.WriteString(name)
	}
	return b.String()
}
