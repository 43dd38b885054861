package value

import (
	"encoding/json"
	"strings"
)

// json.go: just enough JSON to look into a List or JSON value, whose text was
// checked when the record was read. Nothing here recurses, and a text that is
// not JSON after all ends in ok == false.

// FromJSON is the value that a JSON text writes: a number stays as it was
// written, an array is a List, an object is JSON. ok is false where s is no
// single JSON value as far as one can see from its first and last character;
// what is inside an array or object is not checked.
func FromJSON(s string) (v Value, ok bool) {
	s = trimJSON(s)
	if s == "" {
		return Value{}, false
	}
	switch last := s[len(s)-1]; s[0] {
	case '[':
		return ListText(s), last == ']'
	case '{':
		return JSONText(s), last == '}'
	case '"':
		return unquote(s)
	case 'n':
		return Value{}, s == "null"
	case 't':
		return Bool(true), s == "true"
	case 'f':
		return Bool(false), s == "false"
	default:
		_, ok = ParseNumeral(s)
		return NumberText(s), ok
	}
}

// unquote reads a JSON string.
func unquote(s string) (Value, bool) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return Value{}, false
	}
	inner := s[1 : len(s)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return Text(inner), strings.IndexByte(inner, '"') < 0
	}
	var text string
	if json.Unmarshal([]byte(s), &text) != nil {
		return Value{}, false
	}
	return Text(text), true
}

func trimJSON(s string) string { return strings.Trim(s, " \t\r\n") }

// items steps through the items of a JSON array.
type items struct {
	rest string // after the opening bracket, or after the comma
	done bool
}

// openList begins with the array s.
func openList(s string) (items, bool) {
	s = trimJSON(s)
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return items{}, false
	}
	inner := trimJSON(s[1 : len(s)-1])
	return items{rest: inner, done: inner == ""}, true
}

// next is the text of the next item. It must not be called when done is set.
func (it *items) next() string {
	end := itemEnd(it.rest)
	item := it.rest[:end]
	it.done = end == len(it.rest)
	if !it.done {
		it.rest = it.rest[end+1:]
	}
	return item
}

// itemEnd is where the first comma stands that is in no string, array or
// object, or the length of s.
func itemEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = stringEnd(s, i)
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// stringEnd is the index of the quote that ends the string which begins at i,
// or the last index of s.
func stringEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s) - 1
}

// appendCompact appends the JSON text s without the space between its tokens.
func appendCompact(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
		case '"':
			end := stringEnd(s, i)
			dst = append(dst, s[i:end+1]...)
			i = end
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
