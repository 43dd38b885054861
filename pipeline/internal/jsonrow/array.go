package jsonrow

// array.go: elements of an array as it arrives, for files of any size.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// TooLarge says where an element stood that was longer than allowed, and what
// it was.
type TooLarge struct {
	Offset, Bytes int64
	SHA256        string
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("is %d bytes long", e.Bytes)
}

// ArrayReader cuts a JSON array into its elements as it arrives, holding no
// more than one of them.
type ArrayReader struct {
	r      io.Reader
	max    int
	buf    []byte
	pos    int   // of the next byte in buf
	read   int64 // bytes of r before buf
	line   int
	begun  bool
	failed error
}

// NewArrayReader reads the array that r holds; an element longer than max bytes
// is read over.
func NewArrayReader(r io.Reader, max int) *ArrayReader {
	return &ArrayReader{r: r, max: max, buf: make([]byte, 0, 64<<10), line: 1}
}

// Next appends the next element to dst and returns it with the line on which it
// begins. The error is io.EOF after the last one; a *TooLarge for an element
// that was read over, after which Next goes on; and final otherwise.
func (a *ArrayReader) Next(dst []byte) (elem []byte, line int, err error) {
	if a.failed != nil {
		return dst, a.line, a.failed
	}
	elem, line, err = a.next(dst)
	var tooLarge *TooLarge
	if err != nil && !errors.As(err, &tooLarge) {
		a.failed = err
	}
	return elem, line, err
}

func (a *ArrayReader) next(dst []byte) ([]byte, int, error) {
	c, err := a.peekToken()
	if err != nil {
		return dst, a.line, err
	}
	switch {
	case !a.begun && c != '[':
		return dst, a.line, fmt.Errorf("a list [ is wanted, found %s", kindOf(c))
	case !a.begun:
		a.begun = true
		a.pos++
		if c, err = a.peekToken(); err != nil {
			return dst, a.line, err
		}
		if c == ']' {
			return dst, a.line, a.end()
		}
	case c == ']':
		return dst, a.line, a.end()
	case c != ',':
		return dst, a.line, fmt.Errorf("a comma or ] is wanted on line %d", a.line)
	default:
		a.pos++
		if c, err = a.peekToken(); err != nil {
			return dst, a.line, err
		}
	}
	if c == ',' || c == ']' || c == '}' || c == ':' {
		return dst, a.line, fmt.Errorf("a value is wanted on line %d", a.line)
	}
	line := a.line
	elem, err := a.element(dst)
	return elem, line, err
}

// element copies bytes up to the end of the value that begins here.
func (a *ArrayReader) element(dst []byte) ([]byte, error) {
	offset, start := a.read+int64(a.pos), len(dst)
	var over hash.Hash // of an element that is too long to keep
	var length int64
	keep := func(b []byte) {
		length += int64(len(b))
		switch {
		case over != nil:
			over.Write(b)
		case length > int64(a.max):
			over = sha256.New()
			over.Write(dst[start:])
			over.Write(b)
			dst = dst[:start]
		default:
			dst = append(dst, b...)
		}
	}
	var s scan
	for !s.done {
		n := s.run(a.buf[a.pos:])
		keep(a.buf[a.pos : a.pos+n])
		a.line += bytes.Count(a.buf[a.pos:a.pos+n], []byte{'\n'})
		a.pos += n
		if s.done {
			break
		}
		if err := a.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = errCutOff
			}
			return dst, err
		}
	}
	if over != nil {
		return dst, &TooLarge{Offset: offset, Bytes: length, SHA256: hex.EncodeToString(over.Sum(nil))}
	}
	return dst, nil
}

// scan finds the end of a value over several buffers, as skipValue does in one.
type scan struct {
	depth    int
	started  bool
	scalar   bool // a number or a word: it ends where something else begins
	inString bool
	escaped  bool // the next byte is
	done     bool
}

// run returns how many bytes of b belong to the value.
func (s *scan) run(b []byte) int {
	for i := 0; i < len(b); i++ {
		if s.inString && !s.escaped {
			i = beforeQuote(b, i)
		}
		c := b[i]
		if !s.started {
			s.started = true
			s.scalar = c != '"' && c != '{' && c != '['
		}
		switch {
		case s.scalar:
			if bytes.IndexByte([]byte(",:]} \t\r\n"), c) >= 0 {
				s.done = true
				return i
			}
		case s.escaped:
			s.escaped = false
		case s.inString:
			s.escaped = c == '\\'
			s.inString = c != '"'
		case c == '"':
			s.inString = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			s.depth--
		}
		if s.depth == 0 && !s.inString && !s.scalar {
			s.done = true
			return i + 1
		}
	}
	return len(b)
}

// peekToken is the next byte that is not space.
func (a *ArrayReader) peekToken() (byte, error) {
	for {
		for ; a.pos < len(a.buf); a.pos++ {
			switch c := a.buf[a.pos]; c {
			case '\n':
				a.line++
			case ' ', '\r', '\t':
			default:
				return c, nil
			}
		}
		if err := a.fill(); errors.Is(err, io.EOF) {
			if !a.begun && a.read+int64(len(a.buf)) == 0 {
				return 0, errors.New("a list [ is wanted, found nothing")
			}
			return 0, errCutOff
		} else if err != nil {
			return 0, err
		}
	}
}

// end makes sure that nothing stands behind the array.
func (a *ArrayReader) end() error {
	a.pos++
	if _, err := a.peekToken(); err == nil {
		return fmt.Errorf("it goes on after its end on line %d", a.line)
	} else if !errors.Is(err, errCutOff) {
		return err
	}
	return io.EOF
}

func (a *ArrayReader) fill() error {
	a.read += int64(len(a.buf))
	a.pos, a.buf = 0, a.buf[:0]
	for range 100 {
		n, err := a.r.Read(a.buf[:cap(a.buf)])
		a.buf = a.buf[:n]
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}
