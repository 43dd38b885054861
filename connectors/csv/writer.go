package csv

import (
	"bytes"
	"context"
	"io"
	"strings"
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
	to        io.Writer // what takes the rows: the output, or where they wait
	written   int64     // bytes that it took
	options   Options
	delimiter []byte
	newline   string
	special   [256]bool // bytes that make quotes necessary; of the delimiter its first
	edge      [256]bool // bytes at an end of a text that need a closer look
	texts     bool      // texts are mostly written as they are
	others    bool      // and so is what is neither text nor null, always
	buf       []byte
}

func newWriter(out *pipeline.Output, o Options) *writer {
	w := &writer{Output: out, to: out, options: o, delimiter: []byte(o.Delimiter), newline: "\n", buf: make([]byte, 0, bufferSize+bufferSize/4)}
	if o.Newline == "crlf" {
		w.newline = "\r\n"
	}
	for _, b := range []byte{'"', '\r', '\n', o.Delimiter[0]} {
		w.special[b] = true
	}
	if o.Quote == "minimal" && fast {
		w.findPlain()
	}
	return w
}

// findPlain finds out which cells are written without a look at what they come to.
func (w *writer) findPlain() {
	w.texts, w.edge = true, w.special
	for _, b := range []byte{' ', '\t', '\\', bom[0]} {
		w.edge[b] = true
	}
	if w.options.Formulas == "escape" {
		for _, b := range []byte("=+-@") { // those of full width begin as the byte order mark does
			w.edge[b] = true
		}
	}
	d := w.delimiter[0] // and not in true, 1e9, 2006-01-02T15:04:05Z
	w.others = (d|0x20 < 'a' || d|0x20 > 'z') && strings.IndexByte("0123456789+-.:", d) < 0
}

// isPlainText reports whether the cell of a text surely is the text, as most are.
func (w *writer) isPlainText(text string) bool {
	if text == "" {
		return true
	}
	if w.edge[text[0]] || w.edge[text[len(text)-1]] {
		return false
	}
	for i := range len(text) {
		if w.special[text[i]] {
			return false
		}
	}
	return true
}

// appendHead appends what a file begins with.
func (w *writer) appendHead(dst []byte, columns []pipeline.Column) []byte {
	if w.options.BOM {
		dst = append(dst, bom...)
	}
	return w.appendHeader(dst, columns)
}

// appendHeader appends the row of the column names, where there is to be one.
func (w *writer) appendHeader(dst []byte, columns []pipeline.Column) []byte {
	if !w.options.Header {
		return dst
	}
	start := len(dst)
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, w.delimiter...)
		}
		name := value.Text(c.Name)
		dst = w.appendCell(dst, &name)
	}
	return w.endRow(dst, start, len(columns))
}

// appendName appends the name of a column as the cell of the header holds it.
func (w *writer) appendName(dst []byte, c pipeline.Column) []byte {
	return w.appendText(dst, value.Text(c.Name))
}

// Write appends the rows of b.
func (w *writer) Write(_ context.Context, b *pipeline.Batch) error {
	for i := range b.Len() {
		w.buf = w.EncodeRow(w.buf, b.Row(i))
		if err := w.drainFull(); err != nil {
			return err
		}
	}
	return nil
}

// EncodeRow appends a row to dst.
func (w *writer) EncodeRow(dst []byte, row []value.Value) []byte {
	start := len(dst)
	for column := range row {
		switch {
		case column == 0:
		case len(w.delimiter) == 1:
			dst = append(dst, w.delimiter[0])
		default:
			dst = append(dst, w.delimiter...)
		}
		dst = w.appendCell(dst, &row[column])
	}
	return w.endRow(dst, start, len(row))
}

// encoder is a writer that takes rows as mappers encoded them. A merger is none:
// it has to see the rows themselves.
type encoder struct{ *writer }

// WriteEncoded appends rows that EncodeRow made.
func (e encoder) WriteEncoded(_ context.Context, rows []byte) error {
	e.buf = append(e.buf, rows...)
	return e.drainFull()
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

// drainFull writes the buffer where there is enough in it.
func (w *writer) drainFull() error {
	if len(w.buf) < bufferSize {
		return nil
	}
	return w.drain()
}

func (w *writer) drain() error {
	n, err := w.to.Write(w.buf)
	w.written += int64(n)
	w.buf = w.buf[:0]
	return err
}

// appendCell appends v as a cell.
func (w *writer) appendCell(dst []byte, v *value.Value) []byte {
	switch v.Kind() {
	case value.String:
		if w.texts && w.isPlainText(v.Text()) {
			return append(dst, v.Text()...)
		}
	case value.Boolean, value.Integer, value.Float, value.Number, value.Decimal, value.Date, value.Timestamp:
		if w.others {
			return v.AppendText(dst)
		}
	}
	start := len(dst)
	dst = w.appendText(dst, *v)
	if w.options.Quote == "all" || w.needsQuotes(dst[start:]) {
		dst = quote(dst, start)
	}
	return dst
}

// appendText appends what the cell of v says, without quotes.
func (w *writer) appendText(dst []byte, v value.Value) []byte {
	switch {
	case v.IsNull():
		return append(dst, w.options.Null...)
	case v.Kind() == value.String:
		if w.options.Formulas == "escape" && isFormula(v.Text()) {
			dst = append(dst, '\'')
		}
		return append(dst, v.Text()...)
	default:
		return v.AppendText(dst)
	}
}

// endRow ends the row that began at start. A row of one empty cell would be an
// empty line, which readers skip.
func (w *writer) endRow(dst []byte, start, columns int) []byte {
	if columns == 1 && len(dst) == start {
		dst = append(dst, `""`...)
	}
	return append(dst, w.newline...)
}

// needsQuotes reports whether a reader would take the cell for something else:
// for several cells or rows, for a cell without the spaces around it, for the
// byte order mark of the file, or for the mark at which PostgreSQL ends a copy.
func (w *writer) needsQuotes(cell []byte) bool {
	if len(cell) == 0 {
		return false
	}
	if first, last := cell[0], cell[len(cell)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' || string(cell) == `\.` || bytes.HasPrefix(cell, bom) {
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
func quote(dst []byte, start int) []byte {
	end := len(dst)
	more := 2 + bytes.Count(dst[start:], []byte{'"'})
	for range more {
		dst = append(dst, '"')
	}
	to := len(dst) - 2 // the last byte stays the closing quote
	for from := end - 1; from >= start; from-- {
		dst[to] = dst[from]
		to--
		if dst[from] == '"' {
			dst[to] = '"'
			to--
		}
	}
	dst[start] = '"'
	return dst
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
