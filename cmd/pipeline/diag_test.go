package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

var update = flag.Bool("update", false, "write what the tests generate: the diagnostics of the cases, documents, the schema for editors")

// TestDiagnostics are wrong mappings with what is said of them, to the letter:
// mapping.yaml, the files it names, and want.
func TestDiagnostics(t *testing.T) {
	cases, err := filepath.Glob("../../testdata/diag/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{}
			want, wantAt := "", -1
			for i, f := range archive.Files {
				if f.Name == "want" {
					want, wantAt = string(f.Data), i
					continue
				}
				files[f.Name] = f.Data
			}
			got := diagnose(t, files)
			if *update {
				if wantAt < 0 {
					archive.Files, wantAt = append(archive.Files, txtar.File{Name: "want"}), len(archive.Files)
				}
				archive.Files[wantAt].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got); where this is right: go test ./cmd/pipeline -run Diagnostics -update\n%s", diff)
			}
		})
	}
}

// diagnose is the diagnostics of mapping.yaml as check prints them. SURROUNDINGS
// is set around it, to a value that no diagnostic may show.
func diagnose(t *testing.T, files map[string][]byte) string {
	engine := rest.New()
	read := func(name string) ([]byte, error) {
		src, ok := files[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return src, nil
	}
	near := func(name string) string {
		var names []string
		for other := range files {
			if path.Dir(other) == path.Dir(name) {
				names = append(names, path.Base(other))
			}
		}
		slices.Sort(names)
		return diag.Suggest(path.Base(name), names)
	}
	seen := &pipeline.Files{Read: read, Near: near}
	outer := func(name string) (string, bool) {
		v, ok := map[string]string{"SURROUNDINGS": "red-herring"}[name]
		return v, ok
	}
	getenv, diags := pipeline.Environment("mapping.yaml", seen, outer)
	m, more := pipeline.Load("mapping.yaml", seen)
	diags = append(diags, more...)
	if m != nil {
		_, more := m.Compile(pipeline.Setup{Registry: connectors.All(engine), Files: seen, Getenv: getenv})
		diags = append(diags, more...)
	}
	diags.Sort()
	var out bytes.Buffer
	if err := diag.Text(&out, diags, seen.Seen, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
