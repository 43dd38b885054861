package pipeline_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the house: which package may import which of ours. A package
// that is not listed may import nothing of ours. `connectors/*` is every
// connector; tests may import what they like.
var mayImport = map[string][]string{
	"cmd/pipeline":              {"connectors", "connectors/*", "pipeline", "pipeline/*", "pipeline/serve/*", "schemas"},
	"connectors":                {"connectors/*", "pipeline"},
	"connectors/rest":           {"pipeline", "pipeline/value", "pipeline/diag", "schemas"},
	"connectors/*":              {"connectors/rest", "pipeline", "pipeline/value", "pipeline/diag", "schemas"},
	"pipeline":                  {"pipeline/expression", "pipeline/schema", "pipeline/internal/disk", "pipeline/internal/jsonrow", "pipeline/internal/scratch", "pipeline/tape", "pipeline/ledger", "pipeline/value", "pipeline/diag"},
	"pipeline/golden":           {"pipeline", "pipeline/value", "pipeline/diag"},
	"pipeline/handover":         {"pipeline", "pipeline/golden", "pipeline/value", "pipeline/diag"},
	"pipeline/connectortest":    {"pipeline", "pipeline/value"},
	"pipeline/expression":       {"pipeline/value", "pipeline/diag"},
	"pipeline/scrub":            {"pipeline/value"},
	"pipeline/schema":           {"pipeline/internal/disk", "pipeline/value", "pipeline/diag"},
	"pipeline/internal/jsonrow": {"pipeline/value"},
	"pipeline/internal/disk":    {},
	"pipeline/internal/scratch": {},
	"pipeline/ledger":           {"pipeline/internal/disk", "pipeline/internal/scratch"},
	"pipeline/tape":             {"pipeline/internal/disk"},
	"pipeline/value":            {"pipeline/diag"},
	"pipeline/credentials":      {"pipeline/internal/disk"},
	"pipeline/serve":            {"pipeline", "pipeline/value", "pipeline/diag", "pipeline/serve/*"},
	"pipeline/serve/engine":     {},
	"pipeline/serve/jetstream":  {"pipeline/internal/disk", "pipeline/serve/engine"},
	"pipeline/serve/enginetest": {"pipeline/serve/engine"},
	"pipeline/serve/receive":    {"pipeline", "pipeline/diag", "pipeline/serve/engine"},
	"pipeline/serve/deliver":    {"pipeline", "pipeline/diag", "pipeline/serve/engine", "pipeline/serve/history"},
	"pipeline/serve/history":    {"pipeline", "pipeline/diag", "pipeline/serve/engine"},
	"pipeline/serve/observe":    {"pipeline", "pipeline/serve/engine", "pipeline/serve/history"},
	"pipeline/serve/web":        {"pipeline", "pipeline/diag", "pipeline/handover", "pipeline/serve", "pipeline/serve/deliver", "pipeline/serve/history"},
	"bench/*":                   {"bench/measure"},
}

const module = "pipeline/"

func TestImportsGoOneWay(t *testing.T) {
	root := ".."
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != root || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		seen[pkg] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			ours, ok := strings.CutPrefix(imported, module)
			if ok && !allowed(pkg, ours) {
				t.Errorf("%s imports %s: imports go one way, see ARCHITECTURE.md", rel, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"cmd/pipeline", "connectors", "connectors/rest", "pipeline", "pipeline/diag"} {
		if !seen[pkg] {
			t.Errorf("the test did not see %s", pkg)
		}
	}
	inTable := tabled(t)
	for pkg := range seen {
		if n := inTable[pkg]; n != 1 && !strings.HasPrefix(pkg, "bench/") {
			t.Errorf("%s is in %d rows of the table of packages in ARCHITECTURE.md, and has to be in one", pkg, n)
		}
	}
	for pkg := range inTable {
		if !seen[pkg] && pkg != "mappings" { // which has only tests
			t.Errorf("%s is in the table of packages in ARCHITECTURE.md, and there is no such package", pkg)
		}
	}
}

// tabled is how often each package is in the table of ARCHITECTURE.md. Behind the
// first one of a row only the end of a name may be written.
func tabled(t *testing.T) map[string]int {
	t.Helper()
	src, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(src), "| package | is |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	packages := map[string]int{}
	for row := range strings.Lines(table) {
		names, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		dir := ""
		for name := range strings.SplitSeq(names, ", ") {
			name = strings.Trim(name, "`")
			if strings.Contains(name, "/") {
				dir = path.Dir(name)
			} else if dir != "" {
				name = path.Join(dir, name)
			}
			packages[name]++
		}
	}
	return packages
}

func allowed(pkg, imported string) bool {
	rules, ok := mayImport[pkg]
	if !ok {
		rules = mayImport[path.Dir(pkg)+"/*"]
	}
	for _, rule := range rules {
		if ok, _ := path.Match(rule, imported); ok {
			return true
		}
	}
	return false
}
