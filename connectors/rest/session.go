package rest

// session.go is what the calls of one Read have in common, and how one of them
// is answered from the tape instead of from the platform.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"pipeline/pipeline"
)

// session is shared by the callers of one Read.
type session struct {
	d          *declaration
	base       *url.URL
	connection string
	subject    string // what is asked for, in messages: `event "25198085"`
	budget     *budget
	limits     []pipeline.Limit
	http       http.RoundTripper
	world      *pipeline.World
	tape       pipeline.Tape // nil: nothing is kept
	offline    bool

	credentials credentials

	telling sync.Mutex // world.Calls hears of one call at a time
}

func (s *source) session() *session {
	return &session{
		d:          s.d,
		base:       s.base,
		connection: s.connection(),
		subject:    s.subject(),
		budget:     s.budget,
		limits:     limitsOf(s.d.limit, s.cfg.Limit),
		http:       s.http,
		world:      s.cfg.World,
		tape:       s.cfg.Tape,
		offline:    s.cfg.Offline,
	}
}

func (s *session) report(call pipeline.Call) {
	if s.world.Calls == nil {
		return
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	s.world.Calls(call)
}

// requestKey names a request on the tape: by its path below the base URL and its
// parameters in order. It holds no token: those go into headers.
func requestKey(base, u *url.URL) string {
	path, below := strings.CutPrefix(u.EscapedPath(), base.EscapedPath())
	if !below || !strings.HasPrefix(path, "/") {
		path = u.Scheme + "://" + u.Host + u.EscapedPath()
	}
	if q := u.Query().Encode(); q != "" {
		path += "?" + q
	}
	return http.MethodGet + " " + path
}

// recall is the answer that is on the tape, or nil.
func (c *caller) recall(ctx context.Context, u *url.URL, request string, accept func(*answer) error) (*answer, error) {
	if c.tape == nil && !c.offline {
		return nil, nil
	}
	var text []byte
	var ok bool
	var err error
	if c.tape != nil {
		text, ok, err = c.tape.Get(ctx, request, c.buf[:0])
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", c.d.name, err)
	case !ok && c.offline:
		if c.shown != "" {
			request = http.MethodGet + " " + strings.TrimPrefix(c.shown, c.base.EscapedPath())
		}
		return nil, fmt.Errorf("%s: the tape has no answer for %s; run without --replay", c.d.name, request)
	case !ok:
		return nil, nil
	}
	ans := unpack(text)
	ans.url = u
	if ans.empty() {
		return ans, nil
	}
	c.size = len(ans.body)
	if err := accept(ans); err != nil {
		var fault *Error
		if errors.As(err, &fault) {
			return nil, fault
		}
		return nil, c.fault(u, BadAnswer, fmt.Sprintf("the answer on the tape is not what the connector declares: %v; run with --fresh", err))
	}
	return ans, nil
}

// keep puts an answer on the tape. It is durable when keep returns nil.
func (c *caller) keep(request string, ans *answer, put func() error) error {
	if c.tape == nil {
		return nil
	}
	if put == nil {
		put = c.tape.Pack(request, c.pack(ans))
	}
	if err := put(); err != nil {
		return fmt.Errorf("%s: keep an answer on the tape: %w", c.d.name, err)
	}
	return nil
}

// packBeside is how many bytes an answer has at least that is made ready for the
// tape while it is looked at.
const packBeside = 64 << 10

// packing makes an answer ready for the tape while accept looks at it, and gives
// what keep is to be given: nil where keep is to do it all.
func (c *caller) packing(request string, ans *answer) (wait func() (put func() error)) {
	if c.tape == nil || c.linked || len(ans.body) < packBeside {
		return func() func() error { return nil }
	}
	ready := make(chan func() error, 1)
	go func() { ready <- c.tape.Pack(request, c.pack(ans)) }()
	return func() func() error { return <-ready }
}

// headWord begins the line before an answer on the tape that is more than a
// body. No JSON begins so.
const headWord = "HTTP "

// pack is an answer as it is on the tape: its body alone, or a line with the
// status and the next page before it.
func (c *caller) pack(ans *answer) []byte {
	body := ans.body
	if token := c.token(); len(token) >= shortestSecret && bytes.Contains(body, []byte(token)) {
		body = bytes.ReplaceAll(body, []byte(token), []byte("***"))
	}
	if !ans.empty() && ans.next == "" {
		return body
	}
	packed := fmt.Appendf(nil, "%s%d %s\n", headWord, ans.status, ans.next)
	return append(packed, body...)
}

// shortestSecret is how long a token is at least that is not looked for in
// answers: platforms that echo tokens in their links have long ones, and a short
// text may be part of anything.
const shortestSecret = 16

// unpack is the answer that pack has packed.
func unpack(text []byte) *answer {
	ans := &answer{status: http.StatusOK, body: text, kept: true}
	head, body, ok := bytes.Cut(text, []byte("\n"))
	rest, marked := bytes.CutPrefix(head, []byte(headWord))
	if !ok || !marked {
		return ans
	}
	status, next, _ := strings.Cut(string(rest), " ")
	if n, err := strconv.Atoi(status); err == nil {
		ans.status, ans.next, ans.body = n, next, body
	}
	return ans
}
