//go:build linux

package main

// servehostile_test.go: what strangers and broken platforms send to pipeline serve as
// a process. Each is answered, in time and in little memory, nothing of it is stored,
// and good pushes are taken meanwhile.

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const signingKey = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// signedMapping takes what is signed by the rules of Standard Webhooks.
const signedMapping = `version: 1
source:
  webhook: {path: /hooks/signed, secret: "${SIGNING_KEY}", content: json}
key: [id]
fields:
  id: string(id)
sinks:
  - csv: {path: signed.csv, mode: append}
`

// hostileServe is a serve with a hook behind a secret path, and one for signatures.
func hostileServe(t *testing.T) *serving {
	t.Helper()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	putFile(t, dir, "clients/signed.yaml", signedMapping)
	putFile(t, dir, "clients/.env", "ACME_HOOK=0123456789abcdef0123456789abcdef\nSIGNING_KEY=whsec_"+signingKey+"\n")
	return startServe(t, dir)
}

// wire sends bytes as they are, and returns all that comes back in two minutes.
func (s *serving) wire(sent io.Reader) string {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	go func() { _, _ = io.Copy(c, sent) }()
	got, _ := io.ReadAll(c) // a server that closes with bytes unread resets
	return string(got)
}

// peak is the most memory that serve had, in bytes.
func (s *serving) peak() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	kb, _ := strconv.Atoi(string(found[1]))
	return kb << 10
}

// untimed is an answer without what tells when it was made.
func untimed(answer string) string {
	return regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(answer, "Date: …")
}

func request(method, path, headers, body string) io.Reader {
	return strings.NewReader(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", method, path, headers, len(body), body))
}

// sign is the headers of a body by the rules of Standard Webhooks.
func sign(id, body string, at time.Time) string {
	key, _ := base64.StdEncoding.DecodeString(signingKey)
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return fmt.Sprintf("webhook-id: %s\r\nwebhook-timestamp: %d\r\nwebhook-signature: v1,%s\r\n", id, at.Unix(), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func gzipped(n int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.CopyN(w, zeros{}, int64(n))
	_ = w.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// endless sends chunks until nobody takes them any more.
func endless(head string) (io.Reader, *counter) {
	c := &counter{r: zeros{}}
	return io.MultiReader(strings.NewReader(head+"Transfer-Encoding: chunked\r\n\r\n80000000\r\n"), io.LimitReader(c, 2<<30)), c
}

type counter struct {
	r io.Reader

	mu sync.Mutex
	n  int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.mu.Lock()
	c.n += int64(n)
	c.mu.Unlock()
	return n, err
}

func (c *counter) count() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func TestServeHostileRequests(t *testing.T) {
	t.Parallel()
	s := hostileServe(t)
	const body = `{"id": "x", "name": "p"}`
	head := "POST " + hookPath + " HTTP/1.1\r\nHost: x\r\n"
	holds := func(name string, sent io.Reader, want string) {
		t.Helper()
		got := s.wire(sent)
		if !strings.HasPrefix(got, "HTTP/1.1 "+want+" ") && !strings.HasPrefix(got, "HTTP/1.0 "+want+" ") {
			t.Errorf("%s: %.80q, want %s", name, got, want)
		}
	}
	for _, tt := range []struct {
		name string
		sent io.Reader
		want string
	}{
		{"2 GB announced", strings.NewReader(head + "Content-Length: 2147483648\r\n\r\n"), "413"},
		{"a gzip bomb", request("POST", hookPath, "Content-Encoding: gzip\r\n", gzipped(200<<20)), "413"},
		{"a gzip bomb in little", request("POST", hookPath, "Content-Encoding: gzip\r\n", gzipped(900<<10)), "413"},
		{"gzip that is none", request("POST", hookPath, "Content-Encoding: gzip\r\n", body), "400"},
		{"gzip twice", request("POST", hookPath, "Content-Encoding: gzip, gzip\r\n", body), "415"},
		{"a bomb of headers", strings.NewReader(head + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"), "431"},
		{"many headers", strings.NewReader(head + strings.Repeat("X-A: a\r\n", 1<<17) + "\r\n"), "431"},
		{"two lengths", strings.NewReader(head + "Content-Length: 3\r\nContent-Length: 5\r\n\r\n{}   "), "400"},
		{"a NUL in a header", strings.NewReader(head + "X-A: \x00\r\n\r\n"), "400"},
		{"no HTTP", strings.NewReader("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), "400"},
		{"GET", request("GET", hookPath, "", ""), "405"},
		{"PUT", request("PUT", hookPath, "", body), "405"},
		{"no signature", request("POST", "/hooks/signed", "", body), "401"},
	} {
		holds(tt.name, tt.sent, tt.want)
	}
	// signed when it is sent: the bombs take their time, in which the future becomes now
	holds("a wrong signature", request("POST", "/hooks/signed", sign("a", body+" ", time.Now()), body), "401")
	holds("an old signature", request("POST", "/hooks/signed", sign("a", body, time.Now().Add(-6*time.Minute)), body), "401")
	holds("one of the future", request("POST", "/hooks/signed", sign("a", body, time.Now().Add(6*time.Minute)), body), "401")
	sent, taken := endless(head)
	if got := s.wire(sent); got != "" && !strings.HasPrefix(got, "HTTP/1.1 413 ") || taken.count() > 64<<20 {
		t.Errorf("2 GB in chunks: %.80q after %d bytes", got, taken.count())
	}
	good := sign("once", body, time.Now())
	for _, want := range []string{`"duplicate":false`, `"duplicate":true`} { // what is signed and sent twice is stored once
		if got := s.wire(request("POST", "/hooks/signed", good, body)); !strings.HasPrefix(got, "HTTP/1.1 202 ") || !strings.Contains(got, want) {
			t.Errorf("a good signature: %.200q, want %s", got, want)
		}
	}
	if status := s.push(body); status != http.StatusAccepted {
		t.Errorf("a good push is answered with %d", status)
	}
	eventually(t, "the good ones are in the files", func() bool { return s.has("out.csv", "x,p\n")() && s.has("signed.csv", "x\n")() })
	if got := s.peak(); got > 300<<20 {
		t.Errorf("it took %d MB", got>>20)
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if stored := storedPushes(t, filepath.Join(s.dir, "clients/.pipeline")); len(stored) != 1 {
		t.Errorf("stored: %v", stored)
	}
}

// Every path that is not exactly the hook's is answered with the same bytes, and
// none leads to the hook.
func TestServePathTricks(t *testing.T) {
	t.Parallel()
	s := hostileServe(t)
	const body = `{"id": "trick", "name": "p"}`
	want := untimed(s.wire(request("POST", "/hooks/nobody-0123456789abcdef0123456789abcdef", "", body)))
	if !strings.HasPrefix(want, "HTTP/1.1 404 ") {
		t.Fatalf("got %q", want)
	}
	secret := strings.TrimPrefix(hookPath, "/hooks/")
	for _, path := range []string{
		"/hooks/", "/hooks/acme", "/hooks/acme-", hookPath + "/", hookPath + "0", hookPath[:len(hookPath)-1], "/hooks//" + secret, "/hooks/./" + secret,
		"/hooks/../hooks/" + secret, "/hooks/x/../" + secret, "/hooks/%2e%2e/hooks/" + secret, "/hooks/%2f" + secret, "/hooks%2f" + secret,
		"/hooks/" + secret + "%00", "/hooks/" + secret + ";a=b", "/hooks/" + secret + "%3f", "/hooks/" + strings.ToUpper(secret), "/hooks/%61" + secret[1:],
		"/hooks/../readyz", "/hooks/../api/v1/status", "/hooks/" + strings.Repeat("a/", 5000),
	} {
		if got := untimed(s.wire(request("POST", path, "", body))); got != want {
			t.Errorf("%.80s: %.300q", path, got)
		}
	}
	// What is no path of hooks by its form may be a page's; it is never the hook.
	for _, path := range []string{"//hooks/" + secret, "/./hooks/" + secret, "/HOOKS/" + secret, "/x/../hooks/" + secret, "*"} {
		if got := s.wire(request("POST", path, "", body)); strings.HasPrefix(got, "HTTP/1.1 2") {
			t.Errorf("%s: %.300q", path, got)
		}
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if stored := storedPushes(t, filepath.Join(s.dir, "clients/.pipeline")); len(stored) != 0 {
		t.Errorf("stored: %v", stored)
	}
}

// Senders that never come to an end are let go, and hold nobody else up.
func TestServeSlowSenders(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the bound of serve")
	}
	t.Parallel()
	s := hostileServe(t)
	began := time.Now()
	var wg sync.WaitGroup
	for _, sent := range []string{
		"POST " + hookPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"POST " + hookPath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
		"POST " + hookPath + " HTTP/1.1\r\nHost:",
		"POST /hooks/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
	} {
		for range 40 { // more than are worked on at once
			wg.Go(func() {
				if got := s.wire(strings.NewReader(sent)); strings.HasPrefix(got, "HTTP/1.1 2") {
					t.Errorf("%q: %q", sent, got)
				}
			})
		}
	}
	var slowest time.Duration
	for i := range 20 {
		at := time.Now()
		if status := s.push(fmt.Sprintf(`{"id": "s%d", "name": "p"}`, i)); status != http.StatusAccepted {
			t.Errorf("a good push is answered with %d", status)
		}
		slowest = max(slowest, time.Since(at))
	}
	wg.Wait()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("they held on for %v", took)
	}
	if slowest > 10*time.Second { // which is how long they are waited for
		t.Errorf("a good push took %v", slowest)
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// A mapping file that is deleted while it is pushed to: pushes are taken until it is
// gone, and 404 after; what was taken is in the file, at the latest when the mapping
// is back.
func TestServeMappingDeleted(t *testing.T) {
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	s := startServe(t, dir)
	name := filepath.Join(dir, "clients/acme.yaml")
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var taken []string
	status := http.StatusAccepted
	for i := 0; status == http.StatusAccepted; i++ {
		if i == 50 {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		id := fmt.Sprint("d", i)
		if status = s.push(fmt.Sprintf(`{"id": %q, "name": "p"}`, id)); status == http.StatusAccepted {
			taken = append(taken, id)
		}
	}
	if status != http.StatusNotFound || len(taken) < 50 {
		t.Errorf("after %d pushes it is answered with %d", len(taken), status)
	}
	putFile(t, dir, "clients/acme.yaml", string(src))
	eventually(t, "it is taken again", func() bool { return s.push(`{"id": "back", "name": "p"}`) == http.StatusAccepted })
	eventually(t, "everything is in the file", s.has("out.csv", "\nback,p\n"))
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	rows := rowsOf(t, filepath.Join(dir, "out.csv"))
	for _, id := range append(taken, "back") {
		if rows[id] != 1 {
			t.Errorf("%s was answered with 202 and is there %d times", id, rows[id])
		}
	}
}

// A destination that takes requests and never answers holds up nobody but itself:
// pushes are taken, other mappings run, and serve ends in its time. What it did not
// take is delivered after, with nothing lost.
func TestServeDestinationHangs(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]int{}
	hang := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got[string(body)]++
	}))
	t.Cleanup(receiver.Close)
	dir := clientsFolder(t, fmt.Sprintf("webhook: {url: %q}", receiver.URL))
	putFile(t, dir, "clients/signed.yaml", signedMapping)
	putFile(t, dir, "clients/.env", "ACME_HOOK=0123456789abcdef0123456789abcdef\nSIGNING_KEY=whsec_"+signingKey+"\n")
	s := startServe(t, dir, "--drain", "2s")
	for i := range 20 {
		if status := s.push(fmt.Sprintf(`{"id": "h%d", "name": "p"}`, i)); status != http.StatusAccepted {
			t.Fatalf("a push is answered with %d", status)
		}
	}
	const body = `{"id": "other"}`
	if answer := s.wire(request("POST", "/hooks/signed", sign("a", body, time.Now()), body)); !strings.HasPrefix(answer, "HTTP/1.1 202 ") {
		t.Errorf("got %.80q", answer)
	}
	eventually(t, "another mapping runs", s.has("signed.csv", "other\n"))
	began := time.Now()
	if code := s.stop(); code != exitDone || time.Since(began) > 25*time.Second { // a request may take 30
		t.Errorf("exit code %d after %v\n%s", code, time.Since(began), s.stderr)
	}
	close(hang)
	s = startServe(t, dir)
	eventually(t, "everything is delivered", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 20 })
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}
