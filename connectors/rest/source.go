package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// source reads one stream of a declared connector.
type source struct {
	d      *declaration
	stream *stream
	cfg    pipeline.SourceConfig
	base   *url.URL
	size   int64 // records a page; 0: unknown
	budget *budget
	http   http.RoundTripper
}

// open makes a source. It does no call.
func (e *Engine) open(d *declaration, cfg pipeline.SourceConfig) (pipeline.Source, error) {
	if wrong := d.check(cfg.Options); len(wrong) > 0 {
		return nil, fmt.Errorf("open %s: %s: %s", d.name, wrong[0].Message, wrong[0].Hint)
	}
	s := &source{d: d, cfg: cfg, http: cfg.World.HTTP}
	if err := s.choose(cfg.Stream); err != nil {
		return nil, err
	}
	for _, name := range s.stream.needs {
		if cfg.Options[name] == nil {
			return nil, fmt.Errorf("open %s: stream %s needs the option %s: %s", d.name, s.stream.name, name, d.doc(name))
		}
	}
	if !cfg.Since.IsZero() && s.stream.changes.param == "" {
		return nil, fmt.Errorf("open %s: stream %s cannot be asked for changes alone", d.name, s.stream.name)
	}
	address := d.baseURL
	if given := cfg.Options.String(optionBaseURL); given != "" {
		address = given
	}
	base, problem, _ := parseBaseURL(address)
	if problem != "" {
		return nil, fmt.Errorf("open %s: %s", d.name, problem)
	}
	s.base = base
	s.size = s.stream.paging.size.initial
	if asked := cfg.Options.Int(optionPageSize); asked > 0 && s.stream.paging.size.param != "" {
		s.size = min(asked, s.stream.paging.size.max)
	}
	if s.http == nil {
		s.http = e.roundTripper()
	}
	s.budget = e.budget(budgetKey{d.name, base.String(), s.connection()})
	return s, nil
}

// choose takes the stream of that name; empty is the first.
func (s *source) choose(name string) error {
	i := slices.IndexFunc(s.d.streams, func(st stream) bool { return name == "" || st.name == name })
	if i < 0 {
		var names []string
		for _, st := range s.d.streams {
			names = append(names, st.name)
		}
		hint := diag.DidYouMean(name, names)
		if hint == "" {
			hint = "it has " + strings.Join(names, ", ")
		}
		return fmt.Errorf("open %s: there is no stream %q; %s", s.d.name, name, hint)
	}
	s.stream = &s.d.streams[i]
	return nil
}

// connection is whose credentials are used.
func (s *source) connection() string {
	if s.cfg.Connection != "" {
		return s.cfg.Connection
	}
	return s.d.name
}

// maxBeside is how many bytes a page may have for the next one to be asked for
// beside it.
const maxBeside = 8 << 20

// Read yields the pages after from. While one is worked on, the next one is
// asked for: one, and no more, and none beside one of the longest.
func (s *source) Read(ctx context.Context, from pipeline.Position, yield func(*pipeline.Page) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	shared := s.session()
	c := s.chain(shared)
	if err := c.resume(from); err != nil {
		return err
	}
	pass := func(_ context.Context, f fetched) error { return yield(f.page) }
	if s.stream.detail != nil {
		pass = s.details(shared, yield).expand
	}
	got := c.fetch(ctx)
	for got.err == nil && got.page != nil {
		var ahead <-chan fetched
		if len(got.page.Buf) <= maxBeside {
			ahead = fetchAhead(ctx, c)
		}
		if err := pass(ctx, got); err != nil {
			cancel()
			if ahead != nil {
				if next := <-ahead; next.page != nil {
					next.page.Release()
				}
			}
			return err
		}
		if ahead == nil {
			ahead = fetchAhead(ctx, c)
		}
		got = <-ahead
	}
	return got.err
}

// fetched is a page of the list, or why there is none; without both the list has
// ended.
type fetched struct {
	page *pipeline.Page
	at   spot // of its request
	err  error
}

// fetchAhead asks for the next page of c, which nobody else touches before it
// is received.
func fetchAhead(ctx context.Context, c *chain) <-chan fetched {
	out := make(chan fetched, 1)
	go func() { out <- c.fetch(ctx) }()
	return out
}

// chain is a new reader of the list.
func (s *source) chain(shared *session) *chain {
	return &chain{
		caller:  &caller{session: shared, absent: s.d.skips, within: maxBody, linked: s.stream.paging.style == styleLink},
		stream:  s.stream,
		options: s.cfg.Options,
		since:   s.cfg.Since,
		size:    s.size,
		seed:    maphash.MakeSeed(),
		seen:    map[uint64]bool{},
	}
}

// subject is what is asked for, in messages: `event "25198085"`.
func (s *source) subject() string {
	var parts []string
	for _, name := range s.stream.path.names {
		parts = append(parts, fmt.Sprintf("%s %q", name, optionText(s.cfg.Options[name])))
	}
	if len(parts) == 0 {
		return "list of " + s.stream.name
	}
	return strings.Join(parts, " with ")
}

// fetch asks for the next page.
func (c *chain) fetch(ctx context.Context) fetched {
	if c.at.End {
		return fetched{}
	}
	u, err := c.request()
	if err != nil {
		return fetched{err: err}
	}
	page := pipeline.NewPage()
	c.caller.buf = page.Buf
	var next spot
	ans, err := c.caller.get(ctx, u, func(ans *answer) error {
		page.Buf = ans.body // which may have been moved to make room
		records, err := pipeline.Elements(ans.body, c.stream.records, page.Records[:0])
		if err != nil {
			return err
		}
		page.Records = records
		next, err = c.next(u, ans, records)
		tooLong(ans.body, records)
		return err
	})
	if err != nil {
		page.Release()
		return fetched{err: c.atPage(err)}
	}
	if ans.empty() {
		next = c.at.end()
		next.Page++
		page.Records = page.Records[:0]
	}
	page.Number, page.Next, page.Total = c.at.Page, next.position(), c.all
	at := c.at
	c.at = next
	return fetched{page: page, at: at}
}

// maxRecord is how many bytes a record may have, as in a file.
const maxRecord = 16 << 20

// tooLong gives a fault to each record of a page that is longer than a record
// may be.
func tooLong(body []byte, records []pipeline.Record) {
	for i := range records {
		text := records[i].Text
		if len(text) <= maxRecord {
			continue
		}
		sum := sha256.Sum256(text)
		records[i] = pipeline.Record{Fault: &pipeline.Fault{
			Code:   "too-large",
			Reason: fmt.Sprintf("the record is %d bytes long, and a record may have %d", len(text), maxRecord),
			Offset: int64(cap(body) - cap(text)), Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
		}}
	}
}

// atPage says which page an error is about, where it does not itself.
func (c *chain) atPage(err error) error {
	var fault *Error
	if errors.As(err, &fault) && c.at.Page > 1 && !strings.HasPrefix(fault.Message, "page ") {
		fault.Message = fmt.Sprintf("page %d: %s", c.at.Page, fault.Message)
	}
	return err
}

// sizeOption reports whether a mapping can ask for smaller pages.
func (d *declaration) sizeOption() bool {
	_, most := d.pageSizes()
	return most > 0
}
