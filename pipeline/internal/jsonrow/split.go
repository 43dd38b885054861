package jsonrow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"pipeline/pipeline/value"
)

// MaxElements is how many elements an array may have that is cut in memory: a
// hostile document of nothing but commas would fill it otherwise.
const MaxElements = 1 << 20

// Elements calls yield with each element of the array that doc is ("" in
// envelopes) or that it holds under the first of the names in envelopes that is
// there with an array. Only the structure is looked at, so that one bad element
// is one bad element; where the structure is broken the error says how, and
// what was yielded before is not to be used.
func Elements(doc []byte, envelopes []string, yield func(elem []byte)) error {
	i := skipSpace(doc, 0)
	if i == len(doc) {
		return errors.New("the answer is empty")
	}
	switch {
	case doc[i] == '[' && slices.Contains(envelopes, ""):
		end, err := elements(doc, i, yield)
		if err != nil {
			return err
		}
		return atEnd(doc, end)
	case doc[i] == '{':
		return envelope(doc, i, envelopes, yield)
	}
	return fmt.Errorf("%s is wanted, found %s", envelopeWords(envelopes), kindOf(doc[i]))
}

// Members calls yield with the name of each member of the object that doc is, as
// it stands between its quotes, and with its value. Only the structure is looked
// at; the error says how it is broken.
func Members(doc []byte, yield func(name, value []byte)) error {
	i := skipSpace(doc, 0)
	switch {
	case i == len(doc):
		return errors.New("the answer is empty")
	case doc[i] != '{':
		return fmt.Errorf("an object is wanted, found %s", kindOf(doc[i]))
	}
	end, err := members(doc, i, func(name []byte, start, end int) { yield(name, doc[start:end]) })
	if err != nil {
		return err
	}
	return atEnd(doc, end)
}

func envelope(doc []byte, i int, envelopes []string, yield func([]byte)) error {
	at := make([]int, len(envelopes)) // where the array of each envelope begins
	var names []string
	end, err := members(doc, i, func(text []byte, start, _ int) {
		name := string(text)
		names = append(names, name)
		if k := slices.Index(envelopes, name); k >= 0 && name != "" && doc[start] == '[' {
			at[k] = start
		}
	})
	if err != nil {
		return err
	}
	if err := atEnd(doc, end); err != nil {
		return err
	}
	for _, start := range at {
		if start > 0 {
			_, err := elements(doc, start, yield)
			return err
		}
	}
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	return fmt.Errorf("%s is wanted, found an object with the names %s", envelopeWords(envelopes), strings.Join(names, ", "))
}

func envelopeWords(envelopes []string) string {
	var words []string
	for _, name := range envelopes {
		if name == "" {
			words = append(words, "a list")
		} else {
			words = append(words, fmt.Sprintf("an object with a list under %q", name))
		}
	}
	return strings.Join(words, " or ")
}

// Lookup is the value under a path of names in doc, null where a step of it is
// absent or not an object. The error says how doc is broken.
func Lookup(doc []byte, path []string) (value.Value, error) {
	for _, step := range path {
		i := skipSpace(doc, 0)
		if i >= len(doc) || doc[i] != '{' {
			return value.Value{}, nil
		}
		var found []byte
		_, err := members(doc, i, func(name []byte, start, end int) {
			if string(name) == step {
				found = doc[start:end]
			}
		})
		if found == nil {
			return value.Value{}, err
		}
		doc = found
	}
	slots := make([]value.Value, 1)
	d := Decoder{src: doc, slots: slots}
	err := d.value(&node{slot: 0}, 0)
	return slots[0], err
}

// elements yields the elements of the array that begins at i and returns where
// it ends.
func elements(doc []byte, i int, yield func([]byte)) (int, error) {
	i = skipSpace(doc, i+1)
	if i < len(doc) && doc[i] == ']' {
		return i + 1, nil
	}
	for n := 1; ; n++ {
		if n > MaxElements {
			return 0, fmt.Errorf("it has more than %d elements", MaxElements)
		}
		end, err := skipValue(doc, i)
		if err != nil {
			return 0, err
		}
		yield(doc[i:end])
		i = skipSpace(doc, end)
		if i >= len(doc) {
			return 0, errCutOff
		}
		switch doc[i] {
		case ']':
			return i + 1, nil
		case ',':
			i = skipSpace(doc, i+1)
		default:
			return 0, fmt.Errorf("a comma or ] is wanted at byte %d", i+1)
		}
	}
}

// members calls yield with the name of each member of the object that begins at
// i and the bounds of its value, and returns where the object ends.
func members(doc []byte, i int, yield func(name []byte, start, end int)) (int, error) {
	i = skipSpace(doc, i+1)
	if i < len(doc) && doc[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(doc) {
			return 0, errCutOff
		}
		if doc[i] != '"' {
			return 0, fmt.Errorf("a name in double quotes is wanted at byte %d", i+1)
		}
		nameEnd, err := skipValue(doc, i)
		if err != nil {
			return 0, err
		}
		name := doc[i+1 : nameEnd-1]
		i = skipSpace(doc, nameEnd)
		if i >= len(doc) {
			return 0, errCutOff
		}
		if doc[i] != ':' {
			return 0, fmt.Errorf("a colon is wanted at byte %d", i+1)
		}
		start := skipSpace(doc, i+1)
		end, err := skipValue(doc, start)
		if err != nil {
			return 0, err
		}
		yield(name, start, end)
		i = skipSpace(doc, end)
		switch {
		case i >= len(doc):
			return 0, errCutOff
		case doc[i] == '}':
			return i + 1, nil
		case doc[i] != ',':
			return 0, fmt.Errorf("a comma or } is wanted at byte %d", i+1)
		}
		i = skipSpace(doc, i+1)
	}
}

// errCutOff is a document that ends in the middle.
var errCutOff = errors.New("it is cut off in the middle")

// skipValue is where the value that begins at i ends. It counts brackets and
// knows strings; what is between them is for Decode to judge.
func skipValue(doc []byte, i int) (int, error) {
	if i >= len(doc) {
		return 0, errCutOff
	}
	switch doc[i] {
	case '{', '[':
		return skipBrackets(doc, i)
	case '"':
		return skipString(doc, i)
	case ',', ':', '}', ']':
		return 0, fmt.Errorf("a value is wanted at byte %d", i+1)
	}
	n := bytes.IndexAny(doc[i:], ",:]} \t\r\n")
	if n < 0 {
		return len(doc), nil
	}
	return i + n, nil
}

func skipBrackets(doc []byte, i int) (int, error) {
	for depth := 0; i < len(doc); {
		switch doc[i] {
		case '"':
			end, err := skipString(doc, i)
			if err != nil {
				return 0, err
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i, nil
		}
	}
	return 0, errCutOff
}

func skipString(doc []byte, i int) (int, error) {
	for i++; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
		}
	}
	return 0, errCutOff
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\r' || doc[i] == '\t') {
		i++
	}
	return i
}

func atEnd(doc []byte, i int) error {
	if i = skipSpace(doc, i); i < len(doc) {
		return fmt.Errorf("it goes on after its end at byte %d", i+1)
	}
	return nil
}

func kindOf(c byte) string {
	switch {
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '"':
		return "a text"
	case c == '-' || c-'0' <= 9:
		return "a number"
	case c == 't' || c == 'f':
		return "true or false"
	case c == 'n':
		return "null"
	case c == '<':
		return "something like an HTML page"
	}
	return "something that is not JSON"
}

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
	for i, c := range b {
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
