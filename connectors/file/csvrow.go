package file

// csvrow.go: the cells of one row of CSV, as RFC 4180 has it. encoding/csv
// keeps neither the bytes of a row nor its place after a broken one.

import (
	"bytes"
	"errors"
)

// syntaxError says why a row is no CSV.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

const (
	errOpenQuote  = syntaxError("a quote is opened and never closed")
	errBareQuote  = syntaxError(`a quote stands in a cell that does not begin with one; write the cell as "…" with each quote in it doubled`)
	errAfterQuote = syntaxError("text follows the quote that ends a cell; a quote in a cell is written twice")
	errUnknownYet = syntaxError("the row goes on behind the buffer")
)

// row reads the cells of the next row into r.cells and returns its length with
// its line break. An empty line is a row without cells; at the end of the text
// the length is 0. The error is a syntaxError, errTooLarge, or that of reading.
func (r *rows) row() (int, error) {
	for want := pageBytes; ; want = min(2*want, maxRecord+1) {
		n, err := r.parse()
		switch {
		case !errors.Is(err, errUnknownYet):
			return n, err
		case len(r.buf) > maxRecord && bytes.IndexByte(r.buf, '\n') < 0:
			return 0, errTooLarge
		case len(r.buf) > maxRecord:
			return 0, errOpenQuote // over all those lines
		}
		if err := r.more(max(want, len(r.buf)+1)); err != nil {
			return 0, err
		}
	}
}

// more reads until buf has that many bytes, or the text ends.
func (r *rows) more(want int) (err error) {
	if r.eof {
		return nil
	}
	if cap(r.store) < want {
		r.store = make([]byte, want)
	}
	kept := copy(r.store[:cap(r.store)], r.buf) // to its beginning
	r.buf, r.eof, err = r.in.fill(r.store[:kept], want)
	return err
}

// parse is row on what is in buf, where errUnknownYet says that the row goes on
// behind it.
func (r *rows) parse() (int, error) {
	r.cells, r.scratch = r.cells[:0], r.scratch[:0]
	if len(r.buf) == 0 {
		return 0, r.atEnd(nil)
	}
	if n := emptyLine(r.buf); n > 0 {
		return n, nil
	}
	if string(r.buf) == "\r" {
		return 1, r.atEnd(nil)
	}
	for at := 0; ; {
		cell, n, err := r.cell(r.buf[at:])
		if err != nil {
			return 0, err
		}
		r.cells = append(r.cells, cell)
		at += n
		rest := r.buf[at:]
		switch {
		case bytes.HasPrefix(rest, r.delimiter):
			at += len(r.delimiter)
		case len(rest) == 0, string(rest) == "\r":
			return len(r.buf), r.atEnd(nil)
		default: // cell stops at nothing else
			return at + emptyLine(rest), nil
		}
	}
}

// atEnd is err where the text ends with buf, and errUnknownYet where it may go
// on.
func (r *rows) atEnd(err error) error {
	if r.eof {
		return err
	}
	return errUnknownYet
}

// emptyLine is the length of the line break at the beginning of buf.
func emptyLine(buf []byte) int {
	switch {
	case bytes.HasPrefix(buf, []byte("\n")):
		return 1
	case bytes.HasPrefix(buf, []byte("\r\n")):
		return 2
	default:
		return 0
	}
}

// cell is the text of the cell at the beginning of buf, and how long it is
// there.
func (r *rows) cell(buf []byte) (text []byte, n int, err error) {
	if len(buf) > 0 && buf[0] == '"' {
		return r.quoted(buf)
	}
	for i, b := range buf {
		switch {
		case b == '"':
			return nil, 0, errBareQuote
		case b == '\n', b == '\r' && (i+1 == len(buf) || buf[i+1] == '\n'), b == r.delimiter[0] && bytes.HasPrefix(buf[i:], r.delimiter):
			return buf[:i], i, nil
		}
	}
	return buf, len(buf), nil
}

// quoted is cell for one that begins with a quote.
func (r *rows) quoted(buf []byte) (text []byte, n int, err error) {
	start := len(r.scratch)
	for at := 1; ; {
		i := bytes.IndexByte(buf[at:], '"')
		if i < 0 {
			return nil, 0, r.atEnd(errOpenQuote)
		}
		end := at + i
		rest := buf[end+1:]
		switch {
		case bytes.HasPrefix(rest, []byte{'"'}):
			r.scratch = append(r.scratch, buf[at:end+1]...)
			at = end + 2
			continue
		case len(rest) == 0 || string(rest) == "\r" || emptyLine(rest) > 0 || bytes.HasPrefix(rest, r.delimiter):
		case len(rest) < len(r.delimiter) && bytes.HasPrefix(r.delimiter, rest):
			return nil, 0, r.atEnd(errAfterQuote)
		default:
			return nil, 0, errAfterQuote
		}
		if len(r.scratch) == start {
			return buf[at:end], end + 1, nil
		}
		r.scratch = append(r.scratch, buf[at:end]...)
		return r.scratch[start:], end + 1, nil
	}
}
