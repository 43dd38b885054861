package rest

// detail.go: where a list says little of its records, each of them has a call of
// its own. These calls run beside each other; what comes out is in the order of
// the list, and no more of it is held than a few calls ahead.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

const (
	detailCallers  = 4         // calls in flight where no limit says how many
	maxCallers     = 64        // and at most, for each holds an answer
	chunkRecords   = 100       // records in a page that is yielded
	chunkFirst     = 10        // in the first one, so that who wants a few records waits for a few calls
	chunkBytes     = 256 << 10 // after which a page is yielded with fewer
	longestSegment = 255       // bytes of what a record puts into an address
	keptAnswer     = 1 << 20   // bytes of memory that a job keeps for its next answer
	keptNames      = 1024
)

// details makes a page of whole records out of a page of listed ones. It is of
// one Read.
type details struct {
	s       *source
	session *session
	yield   func(*pipeline.Page) error
	callers []*caller       // each makes one call at a time
	free    chan *detail    // so many may be in flight or wait for their turn
	names   map[string]bool // of the members of a detail, while it is merged
}

// detail is one listed record, and what its own call said. It belongs to who
// feeds, then to a caller, then to who collects.
type detail struct {
	listed pipeline.Record
	item   int    // 1-based, on its page
	body   []byte // the answer
	fault  *pipeline.Fault
	plain  bool          // the listed record is no object: it is passed on for the mapper to say what it is
	done   chan struct{} // gets a value when the caller is through
}

func (s *source) details(shared *session, yield func(*pipeline.Page) error) *details {
	n := min(s.concurrency(), maxCallers)
	d := &details{s: s, session: shared, yield: yield, free: make(chan *detail, 2*n), names: map[string]bool{}}
	shown := s.base.EscapedPath() + s.stream.detail.path(func(name string) string {
		if s.stream.fromRecord(name) {
			return "{" + name + "}"
		}
		return segments(s.cfg.Options)(name)
	})
	for range n {
		d.callers = append(d.callers, &caller{session: shared, shown: shown, absent: s.d.gone, within: maxDetail})
	}
	for range cap(d.free) {
		d.free <- &detail{done: make(chan struct{}, 1)}
	}
	return d
}

// concurrency is how many calls may be in flight.
func (s *source) concurrency() int {
	for _, n := range []int{s.cfg.Limit.Concurrency, s.d.limit.Concurrency} {
		if n > 0 {
			return n
		}
	}
	return detailCallers
}

// gone tells the statuses of a detail that say that the record is not there any
// more, unless the declaration says something else.
func (d *declaration) gone(status int) bool {
	if _, said := d.status[status]; said {
		return d.skips(status)
	}
	return status == http.StatusNotFound || status == http.StatusGone
}

// expand asks for the details of the records of a page of the list and yields
// them in pages of its own. It releases the page of the list.
func (d *details) expand(ctx context.Context, f fetched) error {
	defer f.page.Release()
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan *detail)
	ordered := make(chan *detail, cap(d.free)) // holds all there are: the feeder never waits here
	g.Go(func() error {
		defer close(work)
		defer close(ordered)
		return d.feed(ctx, f, work, ordered)
	})
	for _, c := range d.callers {
		g.Go(func() error {
			for j := range work {
				if err := d.call(ctx, c, j); err != nil {
					return d.at(err, f.page.Number, j.item)
				}
				j.done <- struct{}{}
			}
			return nil
		})
	}
	err := d.collect(ctx, f, ordered)
	cancel()
	if failed := g.Wait(); errors.Is(err, errEnded) {
		return cmp.Or(failed, outer.Err())
	}
	return err
}

// errEnded tells expand that its context was done before all was collected: one
// of its goroutines has failed, or nobody wants the rest.
var errEnded = errors.New("ended")

// feed hands the records of a page to the callers, as long as there are free jobs.
func (d *details) feed(ctx context.Context, f fetched, work, ordered chan<- *detail) error {
	for i := f.at.Item; i < len(f.page.Records); i++ {
		var j *detail
		select {
		case j = <-d.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		j.listed, j.item, j.fault, j.plain = f.page.Records[i], i+1, nil, false
		ordered <- j
		select {
		case work <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// call asks for the detail of one record.
func (d *details) call(ctx context.Context, c *caller, j *detail) error {
	u, err := d.address(j)
	if err != nil || j.fault != nil || j.plain {
		return err
	}
	c.buf = j.body[:0]
	ans, err := c.get(ctx, u, func(ans *answer) error {
		return pipeline.Members(ans.body, func(_, _ []byte) {})
	})
	if err != nil {
		return err
	}
	j.body = ans.body
	if ans.empty() {
		j.fault = detailFault("the detail call answered %d: it is not there any more", ans.status)
	}
	return nil
}

func detailFault(format string, args ...any) *pipeline.Fault {
	return &pipeline.Fault{Code: pipeline.CodeDetail, Reason: fmt.Sprintf(format, args...)}
}

// address is where the detail of a record is. Where the record does not say, it
// is given a fault.
func (d *details) address(j *detail) (*url.URL, error) {
	said := map[string]string{}
	err := pipeline.Members(j.listed.Text, func(text, v []byte) {
		name := string(text)
		if !d.s.stream.fromRecord(name) {
			return
		}
		if _, twice := said[name]; twice {
			j.fault = detailFault("the listed record has %q twice, which the address of its detail is made of", name)
		}
		said[name] = j.segment(name, v)
	})
	if err != nil {
		j.plain = true  // the mapper says what is wrong with it
		return nil, nil //nolint:nilerr // see above
	}
	path := d.s.stream.detail.path(func(name string) string {
		if !d.s.stream.fromRecord(name) {
			return segments(d.s.cfg.Options)(name)
		}
		if _, ok := said[name]; !ok && j.fault == nil {
			j.fault = detailFault("the listed record has no %q, which the address of its detail is made of", name)
		}
		return url.PathEscape(said[name])
	})
	if j.fault != nil {
		return nil, nil
	}
	u, err := url.Parse(d.s.base.String() + path)
	if err != nil {
		return nil, fmt.Errorf("%s %s: make the address of a detail: %w", d.s.d.name, d.s.stream.name, err)
	}
	return u, nil
}

// segment is a member of the listed record as it stands in an address.
func (j *detail) segment(name string, member []byte) string {
	v, err := pipeline.Lookup(member)
	text := v.Text()
	switch {
	case err != nil || v.Kind() != value.String && (v.Kind() != value.Number || text != string(member)):
		j.fault = detailFault("%q of the listed record is neither a text nor a number, and the address of its detail is made of it", name)
	case text == "" || text == "." || text == ".." || len(text) > longestSegment:
		j.fault = detailFault("%q of the listed record cannot stand in the address of its detail", name)
	}
	return text
}

// at says which record an error is about.
func (d *details) at(err error, page, item int) error {
	var fault *Error
	if errors.As(err, &fault) {
		fault.Message = fmt.Sprintf("item %d of page %d: %s", item, page, fault.Message)
	}
	return err
}

// collect merges records with their details, in the order of the list, and
// yields them.
func (d *details) collect(ctx context.Context, f fetched, ordered <-chan *detail) error {
	c := newChunk(f.page, f.at.Item)
	for j := range ordered {
		select {
		case <-j.done:
		case <-ctx.Done():
			c.page.Release()
			return errEnded
		}
		d.add(c, j)
		at := f.at
		at.Item = j.item
		d.free <- j // the feeder's from here on
		if c.full() && at.Item < len(f.page.Records) {
			if err := d.yield(c.finish(at.position())); err != nil {
				return err
			}
			c = newChunk(f.page, at.Item)
		}
	}
	if ctx.Err() != nil { // the feeder has given up
		c.page.Release()
		return errEnded
	}
	return d.yield(c.finish(f.page.Next))
}

// add puts a record into the chunk.
func (d *details) add(c *chunk, j *detail) {
	buf := c.page.Buf
	switch {
	case j.fault != nil || j.plain:
		c.page.Buf = append(buf, j.listed.Text...)
	default:
		c.page.Buf = d.merge(buf, j.listed.Text, j.body)
	}
	c.page.Records = append(c.page.Records, pipeline.Record{Fault: j.fault})
	c.ends = append(c.ends, len(c.page.Buf))
	j.listed = pipeline.Record{}
	if cap(j.body) > keptAnswer {
		j.body = nil
	}
}

// merge appends the listed record with its detail over it: what both have is the
// detail's. Both are text and stay text; that they are sound is for the mapper
// to judge.
func (d *details) merge(dst, listed, detail []byte) []byte {
	clear(d.names)
	_ = pipeline.Members(detail, func(name, _ []byte) { d.names[string(name)] = true }) // it was read before
	dst = append(dst, '{')
	open := len(dst)
	_ = pipeline.Members(listed, func(name, v []byte) { // it was read before
		if !d.names[string(name)] {
			dst = append(append(append(dst, '"'), name...), `":`...)
			dst = append(append(dst, v...), ',')
		}
	})
	if len(d.names) == 0 && len(dst) > open {
		dst = dst[:len(dst)-1] // no member comes behind the last comma
	}
	if len(d.names) > keptNames {
		d.names = map[string]bool{}
	}
	return append(dst, bytes.Trim(detail, " \t\r\n")[1:]...)
}

// chunk is a page of whole records while it is put together.
type chunk struct {
	page *pipeline.Page
	ends []int // of the records in page.Buf, which moves as it grows
}

// newChunk is an empty part of a page of the list, from a record on.
func newChunk(listed *pipeline.Page, first int) *chunk {
	page := pipeline.NewPage()
	page.Number, page.First, page.Total = listed.Number, first, listed.Total
	return &chunk{page: page}
}

// full depends on nothing but the records, so that the same list comes in the
// same pieces however fast its calls were.
func (c *chunk) full() bool {
	return len(c.page.Records) >= min(max(chunkFirst, c.page.First), chunkRecords) || len(c.page.Buf) >= chunkBytes
}

// finish is the page, whose memory does not move any more.
func (c *chunk) finish(next pipeline.Position) *pipeline.Page {
	start := 0
	for i, end := range c.ends {
		text := c.page.Buf[start:end:end]
		if r := &c.page.Records[i]; r.Fault != nil {
			r.Raw = text
		} else {
			r.Text = text
		}
		start = end
	}
	c.page.Next = next
	return c.page
}
