package rest

// pager.go: where a list was read to, and what comes next. All of it belongs
// to one Read: a pager that is shared between lists loses pages in silence.

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// spot is where the next request begins; a Position is a spot as text.
type spot struct {
	Page    int    `json:"page"`              // number of the request, from 1
	Records int64  `json:"records,omitempty"` // on the pages before it
	Item    int    `json:"item,omitempty"`    // records of this page that were read already, where each has a call of its own
	Cursor  string `json:"cursor,omitempty"`  // of styles cursor and link: what the last answer said
	Size    int64  `json:"size,omitempty"`    // records a page, where the number of a page means nothing without it
	End     bool   `json:"end,omitempty"`     // there is no next request
}

func (s spot) position() pipeline.Position {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a struct of texts and numbers
	}
	return pipeline.Position(text)
}

// chain asks for the pages of one list.
type chain struct {
	caller  *caller
	stream  *stream
	options pipeline.Options
	since   time.Time // only what changed after; zero: all
	size    int64     // records a page; 0: unknown
	at      spot

	seed maphash.Seed
	all  int             // records of the list, where its answers say so
	last uint64          // hash of the records of the page before
	seen map[uint64]bool // hashes of the cursors that were followed
}

// resume puts the chain where from says.
func (c *chain) resume(from pipeline.Position) error {
	c.at = spot{Page: 1}
	if c.stream.paging.style == stylePage {
		c.at.Size = c.size
	}
	if from == "" {
		return nil
	}
	size := c.at.Size
	at := spot{}
	if err := json.Unmarshal([]byte(from), &at); err != nil || at.Page < 1 || at.Records < 0 || at.Item < 0 || at.Item > 0 && c.stream.detail == nil {
		return fmt.Errorf("%s %s: cannot go on from position %q, which this connector did not make", c.caller.d.name, c.stream.name, diag.Crop(string(from), 80))
	}
	if at.Size != size {
		return fmt.Errorf("%s %s: cannot go on from page %d with %d records a page: the pages before had %d", c.caller.d.name, c.stream.name, at.Page, size, at.Size)
	}
	c.at = at
	return nil
}

// request is the address of the next page.
func (c *chain) request() (*url.URL, error) {
	p := c.stream.paging
	if p.style == styleLink && c.at.Cursor != "" {
		u, err := c.caller.base.Parse(c.at.Cursor)
		if err != nil || !sameOrigin(c.caller.base, u) {
			return nil, fmt.Errorf("%s %s: the next page has no address on %s", c.caller.d.name, c.stream.name, c.caller.base.Host)
		}
		return u, nil
	}
	u, err := url.Parse(c.caller.base.String() + c.stream.path.path(segments(c.options)))
	if err != nil {
		return nil, fmt.Errorf("%s %s: make the address: %w", c.caller.d.name, c.stream.name, err)
	}
	q := url.Values{}
	for _, param := range c.stream.query {
		q.Set(param.name, param.value.text(c.options))
	}
	if !c.since.IsZero() {
		q.Set(c.stream.changes.param, c.stream.changes.form.text(c.since))
	}
	if p.size.param != "" {
		q.Set(p.size.param, strconv.FormatInt(c.size, 10))
	}
	switch p.style {
	case styleOffset:
		q.Set(p.param, strconv.FormatInt(c.at.Records, 10))
	case stylePage:
		q.Set(p.param, strconv.FormatInt(p.first+int64(c.at.Page)-1, 10))
	case styleCursor:
		if c.at.Cursor != "" {
			q.Set(p.param, c.at.Cursor)
		}
	}
	u.RawQuery = q.Encode()
	return u, nil
}

// next is the spot after a page of that answer with those records.
func (c *chain) next(u *url.URL, ans *answer, records []pipeline.Record) (spot, error) {
	p, n := c.stream.paging, int64(len(records))
	to := c.at
	to.Page, to.Item = to.Page+1, 0
	to.Records += n
	if c.size > 0 && n > c.size {
		return to, c.caller.fault(u, BadAnswer, fmt.Sprintf("page %d has %d records where at most %d were asked for; the API does not take the page size as declared%s", c.at.Page, n, c.size, named(p.size.param)))
	}
	total, known := c.total(ans)
	c.all = int(total)
	switch {
	case n == 0, p.style == styleNone, p.style == "", known && to.Records >= total:
		return to.end(), nil
	case p.style == styleOffset || p.style == stylePage:
		if n < c.size && !known {
			return to.end(), nil
		}
	default:
		cursor, err := c.cursor(u, ans)
		if err != nil || cursor == "" {
			return to.end(), err
		}
		to.Cursor = cursor
	}
	return to, c.checkProgress(u, to, records)
}

// end is the spot behind the last page.
func (s spot) end() spot {
	s.Cursor, s.Item, s.End = "", 0, true
	return s
}

func named(param string) string {
	if param == "" {
		return ""
	}
	return fmt.Sprintf(" (parameter %q)", param)
}

// total is how many records the list has, where the answer says so.
func (c *chain) total(ans *answer) (int64, bool) {
	if len(c.stream.paging.total) == 0 {
		return 0, false
	}
	v, err := pipeline.Lookup(ans.body, c.stream.paging.total...)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	return n, err == nil && n >= 0
}

// cursor is what the answer says comes next; empty is nothing.
func (c *chain) cursor(u *url.URL, ans *answer) (string, error) {
	p := c.stream.paging
	if p.style == styleLink && ans.kept {
		return ans.next, nil
	}
	if p.style == styleLink && len(p.next) == 0 {
		return c.link(u, ans, nextLink(ans.header.Values("Link")))
	}
	v, err := pipeline.Lookup(ans.body, p.next...)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", strings.Join(p.next, "."), err)
	}
	switch {
	case v.IsNull(), v.Kind() == value.Boolean && !v.Bool():
		return "", nil
	case v.Kind() != value.String && v.Kind() != value.Number:
		return "", fmt.Errorf("%s is neither a text nor a number", strings.Join(p.next, "."))
	case p.style == styleLink:
		return c.link(u, ans, v.Text())
	}
	return v.Text(), nil
}

// link is the path and query of the next page, without the token where the
// platform has put it there.
func (c *chain) link(u *url.URL, ans *answer, next string) (string, error) {
	if next == "" {
		return "", nil
	}
	to, err := ans.url.Parse(next)
	if err != nil || !sameOrigin(c.caller.base, to) {
		return "", c.caller.fault(u, Refused, fmt.Sprintf("page %d names a next page on another host, which is not followed with a token", c.at.Page))
	}
	q := to.Query()
	for name := range q {
		if value := q.Get(name); value != "" && value == c.caller.token() {
			q.Del(name)
			to.RawQuery = q.Encode()
		}
	}
	to.Scheme, to.Host, to.Fragment = "", "", ""
	ans.next = to.String()
	return ans.next, nil
}

// nextLink is the address with rel="next" in Link headers.
func nextLink(headers []string) string {
	for _, header := range headers {
		for header != "" {
			_, rest, found := strings.Cut(header, "<")
			address, rest, closed := strings.Cut(rest, ">")
			if !found || !closed {
				break
			}
			params, _, _ := strings.Cut(rest, "<")
			for param := range strings.SplitSeq(params, ";") {
				name, rel, _ := strings.Cut(strings.Trim(param, " ,"), "=")
				if strings.EqualFold(strings.TrimSpace(name), "rel") && strings.EqualFold(strings.Trim(rel, `" `), "next") {
					return address
				}
			}
			header = rest
		}
	}
	return ""
}

// checkProgress refuses to go on where a list goes round in circles.
func (c *chain) checkProgress(u *url.URL, to spot, records []pipeline.Record) error {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, r := range records {
		_, _ = h.Write(r.Text) // it never fails
		_ = h.WriteByte(0)
	}
	sum := h.Sum64()
	if sum == c.last {
		if param := c.stream.paging.param; param != "" {
			return c.caller.fault(u, BadAnswer, fmt.Sprintf("page %d has the same records as page %d; the API seems to ignore the parameter %q", c.at.Page, c.at.Page-1, param))
		}
		return c.caller.fault(u, BadAnswer, fmt.Sprintf("page %d has the same records as page %d", c.at.Page, c.at.Page-1))
	}
	c.last = sum
	if to.Cursor == "" {
		return nil
	}
	cursor := maphash.String(c.seed, to.Cursor)
	if c.seen[cursor] {
		return c.caller.fault(u, BadAnswer, fmt.Sprintf("page %d names a next page that was read already; the list would never end", c.at.Page))
	}
	c.seen[cursor] = true
	return nil
}
