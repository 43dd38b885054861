package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// rows reads CSV: each row becomes a JSON object of texts, by the names in the
// first row.
type rows struct {
	in        *input
	delimiter []byte
	at        position // where buf begins
	store     []byte   // the memory of buf
	buf       []byte   // what was read and not yet taken
	eof       bool
	before    [][]byte // what goes before each cell of an object: {"name": or ,"name":
	cells     [][]byte // of the row at hand
	scratch   []byte   // of the cells that are not in buf as they are
	spans     []span
}

// readRows yields a record for each row but the first.
func readRows(ctx context.Context, in *input, at position, delimiter string, yield func(*pipeline.Page) error) error {
	r := &rows{in: in, delimiter: []byte(delimiter)}
	if err := r.header(); err != nil {
		return err
	}
	if err := r.skipTo(at); err != nil {
		return err
	}
	for !r.eof || len(r.buf) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		page := pipeline.NewPage()
		if err := r.page(page); err != nil {
			page.Release()
			return err
		}
		page.Next = r.at.next()
		if err := pass(page, yield); err != nil {
			return err
		}
	}
	return nil
}

// header reads the names.
func (r *rows) header() error {
	for first := true; ; first = false {
		n, err := r.row()
		if first && bytes.HasPrefix(r.buf, bom) {
			r.buf, r.at.offset = r.buf[len(bom):], int64(len(bom))
			n, err = r.row()
		}
		switch {
		case n == 0 && err == nil:
			return errors.New("it is empty; CSV begins with a row of names")
		case err != nil:
			return fmt.Errorf("line %d, the row of names: %w", r.at.line+1, err)
		case !utf8.Valid(r.buf[:n]):
			return fmt.Errorf("line %d, the row of names, is not UTF-8; save the file as UTF-8", r.at.line+1)
		}
		if len(r.cells) > 0 {
			err := r.names()
			r.take(n)
			return err
		}
		r.take(n)
	}
}

// names makes of the first row what goes before each cell.
func (r *rows) names() error {
	column := map[string]int{}
	for i, name := range r.cells {
		if len(name) == 0 {
			return fmt.Errorf("line %d: column %d has no name", r.at.line+1, i+1)
		}
		if bytes.ContainsFunc(bytes.ReplaceAll(name, []byte("\r\n"), []byte{'\n'}), func(c rune) bool { return unicode.IsControl(c) && c != '\n' }) {
			return fmt.Errorf("line %d: the name of column %d has a carriage return or another control character in it; lines end with a line feed, so save the file with the line ends of Unix or Windows", r.at.line+1, i+1)
		}
		if first, twice := column[string(name)]; twice {
			return fmt.Errorf("line %d: columns %d and %d are both called %q", r.at.line+1, first, i+1, name)
		}
		column[string(name)] = i + 1
		before := []byte{','}
		if i == 0 {
			before[0] = '{'
		}
		r.before = append(r.before, append(value.AppendJSONString(before, string(name)), ':'))
	}
	return nil
}

// skipTo steps to where an earlier page ended.
func (r *rows) skipTo(at position) error {
	ahead := at.offset - r.at.offset
	switch {
	case at.offset == 0:
		return nil
	case ahead < 0:
		return fmt.Errorf("%q is no position behind the row of names", at.next())
	case ahead <= int64(len(r.buf)):
		r.buf = r.buf[ahead:]
	default:
		ahead -= int64(len(r.buf))
		r.buf = r.buf[:0]
		if err := r.in.skip(ahead); err != nil {
			return err
		}
	}
	r.at = at
	return nil
}

// page fills a page with whole rows.
func (r *rows) page(page *pipeline.Page) error {
	r.spans, page.Buf = r.spans[:0], page.Buf[:0]
	for begin := r.at.offset; r.at.offset-begin < pageBytes; {
		s := span{line: r.at.line + 1}
		n, err := r.row()
		switch {
		case err == nil && n == 0:
			appendRecords(page, r.spans)
			return nil
		case err == nil && len(r.cells) == 0:
			r.take(n)
			continue
		case err == nil:
			s.fault = r.unfit(n)
		default:
			if n, s.fault, err = r.broken(err); err != nil {
				return err
			}
		}
		raw := bytes.TrimSuffix(bytes.TrimSuffix(r.buf[:n], []byte{'\n'}), []byte{'\r'})
		s.raw = [2]int{len(page.Buf), len(page.Buf) + len(raw)}
		page.Buf = append(page.Buf, raw...)
		if s.fault == nil {
			s.text[0] = len(page.Buf)
			page.Buf = r.object(page.Buf)
			s.text[1] = len(page.Buf)
		}
		r.spans = append(r.spans, s)
		r.take(n)
	}
	appendRecords(page, r.spans)
	return nil
}

// unfit says why a row of n bytes, sound in itself, is no record.
func (r *rows) unfit(n int) *pipeline.Fault {
	switch {
	case len(r.cells) != len(r.before):
		return &pipeline.Fault{Code: "csv-syntax", Reason: fmt.Sprintf("the row has %s, and there are %d names", counted(len(r.cells)), len(r.before))}
	case !utf8.Valid(r.buf[:n]):
		return &pipeline.Fault{Code: "invalid-utf8", Reason: "the row is not UTF-8"}
	}
	return nil
}

// broken is the fault of a row that could not be read, and how many bytes of it
// are in buf. Reading goes on at the next line, which may be sound.
func (r *rows) broken(err error) (n int, _ *pipeline.Fault, _ error) {
	var syntax syntaxError
	switch {
	case errors.As(err, &syntax):
		return physicalLine(r.buf), &pipeline.Fault{Code: "csv-syntax", Reason: syntax.Error()}, nil
	case errors.Is(err, errTooLarge):
		fault, err := r.tooLarge()
		return 0, fault, err
	default:
		return 0, nil, err
	}
}

func counted(cells int) string {
	if cells == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", cells)
}

// object appends the row at hand as a JSON object.
func (r *rows) object(dst []byte) []byte {
	for i, cell := range r.cells {
		dst = append(dst, r.before[i]...)
		dst = value.AppendJSONString(dst, unsafe.String(unsafe.SliceData(cell), len(cell))) // which keeps nothing of it
	}
	return append(dst, '}')
}

// take steps over n bytes of buf.
func (r *rows) take(n int) {
	r.at.line += bytes.Count(r.buf[:n], []byte{'\n'})
	r.at.offset += int64(n)
	r.buf = r.buf[n:]
}

var errTooLarge = errors.New("too large")

// tooLarge reads over a line that is longer than a record may be.
func (r *rows) tooLarge() (*pipeline.Fault, error) {
	fault := &pipeline.Fault{Code: "too-large", Offset: r.at.offset}
	sum := sha256.New()
	for {
		n := bytes.IndexByte(r.buf, '\n')
		line := r.buf
		if n >= 0 {
			line = r.buf[:n]
		}
		sum.Write(line)
		fault.Bytes += int64(len(line))
		r.take(len(line))
		if n >= 0 || r.eof {
			break
		}
		if err := r.more(pageBytes); err != nil {
			return nil, err
		}
	}
	r.take(min(1, len(r.buf)))
	fault.Reason = fmt.Sprintf("the row is %d bytes long, and a record may have %d", fault.Bytes, maxRecord)
	fault.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return fault, nil
}

// physicalLine is the length of the first line of buf, with its line break.
func physicalLine(buf []byte) int {
	if i := bytes.IndexByte(buf, '\n'); i >= 0 {
		return i + 1
	}
	return len(buf)
}
