package main

// convert.go: bench/w1.yaml, by hand.

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"
)

const header = "attendee_id,full_name,email,company,country,ticket,amount,vip,dietary,registered_on,checked_in,interests\n"

// counts is what became of the records.
type counts struct{ written, filtered, rejected int }

// converter maps records and keeps the results until flush. It allocates
// nothing per record once its buffers have grown.
type converter struct {
	counts
	rows    []byte
	rejects []byte
	rec     record
	text    []byte // texts of the record at hand that differ from what stands in it
	zone    zone
}

func newConverter() *converter { return &converter{zone: singapore()} }

// flush writes what was converted since the last flush.
func (c *converter) flush(rows, rejects io.Writer) error {
	if _, err := rows.Write(c.rows); err != nil {
		return err
	}
	c.rows = c.rows[:0]
	if len(c.rejects) == 0 {
		return nil
	}
	_, err := rejects.Write(c.rejects)
	c.rejects = c.rejects[:0]
	return err
}

// convert maps lines, each of which ends in a line break.
func (c *converter) convert(lines []byte) {
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		line := lines[:end]
		lines = lines[end:]
		if space(line, 0) == end-1 {
			continue
		}
		start := len(c.rows)
		c.text = c.text[:0]
		c.rec = record{}
		if !c.rec.scan(line) {
			c.reject("json", line)
			continue
		}
		if string(c.value(&c.rec.status)) == "cancelled" {
			c.filtered++
			continue
		}
		if reason := c.row(); reason != "" {
			c.rows = c.rows[:start]
			c.reject(reason, line)
			continue
		}
		c.written++
	}
}

func (c *converter) reject(reason string, line []byte) {
	c.rejected++
	c.rejects = append(c.rejects, `{"reason":"`...)
	c.rejects = append(c.rejects, reason...)
	c.rejects = append(c.rejects, `","record":`...)
	c.rejects = append(c.rejects, bytes.TrimSpace(line)...)
	c.rejects = append(c.rejects, "}\n"...)
}

// row appends the row of the record at hand, or says which column broke the
// contract; part of the row may then have been appended.
func (c *converter) row() (reason string) {
	r := &c.rec
	dst := c.rows

	id := c.value(&r.id)
	if !(r.id.kind == number || r.id.kind == str) || !isDigits(id) {
		return "attendee_id"
	}
	dst = append(dst, id...)

	if r.firstName.kind != str || r.lastName.kind != str {
		return "full_name"
	}
	dst = cell(append(dst, ','), c.fullName())

	email := c.lowerTrimmed(&r.email)
	if !isEmail(email) {
		return "email"
	}
	dst = cell(append(dst, ','), email)

	if r.company.kind > str {
		return "company"
	}
	dst = c.fieldCell(append(dst, ','), &r.company)

	country := c.upper(&r.country)
	if len(country) != 2 || country[0]-'A' > 25 || country[1]-'A' > 25 {
		return "country"
	}
	dst = append(append(dst, ','), country...)

	dst = append(dst, ',')
	switch {
	case r.badTicket || r.ticketName.kind > str:
		return "ticket"
	case r.ticketName.kind == null:
		dst = append(dst, "General"...)
	default:
		dst = c.fieldCell(dst, &r.ticketName)
	}

	amount := c.value(&r.price)
	if !(r.price.kind == number || r.price.kind == str) || !isAmount(amount) {
		return "amount"
	}
	dst = append(append(dst, ','), amount...)

	if r.ticketGroup.kind == str && string(c.value(&r.ticketGroup)) == "VIP" {
		dst = append(dst, ",true,"...)
	} else {
		dst = append(dst, ",false,"...)
	}

	if r.badAnswers || r.dietary.kind == other || r.interests.kind == other {
		return "dietary"
	}
	dst = c.fieldCell(dst, &r.dietary)

	seconds, ok := instant(c.value(&r.createdAt))
	if !ok || r.createdAt.kind != str {
		return "registered_on"
	}
	dst = appendDate(append(dst, ','), c.zone.day(seconds))

	if r.checkedIn.kind != boolean {
		return "checked_in"
	}
	dst = append(append(dst, ','), r.checkedIn.text...)

	dst = cell(append(dst, ','), c.listed(&r.interests))
	c.rows = append(dst, '\n')
	return ""
}

// value is the text of f without escapes.
func (c *converter) value(f *field) []byte {
	if !f.escaped {
		return f.text
	}
	start := len(c.text)
	c.text = unescape(c.text, f.text)
	return c.text[start:]
}

func (c *converter) fullName() []byte {
	start := len(c.text)
	c.text = c.append(c.text, &c.rec.firstName)
	c.text = append(c.text, ' ')
	c.text = c.append(c.text, &c.rec.lastName)
	return bytes.TrimSpace(c.text[start:])
}

func (c *converter) append(dst []byte, f *field) []byte {
	if f.escaped {
		return unescape(dst, f.text)
	}
	return append(dst, f.text...)
}

// lowerTrimmed is empty for what is no text.
func (c *converter) lowerTrimmed(f *field) []byte {
	if f.kind != str {
		return nil
	}
	s := bytes.TrimSpace(c.value(f))
	start := len(c.text)
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return c.mapped(s, unicode.ToLower)
		}
		if b-'A' <= 25 {
			b += 'a' - 'A'
		}
		c.text = append(c.text, b)
	}
	return c.text[start:]
}

// upper is empty for what is no text.
func (c *converter) upper(f *field) []byte {
	if f.kind != str {
		return nil
	}
	s := c.value(f)
	start := len(c.text)
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return c.mapped(s, unicode.ToUpper)
		}
		if b-'a' <= 25 {
			b -= 'a' - 'A'
		}
		c.text = append(c.text, b)
	}
	return c.text[start:]
}

func (c *converter) mapped(s []byte, to func(rune) rune) []byte {
	start := len(c.text)
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		c.text = utf8.AppendRune(c.text, to(r))
		s = s[n:]
	}
	return c.text[start:]
}

// listed is a text with its commas replaced by bars, and the space around them
// removed.
func (c *converter) listed(f *field) []byte {
	s := c.value(f)
	start := len(c.text)
	for {
		comma := bytes.IndexByte(s, ',')
		if comma < 0 {
			break
		}
		c.text = append(c.text, bytes.TrimSpace(s[:comma])...)
		c.text = append(c.text, '|')
		s = s[comma+1:]
	}
	c.text = append(c.text, bytes.TrimSpace(s)...)
	return c.text[start:]
}

// fieldCell appends a value as a cell. A string without escapes has neither
// quotes nor line breaks in it.
func (c *converter) fieldCell(dst []byte, f *field) []byte {
	switch {
	case f.escaped:
		return cell(dst, c.value(f))
	case bytes.IndexByte(f.text, ',') < 0:
		return append(dst, f.text...)
	default:
		return append(append(append(dst, '"'), f.text...), '"')
	}
}

// cell appends text as a cell of RFC 4180.
func cell(dst, text []byte) []byte {
	quote := false
	for _, b := range text {
		if special[b] {
			quote = true
			break
		}
	}
	if !quote {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"') + 1
		if i == 0 {
			break
		}
		dst = append(append(dst, text[:i]...), '"')
		text = text[i:]
	}
	return append(append(dst, text...), '"')
}

var special = [256]bool{',': true, '"': true, '\n': true, '\r': true}
