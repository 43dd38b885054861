package serve_test

// pushkill_test.go: push runs in a process that is killed at any moment, with the
// sinks that there are. Nothing is lost, nothing is doubled in a file, and a
// receiver that knows idempotency keys sees each row once.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PIPELINE_TEST_PUSH_RUNS"); dir != "" {
		if err := pushRuns(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fileInbox is an inbox of one line a push.
type fileInbox string

func (f fileInbox) lines() ([][]byte, error) {
	src, err := os.ReadFile(string(f))
	whole := src[:bytes.LastIndexByte(src, '\n')+1]
	return bytes.SplitAfter(whole, []byte("\n")), err
}

func (f fileInbox) Last(context.Context) (uint64, error) {
	lines, err := f.lines()
	return uint64(max(0, len(lines)-1)), err // behind the last line break is nothing
}

func (f fileInbox) Read(_ context.Context, after, upTo uint64, yield func(pipeline.Pushed) error) error {
	lines, err := f.lines()
	for i := after; i < upTo && err == nil; i++ {
		err = yield(pipeline.Pushed{Seq: i + 1, Body: lines[i]})
	}
	return err
}

// pushRuns makes push runs in dir until a file says that there is no more to
// come, and nothing is left.
func pushRuns(dir string) error {
	plan, err := planIn(dir)
	if err != nil {
		return err
	}
	for {
		_, ended := os.Stat(filepath.Join(dir, "end"))
		report, err := plan.Run(context.Background(), pipeline.RunOptions{
			World: &pipeline.World{Now: time.Now(), OutDir: dir}, State: filepath.Join(dir, "state"), Pushed: fileInbox(filepath.Join(dir, "inbox")),
		})
		if err != nil {
			return err
		}
		if report.PushedTo == 0 && ended == nil {
			return nil
		}
	}
}

// planIn is the plan of the mapping in dir.
func planIn(dir string) (*pipeline.Plan, error) {
	src, err := os.ReadFile(filepath.Join(dir, "m.yaml"))
	if err != nil {
		return nil, err
	}
	m, diags := pipeline.Parse("m.yaml", src)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%v", diags)
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}})
	if diags.HasErrors() {
		return nil, fmt.Errorf("%v", diags)
	}
	return plan, nil
}

// replayRejects maps the rejects in dir again.
func replayRejects(dir string) error {
	plan, err := planIn(dir)
	if err == nil {
		_, err = plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{Now: time.Now(), OutDir: dir}, State: filepath.Join(dir, "state"), Rejects: true})
	}
	return err
}

// A run that came to its end, and of which nobody knows, makes the same bytes once
// more.
func TestPushRunAgain(t *testing.T) {
	for _, sink := range []string{"csv: {path: out, mode: append}", "csv: {path: out, mode: merge}"} {
		t.Run(sink, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			read := func(name string) string {
				t.Helper()
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			run := func() map[string]string {
				t.Helper()
				if err := pushRuns(dir); err != nil {
					t.Fatal(err)
				}
				return map[string]string{"out": read("out"), "rejects": read("m.rejects.jsonl"), "state": read("state/pushed.json")}
			}
			var inbox []string
			for i := range 40 {
				inbox = append(inbox, person(i)+"\n")
			}
			const going = `{"started": "2030-01-01T00:00:00Z", "after": 20, "up_to": 40}`
			write("m.yaml", fmt.Sprintf(pushMapping, sink))
			write("inbox", strings.Join(inbox[:20], ""))
			write("end", "")
			before := run()
			write("inbox", strings.Join(inbox, ""))
			write("state/pushing.json", going)
			want := run()
			if want["out"] == before["out"] || want["state"] != `{"started":"2030-01-01T00:00:00Z","seq":40}`+"\n" {
				t.Fatalf("it did nothing: %s", want["state"])
			}
			write("state/pushing.json", going)
			write("state/pushed.json", before["state"])
			if diff := cmp.Diff(want, run()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

const pushMapping = `
version: 1
name: m
source: {webhook: {path: /hooks/m-0123456789abcdef0123456789abcdef}}
key: [id]
fields:
  id: {value: id, type: integer, required: true}
  name: name ?? ""
sinks: [{%s}]
`

// killPushRuns pushes people while the process that maps them is killed again and
// again, and lets it end. Each push is {"id", "name"}: a bad one now and then.
func killPushRuns(t *testing.T, dir, sink string, push func(i int) string) (kills int) {
	t.Helper()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("m.yaml", fmt.Sprintf(pushMapping, sink))
	inbox, err := os.Create(filepath.Join(dir, "inbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inbox.Close() }()
	random := rand.New(rand.NewPCG(1, uint64(len(sink))))
	child := func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "PIPELINE_TEST_PUSH_RUNS="+dir)
		var said bytes.Buffer
		cmd.Stderr = &said
		return cmd, &said
	}
	const rounds = 25
	for round := range rounds {
		cmd, said := child()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if _, err := inbox.WriteString(push(round*4+i) + "\n"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // the moment of the kill is what is tested
		}
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil || said.Len() > 0 {
			t.Fatalf("it was not killed: %v\n%s", err, said)
		}
		kills++
	}
	write("end", "")
	cmd, said := child()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if open, err := pipeline.PushInterrupted(filepath.Join(dir, "state")); open || err != nil {
		t.Errorf("a run is not over: %v", err)
	}
	return kills
}

// person is the i-th push: every seventh is no person.
func person(i int) string {
	if i%7 == 3 {
		return fmt.Sprintf(`{"id": "x%d"}`, i)
	}
	return fmt.Sprintf(`{"id": %d, "name": "p%d"}`, i, i)
}

// assertRejected holds the reject file against the pushes that are no person.
func assertRejected(t *testing.T, dir string, pushes int) {
	t.Helper()
	var want, got []string
	for i := range pushes {
		if i%7 == 3 {
			want = append(want, person(i))
		}
	}
	src, err := os.ReadFile(filepath.Join(dir, "m.rejects.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(src)) {
		var reject struct{ Record json.RawMessage }
		if err := json.Unmarshal([]byte(line), &reject); err != nil {
			t.Fatal(err)
		}
		got = append(got, string(reject.Record))
	}
	sorted := cmp.Transformer("sorted", func(in []string) map[string]int {
		counts := map[string]int{}
		for _, s := range in {
			counts[s]++
		}
		return counts
	})
	if diff := cmp.Diff(want, got, sorted); diff != "" {
		t.Errorf("rejects (-want +got)\n%s", diff)
	}
}

func TestKilledPushRunsAppend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pushes := 4 * killPushRuns(t, dir, "csv: {path: out.csv, mode: append}", person)
	want := "id,name\n"
	for i := range pushes {
		if i%7 != 3 {
			want += fmt.Sprintf("%d,p%d\n", i, i)
		}
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	assertRejected(t, dir, pushes)
}

// Three people change again and again: the file has each once, as pushed last.
func TestKilledPushRunsMerge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pushes := 4 * killPushRuns(t, dir, "csv: {path: out.csv, mode: merge}", func(i int) string {
		return fmt.Sprintf(`{"id": %d, "name": "p%d"}`, i%3, i)
	})
	want := "id,name\n"
	for i := pushes - 3; i < pushes; i++ {
		want += fmt.Sprintf("%d,p%d\n", i%3, i)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A receiver that knows idempotency keys is told of each change once, in order: of
// two people who change to and fro.
func TestKilledPushRunsWebhook(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen, got, doubled := map[string]bool{}, map[int][]string{}, 0
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var row struct {
			ID   int
			Name string
		}
		_ = json.Unmarshal(body, &row)
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get("Idempotency-Key"); seen[id] {
			doubled++
		} else {
			seen[id] = true
			got[row.ID] = append(got[row.ID], row.Name)
		}
	}))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	pushes := 4 * killPushRuns(t, dir, fmt.Sprintf("webhook: {url: %q, concurrency: 1}", receiver.URL), func(i int) string {
		return fmt.Sprintf(`{"id": %d, "name": "p%d"}`, i%2, i/2%2)
	})
	want := map[int][]string{}
	for i := range pushes {
		want[i%2] = append(want[i%2], fmt.Sprintf("p%d", i/2%2))
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	t.Logf("%d deliveries came again with their key", doubled)
}
