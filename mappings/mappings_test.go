// Package mappings holds ready mappings, each with its golden cases beside it:
// NAME.yaml and NAME/*.txtar. `pipeline test mappings/` runs the same.
package mappings

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/golden"
)

var update = flag.Bool("update", false, "write what the runs leave behind into the cases")

func TestGolden(t *testing.T) {
	names, err := filepath.Glob("*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no mappings: %v", err)
	}
	registry := connectors.All(rest.New())
	for _, name := range names {
		suite, diags := golden.Load(name, &pipeline.Files{Read: os.ReadFile}, registry)
		if len(diags) > 0 || len(suite.Cases) == 0 {
			t.Fatalf("%s has no golden case in %s/, or something is wrong with it: %v", name, golden.Folder(name), diags)
		}
		for _, file := range suite.Cases {
			t.Run(suite.NameOf(file), func(t *testing.T) { run(t, suite, file) })
		}
	}
}

func run(t *testing.T, suite *golden.Suite, file string) {
	result := suite.Run(t.Context(), file)
	if *update && result.Err == nil {
		if err := result.Updated().Write(file); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !result.OK() {
		var text strings.Builder
		result.Show(&text, golden.Style{})
		t.Errorf("%s; where this is right: go test ./mappings -update\n%s", file, &text)
	}
}
