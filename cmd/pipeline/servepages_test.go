//go:build linux

package main

// servepages_test.go: what strangers ask the page and the API of pipeline serve, from a
// seed. Who has not the token learns and changes nothing, and who has it makes nothing
// break.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline/serve/enginetest"
)

// asking is a request to the page or the API.
type asking struct {
	path   string
	inside bool // it has the token
	wire   []byte
}

// asks makes them from a seed.
type asks struct {
	*maker
	token string
}

func (a *asks) next() asking {
	odd := func() string {
		return pick(a.maker, "acme", "acme.yaml", "..", "%2e%2e", ".", "%00", "%2f", "a%2Fb", marker, "%3Cscript%3E", "%ff", "-1", "0", "18446744073709551616", "9e9", "*", "~", "%25", "token", strings.Repeat("a", a.IntN(5000)))
	}
	value := func() string {
		return pick(a.maker, "", "24h", "7d", "-1h", "9999999999h", "0001-01-01", "2026-02-30", "NaN", "1e9", "-1", "18446744073709551616", "%27%20OR%201=1--", "%00", "%ff", "%zz", "//evil.example", "/\\evil.example", "javascript:x", "shown", "all", odd())
	}
	path := pick(a.maker, "/", "/login", "/logout", "/refresh", "/dead", "/ask/drop", "/ask/"+odd(), "/client/"+odd(), "/client/"+odd()+"/rejects", "/client/"+odd()+"/"+odd(), "/run/"+odd(), "/dead/"+odd()+"/"+odd(), "/assets/"+odd(),
		"/assets/../../"+odd(), "/api/v1/"+odd(), "/api/v1/status", "/api/v1/clients", "/api/v1/clients/"+odd(), "/api/v1/runs", "/api/v1/runs/"+odd(), "/api/v1/dead", "/api/v1/dead/"+odd()+"/"+odd(), "/api/v1/dead/replay", "/api/v1/dead/drop",
		"/api/v1/mappings/"+odd()+"/"+pick(a.maker, "run", "pause", "resume", "enable/"+odd(), odd()), "/metrics", "/healthz", "/readyz", "/"+odd(), "//"+odd(), "/.git/config", "/debug/pprof/", "/client//x", "/api//v1/status")
	query := ""
	for range a.IntN(4) {
		query += "&" + pick(a.maker, "client", "state", "since", "before", "limit", "reason", "sink", "status", "data", "expect", "next", "said", "n", "span", "result", odd()) + "=" + value()
	}
	if query != "" {
		query = "?" + query[1:]
	}
	q := asking{path: path, inside: a.IntN(2) == 0}
	auth := pick(a.maker, "", "", "Cookie: pipeline="+marker+"\r\n", "Cookie: "+strings.Repeat("a=b; ", 500)+"\r\n", "Authorization: Basic Og==\r\n", "Authorization: Bearer\r\n", "X-Forwarded-User: admin\r\nX-Forwarded-For: 127.0.0.1\r\n", "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n")
	if q.inside {
		auth = "Authorization: Bearer " + a.token + "\r\n"
	}
	body := pick(a.maker, "", "token=", "form="+marker+"&back=//evil.example", "{}", string(a.junk(a.IntN(2000))), strings.Repeat("a=b&", a.IntN(30000)), "next=/&token="+strings.Repeat("a", a.IntN(100000)))
	if path == "/login" {
		body = "next=" + value() // a wrong token would hold the others up
	}
	kind := pick(a.maker, "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", marker)
	q.wire = fmt.Appendf(nil, "%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
		pick(a.maker, "GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", marker), path, query, pick(a.maker, "x", "evil.example:80", "127.0.0.1"), kind, auth, len(body), body)
	return q
}

func TestServeHostilePages(t *testing.T) {
	t.Parallel()
	n := enginetest.Size(t, 400, 5_000)
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	c := &corpus{serving: startServe(t, dir), statuses: map[int]int{}}
	for _, body := range []string{`{"id": "x", "name": "` + marker + `person"}`, `{"name": "` + marker + `person"}`} {
		if status := c.push(body); status != http.StatusAccepted {
			t.Fatalf("a push is answered with %d", status)
		}
	}
	eventually(t, "there is a row", c.has("out.csv", "x,"+marker))
	token, err := os.ReadFile(filepath.Join(dir, "clients/.pipeline/serve/token"))
	if err != nil {
		t.Fatal(err)
	}
	a := &asks{&maker{Rand: rand.New(rand.NewPCG(7, 2))}, strings.TrimSpace(string(token))} //nolint:gosec // the same ones each time
	work := make(chan asking)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for q := range work {
				c.asked(q, a.token)
			}
		})
	}
	for range n {
		work <- a.next()
	}
	close(work)
	wg.Wait()
	if limit := 2 * time.Second; c.slowest > limit && os.Getenv("PIPELINE_CRASH") != "" {
		t.Errorf("an answer took %v", c.slowest)
	}
	peak := c.peak()
	if peak > 512<<20 {
		t.Errorf("it took %d MB", peak>>20)
	}
	if code := c.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, c.stderr)
	}
	quiet(t, "the log", c.stderr.String())
	fmt.Printf("| %d odd requests to the page and the API | answered with %v; the slowest took %v; %d MB |\n", n, c.statuses, c.slowest.Round(time.Millisecond), peak>>20)
}

// ownPath is a path of this serve, or none.
var ownPath = regexp.MustCompile(`^(/[^/\\].*|/)?$`)

// asked asks, and holds the answer.
func (c *corpus) asked(q asking, token string) {
	got := c.exchange(bytes.NewReader(q.wire))
	head, _, _ := bytes.Cut(q.wire, []byte("\r\n"))
	method, _, _ := strings.Cut(string(head), " ")
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got)), &http.Request{Method: method})
	if err != nil {
		c.t.Errorf("%.200q: %v: %.200q", head, err, got)
		return
	}
	body, err := io.ReadAll(answer.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[answer.StatusCode]++
	open := q.path == "/login" || q.path == "/healthz" || q.path == "/readyz" || strings.HasPrefix(q.path, "/assets/")
	switch status := answer.StatusCode; {
	case err != nil:
		c.t.Errorf("%.200q: %v", head, err)
	case status >= 500 && status != http.StatusServiceUnavailable:
		c.t.Errorf("%.200q is answered with %d: %.300q", head, status, body)
	case status < 300 && !q.inside && !open:
		c.t.Errorf("%.200q is answered with %d to a stranger: %.300q", head, status, body)
	case !ownPath.MatchString(answer.Header.Get("Location")):
		c.t.Errorf("%.200q leads to %s", head, answer.Header.Get("Location"))
	}
	for _, secret := range []string{token, hookPath, marker + "person"} {
		if strings.Contains(string(got), secret) {
			c.t.Errorf("%.200q is told %q", head, secret)
		}
	}
}
