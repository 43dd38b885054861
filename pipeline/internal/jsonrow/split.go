package jsonrow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unsafe"

	"pipeline/pipeline/value"
)

// MaxElements is how many elements an array may have that is cut in memory: a
// hostile document of nothing but commas would fill it otherwise.
const MaxElements = 1 << 20

// Elements calls yield with each element of the array that doc is ("" in
// envelopes) or that it holds under one of the names in envelopes. Only the structure is looked at, so that one bad element
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

// ElementsOf is Elements for a list in a slot. yield does not write into elem,
// which is a part of it.
func ElementsOf(list string, yield func(elem []byte)) error {
	return Elements(unsafe.Slice(unsafe.StringData(list), len(list)), []string{""}, yield)
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
	list := -1 // where the array of an envelope begins
	var names, lists []string
	end, err := members(doc, i, func(key []byte, start, _ int) {
		name := string(key)
		names = append(names, name)
		if name != "" && doc[start] == '[' && slices.Contains(envelopes, name) {
			list, lists = start, append(lists, name)
		}
	})
	if err != nil {
		return err
	}
	if err := atEnd(doc, end); err != nil {
		return err
	}
	switch {
	case len(lists) > 1:
		return fmt.Errorf("it has a list under each of %s, and nothing says which one counts", strings.Join(lists, ", "))
	case list >= 0:
		_, err := elements(doc, list, yield)
		return err
	}
	for k, name := range names {
		if !isName(name) { // it may be anybody's
			names[k] = "…"
		}
	}
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	return fmt.Errorf("%s is wanted, found an object with the names %s", envelopeWords(envelopes), strings.Join(names, ", "))
}

// isName reports whether a member's name is what programs call things.
func isName(s string) bool {
	return len(s) < 40 && strings.Trim(s, "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
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
	_, err := d.value(&node{slot: 0, reads: true}, nil, 0, 0)
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
	i++
	for fastTexts && i+8 <= len(doc) {
		end := quoteOrSlant(binary.LittleEndian.Uint64(doc[i:]))
		if end == 0 {
			i += 8
			continue
		}
		if i += bits.TrailingZeros64(end) / 8; doc[i] == '"' {
			return i + 1, nil
		}
		i += 2
	}
	for ; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
		}
	}
	return 0, errCutOff
}

// beforeQuote is the place of the first byte at or behind i that may be a quote or a
// backslash, of those that there are.
func beforeQuote(doc []byte, i int) int {
	for fastTexts && i+8 < len(doc) {
		if end := quoteOrSlant(binary.LittleEndian.Uint64(doc[i:])); end != 0 {
			return i + bits.TrailingZeros64(end)/8
		}
		i += 8
	}
	return i
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
