package golden

// answer.go: what the platform said, recorded, in place of the network.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Answer is a recorded answer to one request. In a case it is a file
//
//	-- GET /events/1/attendees?limit=1000&offset=0 --
//
// whose path is relative to the base URL of the connector. A name without a query
// answers a request with any. Each answer is given once, those of one name in the
// order of the case. The file is the body of a 200, or begins as HTTP does:
//
//	HTTP 404
//	Link: </events/1/attendees?page=2>; rel="next"
//
//	{"error": "no such event"}
type Answer struct {
	Request string // "GET /events/1/attendees?limit=1000&offset=0"
	Status  int    // 200 where it is 0
	Header  http.Header
	Body    []byte
}

// File is the answer as a file of a case.
func (a Answer) File() File {
	var text bytes.Buffer
	if a.Status > 0 && a.Status != http.StatusOK || len(a.Header) > 0 {
		status := a.Status
		if status == 0 {
			status = http.StatusOK
		}
		fmt.Fprintf(&text, "HTTP %d\n", status)
		for _, name := range slices.Sorted(maps.Keys(a.Header)) {
			for _, v := range a.Header[name] {
				fmt.Fprintf(&text, "%s: %s\n", name, v)
			}
		}
		text.WriteByte('\n')
	}
	text.Write(a.Body)
	return File{a.Request, text.Bytes()}
}

// isRequest reports whether a file of that name is an answer.
func isRequest(name string) bool {
	method, rest, ok := strings.Cut(name, " ")
	return ok && method == strings.ToUpper(method) && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "http"))
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

func parseAnswer(f File) (*Answer, error) {
	a := &Answer{Request: f.Name, Status: http.StatusOK, Body: f.Data}
	if !bytes.HasPrefix(f.Data, []byte("HTTP ")) {
		return a, nil
	}
	r := bufio.NewReader(bytes.NewReader(f.Data))
	first, _ := r.ReadString('\n')
	status, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(first, "HTTP ")))
	if err != nil || status < 100 || status > 599 {
		return nil, fmt.Errorf("%s: the first line is %q; write a status, such as HTTP 404", f.Name, strings.TrimSpace(first))
	}
	a.Status, a.Header = status, http.Header{}
	for {
		line, err := r.ReadString('\n')
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		name, v, ok := strings.Cut(line, ":")
		if !ok || err != nil || !headerName.MatchString(name) {
			return nil, fmt.Errorf("%s: an empty line ends the headers, and %q is none", f.Name, line)
		}
		a.Header.Add(name, strings.TrimSpace(v))
	}
	a.Body, err = io.ReadAll(r)
	return a, err
}

// player answers the requests of a source from what was recorded. A request that
// was not ends the run: nothing leaves the machine.
type player struct {
	base string // path of the base URL
	end  context.CancelCauseFunc

	mu    sync.Mutex
	left  []*Answer
	asked map[string]int
}

// RoundTrip gives the recorded answer.
func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close() // nobody reads it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	request := p.nameOf(req)
	i := p.choose(req)
	if i < 0 {
		err := fmt.Errorf("the run asks for %s, and the case has no such answer; a test calls nobody: record the case again, or add the answer", request)
		if n := p.asked[request]; n > 0 {
			err = fmt.Errorf("the run asks for %s once more than the %d that the case has answers for; a test calls nobody", request, n)
		}
		p.end(err)
		return nil, err
	}
	p.asked[request]++
	a := p.left[i]
	p.left = slices.Delete(p.left, i, i+1)
	return response(req, a.Status, a.Header, a.Body), nil
}

// nameOf is how a case calls a request.
func (p *player) nameOf(req *http.Request) string {
	name := req.Method + " " + p.pathOf(req.URL)
	if q := req.URL.Query().Encode(); q != "" {
		name += "?" + q
	}
	return name
}

// pathOf is the path of a request below the base URL.
func (p *player) pathOf(u *url.URL) string {
	if path, below := strings.CutPrefix(u.EscapedPath(), p.base); below && strings.HasPrefix(path, "/") {
		return path
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// choose is the first answer left for a request, one with its query before one
// without; -1 where there is none.
func (p *player) choose(req *http.Request) int {
	path, query, plain := p.pathOf(req.URL), req.URL.Query(), -1
	for i, a := range p.left {
		method, target, _ := strings.Cut(a.Request, " ")
		recorded, text, hasQuery := strings.Cut(target, "?")
		if method != req.Method || recorded != path {
			continue
		}
		if !hasQuery {
			if plain < 0 {
				plain = i
			}
			continue
		}
		if q, err := url.ParseQuery(text); err == nil && reflect.DeepEqual(q, query) {
			return i
		}
	}
	return plain
}

// unasked is why the answers that are left are wrong; nil where none is.
func (p *player) unasked() error {
	if len(p.left) == 0 {
		return nil
	}
	return fmt.Errorf("the case has an answer to %s, and the run does not ask for it; take it out, or see whether the mapping reads what it should", p.left[0].Request)
}

func response(req *http.Request, status int, header http.Header, body []byte) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	maps.Copy(h, header)
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}
