package rest

// sandbox_push.go pushes registrations as they are made, as the platform would:
// now and then one twice, one late, one that was changed, and one not at all. What
// was made up to now is what the sandbox lists.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"pipeline/pipeline"
)

// PushOptions say what a sandbox pushes, and where.
type PushOptions struct {
	URL   string // user:password@ in it is basic authentication
	Every time.Duration
	Count int               // pushes; 0: until it is stopped
	Retry int               // how often a push that failed is tried again
	With  map[string]string // options of the list; what is not given is as declared
}

// PushSummary is what was pushed and what was said to it.
type PushSummary struct {
	Sent     int // pushes, without tries
	Distinct int // records that were pushed at least once
	Doubled  int // pushes that were the same as one before
	Late     int // that were older than one before
	Updates  int // that were newer than one before
	Unsent   int // records that were made and never pushed
	Good     int // answers that were 2xx
	Tries    int // beyond the first of a push
	Problems map[string]int
}

// registrations is how far the pushing got: what the lists of the sandbox show.
type registrations struct {
	seed      uint64 // of the list
	version   string
	revisions []int // of each record that was made
}

const pushTimeout = 30 * time.Second

// Push pushes until ctx is done or all was pushed. sent is told of each push that
// failed; it may be nil. From then on the sandbox lists what was made.
func (s *Sandbox) Push(ctx context.Context, o PushOptions, failed func(problem string)) (PushSummary, error) {
	i := slices.IndexFunc(s.d.streams, func(st stream) bool { return st.pushed != nil })
	if i < 0 {
		return PushSummary{}, fmt.Errorf("nothing is known of pushes by %s; its declaration says so under push: of a stream", s.d.name)
	}
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return PushSummary{}, errors.New("what is pushed needs an address such as http://127.0.0.1:8600/hooks/…")
	}
	p := s.pusher(i, o, failed)
	ticks := time.NewTicker(max(o.Every, time.Millisecond))
	defer ticks.Stop()
	for k := 0; ctx.Err() == nil && (o.Count == 0 || k < o.Count); k++ {
		s.mu.Lock()
		step := p.next(k)
		s.mu.Unlock()
		p.send(ctx, p.people.at(step))
		if k+1 == o.Count {
			break
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
	return p.summary, nil
}

// pusher is one Push.
type pusher struct {
	o       PushOptions
	people  *people
	live    *registrations
	client  *http.Client
	failed  func(string)
	summary PushSummary
	held    int          // a record that was changed before it was pushed
	unsent  map[int]bool // records that nobody was told of
}

func (s *Sandbox) pusher(i int, o PushOptions, failed func(string)) *pusher {
	st := &s.d.streams[i]
	params := map[string]string{}
	for _, name := range st.path.names {
		params[name] = s.d.sandbox.with[name]
		if given, ok := o.With[name]; ok {
			params[name] = given
		}
	}
	p := &pusher{o: o, failed: failed, unsent: map[int]bool{}, client: &http.Client{Timeout: pushTimeout}}
	if p.failed == nil {
		p.failed = func(string) {}
	}
	p.summary.Problems = map[string]int{}
	p.people = newPeople(s.shapes[i], st.key, s.listSeed(st, params))
	p.people.version = st.pushed.Version
	p.live = &registrations{seed: p.people.seed, version: st.pushed.Version}
	s.mu.Lock()
	s.live = p.live
	s.mu.Unlock()
	return p
}

// step is one push: a record, and which of its revisions.
type step struct{ record, revision int }

// next is push number k. Of twenty, two are the same as the one before, two are
// records that were changed before they were pushed first, which come late, and
// one is a change of a record that was pushed long ago.
func (p *pusher) next(k int) step {
	p.summary.Sent++
	last := len(p.live.revisions) - 1
	switch k % 10 {
	case 4: // the one before again
		p.summary.Doubled++
		return step{last, p.live.revisions[last]}
	case 5:
		if k%20 == 5 { // one that nobody is told of
			p.live.revisions = append(p.live.revisions, 0)
			p.unsent[len(p.live.revisions)-1] = true
			p.summary.Unsent++
		}
	case 6: // changed before it was pushed
		p.held = p.make()
		p.live.revisions[p.held] = 1
		return step{p.held, 1}
	case 8:
		p.summary.Late++
		return step{p.held, 0}
	case 9:
		if k%20 == 19 {
			p.summary.Updates++
			old := last / 2
			for p.unsent[old] {
				old++
			}
			p.live.revisions[old]++
			return step{old, p.live.revisions[old]}
		}
	}
	return step{p.make(), 0}
}

// make is a new record.
func (p *pusher) make() int {
	p.summary.Distinct++
	p.live.revisions = append(p.live.revisions, 0)
	return len(p.live.revisions) - 1
}

// send posts a body. GEVME documents no second try, so that there is none unless
// it is asked for.
func (p *pusher) send(ctx context.Context, body []byte) {
	for try := 0; ; try++ {
		problem := p.post(ctx, body)
		if problem == "" {
			p.summary.Good++
			return
		}
		if ctx.Err() != nil {
			problem = "it was stopped before an answer came"
		}
		p.summary.Problems[problem]++
		p.failed(problem)
		if try == p.o.Retry || ctx.Err() != nil {
			return
		}
		p.summary.Tries++
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// post is why a push was not taken, without its address.
func (p *pusher) post(ctx context.Context, body []byte) (problem string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.o.URL, bytes.NewReader(body))
	if err != nil {
		return "the address is none"
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pipeline-sandbox")
	resp, err := p.client.Do(req)
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the address may hold a secret
	}
	if err != nil {
		return err.Error()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Sprintf("answered with %d", resp.StatusCode)
	}
	return ""
}

// all are the numbers of the records that there are.
func (p *people) all(records int) []int {
	if p.growing {
		records = len(p.revisions)
	}
	out := make([]int, records)
	for n := range out {
		out[n] = n
	}
	return out
}

// at is a record as it was at a revision.
func (p *people) at(s step) []byte { return p.revised(nil, s.record, s.revision) }

// remain are members that a change leaves as they are, beside the key.
var remain = []string{"name", "first_name", "last_name", "email", "created_at"}

// revised appends record number n as it is after so many changes: the same person,
// an hour later each time, with what else another one would say. It always tells
// when it was changed.
func (p *people) revised(dst []byte, n, revision int) []byte {
	replaced := map[string][]byte{}
	var err error
	if revision > 0 {
		other := newPeople(p.shape, p.key, p.seed+uint64(revision)).original(nil, n)
		err = pipeline.Members(other, func(name, v []byte) { replaced[string(name)] = v })
	}
	dst = append(dst, '{')
	dated := p.version == ""
	err = errors.Join(err, pipeline.Members(p.original(nil, n), func(name, v []byte) {
		switch text := string(name); {
		case text == p.version:
			v, dated = later(v, n, revision), true
		case text == p.key, slices.Contains(remain, text), replaced[text] == nil:
		default:
			v = replaced[text]
		}
		dst = fmt.Appendf(dst, `"%s":%s,`, name, v)
	}))
	if err != nil {
		panic(err) // it was made here
	}
	if !dated {
		dst = fmt.Appendf(dst, `"%s":%s,`, p.version, later(nil, n, revision))
	}
	dst[len(dst)-1] = '}'
	return dst
}

// later is a time as JSON, so many hours later; what is none becomes that of
// record number n.
func later(v []byte, n, hours int) []byte {
	at, err := time.Parse(`"`+time.RFC3339+`"`, string(v))
	if err != nil {
		at = (&maker{index: n}).born()
	}
	return []byte(at.Add(time.Duration(hours) * time.Hour).Format(`"` + time.RFC3339Nano + `"`))
}
