package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// platform is a GEVME that counts its calls and can end a process at one of
// them.
type platform struct {
	*httptest.Server
	records, page int

	mu      sync.Mutex
	calls   map[string]int // by query
	revoked bool           // no token is good any more
	during  func(call int) // is told of each call before it is answered
	after   func(call int) // … and after
}

func newPlatform(t *testing.T, records, page int) *platform {
	p := &platform{records: records, page: page, calls: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *platform) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.calls[r.URL.RawQuery]++
	call := p.total()
	during, after := p.during, p.after
	revoked := p.revoked
	p.mu.Unlock()
	if revoked {
		http.Error(w, "token revoked", http.StatusUnauthorized)
		return
	}
	if during != nil {
		during(call)
	}
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	var list []string
	for i := offset; i < min(offset+p.page, p.records); i++ {
		list = append(list, fmt.Sprintf(`{"id": %d, "email": "p%d@example.com"}`, i, i))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `[%s]`, strings.Join(list, ","))
	if after != nil {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		after(call)
	}
}

// hook sets what is told of calls.
func (p *platform) hook(during, after func(call int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.during, p.after = during, after
}

func (p *platform) total() int {
	n := 0
	for _, c := range p.calls {
		n += c
	}
	return n
}

func (p *platform) counts() (total int, twice []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for query, n := range p.calls {
		if n > 1 {
			twice = append(twice, query)
		}
	}
	return p.total(), twice
}

// workplace is a folder with a mapping of the platform.
func workplace(t *testing.T, p *platform) string {
	dir := t.TempDir()
	mapping := fmt.Sprintf("version: 1\nsource:\n  gevme: {event: \"1\", base_url: %q, page_size: %d}\nfields:\n  id: string(id)\n  email: email\n  at: {value: now(), type: timestamp}\nsinks:\n  - csv: {path: out.csv}\n", p.URL, p.page)
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// process is the real program in a folder, not started yet.
func process(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PIPELINE_TEST_MAIN=1", "PIPELINE_GEVME_TOKEN=secret", "XDG_STATE_HOME="+filepath.Join(dir, "xdg"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return cmd, &stderr
}

// victim is a process that a server's handler signals, once it is started.
type victim struct {
	*exec.Cmd
	started chan *os.Process
}

func newVictim(cmd *exec.Cmd) *victim { return &victim{Cmd: cmd, started: make(chan *os.Process, 1)} }

// signal waits for the start, where that is not over yet.
func (v *victim) signal(s os.Signal) {
	process := <-v.started
	v.started <- process
	_ = process.Signal(s)
}

// run starts the process and waits for its end, however it comes.
func (v *victim) run(t *testing.T) error {
	t.Helper()
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	v.started <- v.Process
	return v.Wait()
}

// A process that is killed at any moment leaves nothing half done: the same
// command goes on, makes no call twice but the one that was in flight, and
// makes the bytes that an undisturbed run makes.
func TestKilledRunsGoOn(t *testing.T) {
	const pages = 6
	moments := []string{}
	for call := 1; call <= pages; call++ {
		moments = append(moments, fmt.Sprintf("during %d", call), fmt.Sprintf("after %d", call))
	}
	for _, moment := range moments {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, (pages-1)*20+3, 20)
			dir := workplace(t, p)
			when, number, _ := strings.Cut(moment, " ")
			at, _ := strconv.Atoi(number)
			cmd, _ := process(t, dir, "run", "m.yaml")
			first := newVictim(cmd)
			kill := func(call int) {
				if call == at {
					first.signal(os.Kill)
				}
			}
			if when == "during" {
				p.hook(kill, nil)
			} else {
				p.hook(nil, kill)
			}
			killed := first.run(t) != nil
			if _, err := os.Stat(filepath.Join(dir, "out.csv")); err == nil && killed {
				t.Log("killed after the file was published")
			}
			p.hook(nil, nil)

			second, said := process(t, dir, "run", "m.yaml")
			if err := second.Run(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			total, twice := p.counts()
			if total > pages+1 || len(twice) > 1 {
				t.Errorf("%d calls for %d pages, twice: %v\n%s", total, pages, twice, said)
			}
			got, err := os.ReadFile(filepath.Join(dir, "out.csv"))
			if err != nil {
				t.Fatal(err)
			}
			assertWhole(t, string(got), p.records)
			if litter, _ := filepath.Glob(filepath.Join(dir, ".*.partial")); len(litter) > 0 {
				t.Errorf("left behind: %v", litter)
			}
		})
	}
}

// assertWhole checks that there is a row for each record, in order, and that
// all of them have the same time of now().
func assertWhole(t *testing.T, csv string, records int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(csv, "\n"), "\n")
	if len(lines) != records+1 {
		t.Fatalf("%d lines, want a header and %d rows", len(lines), records)
	}
	_, start, _ := strings.Cut(lines[1], ",")
	_, start, _ = strings.Cut(start, ",")
	for i, line := range lines[1:] {
		if want := fmt.Sprintf("%d,p%d@example.com,%s", i, i, start); line != want {
			t.Fatalf("row %d is %q, want %q", i, line, want)
		}
	}
}

func TestReplay(t *testing.T) {
	p := newPlatform(t, 45, 20)
	dir := workplace(t, p)
	pipeline := func(want int, args ...string) string {
		t.Helper()
		cmd, said := process(t, dir, args...)
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("pipeline %v: exit code %d, want %d\n%s", args, got, want, said)
		}
		return said.String()
	}
	if said := pipeline(1, "run", "--replay", "m.yaml"); !strings.Contains(said, "there is no complete tape to replay; run it once without --replay") {
		t.Error(said)
	}
	pipeline(0, "run", "m.yaml")
	if total, _ := p.counts(); total != 3 {
		t.Fatalf("%d calls, want 3", total)
	}
	before, _ := os.ReadFile(filepath.Join(dir, "out.csv"))

	// A changed mapping is run over what was fetched.
	rewrite(t, dir, "  email: email\n", "  email: upper(email ?? \"\")\n")
	if said := pipeline(0, "run", "--replay", "m.yaml"); !strings.Contains(said, "0 calls, 3 answers from the tape") {
		t.Error(said)
	}
	after, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if want := strings.NewReplacer("p", "P", "@example.com", "@EXAMPLE.COM").Replace(strings.SplitN(string(before), "\n", 2)[1]); strings.SplitN(string(after), "\n", 2)[1] != want {
		t.Errorf("the replay made\n%s", after)
	}

	// A changed source is not what is on the tape.
	rewrite(t, dir, `event: "1"`, `event: "2"`)
	if said := pipeline(1, "run", "--replay", "m.yaml"); !strings.Contains(said, "is of another source") {
		t.Error(said)
	}
	if total, _ := p.counts(); total != 3 {
		t.Errorf("%d calls, want 3: a replay makes none", total)
	}
	if cmd, _ := process(t, dir, "purge", "m.yaml"); cmd.Run() != nil {
		t.Error("purge failed")
	}
	if said := pipeline(1, "run", "--replay", "m.yaml"); !strings.Contains(said, "there is no complete tape") {
		t.Error(said)
	}
	assertNoSecret(t, dir)
}

func rewrite(t *testing.T, dir, old, new string) {
	t.Helper()
	name := filepath.Join(dir, "m.yaml")
	src, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(src), old) {
		t.Fatalf("%q is not in the mapping: %v", old, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(src), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// assertNoSecret looks for the token in all that was left behind.
func assertNoSecret(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte("secret")) {
			t.Errorf("the token is in %s", name)
		}
		if info, _ := d.Info(); strings.Contains(name, ".pipeline") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two mappings that read the same are fetched once; one that fails does not
// stop the other.
func TestSeveralMappingsFetchOnce(t *testing.T) {
	p := newPlatform(t, 45, 20)
	dir := workplace(t, p)
	src, _ := os.ReadFile(filepath.Join(dir, "m.yaml"))
	second := strings.Replace(string(src), "out.csv", "second.csv", 1)
	failing := strings.Replace(string(src), "out.csv", "nowhere/third.csv", 1)
	for name, text := range map[string]string{"second.yaml": second, "failing.yaml": failing} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd, said := process(t, dir, "run", "m.yaml", "failing.yaml", "second.yaml")
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d, want 1\n%s", code, said)
	}
	if total, _ := p.counts(); total != 3 {
		t.Errorf("%d calls, want 3\n%s", total, said)
	}
	for _, name := range []string{"out.csv", "second.csv"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		assertWhole(t, string(got), 45)
	}
}

// The first signal ends reading: nothing is published, and the next run goes on.
func TestStopAndGoOn(t *testing.T) {
	p := newPlatform(t, 110, 20)
	dir := workplace(t, p)
	cmd, said := process(t, dir, "run", "m.yaml")
	first := newVictim(cmd)
	gone := make(chan struct{})
	p.hook(func(call int) {
		if call == 3 {
			first.signal(os.Interrupt)
			<-gone // the answer does not come before that
		}
	}, nil)
	_ = first.run(t)
	close(gone)
	if code := first.ProcessState.ExitCode(); code != exitStopped || !strings.Contains(said.String(), "stopped after page 2; run again to go on") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.csv")); err == nil {
		t.Error("half a file was published")
	}
	second, said := process(t, dir, "run", "m.yaml")
	if err := second.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(said.String(), "(2 answers so far)") || !strings.Contains(said.String(), "4 calls, 2 answers from the tape") {
		t.Error(said)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	assertWhole(t, string(got), 110)
}

// A token that is withdrawn in the middle ends the run, says what to do, and what
// was fetched is not fetched again.
func TestTokenRevokedInTheMiddle(t *testing.T) {
	p := newPlatform(t, 110, 20)
	dir := workplace(t, p)
	p.hook(nil, func(call int) {
		if call == 2 {
			p.mu.Lock()
			p.revoked = true
			p.mu.Unlock()
		}
	})
	first, said := process(t, dir, "run", "m.yaml")
	_ = first.Run()
	if code := first.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(said.String(), "PIPELINE_GEVME_TOKEN goes before that login: unset it, or set it to a fresh token") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	p.hook(nil, nil)
	p.mu.Lock()
	p.revoked = false
	p.mu.Unlock()
	second, said := process(t, dir, "run", "m.yaml")
	if err := second.Run(); err != nil || !strings.Contains(said.String(), "4 calls, 2 answers from the tape") {
		t.Fatalf("%v\n%s", err, said)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	assertWhole(t, string(got), 110)
}

// An incremental run asks for what changed since the last one began, and looks
// back ten minutes behind that.
func TestIncremental(t *testing.T) {
	p := newPlatform(t, 5, 20)
	dir := workplace(t, p)
	rewrite(t, dir, "fields:\n", "  sync: incremental\nkey: [id]\nfields:\n")
	rewrite(t, dir, "{path: out.csv}", "{path: out.csv, mode: merge}")
	began := time.Now()
	var first time.Duration // what the first run took
	for range 2 {
		cmd, said := process(t, dir, "run", "m.yaml")
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		first = cmp.Or(first, time.Since(began))
	}
	var since []string
	for query := range p.calls {
		values, _ := url.ParseQuery(query)
		since = append(since, values.Get("modifiedFrom"))
	}
	slices.Sort(since)
	if len(since) != 2 || since[0] != "" {
		t.Fatalf("the runs asked for what changed since %q", since)
	}
	at, err := strconv.ParseInt(since[1], 10, 64)
	if back := began.Sub(time.UnixMilli(at)); err != nil || back > 10*time.Minute+time.Millisecond || back < 10*time.Minute-first {
		t.Errorf("the second run looked back to %v before the first one, which took %v", back, first)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if lines := strings.Count(string(got), "\n"); lines != 6 {
		t.Errorf("%d lines, want a header and 5 rows\n%s", lines, got)
	}
}
