package csv

import (
	"bytes"
	"context"
	"unicode/utf8"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// bufferSize is how many bytes of rows are written at a time.
const bufferSize = 64 << 10

// writer appends cells by hand into one buffer.
// BenchmarkWrite: 0 allocs/row; encoding/csv needs a string per cell.
type writer struct {
	*pipeline.Output
	options   Options
	delimiter []byte
	newline   string
	special   [256]bool // bytes that make quotes necessary; of the delimiter its first
	buf       []byte
}

func newWriter(out *pipeline.Output, o Options, columns []pipeline.Column) *writer {
	w := &writer{Output: out, options: o, delimiter: []byte(o.Delimiter), newline: "\n", buf: make([]byte, 0, bufferSize+bufferSize/4)}
	if o.Newline == "crlf" {
		w.newline = "\r\n"
	}
	for _, b := range []byte{'"', '\r', '\n', o.Delimiter[0]} {
		w.special[b] = true
	}
	if o.BOM {
		w.buf = append(w.buf, "\ufeff"...)
	}
	if o.Header {
		start := len(w.buf)
		for i, c := range columns {
			w.cell(i, value.Text(c.Name))
		}
		w.endRow(start, len(columns))
	}
	return w
}

// Write appends the rows of b.
func (w *writer) Write(_ context.Context, b *pipeline.Batch) error {
	for i := range b.Len() {
		start, row := len(w.buf), b.Row(i)
		for column, v := range row {
			w.cell(column, v)
		}
		w.endRow(start, len(row))
		if len(w.buf) >= bufferSize {
			if err := w.drain(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush makes every row so far durable.
func (w *writer) Flush(context.Context) error {
	if err := w.drain(); err != nil {
		return err
	}
	return w.Output.Flush()
}

// Commit publishes what was flushed.
func (w *writer) Commit(context.Context) error { return w.Output.Commit() }

func (w *writer) drain() error {
	_, err := w.Output.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// cell appends v as the cell of that column.
func (w *writer) cell(column int, v value.Value) {
	if column > 0 {
		w.buf = append(w.buf, w.delimiter...)
	}
	start := len(w.buf)
	switch {
	case v.IsNull():
		w.buf = append(w.buf, w.options.Null...)
	case v.Kind() == value.String:
		if w.options.Formulas == "escape" && isFormula(v.Text()) {
			w.buf = append(w.buf, '\'')
		}
		w.buf = append(w.buf, v.Text()...)
	default:
		w.buf = v.AppendText(w.buf)
	}
	if w.options.Quote == "all" || w.needsQuotes(w.buf[start:]) {
		w.quote(start)
	}
}

// endRow ends the row that began at start. A row of one empty cell would be an
// empty line, which readers skip.
func (w *writer) endRow(start, columns int) {
	if columns == 1 && len(w.buf) == start {
		w.buf = append(w.buf, `""`...)
	}
	w.buf = append(w.buf, w.newline...)
}

// needsQuotes reports whether a reader would take the cell for something else:
// for several cells or rows, for a cell without the spaces around it, or for
// the mark at which PostgreSQL ends a copy.
func (w *writer) needsQuotes(cell []byte) bool {
	if len(cell) == 0 {
		return false
	}
	if first, last := cell[0], cell[len(cell)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' || string(cell) == `\.` {
		return true
	}
	for i, b := range cell {
		if w.special[b] && (b < utf8.RuneSelf || bytes.HasPrefix(cell[i:], w.delimiter)) {
			return true
		}
	}
	return false
}

// quote puts the cell that begins at start between quotes and doubles those in
// it, in place.
func (w *writer) quote(start int) {
	end := len(w.buf)
	more := 2 + bytes.Count(w.buf[start:], []byte{'"'})
	for range more {
		w.buf = append(w.buf, '"')
	}
	to := len(w.buf) - 2 // the last byte stays the closing quote
	for from := end - 1; from >= start; from-- {
		w.buf[to] = w.buf[from]
		to--
		if w.buf[from] == '"' {
			w.buf[to] = '"'
			to--
		}
	}
	w.buf[start] = '"'
}

// isFormula reports whether a spreadsheet would run text instead of showing it:
// it begins with one of the characters that OWASP names (in full width as
// well), and is not a plain number, -?digits[.digits]. A phone number such as
// +6591234567 is one: a spreadsheet would show 6591234567.
func isFormula(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	switch r {
	case '-':
		return !isPlainNumber(text[1:])
	case '=', '+', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠':
		return true
	}
	return false
}

// isPlainNumber reports whether text is digits[.digits].
func isPlainNumber(text string) bool {
	digits, point := 0, false
	for _, b := range []byte(text) {
		switch {
		case b >= '0' && b <= '9':
			digits++
		case b == '.' && !point && digits > 0:
			point, digits = true, 0
		default:
			return false
		}
	}
	return digits > 0
}
