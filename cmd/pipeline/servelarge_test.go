package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// largeRows makes batches of rows that take more than the outbox keeps, compressed:
// nothing is as hard to compress as a hash.
const largeRows = `
version: 1
source:
  webhook: {path: "/hooks/acme-${ACME_HOOK}", content: json}
key: [id]
fields:
  id: string(id)
  hashes: map(1..integer(hashes), sha256(string(id) + string(#)))
sinks:
  - webhook: {url: %q, batch: 10000, concurrency: 1}
  - csv: {path: out.csv, mode: append}
`

// batches is a receiver that keeps what it was sent, once by idempotency key.
type batches struct {
	mu   sync.Mutex
	seen map[string]bool
	rows map[string]int // how often each came, by its id
	most int            // rows of a request
}

func (b *batches) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var rows []struct{ ID string }
	if err == nil {
		err = json.Unmarshal(body, &rows)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if key := r.Header.Get("Idempotency-Key"); !b.seen[key] {
		b.seen[key] = true
		b.most = max(b.most, len(rows))
		for _, row := range rows {
			b.rows[row.ID]++
		}
	}
}

func (b *batches) len() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.rows) }

// times is how often a row came.
func (b *batches) times(id string) int { b.mu.Lock(); defer b.mu.Unlock(); return b.rows[id] }

// assertOnce is that no row came more than once, and none that is too large. What a
// serve that was killed had sent may be taken still.
func (b *batches) assertOnce(t *testing.T, people int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, times := range b.rows {
		if times != 1 || id == "large" {
			t.Errorf("%s came %d times", id, times)
		}
	}
	if b.most < 2 || b.most > people {
		t.Errorf("the largest request has %d rows", b.most)
	}
}

// A batch that is larger than what can be kept goes in parts, and a row that is too
// large alone is a reject: the others are delivered, each once, however often serve is
// killed over it.
func TestServeSplitsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	receiver := &batches{seen: map[string]bool{}, rows: map[string]int{}}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	putFile(t, dir, "clients/acme.yaml", fmt.Sprintf(largeRows, server.URL))

	const people, hashes, tooMany = 400, 120, 40_000 // 3 MB of hashes for all, or for one
	var records []string
	for i := range people {
		records = append(records, fmt.Sprintf(`{"id": "p%d", "hashes": %d}`, i, hashes))
		if i == people/2 {
			records = append(records, fmt.Sprintf(`{"id": "large", "hashes": %d}`, tooMany))
		}
	}
	s := startServe(t, dir)
	if status := s.push("[" + strings.Join(records, ",") + "]"); status != http.StatusAccepted {
		t.Fatalf("the push is answered with %d", status)
	}
	for round := range 4 {
		time.Sleep(time.Duration(200+150*round) * time.Millisecond) // the moment of the kill is what is tested
		_ = s.Process.Kill()
		_ = s.Wait()
		s = startServe(t, dir)
	}
	if status := s.push(`{"id": "after", "hashes": 1}`); status != http.StatusAccepted {
		t.Fatalf("the push is answered with %d", status)
	}
	eventually(t, "all that fits is delivered", func() bool { return receiver.len() == people+1 })
	eventually(t, "the file has the last one", s.has("out.csv", "\nafter,"))
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	receiver.assertOnce(t, people)
	rows, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if n := strings.Count(string(rows), "\n"); n != 1+people+1 || strings.Contains(string(rows), "large") {
		t.Errorf("the file has %d lines", n)
	}
	rejects, _ := os.ReadFile(filepath.Join(dir, "acme.rejects.jsonl"))
	want := fmt.Sprintf(`"push":1,"key":{"id":"large"},"code":"request-too-large","reason":"%s: the request of this row has %d bytes, which is more than can be kept until it is delivered (1 MiB, compressed)"`, server.URL, len(`[{"id":"large","hashes":[]}]`)+67*tooMany-1)
	if n := strings.Count(string(rejects), "\n"); n != 1 || !strings.Contains(string(rejects), want) {
		t.Errorf("%d rejects\n%s\nwant %s", n, rejects, want)
	}

	// Without serve nothing has to be kept.
	replay, said := process(t, dir, "rejects", "clients/acme.yaml", "--replay")
	if err := replay.Run(); err != nil || receiver.times("large") != 1 || !s.has("out.csv", "\nlarge,")() {
		t.Errorf("%v, it came %d times\n%s", err, receiver.times("large"), said)
	}
	assertRejected(t, dir)
}
