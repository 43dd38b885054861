package main

import (
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
)

// Nodes that take over from each other append to no file; one that is alone does.
func TestClusterAppendsToNoFile(t *testing.T) {
	engine := rest.New()
	a := &app{engine: engine, registry: connectors.All(engine)}
	for sink, want := range map[string]string{
		"csv: {path: out.csv, mode: append}": "9:5: another node that takes over would append rows to out.csv that it has already",
		"csv: {path: out.csv, mode: merge}":  "",
	} {
		dir := clientsFolder(t, sink)
		t.Chdir(dir)
		for _, flags := range []engineFlags{{}, {cluster: "a,b,c"}, {nats: "nats://localhost"}} {
			f := serveFlags{dir: "clients", engine: flags}
			want := want
			if f.alone() {
				want = ""
			}
			m := a.served(f, nil)([]string{"clients/acme.yaml"})[0]
			if got := m.Problems(); got != want || (m.Plan == nil) != (want != "") {
				t.Errorf("%s, %+v: %q, want %q", sink, flags, got, want)
			}
		}
	}
}
