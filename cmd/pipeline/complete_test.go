package main

import (
	"io"
	"os"
	"slices"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
)

func TestConnectionNames(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PIPELINE_ACME_EU_TOKEN", "secret")
	t.Setenv("PIPELINE_STATE", "elsewhere")
	if err := os.WriteFile("mapping.yaml", []byte("version: 1\nsource: {gevme: {event: \"1\"}, connection: summit}\nfields: {id: string(id)}\nsinks: [csv: {path: out.csv}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	engine := rest.New()
	a := &app{engine: engine, registry: connectors.All(engine), stderr: io.Discard}
	got, _ := a.connectionNames(func() []string { return []string{"stored", "summit"} })(nil, nil, "")
	if want := []string{"acme-eu", "stored", "summit"}; !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
}
