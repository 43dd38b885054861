package main

// post.go: rows as JSON to bench/sink, W4, over sockets that are written to
// directly. A connection carries one request at a time.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// poster sends bodies over connections that are all open from the beginning to
// the end.
type poster struct {
	head  []byte // of a request, up to the length of its body
	batch int
	body  []byte // that is being filled
	rows  int    // in it

	free, full chan []byte
	conns      sync.WaitGroup
	once       sync.Once
	err        error // the first one
}

func newPoster(address string, batch, conns int) (*poster, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	p := &poster{
		head:  []byte("POST " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Type: application/json\r\nContent-Length: "),
		batch: batch, free: make(chan []byte, 2*conns), full: make(chan []byte, 2*conns),
	}
	for range conns {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			return nil, err
		}
		p.conns.Go(func() { p.send(conn) })
	}
	for range 2 * conns {
		p.free <- nil
	}
	return p, nil
}

func (p *poster) encoder() encoder { return &jsonEncoder{to: p} }

// put adds a row, and sends the batch that is full.
func (p *poster) put(object []byte) {
	switch {
	case p.rows > 0:
		p.body = append(p.body, ',')
	default:
		p.body = (<-p.free)[:0]
		if p.batch > 1 {
			p.body = append(p.body, '[')
		}
	}
	p.body = append(p.body, object...)
	if p.rows++; p.rows == p.batch {
		p.sendBatch()
	}
}

func (p *poster) sendBatch() {
	if p.batch > 1 {
		p.body = append(p.body, ']')
	}
	p.full <- p.body
	p.rows = 0
}

func (p *poster) close() error {
	if p.rows > 0 {
		p.sendBatch()
	}
	close(p.full)
	p.conns.Wait()
	return p.err
}

// send posts bodies over one connection.
func (p *poster) send(conn net.Conn) {
	answers := bufio.NewReader(conn)
	var out []byte
	var failed error
	for body := range p.full {
		if failed == nil {
			out = strconv.AppendInt(append(out[:0], p.head...), int64(len(body)), 10)
			out = append(append(out, "\r\n\r\n"...), body...)
			if _, failed = conn.Write(out); failed == nil {
				failed = accepted(answers)
			}
		}
		p.free <- body
	}
	if failed = errors.Join(failed, conn.Close()); failed != nil {
		p.once.Do(func() { p.err = failed })
	}
}

// accepted reads an answer, which has to be one of success with a length.
func accepted(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 2")) {
		return fmt.Errorf("the answer is %s", strings.TrimSpace(string(status)))
	}
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == len("\r\n") {
			break
		}
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(n))); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}

// jsonEncoder appends rows as JSON objects.
type jsonEncoder struct {
	to   *poster
	rows []byte
	ends []int // of each row
}

func (e *jsonEncoder) add(c *converter, r *row) (reason string) {
	dst := append(append(e.rows, `{"attendee_id":"`...), r.id...)
	dst = quoted(append(dst, `","full_name":`...), r.fullName)
	dst = quoted(append(dst, `,"email":`...), r.email)
	dst = quotedField(append(dst, `,"company":`...), c, r.company)
	dst = append(append(dst, `,"country":"`...), r.country...)
	dst = quotedField(append(dst, `","ticket":`...), c, r.ticket)
	dst = append(append(dst, `,"amount":`...), r.amount...)
	dst = strconv.AppendBool(append(dst, `,"vip":`...), r.vip)
	dst = quotedField(append(dst, `,"dietary":`...), c, r.dietary)
	dst = appendDate(append(dst, `,"registered_on":"`...), r.day)
	dst = strconv.AppendBool(append(dst, `","checked_in":`...), r.checkedIn)
	dst = quoted(append(dst, `,"interests":`...), r.interests)
	e.rows = append(dst, '}')
	e.ends = append(e.ends, len(e.rows))
	return ""
}

func (e *jsonEncoder) flush() error {
	from := 0
	for _, end := range e.ends {
		e.to.put(e.rows[from:end])
		from = end
	}
	e.rows, e.ends = e.rows[:0], e.ends[:0]
	return nil
}

// quotedField appends a value as a string. What has no escapes in the record
// needs none here.
func quotedField(dst []byte, c *converter, f *field) []byte {
	if f.escaped {
		return quoted(dst, c.value(f))
	}
	return append(append(append(dst, '"'), f.text...), '"')
}

const hexDigits = "0123456789abcdef"

// quoted appends text as a JSON string.
func quoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	from := 0 // text[from:i] is not yet appended
	for i, b := range text {
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return append(append(dst, text[from:]...), '"')
}
