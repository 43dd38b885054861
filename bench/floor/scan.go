package main

// scan.go: finds the values that the mapping reads in the text of a record. It
// believes that the text is JSON; for what is not, it may find anything, but it
// stays inside the line: a line ends in a line break, which no step goes over.

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

type kind uint8

const (
	null kind = iota // or absent
	str
	number
	boolean
	other
)

// field is one value as it stands in the record.
type field struct {
	text    []byte // of a string what stands between the quotes
	kind    kind
	escaped bool // there is a backslash in it
}

// record is what the mapping reads.
type record struct {
	id, firstName, lastName, email, company, country, status field
	ticketName, ticketGroup, price                           field
	createdAt, checkedIn                                     field
	dietary, interests                                       field
	badTicket, badAnswers                                    bool // there is something else than an object, or a list
}

// scan fills r, which is empty, from the object in line at i, or behind space
// there, and returns where it ends, -1 where it does not.
func (r *record) scan(line []byte, i int) int {
	i = space(line, i)
	if line[i] != '{' {
		return -1
	}
	i = space(line, i+1)
	for line[i] == '"' {
		key, at, ok := name(line, i)
		if !ok {
			return -1
		}
		if i = r.member(line, at, key); i < 0 {
			return -1
		}
		i = space(line, i)
		if line[i] != ',' {
			break
		}
		i = space(line, i+1)
	}
	if line[i] != '}' {
		return -1
	}
	return i + 1
}

// member reads the value of a member of the record and returns where it ends.
func (r *record) member(line []byte, i int, key []byte) int {
	switch string(key) {
	case "id":
		return scalar(line, i, &r.id)
	case "first_name":
		return scalar(line, i, &r.firstName)
	case "last_name":
		return scalar(line, i, &r.lastName)
	case "email":
		return scalar(line, i, &r.email)
	case "company":
		return scalar(line, i, &r.company)
	case "country":
		return scalar(line, i, &r.country)
	case "status":
		return scalar(line, i, &r.status)
	case "created_at":
		return scalar(line, i, &r.createdAt)
	case "checked_in":
		return scalar(line, i, &r.checkedIn)
	case "ticket":
		return r.ticket(line, i)
	case "custom_fields":
		return r.answers(line, i)
	default:
		return skip(line, i)
	}
}

func (r *record) ticket(line []byte, i int) int {
	if line[i] != '{' {
		r.badTicket = line[i] != 'n'
		return skip(line, i)
	}
	i = space(line, i+1)
	for line[i] == '"' {
		key, at, ok := name(line, i)
		if !ok {
			return -1
		}
		switch string(key) {
		case "name":
			i = scalar(line, at, &r.ticketName)
		case "group":
			i = scalar(line, at, &r.ticketGroup)
		case "price":
			i = scalar(line, at, &r.price)
		default:
			i = skip(line, at)
		}
		if i < 0 {
			return -1
		}
		i = space(line, i)
		if line[i] != ',' {
			break
		}
		i = space(line, i+1)
	}
	if line[i] != '}' {
		return -1
	}
	return i + 1
}

// answers looks for the two questions whose answers are read.
func (r *record) answers(line []byte, i int) int {
	if line[i] != '[' {
		r.badAnswers = line[i] != 'n'
		return skip(line, i)
	}
	i = space(line, i+1)
	for line[i] == '{' {
		var question, answer field
		if i = pair(line, i, &question, &answer); i < 0 {
			return -1
		}
		switch string(question.text) {
		case "Dietary requirements":
			r.dietary = answer
		case "Interests":
			r.interests = answer
		}
		i = space(line, i)
		if line[i] != ',' {
			break
		}
		i = space(line, i+1)
	}
	if line[i] != ']' {
		return -1
	}
	return i + 1
}

func pair(line []byte, i int, question, answer *field) int {
	i = space(line, i+1)
	for line[i] == '"' {
		key, at, ok := name(line, i)
		if !ok {
			return -1
		}
		switch string(key) {
		case "question":
			i = scalar(line, at, question)
		case "answer":
			i = scalar(line, at, answer)
		default:
			i = skip(line, at)
		}
		if i < 0 {
			return -1
		}
		i = space(line, i)
		if line[i] != ',' {
			break
		}
		i = space(line, i+1)
	}
	if line[i] != '}' {
		return -1
	}
	return i + 1
}

// name reads the name at i and the colon behind it.
func name(line []byte, i int) (key []byte, at int, ok bool) {
	end, _ := stringEnd(line, i+1)
	if end < 0 {
		return nil, 0, false
	}
	at = space(line, end+1)
	if line[at] != ':' {
		return nil, 0, false
	}
	return line[i+1 : end], space(line, at+1), true
}

// scalar reads the value at i into f and returns where it ends, -1 where it does
// not.
func scalar(line []byte, i int, f *field) int {
	switch c := line[i]; {
	case c == '"':
		end, escaped := stringEnd(line, i+1)
		if end < 0 {
			return -1
		}
		*f = field{text: line[i+1 : end], kind: str, escaped: escaped}
		return end + 1
	case c == '{' || c == '[':
		f.kind = other
		return skip(line, i)
	}
	end := literalEnd(line, i)
	switch line[i] {
	case 'n':
		*f = field{}
	case 't', 'f':
		*f = field{text: line[i:end], kind: boolean}
	default:
		*f = field{text: line[i:end], kind: number}
	}
	return end
}

// skip is where the value at i ends, -1 where it does not.
func skip(line []byte, i int) int {
	switch line[i] {
	case '"':
		end, _ := stringEnd(line, i+1)
		if end < 0 {
			return -1
		}
		return end + 1
	case '{', '[':
		return skipNested(line, i)
	default:
		return literalEnd(line, i)
	}
}

func skipNested(line []byte, i int) int {
	for depth := 0; line[i] != '\n'; i++ {
		switch line[i] {
		case '"':
			if i, _ = stringEnd(line, i+1); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func literalEnd(line []byte, i int) int {
	for {
		switch line[i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return i
		}
		i++
	}
}

func space(line []byte, i int) int {
	for line[i] == ' ' || line[i] == '\t' || line[i] == '\r' {
		i++
	}
	return i
}

// Eight bytes at once: the lowest bit that is set in zeroBytes(w) stands in the
// first byte of w that is zero.
const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = ones * '"'
	slants = ones * '\\'
)

func zeroBytes(w uint64) uint64 { return (w - ones) &^ w & highs }

// stringEnd is the place of the quote that ends the string whose text begins at
// i, or -1.
func stringEnd(line []byte, i int) (end int, escaped bool) {
	for i+8 <= len(line) {
		w := binary.LittleEndian.Uint64(line[i:])
		found := zeroBytes(w^quotes) | zeroBytes(w^slants)
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) >> 3
		if line[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
	for ; i < len(line); i++ {
		switch line[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
	}
	return -1, escaped
}

// unescape appends the text that s, the inside of a JSON string, stands for.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			dst = append(dst, c)
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s, i+1)
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(s, i+3))
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

func hex4(s []byte, i int) (r rune) {
	for end := min(i+4, len(s)); i < end; i++ {
		c := rune(s[i])
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | c&15
	}
	return r
}
