package pipeline

// pushsource.go: what lies in an inbox, as pages of records.

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

const pushPage = 256 << 10 // bytes of a page of pushes, about

// codePushed is the reject code of a body that does not hold what it has to.
const codePushed = "push-form"

// Source reads the pushes of an inbox above after, at most upTo. A body that
// holds no record is a record that is rejected, with all of its text. Its
// Position is the Seq of the last push of a page.
func (p *Push) Source(in Inbox, after, upTo uint64) Source {
	return &pushSource{push: p, in: in, after: after, upTo: upTo}
}

type pushSource struct {
	push        *Push
	in          Inbox
	after, upTo uint64
}

// Read implements Source.
func (s *pushSource) Read(ctx context.Context, from Position, yield func(*Page) error) error {
	after := s.after
	if from != "" {
		n, err := strconv.ParseUint(string(from), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no position among pushes", string(from))
		}
		after = max(after, n)
	}
	page := NewPage()
	pass := func() error {
		if len(page.Records) == 0 {
			return nil
		}
		full := page
		page = NewPage()
		return yield(full)
	}
	err := s.in.Read(ctx, after, s.upTo, func(m Pushed) error {
		body, fault := s.push.text(m)
		if len(page.Buf)+len(body) > max(cap(page.Buf), pushPage) {
			if err := pass(); err != nil {
				return err
			}
		}
		if need := max(len(body), pushPage); len(page.Buf) == 0 && cap(page.Buf) < need {
			page.Buf = make([]byte, 0, need) // which does not move from here on
		}
		start := len(page.Buf)
		page.Buf = append(page.Buf, body...)
		body = page.Buf[start:len(page.Buf):len(page.Buf)]
		before := len(page.Records)
		if fault != nil {
			page.Records = append(page.Records, Record{Raw: body, Fault: fault})
		} else {
			page.Records = s.push.records(body, page.Records)
		}
		for i := range page.Records[before:] {
			page.Records[before+i].Push = m.Seq
		}
		page.Next = Position(strconv.FormatUint(m.Seq, 10))
		return nil
	})
	if err == nil {
		err = pass()
	}
	page.Release()
	return err
}

// text is a body as JSON, or why it cannot be that.
func (p *Push) text(m Pushed) ([]byte, *Fault) {
	if !isForm(m.ContentType, p.Content) {
		return withoutMark(m.Body), nil
	}
	made, err := formObject(m.ContentType, m.Body)
	if err != nil {
		return m.Body, &Fault{Code: codePushed, Reason: "the body is no form: " + err.Error()}
	}
	return made, nil
}

// records appends the records that a body holds. What is no record is one all
// the same, for the mapper to reject.
func (p *Push) records(body []byte, dst []Record) []Record {
	at, fault := p.find(body)
	if fault != nil {
		return append(dst, Record{Raw: body, Fault: fault})
	}
	if at = bytes.TrimLeft(at, " \t\r\n"); len(at) == 0 || at[0] != '[' {
		return append(dst, Record{Text: at})
	}
	before := len(dst)
	dst, err := Elements(at, []string{""}, dst)
	if err != nil {
		return append(dst[:before], Record{Raw: body, Fault: &Fault{Code: "json-syntax", Reason: "the list is broken: " + err.Error()}})
	}
	return dst
}

// find is the part of a body that is its record or its list of them.
func (p *Push) find(body []byte) ([]byte, *Fault) {
	if p.list == nil {
		return p.open(body), nil
	}
	at := body
	for i, name := range p.list {
		inner, err := member(at, name)
		if inner == nil {
			reason := fmt.Sprintf("the body has nothing under %s, where records: says that its records are", strings.Join(p.list[:i+1], "."))
			if err != nil {
				reason = fmt.Sprintf("the body has no %s: %v", strings.Join(p.list[:i+1], "."), err)
			}
			return nil, &Fault{Code: codePushed, Reason: reason}
		}
		at = inner
	}
	return at, nil
}

// open takes a body out of the envelope that it may come in. One with the key of
// a record is that record, whatever else it holds.
func (p *Push) open(body []byte) []byte {
	if key, err := member(body, p.Key); err != nil || key != nil && p.Key != "" {
		return body
	}
	for _, name := range p.envelopes {
		if inner, _ := member(body, name); name != "" && len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') {
			return inner
		}
	}
	return body
}

// member is the value of a member of an object, nil where it is absent or null.
func member(doc []byte, name string) (found []byte, err error) {
	err = Members(doc, func(n, value []byte) {
		if string(n) == name && string(value) != "null" {
			found = value
		}
	})
	return found, err
}

// withoutMark is a text without its byte order mark.
func withoutMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\ufeff")) }
