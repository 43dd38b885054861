package serve

// house_test.go: the house that serve is tested in: a folder, mappings, records, and
// what is to see of them.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/history"
)

// house is a folder of mappings, and the world that they run in. A mapping is
// `reads: …` and keys that say how it runs; rows go to memory.
type house struct {
	t      *testing.T
	dir    string
	engine engine.Engine

	mu      sync.Mutex
	runs    []string // "mapping at offset", as they begin
	rows    []string // as they are published
	began   time.Time
	now     map[string]int                  // runs that go on, by mapping
	source  func(ctx context.Context) error // what a pull does; nil: it has one record
	token   string
	refused string // a token that is refused
	events  []string
}

func newHouse(t *testing.T) *house {
	return &house{t: t, dir: t.TempDir(), engine: enginetest.NewMemory(), began: time.Now(), now: map[string]int{}, token: "first"}
}

func (h *house) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// mapping writes a mapping file: its sink adds rows, and how says how it runs.
func (h *house) mapping(name, how string) {
	h.t.Helper()
	h.write(name+".yaml", "version: 1\nsource: {test: {path: /hooks/0123456789abcdef0123456789abcdef}}\nfields: {id: id}\nsinks: [memory: ]\n# "+how+"\n")
}

// at is how long the test goes on.
func (h *house) at() string { return time.Since(h.began).Round(time.Second).String() }

// Read implements pipeline.Source.
func (h *house) Read(ctx context.Context, _ pipeline.Position, yield func(*pipeline.Page) error) error {
	h.mu.Lock()
	do, refused := h.source, h.token == h.refused
	h.mu.Unlock()
	if refused {
		return errRefused
	}
	if do != nil {
		if err := do(ctx); err != nil {
			return err
		}
	}
	page := pipeline.NewPage()
	page.Buf = append(page.Buf, `{"id": "pulled"}`...)
	page.Records = append(page.Records, pipeline.Record{Text: page.Buf})
	return yield(page)
}

// memorySink publishes rows to the house.
type memorySink struct {
	h     *house
	name  string
	rows  []string
	ended bool
}

func (m *memorySink) Write(_ context.Context, b *pipeline.Batch) error {
	for i := range b.Len() {
		m.rows = append(m.rows, m.name+" "+string(b.Row(i)[0].AppendText(nil)))
	}
	return nil
}
func (m *memorySink) Flush(context.Context) error { return nil }
func (m *memorySink) Commit(context.Context) error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	m.h.rows = append(m.h.rows, m.rows...)
	m.end()
	return nil
}
func (m *memorySink) Abort() error {
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	m.end()
	return nil
}

func (m *memorySink) end() {
	if !m.ended {
		m.h.now[m.name]--
	}
	m.ended = true
}

func (h *house) registry() *pipeline.Registry {
	return &pipeline.Registry{
		Sources: []pipeline.SourceConnector{{Name: "test", PushOnly: true, Options: pipeline.PushOptionList(), Streams: []pipeline.Stream{{}}, Open: func(context.Context, pipeline.SourceConfig) (pipeline.Source, error) { return h, nil }}},
		Sinks: []pipeline.SinkConnector{{
			Name: "memory", Target: func(pipeline.Options) string { return "memory" },
			Adds: func(pipeline.Options) bool { return true },
			Open: func(_ context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.now[c.Mapping]++; h.now[c.Mapping] > 1 {
					h.t.Errorf("%s: two runs of %s at once", h.at(), c.Mapping)
				}
				h.runs = append(h.runs, c.Mapping+" at "+h.at())
				return &memorySink{h: h, name: c.Mapping}, nil
			},
		}},
	}
}

// hourly is a schedule on the hour.
type hourly struct{}

func (hourly) Next(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }
func (hourly) String() string             { return "hourly" }

// load is a Loader.
func (h *house) load(files []string) []Mapping {
	var out []Mapping
	for _, file := range files {
		src, _ := os.ReadFile(file)
		m := Mapping{File: file, Hash: string(src), Reads: []string{filepath.Join(h.dir, ".env")}}
		parsed, diags := pipeline.Parse(file, src)
		if !diags.HasErrors() {
			var more diag.List
			m.Plan, more = parsed.Compile(pipeline.Setup{Registry: h.registry(), Files: &pipeline.Files{Read: os.ReadFile}})
			diags = append(diags, more...)
		}
		if m.Diags = diags; diags.HasErrors() {
			m.Plan = nil
		}
		if strings.Contains(string(src), "hourly") {
			m.Schedule = hourly{}
		}
		if strings.Contains(string(src), "reconciled") {
			m.Reconcile = 20 * time.Minute
		}
		m.Pushed = strings.Contains(string(src), "pushed")
		m.PushOnly = strings.Contains(string(src), "only")
		m.State = filepath.Join(h.dir, ".pipeline", filepath.Base(file))
		m.OutDir = h.dir
		m.World = func() *pipeline.World {
			return &pipeline.World{Now: time.Now(), OutDir: h.dir, Token: func(string) (pipeline.Token, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				return pipeline.Token{Value: h.token}, nil
			}}
		}
		m.Advice = func(err error) Advice {
			return Advice{Next: "mend it", Token: errors.Is(err, errRefused)}
		}
		out = append(out, m)
	}
	return out
}

// Add implements Recorder.
func (h *house) Add(e history.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Kind == history.LeaseTaken {
		return
	}
	var result Result
	if e.End != nil {
		result = e.End.Result
	}
	h.events = append(h.events, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Mapping, result)))
}

// Store implements Recorder.
func (h *house) Store(_ context.Context, e history.Event) error { h.Add(e); return nil }

// Call implements Recorder.
func (h *house) Call(string, time.Duration, time.Duration, int) {}

func (h *house) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// begun is how many runs began that were not looked at.
func (h *house) begun() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.runs)
}

func (h *house) push(mapping, id string) {
	h.t.Helper()
	if _, err := h.engine.Append(h.t.Context(), engine.Inbox, mapping, engine.Message{ID: id, Body: []byte(`{"id": "` + id + `"}`)}); err != nil {
		h.t.Fatal(err)
	}
}

// serve begins a service. end ends it and returns what Run did.
func (h *house) serve(change func(*Config)) (s *Service, end func() error) {
	c := Config{Dir: h.dir, Load: h.load, Engine: h.engine, Alone: true, Recorder: h, Node: "here"}
	if change != nil {
		change(&c)
	}
	s = New(c)
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() error { cancel(); return <-ended }
}

func (h *house) assert(what string, want []string, got *[]string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, *got); diff != "" {
		h.t.Errorf("%s: %s (-want +got)\n%s", h.at(), what, diff)
	}
	*got = nil
}

func (h *house) client(s *Service, file string) Client {
	for _, c := range s.Clients(h.t.Context()) {
		if filepath.Base(c.File) == file {
			return c
		}
	}
	h.t.Fatalf("there is no %s", file)
	return Client{}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
