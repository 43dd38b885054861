// json.go: looking into JSON text without building it. The text was checked
// when the record was read; what is wrong with it here is an error and never a
// panic.

package expression

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// errJSON: the text of a slot is not what its kind says.
var errJSON = errors.New("the value is not JSON")

// maxJSONDepth is how deep values may be nested.
const maxJSONDepth = 256

// scanner reads one JSON text.
type scanner struct {
	s string
	i int
}

func (s *scanner) space() {
	for s.i < len(s.s) {
		switch s.s[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek is the next byte behind space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

// take reads the byte c.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// raw skips one value and returns its text.
func (s *scanner) raw() (string, error) {
	c := s.peek()
	start := s.i
	switch c {
	case '"':
		if _, _, err := s.text(); err != nil {
			return "", err
		}
	case '{', '[':
		if err := s.nested(); err != nil {
			return "", err
		}
	default:
		if !s.word() {
			return "", errJSON
		}
	}
	return s.s[start:s.i], nil
}

// nested skips an object or an array, by its brackets alone.
func (s *scanner) nested() error {
	depth := 0
	for s.i < len(s.s) {
		switch s.s[s.i] {
		case '"':
			if _, _, err := s.text(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if depth++; depth > maxJSONDepth {
				return errJSON
			}
		case '}', ']':
			if depth--; depth == 0 {
				s.i++
				return nil
			}
		}
		s.i++
	}
	return errJSON
}

// word skips a number or a literal.
func (s *scanner) word() bool {
	start := s.i
	for s.i < len(s.s) {
		switch c := s.s[s.i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == '-', c == '+', c == '.', c == 'E':
			s.i++
		default:
			return s.i > start
		}
	}
	return s.i > start
}

// text reads a string and returns what is between its quotes, and whether that
// has escapes.
func (s *scanner) text() (inner string, escaped bool, err error) {
	if !s.take('"') {
		return "", false, errJSON
	}
	start := s.i
	for {
		n := strings.IndexByte(s.s[s.i:], '"')
		if n < 0 {
			return "", false, errJSON
		}
		backslash := strings.IndexByte(s.s[s.i:s.i+n], '\\')
		if backslash < 0 {
			s.i += n + 1
			return s.s[start : s.i-1], escaped, nil
		}
		escaped = true
		if s.i += backslash + 2; s.i > len(s.s) {
			return "", false, errJSON
		}
	}
}

// decode is one JSON value as the VM sees it: lists and objects stay text.
func decode(text string) (any, error) {
	text = strings.Trim(text, " \t\n\r")
	if text == "" {
		return nil, errJSON
	}
	switch text[0] {
	case '[':
		return rawList(text), nil
	case '{':
		return rawObject(text), nil
	case '"':
		s := scanner{s: text}
		inner, escaped, err := s.text()
		if err != nil || s.i != len(text) {
			return nil, errJSON
		}
		if escaped {
			return unescape(inner)
		}
		return inner, nil
	}
	switch text {
	case "null":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if !isJSONNumber(text) {
		return nil, errJSON
	}
	return numeric(text), nil
}

// unescape is the text between quotes with its escapes resolved.
func unescape(s string) (string, error) {
	out, err := appendUnescaped(make([]byte, 0, len(s)), s)
	return string(out), err
}

// appendUnescaped appends no more bytes than s has.
func appendUnescaped(out []byte, s string) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		if n := strings.IndexByte(s[i:], '\\'); n != 0 {
			if n < 0 {
				n = len(s) - i
			}
			out = append(out, s[i:i+n]...)
			i += n - 1
			continue
		}
		if i++; i >= len(s) {
			return nil, errJSON
		}
		if s[i] != 'u' {
			plain := strings.IndexByte(`"\/bfnrt`, s[i])
			if plain < 0 {
				return nil, errJSON
			}
			out = append(out, "\"\\/\b\f\n\r\t"[plain])
			continue
		}
		r, ok := hex4(s, i+1)
		if !ok {
			return nil, errJSON
		}
		i += 4
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if strings.HasPrefix(s[i+1:], `\u`) {
				low, ok = hex4(s, i+3)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i:i+4], 16, 16)
	return rune(n), err == nil
}

// separator reads what stands behind an item: a comma, or the closing bracket.
func (s *scanner) separator(closing byte) (more bool, err error) {
	switch {
	case s.take(','):
		return true, nil
	case s.take(closing):
		return false, nil
	default:
		return false, errJSON
	}
}

// name reads the name of a member and the colon behind it.
func (s *scanner) name() (name string, escaped bool, err error) {
	name, escaped, err = s.text()
	if err == nil && !s.take(':') {
		err = errJSON
	}
	return name, escaped, err
}

// splitList is a JSON array as its items.
func splitList(list string) ([]any, error) {
	s := scanner{s: list}
	if !s.take('[') {
		return nil, errJSON
	}
	if s.take(']') {
		return []any{}, nil
	}
	items := make([]any, 0, 8)
	for more := true; more; {
		raw, err := s.raw()
		if err != nil {
			return nil, err
		}
		v, err := decode(raw)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		if more, err = s.separator(']'); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// splitObject is a JSON object as its members.
func splitObject(object string) (map[string]any, error) {
	members := map[string]any{}
	s := scanner{s: object}
	if !s.take('{') {
		return nil, errJSON
	}
	if s.take('}') {
		return members, nil
	}
	for more := true; more; {
		name, escaped, err := s.name()
		if err != nil {
			return nil, err
		}
		if escaped {
			if name, err = unescape(name); err != nil {
				return nil, err
			}
		}
		raw, err := s.raw()
		if err != nil {
			return nil, err
		}
		if members[name], err = decode(raw); err != nil {
			return nil, err
		}
		if more, err = s.separator('}'); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// named reports whether a name that stands in JSON is want.
func named(name string, escaped bool, want string) bool {
	if !escaped {
		return name == want
	}
	plain, err := unescape(name)
	return err == nil && plain == want
}

// member is the member of a JSON object of that name, null where it has none.
func member(object, want string) (any, error) {
	s := scanner{s: object}
	if !s.take('{') {
		return nil, errJSON
	}
	if s.take('}') {
		return nil, nil
	}
	for more := true; more; {
		name, escaped, err := s.name()
		if err != nil {
			return nil, err
		}
		raw, err := s.raw()
		if err != nil {
			return nil, err
		}
		if named(name, escaped, want) {
			return decode(raw)
		}
		if more, err = s.separator('}'); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
