// Package mappings holds ready mappings, each with its golden cases beside it:
// NAME.yaml and NAME/*.txtar.
//
// A case has the records to map, as input.jsonl, or recorded answers of the
// platform by their requests, as "GET /events/1/orders", which go through the
// real connector.
// Its other files are what the run has to leave behind, byte for byte. A case
// without a reject file wants no rejects.
package mappings

import (
	"bytes"
	"context"
	"flag"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

var update = flag.Bool("update", false, "write what the runs leave behind into the cases")

func TestGolden(t *testing.T) {
	names, err := filepath.Glob("*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no mappings: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			plan := compile(t, name)
			cases, err := filepath.Glob(filepath.Join(plan.Name(), "*.txtar"))
			if err != nil || len(cases) == 0 {
				t.Fatalf("%s has no golden case in %s/: %v", name, plan.Name(), err)
			}
			for _, file := range cases {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, plan, file) })
			}
		})
	}
}

func compile(t *testing.T, name string) *pipeline.Plan {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	mapping, diags := pipeline.Parse(name, src)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, diags := mapping.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return plan
}

// golden runs a case and holds what it leaves behind against what it should.
func golden(t *testing.T, plan *pipeline.Plan, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var input [][]byte
	answers := recorded{}
	var kept []txtar.File
	want := map[string]string{}
	for _, f := range archive.Files {
		switch {
		case f.Name == "input.jsonl":
			input = bytes.Split(bytes.TrimSuffix(f.Data, []byte("\n")), []byte("\n"))
		case strings.HasPrefix(f.Name, "GET "):
			answers[f.Name] = f.Data
		default:
			want[f.Name] = string(f.Data)
			continue
		}
		kept = append(kept, f)
	}
	got := runCase(t, plan, input, answers)
	if *update {
		archive.Files = kept
		for _, name := range slices.Sorted(maps.Keys(got)) {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
		}
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got); where this is right: go test ./mappings -update\n%s", file, diff)
	}
}

// runCase is the files that a run leaves behind.
func runCase(t *testing.T, plan *pipeline.Plan, input [][]byte, answers recorded) map[string]string {
	dir := t.TempDir()
	world := &pipeline.World{
		HTTP:   answers,
		Now:    time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		OutDir: dir,
		Token:  func(string) (pipeline.Token, error) { return pipeline.Token{Value: "recorded"}, nil },
	}
	o := pipeline.RunOptions{World: world, AnyRejects: true}
	if input != nil {
		o.Source = lines(input)
	}
	if _, err := plan.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	return got
}

// lines is a source of the records in a case.
type lines [][]byte

func (l lines) Read(_ context.Context, _ pipeline.Position, yield func(*pipeline.Page) error) error {
	page := pipeline.NewPage()
	page.Number = 1
	for _, line := range l {
		page.Records = append(page.Records, pipeline.Record{Text: line})
	}
	return yield(page)
}

// recorded is answers by request; what is not among them is not found. No call
// leaves the machine.
type recorded map[string][]byte

func (r recorded) RoundTrip(req *http.Request) (*http.Response, error) {
	status, body := http.StatusNotFound, []byte(`{"error": "not recorded"}`)
	for request, answer := range r {
		method, path, _ := strings.Cut(request, " ")
		if req.Method == method && strings.HasSuffix(req.URL.Path, path) {
			status, body = http.StatusOK, answer
		}
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}, nil
}
