package main

// convert.go: bench/w1.yaml, by hand.

import (
	"bytes"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"
)

// counts is what became of the records.
type counts struct{ written, filtered, rejected int }

// row is what the mapping makes of a record. Its texts lie in the text that was
// read and in the memory of the converter, and hold until that is flushed.
type row struct {
	id, fullName, email, country, amount, interests []byte
	company, ticket, dietary                        *field
	day                                             int64 // since 1970-01-01
	vip, checkedIn                                  bool
}

// encoder takes rows in one form of output.
type encoder interface {
	// add keeps the row, or what is made of it. Not every row can be written in
	// every form; reason is then the column for which it is rejected.
	add(c *converter, r *row) (reason string)
	// flush hands on what was added since the last flush. Flushes of several
	// encoders come one after the other, in the order of the records.
	flush() error
}

// converter maps records and keeps the results until flush. It allocates
// nothing per record once its buffers have grown.
type converter struct {
	counts
	out     encoder
	rejects []byte
	rec     record
	row     row
	text    []byte // texts of the rows that differ from what stands in the records
	zone    zone
}

func newConverter(out encoder) *converter { return &converter{out: out, zone: singapore()} }

// flush writes what was converted since the last flush.
func (c *converter) flush(rejects io.Writer) error {
	if err := c.out.flush(); err != nil {
		return err
	}
	c.text = c.text[:0]
	if len(c.rejects) == 0 {
		return nil
	}
	_, err := rejects.Write(c.rejects)
	c.rejects = c.rejects[:0]
	return err
}

// lines maps lines, each of which ends in a line break.
func (c *converter) lines(text []byte) {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		line := text[:end]
		text = text[end:]
		if space(line, 0) == end-1 {
			continue
		}
		c.rec = record{}
		if c.rec.scan(line, 0) < 0 {
			c.reject("json", line)
			continue
		}
		c.record(line)
	}
}

var errPage = errors.New("a page is not a list of objects")

// page maps the records of a page: a list in JSON without line breaks, and one
// behind it.
func (c *converter) page(text []byte) error {
	i := space(text, 0)
	if text[i] != '[' {
		return errPage
	}
	for {
		i = space(text, i+1)
		c.rec = record{}
		end := c.rec.scan(text, i)
		if end < 0 {
			return errPage
		}
		c.record(text[i:end])
		if i = space(text, end); text[i] != ',' {
			break
		}
	}
	if text[i] != ']' {
		return errPage
	}
	return nil
}

// record ends the record at hand, whose text is given: as a row, filtered, or
// rejected.
func (c *converter) record(text []byte) {
	if string(c.value(&c.rec.status)) == "cancelled" {
		c.filtered++
		return
	}
	reason := c.fields()
	if reason == "" {
		reason = c.out.add(c, &c.row)
	}
	if reason != "" {
		c.reject(reason, text)
		return
	}
	c.written++
}

func (c *converter) reject(reason string, text []byte) {
	c.rejected++
	c.rejects = append(c.rejects, `{"reason":"`...)
	c.rejects = append(c.rejects, reason...)
	c.rejects = append(c.rejects, `","record":`...)
	c.rejects = append(c.rejects, bytes.TrimSpace(text)...)
	c.rejects = append(c.rejects, "}\n"...)
}

// fields fills the row from the record at hand, or says which column broke the
// contract.
func (c *converter) fields() (reason string) {
	r, out := &c.rec, &c.row

	out.id = c.value(&r.id)
	if !(r.id.kind == number || r.id.kind == str) || !isDigits(out.id) {
		return "attendee_id"
	}
	if r.firstName.kind != str || r.lastName.kind != str {
		return "full_name"
	}
	out.fullName = c.fullName()
	if out.email = c.lowerTrimmed(&r.email); !isEmail(out.email) {
		return "email"
	}
	if out.company = &r.company; r.company.kind > str {
		return "company"
	}
	out.country = c.upper(&r.country)
	if len(out.country) != 2 || out.country[0]-'A' > 25 || out.country[1]-'A' > 25 {
		return "country"
	}
	switch {
	case r.badTicket || r.ticketName.kind > str:
		return "ticket"
	case r.ticketName.kind == null:
		r.ticketName = field{text: general, kind: str}
	}
	out.ticket = &r.ticketName
	out.amount = c.value(&r.price)
	if !(r.price.kind == number || r.price.kind == str) || !isAmount(out.amount) {
		return "amount"
	}
	out.vip = r.ticketGroup.kind == str && string(c.value(&r.ticketGroup)) == "VIP"
	if r.badAnswers || r.dietary.kind == other || r.interests.kind == other {
		return "dietary"
	}
	out.dietary = &r.dietary
	seconds, ok := instant(c.value(&r.createdAt))
	if !ok || r.createdAt.kind != str {
		return "registered_on"
	}
	out.day = c.zone.day(seconds)
	if r.checkedIn.kind != boolean {
		return "checked_in"
	}
	out.checkedIn = r.checkedIn.text[0] == 't'
	out.interests = c.listed(&r.interests)
	return ""
}

var general = []byte("General")

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
