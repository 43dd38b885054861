package web_test

// live_test.go: the page of a service that runs, with its engine in memory.

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve"
	"pipeline/pipeline/serve/deliver"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/web"
)

// notes are what serve will tell the history of deliveries.
type notes struct {
	deliver.Notes
	mu   sync.Mutex
	told []string
}

func (n *notes) note(text string)                    { n.mu.Lock(); n.told = append(n.told, text); n.mu.Unlock() }
func (n *notes) Replayed(_ string, l deliver.Letter) { n.note("replayed " + l.Name()) }
func (n *notes) Dropped(_ string, l deliver.Letter)  { n.note("dropped " + l.Name()) }

const liveText = `version: 1
name: acme
source: {file: {path: none.csv}}
schedule: "0 0 1 1 *"
key: [id]
fields: {id: id}
sinks: [{webhook: {url: "https://api.example.com/in"}}]
`

func TestLive(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "acme.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mapping := strings.Replace(liveText, "none.csv", filepath.Join(dir, "in.csv"), 1)
	write("acme.yaml", mapping)
	write("in.csv", "id\n1\n")
	write("acme.rejects.jsonl", `{"mapping":"acme","source":"csv","line":2,"code":"required","field":"id","reason":"id is null","record":{"id":"`+person+`"}}`+"\n")

	e := enginetest.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	loaded := make(chan struct{})
	var once sync.Once
	service := serve.New(serve.Config{
		Dir: dir, Engine: e, Alone: true, Node: "a", Changed: func([]serve.Mapping) { once.Do(func() { close(loaded) }) },
		Load: func(files []string) (out []serve.Mapping) {
			for _, name := range files {
				m, diags := pipeline.Parse(name, []byte(mapping))
				if diags.HasErrors() {
					t.Error(diags)
				}
				plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile, Seen: diag.Files{}}})
				if plan == nil {
					t.Error(diags)
					return nil
				}
				out = append(out, serve.Mapping{File: name, Plan: plan, Diags: diags, Hash: "1", Reads: []string{name}, Schedule: plan.Schedule(), OutDir: dir, State: filepath.Join(dir, "state")})
			}
			return out
		},
	})
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	db, err := history.Open(filepath.Join(dir, "history.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	recorder := history.NewRecorder(e, history.RecorderOptions{Node: "a"})
	go recorder.Run(ctx)
	for _, event := range []history.Event{
		{Kind: history.MappingLoaded, Mapping: "acme", Client: &history.ClientInfo{File: file, Source: "csv"}},
		{Kind: history.RunStarted, Mapping: "acme", Run: "k3f9x2abqz0p", Trigger: history.ByHand},
		{Kind: history.RunEnded, Mapping: "acme", Run: "k3f9x2abqz0p", End: &history.End{Result: history.Rejected, TookMS: 1200, Report: pipeline.Report{Mapping: "acme", Source: "csv", Read: 2, Written: 1, Rejected: 1, Causes: []pipeline.Cause{{Code: "required", Field: "id", Reason: "id is null", Count: 1, Line: 2}}}}},
		{Kind: history.DeadLetter, Mapping: "acme", Sink: "webhook", Text: "it answered 410 Gone", Dead: &history.DeadInfo{ID: "acme/1", Seq: 1, Status: 410, Attempts: 1}},
		{Kind: history.DestinationDisabled, Mapping: "acme", Sink: "webhook", Text: "it answered 410 Gone"},
	} {
		if err := recorder.Store(ctx, event); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.CatchUp(ctx, e); err != nil {
		t.Fatal(err)
	}
	reader, err := history.OpenReadOnly(filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	letter := engine.Message{ID: "dead", Header: map[string]string{"sink": "webhook", "id": "key-1", "keys": "0", "status": "410", "reason": "it answered 410 Gone", "tries": "1"}, Body: []byte(`{"name":"` + person + `"}`)}
	if _, err := e.Append(ctx, engine.Dead, "acme", letter); err != nil {
		t.Fatal(err)
	}
	<-loaded
	told := &notes{}
	v := newVisit(t, web.Config{Source: web.Live{Reader: reader, Service: service, Deliveries: &deliver.Deliveries{Engine: e, Notes: told}, Recorder: recorder}})
	v.post("/login", map[string][]string{"token": {secret}})

	contains(t, "the first page", v.see("/"), "acme ill webhook: it answered 410 Gone")
	contains(t, "the client", v.see("/client/acme"), "webhook https://api.example.com/in sending", "1 record, by cause", "k3f9x2abqz0p", "done, with rejects")
	contains(t, "the run", v.see("/run/k3f9x2abqz0p"), "Records read 2", "fields: {id: id}", "~~")
	page := v.get("/client/acme/rejects").body
	contains(t, "its rejects", textOf(t, page), "1 record: required in id", "fields: {id: id}")
	contains(t, "the reject", v.see(recordLinkOf(t, page)), "id text, 8 characters")
	contains(t, "the letters", v.see("/dead"), "Letter 1 acme webhook 410 it answered 410 Gone 1")
	contains(t, "the letter", v.see("/dead/acme/1"), "name text, 8 characters", "Idempotency key key-1")
	v.press("/dead/acme/1", "/dead/acme/1/replay", map[string][]string{})
	v.press("/dead/acme/1", "/dead/acme/1/drop", map[string][]string{})
	if got := strings.Join(told.told, ", "); got != "replayed acme/1, dropped acme/1" {
		t.Errorf("the history is told %q", got)
	}
	again := 0
	if err := e.Read(ctx, engine.Outbox, "acme", 0, func(engine.Message) error { again++; return nil }); err != nil || again != 1 {
		t.Errorf("%d requests are in the outbox, %v", again, err)
	}
	v.press("/client/acme", "/client/acme/pause", map[string][]string{})
	if _, err := e.Get(ctx, engine.Cursors, "paused.acme"); err != nil {
		t.Errorf("it is not paused: %v", err)
	}
	if got := v.press("/client/acme", "/client/acme/enable", map[string][]string{"sink": {"csv"}}); got.status != http.StatusConflict {
		t.Errorf("a sink that is not there: %d", got.status)
	}
	for _, path := range []string{"/run/none", "/dead/acme/7", "/dead/globex/1"} {
		if got := v.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	lacks(t, "the letter and the rejects", v.get("/dead/acme/1").body+page, person)
}
