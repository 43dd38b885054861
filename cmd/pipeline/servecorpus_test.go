//go:build linux

package main

// servecorpus_test.go: thousands of hostile requests to pipeline serve as a process, and
// what holds of all of them. CI sends some; .ci/reliability sends ten thousand.

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/jetstream"
)

// corpus is what was sent, and what came of it.
type corpus struct {
	*serving
	nobody string // the answer of a path that is nobody's

	mu       sync.Mutex
	statuses map[int]int
	taken    map[string][]takenPush // by mapping
	slowest  time.Duration
}

// takenPush is a request that was answered with 202.
type takenPush struct {
	hostile
	ID        string
	Seq       uint64
	Duplicate bool
}

func TestServeHostileCorpus(t *testing.T) {
	t.Parallel()
	n := enginetest.Size(t, 600, 10_000)
	dir := t.TempDir()
	for name, proof := range corpusMappings {
		putFile(t, dir, "clients/"+name+".yaml", fmt.Sprintf(`version: 1
source: {webhook: {path: %q, rate: 10000000/min%s}}
key: [id]
fields: {id: string(id), name: {value: name, type: string}}
sinks: [csv: {path: %s.csv, mode: append}]
`, hookPathOf(name), proof, name))
	}
	c := &corpus{serving: startServe(t, dir), statuses: map[int]int{}, taken: map[string][]takenPush{}}
	if strings.Contains(c.greets, "wrong") {
		t.Fatal(c.greets)
	}
	c.nobody = untimed(string(c.exchange(request("POST", "/hooks/nobody", "", "{}"))))
	const seed = 7
	c.send(n, seed)
	if t.Failed() {
		t.Logf("the seed is %d", seed)
	}
	c.settle()
	peak := c.peak()
	if peak > 512<<20 {
		t.Errorf("it took %d MB", peak>>20)
	}
	if code := c.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, c.stderr)
	}
	for name, taken := range c.taken {
		c.sum(name, taken)
	}
	quiet(t, "the log", c.stderr.String())
	t.Logf("answers: %v; the slowest took %v; %d MB", c.statuses, c.slowest, peak>>20)
	fmt.Printf("| %d hostile requests | %d taken, all stored as sent and in a file; the slowest answer took %v; %d MB |\n", n, c.statuses[http.StatusAccepted], c.slowest.Round(time.Millisecond), peak>>20)
}

// send sends n requests, several at a time.
func (c *corpus) send(n int, seed uint64) {
	work := make(chan hostile)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for h := range work {
				c.hold(h)
			}
		})
	}
	m := newMaker(seed)
	for range n {
		work <- m.next()
	}
	close(work)
	wg.Wait()
	limit := 2 * time.Second
	if os.Getenv("PIPELINE_CRASH") == "" {
		limit *= 10 // other tests run beside it
	}
	if c.slowest > limit {
		c.t.Errorf("an answer took %v", c.slowest)
	}
}

// exchange sends bytes as they are, says that there is no more, and returns what
// comes back.
func (c *corpus) exchange(sent io.Reader) []byte {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Error(err)
		return nil
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	go func() {
		_, _ = io.Copy(conn, sent) // a server that has heard enough closes
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	began := time.Now()
	got, _ := io.ReadAll(conn) // a server that closes with bytes unread resets
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, time.Since(began))
	return got
}

// hold sends a request, and holds its answers against what may become of it.
func (c *corpus) hold(h hostile) {
	got := c.exchange(bytes.NewReader(h.wire))
	if h.lost404 && untimed(string(got)) != c.nobody {
		c.t.Errorf("%s: %.200q is answered with %.300q", h.what, h.wire, got)
	}
	in := bufio.NewReader(bytes.NewReader(got))
	accepted := 0
	for {
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		body, _ := io.ReadAll(answer.Body) // an answer to HEAD has none
		if answer.StatusCode >= 200 {
			accepted += c.judge(h, answer, body)
		}
	}
	if accepted == 0 && h.take == always || accepted > 1 {
		c.t.Errorf("%s: %.300q was taken %d times: %.300q", h.what, h.wire, accepted, got)
	}
}

// judge holds one answer, and says whether the request was taken.
func (c *corpus) judge(h hostile, answer *http.Response, body []byte) (accepted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[answer.StatusCode]++
	switch status := answer.StatusCode; {
	case status == http.StatusAccepted && h.take != never:
		p := takenPush{hostile: h}
		if err := json.Unmarshal(body, &p); err != nil || p.Seq == 0 {
			c.t.Errorf("%s: %q %v", h.what, body, err)
		}
		c.taken[h.mapping] = append(c.taken[h.mapping], p)
		return 1
	case status < 400:
		c.t.Errorf("%s: %.300q is answered with %d", h.what, h.wire, status)
	case status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported: // net/http's, of an odd transfer or version
	case status >= 500 && (status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == ""):
		c.t.Errorf("%s: %.300q is answered with %d", h.what, h.wire, status)
	}
	quiet(c.t, h.what, fmt.Sprint(answer.Header, string(body)))
	return 0
}

// quiet looks for what nobody may say again: secrets, and what was in a request.
func quiet(t *testing.T, what, said string) {
	for _, text := range []string{marker, signingKey} {
		if i := strings.Index(said, text); i >= 0 {
			t.Errorf("%s says %q", what, said[max(0, i-100):min(len(said), i+100)])
		}
	}
}

// settle waits until all that was taken is mapped.
func (c *corpus) settle() {
	var status struct {
		Clients []struct {
			Name, State string
			Pushes      int
		}
	}
	eventually(c.t, "all pushes are mapped", func() bool {
		waits := c.api("GET", "status", &status) != http.StatusOK
		for _, client := range status.Clients {
			waits = waits || client.Pushes > 0 || client.State == "running"
		}
		return !waits
	})
}

// sum holds what was taken against the store, and the store against the files: each
// push is stored as it was sent, and is a row or rejects.
func (c *corpus) sum(mapping string, taken []takenPush) {
	t, stored := c.t, storedBodies(c.t, c.dir, mapping)
	rows, others := corpusRows(t, filepath.Join(c.dir, mapping+".csv"))
	rejects := corpusRejects(t, filepath.Join(c.dir, mapping+".rejects.jsonl"))
	owed := map[uint64]bool{}
	for _, p := range taken {
		owed[p.Seq] = true
		m, found := stored[p.Seq]
		switch {
		case !found || m.ID != p.ID:
			t.Errorf("%s: %s was answered with 202 and %d, where %q is stored", mapping, p.what, p.Seq, m.ID)
		case !bytes.Equal(m.Body, p.body) && (!p.again || !p.Duplicate):
			t.Errorf("%s: %s: %.200q is stored as %.200q", mapping, p.what, p.body, m.Body)
		case p.id != "" && (rows[p.id] != 1 || rejects[p.Seq] != p.rejects):
			t.Errorf("%s: %s: %s is in the file %d times, and %d rejects are of it", mapping, p.what, p.id, rows[p.id], rejects[p.Seq])
		}
	}
	if len(owed) != len(stored) {
		t.Errorf("%s: %d pushes were taken, and %d are stored", mapping, len(owed), len(stored))
	}
	for seq, m := range stored {
		if rejects[seq] == 0 && !others[string(markers.Find(m.Body))] {
			t.Errorf("%s: push %d became neither a row nor a reject: %.200q", mapping, seq, m.Body)
		}
	}
}

// markers finds the ID that a request has.
var markers = regexp.MustCompile(marker + `\d+`)

// storedBodies are what the store has for a mapping.
func storedBodies(t *testing.T, dir, mapping string) map[uint64]engine.Message {
	t.Helper()
	e, err := jetstream.Open(t.Context(), jetstream.Config{Dir: filepath.Join(dir, "clients/.pipeline/serve/engine")})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[uint64]engine.Message{}
	err = e.Read(t.Context(), engine.Inbox, mapping, 0, func(m engine.Message) error { stored[m.Seq] = m; return nil })
	if err := errors.Join(err, e.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return stored
}

// corpusRows is how often each id is in a file, and which requests have a row.
func corpusRows(t *testing.T, name string) (ids map[string]int, of map[string]bool) {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(src)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ids, of = map[string]int{}, map[string]bool{}
	for _, row := range all[1:] {
		ids[row[0]]++
		of[markers.FindString(strings.Join(row, " "))] = true
	}
	delete(of, "") // a row that does not say whose it is
	return ids, of
}

// corpusRejects is how many rejects there are of each push.
func corpusRejects(t *testing.T, name string) map[uint64]int {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	of := map[uint64]int{}
	for line := range bytes.Lines(src) {
		var reject struct{ Push uint64 }
		if err := json.Unmarshal(line, &reject); err != nil || reject.Push == 0 {
			t.Errorf("%s: %v: %.200s", strconv.Quote(name), err, line)
		}
		of[reject.Push]++
	}
	return of
}
