package csv

// read.go: the rows of a file that is there already. They are kept byte for
// byte, and their cells looked at: encoding/csv gives the cells alone, and takes
// a file that is cut off in a quoted cell for one with a long last cell.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	readSize = 64 << 10 // of the text, at a time
	maxRow   = 64 << 20 // bytes of a row; a record may have 16 MiB
)

// rowError says why a row is no CSV.
type rowError struct {
	line int // where the row begins, from 1
	why  string
}

func (e *rowError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.why) }

const (
	whyOpenQuote  = "a quote is opened and never closed; the file was cut off, or a quote in a cell is not doubled"
	whyBareQuote  = `a quote stands in a cell that does not begin with one; such a cell is written "…" with each quote in it doubled`
	whyAfterQuote = "text follows the quote that ends a cell; a quote in a cell is written twice"
)

// reader reads a text row by row.
type reader struct {
	in        io.Reader // without a byte order mark
	delimiter []byte
	buf       []byte // what was read and is needed
	row       int    // where in buf the last row begins …
	end       int    // … and ends
	eof       bool   // nothing comes behind buf
	line      int    // of the last row, from 1

	cells   [][]byte // of the last row, without their quotes; none in an empty line
	scratch []byte   // of the cells that have quotes in them
}

func newReader(in io.Reader, delimiter string) *reader {
	return &reader{in: in, delimiter: []byte(delimiter), buf: make([]byte, 0, readSize), line: 1}
}

// next reads the next row and its cells, and returns it with its line break,
// which the last one may be without. Row and cells are borrowed until the next
// call. The error is io.EOF, a *rowError or that of reading.
func (r *reader) next() ([]byte, error) {
	r.line += bytes.Count(r.buf[r.row:r.end], []byte{'\n'})
	r.row = r.end
	n, err := r.length()
	if err != nil {
		return nil, err
	}
	r.end = r.row + n
	row := r.buf[r.row:r.end]
	return row, r.split(row)
}

// length is how long the next row is with its line break: it ends with the
// first line before whose end every quote is closed.
func (r *reader) length() (int, error) {
	quotes, n := 0, 0
	for {
		rest := r.buf[r.row+n:]
		line := bytes.IndexByte(rest, '\n') + 1
		if line > 0 {
			rest = rest[:line]
		}
		quotes += bytes.Count(rest, []byte{'"'})
		n += len(rest)
		open := quotes%2 == 1
		switch {
		case n > maxRow && open:
			return 0, r.wrong(whyOpenQuote)
		case n > maxRow:
			return 0, r.wrong(fmt.Sprintf("the row is longer than %d MiB", maxRow>>20))
		case line > 0 && !open:
			return n, nil
		case line > 0:
			continue
		case !r.eof:
			if err := r.more(); err != nil {
				return 0, err
			}
		case open:
			return 0, r.wrong(whyOpenQuote)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// more reads on behind buf, of which only the row that is being read is kept.
func (r *reader) more() error {
	if r.row > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.row:])]
		r.row, r.end = 0, 0
	}
	n := len(r.buf)
	if n == cap(r.buf) {
		r.buf = slices.Grow(r.buf, n)
	}
	read, err := io.ReadAtLeast(r.in, r.buf[n:cap(r.buf)], 1)
	r.buf = r.buf[:n+read]
	if errors.Is(err, io.EOF) {
		r.eof, err = true, nil
	}
	return err
}

// split finds the cells of row.
func (r *reader) split(row []byte) error {
	r.cells, r.scratch = r.cells[:0], r.scratch[:0]
	row = bytes.TrimSuffix(bytes.TrimSuffix(row, []byte{'\n'}), []byte{'\r'})
	if len(row) == 0 {
		return nil
	}
	for {
		cell, n, err := r.cell(row)
		if err != nil {
			return err
		}
		r.cells = append(r.cells, cell)
		if n == len(row) {
			return nil
		}
		row = row[n+len(r.delimiter):]
	}
}

// cell is the text of the first cell of row, and how long it is there.
func (r *reader) cell(row []byte) (text []byte, n int, err error) {
	if len(row) > 0 && row[0] == '"' {
		return r.quoted(row)
	}
	n = bytes.Index(row, r.delimiter)
	if n < 0 {
		n = len(row)
	}
	if bytes.IndexByte(row[:n], '"') >= 0 {
		return nil, 0, r.wrong(whyBareQuote)
	}
	return row[:n], n, nil
}

// quoted is cell for one that begins with a quote.
func (r *reader) quoted(row []byte) (text []byte, n int, err error) {
	start := len(r.scratch)
	for at := 1; ; {
		i := bytes.IndexByte(row[at:], '"')
		if i < 0 {
			return nil, 0, r.wrong(whyOpenQuote)
		}
		end := at + i
		rest := row[end+1:]
		switch {
		case bytes.HasPrefix(rest, []byte{'"'}):
			r.scratch = append(r.scratch, row[at:end+1]...)
			at = end + 2
			continue
		case len(rest) > 0 && !bytes.HasPrefix(rest, r.delimiter):
			return nil, 0, r.wrong(whyAfterQuote)
		case len(r.scratch) == start:
			return row[at:end], end + 1, nil
		}
		r.scratch = append(r.scratch, row[at:end]...)
		return r.scratch[start:], end + 1, nil
	}
}

func (r *reader) wrong(why string) error { return &rowError{line: r.line, why: why} }
