package main

import (
	"fmt"
	"os"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	srv "pipeline/pipeline/serve"
	"pipeline/pipeline/serve/deliver"
	"pipeline/pipeline/serve/enginetest"
)

// What waits for a sink of rows is read to be counted, and nothing is read for a file:
// no request is for it, so that all there are would be looked through, each time.
func TestWaitingReadsWhatWaits(t *testing.T) {
	parsed, diags := pipeline.Parse("m.yaml", []byte(`
version: 1
name: m
source: {webhook: {path: "/hooks/m-0123456789abcdef0123456789abcdef"}}
key: [id]
fields: {id: id}
sinks:
  - csv: {path: out.csv, mode: merge}
  - webhook: {url: "http://127.0.0.1:1/"}
`))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, diags := parsed.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	e := &enginetest.Readings{Engine: enginetest.NewMemory()}
	d := &deliveries{Deliveries: &deliver.Deliveries{Engine: e}}
	const requests = 50
	for i := range requests {
		if err := d.Outbox("m").Put(t.Context(), pipeline.Request{Sink: "webhook", ID: fmt.Sprint(i), Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.Waiting(t.Context(), srv.Mapping{Plan: plan}); n != requests || e.N != requests || err != nil {
		t.Errorf("%d wait, and %d were read for it (%v), want %d", n, e.N, err, requests)
	}
}
