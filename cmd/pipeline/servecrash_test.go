//go:build linux

package main

// servecrash_test.go: pipeline serve as a process, with many senders that send again
// what was not taken, while it is killed, stopped, or has no disk left. What is
// answered with 202 is stored once, and what is stored is in the file once; figures
// are printed for docs/reliability.md. PIPELINE_CRASH=10 is ten times the size of CI,
// PIPELINE_CRASH=full that of the gates.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	srv "pipeline/pipeline/serve"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/jetstream"
)

// fixedPort is an address that a serve which is started again can have again.
func fixedPort(t *testing.T) string { return enginetest.Free(t, 1)[0].String() }

// senders push to a hook as platforms do that send again what was not taken.
type senders struct {
	url    string
	client *http.Client
	stop   atomic.Bool
	wg     sync.WaitGroup
	acked  atomic.Int64
	again  atomic.Int64 // tries that were not taken

	mu      sync.Mutex
	took    map[string]bool // by webhook-id, what was answered with 202
	refused map[string]bool // and what was answered with 503, and not with 202 since
	strange []string        // answers that a sender should never have
}

func startSenders(url string, n int) *senders {
	s := &senders{url: url, took: map[string]bool{}, refused: map[string]bool{}, client: &http.Client{Timeout: 20 * time.Second}}
	for w := range n {
		s.wg.Go(func() {
			for i := 0; !s.stop.Load(); i++ {
				s.send(fmt.Sprintf("%d-%d", w, i))
			}
		})
	}
	return s
}

// send sends until it is taken, or nobody wants to know any more.
func (s *senders) send(id string) {
	body := fmt.Sprintf(`{"id": %q, "name": %q}`, id, strings.Repeat("p", 300))
	for {
		status, retry, err := post(s.client, s.url, body, "webhook-id", id)
		switch {
		case err == nil && status == http.StatusAccepted:
			s.acked.Add(1)
			s.mu.Lock()
			s.took[id] = true
			delete(s.refused, id)
			s.mu.Unlock()
			return
		case err == nil && (status != http.StatusServiceUnavailable || retry == ""):
			s.mu.Lock()
			s.strange = append(s.strange, fmt.Sprint(status, " Retry-After ", retry))
			s.mu.Unlock()
		case err == nil:
			s.mu.Lock()
			s.refused[id] = true
			s.mu.Unlock()
		}
		s.again.Add(1)
		if s.stop.Load() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// allRefused reports whether each of n senders had a 503 for what it sends now: what
// was let in before is answered.
func (s *senders) allRefused(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.refused) == n
}

// post sends one push.
func post(client *http.Client, url, body string, header ...string) (status int, retryAfter string, err error) {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Retry-After"), err
}

// more waits until n more were taken.
func (s *senders) more(t *testing.T, n int64) {
	t.Helper()
	want := s.acked.Load() + n
	eventually(t, fmt.Sprintf("%d more pushes are taken", n), func() bool { return s.acked.Load() >= want })
}

// end ends the senders.
func (s *senders) end(t *testing.T) {
	t.Helper()
	s.stop.Store(true)
	s.wg.Wait()
	if len(s.strange) > 0 {
		t.Errorf("%d answers that are none for a sender: %s", len(s.strange), s.strange[0])
	}
}

// storedPushes is how often each id is in the inbox of a serve that is stopped.
func storedPushes(t *testing.T, state string) map[string]int {
	t.Helper()
	e, err := jetstream.Open(t.Context(), jetstream.Config{Dir: filepath.Join(state, "serve/engine")})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	err = e.Read(t.Context(), engine.Inbox, "acme", 0, func(m engine.Message) error { stored[m.ID]++; return nil })
	if err := errors.Join(err, e.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return stored
}

// rowsOf is how often each id is in a CSV file.
func rowsOf(t *testing.T, name string) map[string]int {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, line := range bytes.Split(bytes.TrimSpace(src), []byte("\n"))[1:] {
		id, _, _ := bytes.Cut(line, []byte(","))
		rows[string(id)]++
	}
	return rows
}

// sum holds what was promised against the inbox, and the inbox against the file:
// each is there once.
func (s *senders) sum(t *testing.T, what, state, file string) (stored map[string]int) {
	t.Helper()
	stored = storedPushes(t, state)
	rows := rowsOf(t, file)
	lost, doubled, unmapped := 0, 0, 0
	for id := range s.took {
		if stored[id] == 0 {
			lost++
		}
	}
	for id, n := range stored {
		doubled += n - 1
		if rows[id] != 1 {
			unmapped++
		}
	}
	fmt.Printf("| %s | acked %d | sent again %d | stored %d | lost %d | doubled %d | rows %d |\n", what, s.acked.Load(), s.again.Load(), len(stored), lost, doubled, len(rows))
	if lost+doubled+unmapped > 0 || len(rows) != len(stored) {
		t.Errorf("lost %d, doubled %d, not once in the file %d; %d rows of %d stored", lost, doubled, unmapped, len(rows), len(stored))
	}
	return stored
}

// settle starts serve once more, until everything that is stored is in the file.
func settle(t *testing.T, dir string, want int, args ...string) {
	t.Helper()
	s := startServe(t, dir, args...)
	eventually(t, "everything that is stored is in the file", func() bool {
		src, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
		return bytes.Count(src, []byte("\n")) > want
	})
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// Senders that send again, and a serve that is killed at any moment.
func TestCrashServe(t *testing.T) {
	kills := enginetest.Size(t, 5, 300)
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	state, port := filepath.Join(dir, "clients/.pipeline"), fixedPort(t)
	s := startServe(t, dir, "--listen", port)
	load := startSenders(s.url+hookPath, 8)
	var slowest time.Duration
	for range kills {
		load.more(t, 20)
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // the moment is what is tested
		_ = s.Process.Kill()
		_ = s.Wait()
		began := time.Now()
		s = startServe(t, dir, "--listen", port)
		load.more(t, 1)
		slowest = max(slowest, time.Since(began))
	}
	load.end(t)
	_ = s.Process.Kill()
	_ = s.Wait()
	settle(t, dir, len(storedPushes(t, state)))
	load.sum(t, fmt.Sprintf("serve, %d × kill -9, taken again in at most %v", kills, slowest.Round(time.Millisecond)), state, filepath.Join(dir, "out.csv"))
}

// SIGTERM under load: what is stored was answered, and it ends well.
func TestCrashServeDrains(t *testing.T) {
	stops := enginetest.Size(t, 2, 50)
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	state, port := filepath.Join(dir, "clients/.pipeline"), fixedPort(t)
	s := startServe(t, dir, "--listen", port)
	load := startSenders(s.url+hookPath, 8)
	for range stops {
		load.more(t, 100)
		if code := s.stop(); code != exitDone || strings.Contains(s.stderr.String(), srv.ErrCut.Error()) {
			t.Errorf("exit code %d\n%s", code, s.stderr)
		}
		s = startServe(t, dir, "--listen", port)
	}
	load.end(t)
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	stored := storedPushes(t, state)
	settle(t, dir, len(stored))
	load.sum(t, fmt.Sprintf("serve, %d × SIGTERM", stops), state, filepath.Join(dir, "out.csv"))
	if len(stored) != int(load.acked.Load()) {
		t.Errorf("%d are stored, and %d senders know", len(stored), load.acked.Load())
	}
}

// smallDisk is a disk of that size; its test is skipped where there cannot be one.
func smallDisk(t *testing.T, dir, options string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("SKIPPED: a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// A disk that is full: 503 and no 202, and it goes on when there is room.
func TestCrashServeFullDisk(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	state, port := filepath.Join(dir, "state"), fixedPort(t)
	smallDisk(t, state, "size=260m")
	s := startServe(t, dir, "--listen", port, "--state", "state")
	load := startSenders(s.url+hookPath, 4)
	load.more(t, 50)
	ballast := filepath.Join(state, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := false
	eventually(t, "a push is refused", func() bool {
		status, retry, err := post(http.DefaultClient, s.url+hookPath, `{"id": "full", "name": "p"}`, "webhook-id", "full")
		refused = err == nil && status == http.StatusServiceUnavailable && retry == "5"
		return refused
	})
	eventually(t, "all are refused", func() bool { return load.allRefused(4) })
	before := load.acked.Load()
	if status, _, err := post(http.DefaultClient, s.url+hookPath, `{"id": "full", "name": "p"}`, "webhook-id", "full"); status != http.StatusServiceUnavailable {
		t.Errorf("the disk is still full, and a push is answered %d, %v", status, err)
	}
	if got := load.acked.Load(); got != before {
		t.Errorf("%d were taken while the disk was full", got-before)
	}
	if answer, err := http.Get(s.url + "/readyz"); err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %v, %v", answer.Status, err)
	} else {
		_ = answer.Body.Close()
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	s = startServe(t, dir, "--listen", port, "--state", "state")
	if want := "\nno push is taken now: the store cannot store: the store is full: its disk has "; !strings.Contains(s.greets, want) {
		t.Errorf("it says\n%s", s.greets)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	load.more(t, 50) // by itself
	load.end(t)
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	settle(t, dir, len(storedPushes(t, state)), "--state", "state")
	load.sum(t, "serve, full disk", state, filepath.Join(dir, "out.csv"))
}

// refusesToStart is what a serve says that ends by itself, with exit code 1.
func refusesToStart(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd, said := process(t, dir, append([]string{"serve", "clients", "--listen", "127.0.0.1:0"}, args...)...)
	ended := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer ended.Stop()
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d: %s", code, said)
	}
	return said.String()
}

func TestCrashServeReadOnly(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	state := filepath.Join(dir, "state")
	smallDisk(t, state, "size=1m")
	if err := syscall.Mount("", state, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if said := refusesToStart(t, dir, "--state", "state"); !strings.Contains(said, "read-only file system") || !strings.Contains(said, "state") {
		t.Errorf("it says %s", said)
	}
}

// A file of the store that has nothing in it: everything is there all the same, or
// serve does not start, or the audit says what is missing. Nothing is lost in silence.
func TestCrashServeEmptyFiles(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	for _, file := range []string{"mode.json", "audit.json", "meta.inf", "meta.sum", "*.blk", "index.db"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
			s := startServe(t, dir)
			for i := range 20 {
				if status := s.push(fmt.Sprintf(`{"id": "e%d", "name": "p"}`, i)); status != http.StatusAccepted {
					t.Fatal(status)
				}
			}
			eventually(t, "all are in the file", s.has("out.csv", "\ne19,"))
			if code := s.stop(); code != exitDone {
				t.Fatal(code)
			}
			if code, said := command(t, t.Context(), "pipeline engine audit "+filepath.Join(dir, "clients")); code != exitDone {
				t.Fatal(said)
			}
			if emptied := emptyFiles(t, filepath.Join(dir, "clients/.pipeline/serve/engine"), file); emptied == 0 {
				t.Fatalf("there is no %s", file)
			}
			cmd, said := process(t, dir, "engine", "audit", "clients", "--json")
			out, _ := cmd.Output()
			var report struct{ Problems []string }
			_ = json.Unmarshal(out, &report)
			s2, started := tryServe(t, dir)
			if !started {
				t.Logf("it does not start: %s", s2)
				return
			}
			stored := storedPushes(t, filepath.Join(dir, "clients/.pipeline"))
			t.Logf("stored %d, audit: exit code %d %q %s", len(stored), cmd.ProcessState.ExitCode(), report.Problems, said)
			if len(stored) < 20 && cmd.ProcessState.ExitCode() == exitDone {
				t.Errorf("%d of 20 are there, and nobody says so", len(stored))
			}
		})
	}
}

// emptyFiles takes what is in the files of that name.
func emptyFiles(t *testing.T, dir, pattern string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if match, _ := filepath.Match(pattern, filepath.Base(name)); err == nil && match && !d.IsDir() {
			n++
			return os.Truncate(name, 0)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tryServe starts serve, takes a push, and stops it; or returns what it says instead.
func tryServe(t *testing.T, dir string) (said string, started bool) {
	t.Helper()
	cmd, stderr := process(t, dir, "serve", "clients", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	greets, _ := io.ReadAll(io.LimitReader(out, 10)) // "serving th", or nothing
	if len(greets) > 0 {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if len(greets) == 0 && cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
	}
	return stderr.String(), len(greets) > 0
}
