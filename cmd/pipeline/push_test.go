package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/receive"
)

const pushedMapping = `version: 1
source:
  gevme: {event: "25198085", push: {path: "/hooks/acme-${ACME_HOOK:-3f9c2b7a4e1d8056cafe91b2d3e4f507}"}}
  reconcile: 1h
key: [id]
fields:
  id: string(id)
  first_name: {value: first_name ?? "", type: string}
sinks:
  - csv: {path: people.csv, mode: merge}
`

// The sandbox pushes to the receiver, and what was stored makes the rows that
// were pushed: each registration once.
func TestSandboxPushesToTheReceiver(t *testing.T) {
	dir := t.TempDir()
	mapping := filepath.Join(dir, "acme.yaml")
	if err := os.WriteFile(mapping, []byte(pushedMapping), 0o600); err != nil {
		t.Fatal(err)
	}
	files := &pipeline.Files{Read: os.ReadFile}
	m, _ := pipeline.Load(mapping, files)
	plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: files})
	if plan == nil || len(diags) > 0 {
		t.Fatal(diags)
	}
	store := enginetest.NewMemory()
	handler := receive.New(receive.Options{Engine: store})
	handler.Set([]receive.Hook{{Mapping: plan.Name(), Push: plan.Push()}})
	server := httptest.NewServer(handler)
	defer server.Close()

	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"sandbox", "gevme", "--push", server.URL + plan.Push().Path, "--every", "1ms", "--push-count", "40"}, nil, &stdout, &stderr)
	want := "pushed 40 times of 30 registrations: 4 doubled, 4 late, 2 updated\n2 registrations never pushed: only a pull finds them\n40 taken (2xx)\n"
	if code != exitDone || !strings.HasSuffix(stdout.String(), want) {
		t.Fatalf("exit code %d\n%s%s", code, &stdout, &stderr)
	}

	inbox := receive.Inbox(store, plan.Name())
	last, err := inbox.Last(t.Context())
	if err != nil || last != 36 { // the doubled ones are stored once
		t.Fatalf("%d are stored, %v", last, err)
	}
	var seen int
	_ = store.Read(t.Context(), engine.Inbox, "acme", 0, func(m engine.Message) error {
		if seen++; !json.Valid(m.Body) || m.Header[receive.HeaderContentType] != "application/json" {
			t.Errorf("stored: %s %v", m.Body, m.Header)
		}
		return nil
	})
	for seq := range last {
		report, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: dir}, Source: plan.Push().Source(inbox, seq, seq+1)})
		if err != nil || report.Read != 1 || report.Written != 1 {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	rows, err := os.ReadFile(filepath.Join(dir, "people.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(regexp.MustCompile(`(?m)^[0-9]{6,},`).FindAll(rows, -1)); got != 30 {
		t.Errorf("%d rows for 30 registrations:\n%s", got, rows)
	}
}

// A receiver that is not there is a failure, and its address is not shown.
func TestSandboxPushRefused(t *testing.T) {
	hooks := receive.New(receive.Options{Engine: enginetest.NewMemory()})
	hooks.Set(nil) // it has begun, and nothing is pushed to it
	server := httptest.NewServer(hooks)
	defer server.Close()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"sandbox", "gevme", "--push", server.URL + "/hooks/secret", "--every", "1ms", "--push-count", "2"}, nil, &stdout, &stderr)
	if code != exitFailed || !strings.HasSuffix(stdout.String(), "pushed 2 times of 2 registrations: 0 doubled, 0 late, 0 updated\n0 taken (2xx), 2× answered with 404\n") || stderr.String() != "a push was not taken: answered with 404\n" {
		t.Errorf("exit code %d\n%s%s", code, &stdout, &stderr)
	}
	server.Close()
	stdout.Reset()
	run(context.Background(), []string{"sandbox", "gevme", "--push", server.URL + "/hooks/secret", "--every", "1ms", "--push-count", "1"}, nil, &stdout, &stderr)
	if !strings.Contains(stdout.String(), "connection refused") || strings.Contains(stdout.String()+stderr.String(), "/hooks/secret") {
		t.Errorf("%s%s", &stdout, &stderr)
	}
}
