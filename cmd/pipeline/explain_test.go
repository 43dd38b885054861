package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// TestEveryCodeIsExplained looks for codes in the source: constants called
// code…, fields called Code, and what is given to those who report.
func TestEveryCodeIsExplained(t *testing.T) {
	source := map[string]token.Position{}
	for _, root := range []string{"../../pipeline", "../../connectors", "."} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				err = codesOf(name, source)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	explained := map[string]bool{}
	for _, e := range explanations() {
		explained[e.code] = true
		if _, ok := source[e.code]; !ok {
			t.Errorf("cmd/pipeline/explain/%s.txtar explains a code that nothing prints any more; remove it", e.code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(source)) {
		if !explained[code] {
			t.Errorf("%s: the code %q is not explained: write cmd/pipeline/explain/%[2]s.txtar, as its neighbours are written: "+
				"a line \"diagnostic: WHAT HAPPENED\" (or reject: …), what to do, -- wrong.yaml -- that gives the code and no other, and -- right.yaml -- that does not", source[code], code)
		}
	}
	if len(source) < 60 {
		t.Errorf("%d codes were found in the source", len(source))
	}
}

var isCode = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// reporters are who is given a code among their first two arguments.
var reporters = []string{"Error", "Warn", "error", "warn", "err", "errorAt", "fail", "always", "oneOf", "at", "note", "because"}

// codesOf adds the codes of a file of Go with the places where they stand.
func codesOf(name string, codes map[string]token.Position) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(e ast.Expr, dash bool) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		text, err := strconv.Unquote(lit.Value)
		if err == nil && isCode.MatchString(text) && (!dash || strings.Contains(text, "-")) {
			codes[text] = set.Position(lit.Pos())
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(strings.ToLower(name.Name), "code") && i < len(n.Values) {
					add(n.Values[i], false)
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "code") {
				add(n.Value, false)
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if strings.EqualFold(lastName(to), "code") && i < len(n.Rhs) {
					add(n.Rhs[i], true)
				}
			}
		case *ast.CallExpr:
			if slices.Contains(reporters, lastName(n.Fun)) {
				for _, arg := range n.Args[:min(2, len(n.Args))] {
					add(arg, true)
				}
			}
		case *ast.ReturnStmt:
			if len(n.Results) == 2 {
				add(n.Results[0], true) // a code and a reason
			}
		}
		return true
	})
	return nil
}

// lastName is the name at the end of a.b.name.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// unseen are codes that nothing here is known to give: they are there for what
// nobody thought of, or a run that maps all does not give them, or a mapping alone.
var unseen = map[string]bool{"expression-error": true, "reject-damaged": true, "cluster-append": true, "request-too-large": true}

// TestExplanations runs the examples: the wrong one gives its code and no
// other, the right one does not give it.
func TestExplanations(t *testing.T) {
	platform := httptest.NewServer(http.HandlerFunc(examplePlatform))
	defer platform.Close()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("PLATFORM", platform.URL)
	for _, e := range explanations() {
		t.Run(e.code, func(t *testing.T) {
			if e.summary == "" || e.text == "" || !slices.Contains([]string{"diagnostic", "reject", "diagnostic, reject"}, e.kinds) {
				t.Errorf("explain/%s.txtar begins with a line such as \"diagnostic: what happened\", and goes on with what to do", e.code)
			}
			t.Chdir(unpacked(t, e))
			if got := outcome(t, e, "wrong"); !slices.Equal(got, []string{e.code}) && !unseen[e.code] {
				t.Errorf("wrong.yaml gives %v, and should give %s alone", got, e.code)
			}
			if got := outcome(t, e, "right"); slices.Contains(got, e.code) {
				t.Errorf("right.yaml gives %s too", e.code)
			}
		})
	}
}

// examplePlatform is what examples call: a receiver that refuses a row without
// a name, and a list of orders of which one is gone.
func examplePlatform(w http.ResponseWriter, r *http.Request) {
	var row struct{ Name *string }
	switch {
	case r.Method == http.MethodPost:
		if err := json.NewDecoder(r.Body).Decode(&row); err != nil || row.Name == nil || *row.Name == "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	case r.URL.Path == "/orders":
		fmt.Fprint(w, `[{"id": 1}, {"id": 2}]`)
	case r.URL.Path == "/orders/1":
		fmt.Fprint(w, `{"id": 1, "total": 10}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// repeated is ⟨text × 1000⟩ in an example, for what is wrong by its size.
var repeated = regexp.MustCompile(`⟨(.+?) × ([0-9]+)⟩`)

// unpacked is a folder with the files of an example.
func unpacked(t *testing.T, e explanation) string {
	dir := t.TempDir()
	for _, f := range e.files {
		data := repeated.ReplaceAllFunc(f.Data, func(m []byte) []byte {
			parts := repeated.FindSubmatch(m)
			n, _ := strconv.Atoi(string(parts[2]))
			return bytes.Repeat(parts[1], n)
		})
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// outcome is the codes that the mapping of that name gives, with those beside it
// that have a number: as diagnostics, and where there are no errors, as rejects.
// It may lie in a folder of that name.
func outcome(t *testing.T, e explanation, name string) []string {
	mappings, err := filepath.Glob(name + "*.yaml")
	if err == nil && len(mappings) == 0 {
		mappings, err = filepath.Glob(filepath.Join(name, "mapping.yaml"))
	}
	if err != nil || len(mappings) == 0 {
		t.Fatalf("there is no %s.yaml: %v", name, err)
	}
	codes := map[string]bool{}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), append([]string{"check", "--json"}, mappings...), nil, &stdout, &stderr)
	var found struct{ Diagnostics []struct{ Code string } }
	if err := json.Unmarshal(stdout.Bytes(), &found); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	for _, d := range found.Diagnostics {
		codes[d.Code] = true
	}
	if body, err := os.ReadFile("pushed.json"); err == nil {
		return pushedRejects(t, mappings[0], body)
	}
	if code == exitDone && e.reject() {
		out := t.TempDir()
		if code = run(context.Background(), append([]string{"run", "--out", out}, mappings...), nil, &stdout, &stderr); code != exitDone && code != exitRejected {
			t.Fatalf("exit code %d\n%s", code, &stderr)
		}
		rejected(t, out, codes)
	}
	return slices.Sorted(maps.Keys(codes))
}

// pushedRejects is the codes of the rejects that a body makes which is pushed.
func pushedRejects(t *testing.T, mapping string, body []byte) []string {
	files := &pipeline.Files{Read: os.ReadFile}
	m, diags := pipeline.Load(mapping, files)
	if m == nil {
		t.Fatal(diags)
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: files})
	if plan == nil {
		t.Fatal(diags)
	}
	out, codes := t.TempDir(), map[string]bool{}
	if _, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: out}, Source: plan.Push().Source(onePush(body), 0, 1)}); err != nil {
		t.Fatal(err)
	}
	rejected(t, out, codes)
	return slices.Sorted(maps.Keys(codes))
}

// onePush is an inbox with one body.
type onePush []byte

func (onePush) Last(context.Context) (uint64, error) { return 1, nil }

func (body onePush) Read(_ context.Context, _, _ uint64, yield func(pipeline.Pushed) error) error {
	return yield(pipeline.Pushed{Seq: 1, Body: body})
}

// rejected adds the codes of the reject files in a folder.
func rejected(t *testing.T, dir string, codes map[string]bool) {
	files, err := filepath.Glob(filepath.Join(dir, "*.rejects.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line struct{ Code string }
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			codes[line.Code] = true
		}
	}
}

func TestDiagnosticsDocument(t *testing.T) {
	goldenFile(t, "../../docs/diagnostics.md", diagnosticsDocument())
}

func diagnosticsDocument() string {
	var b strings.Builder
	b.WriteString("# Mistakes and rejects\n\n" +
		"Every code that `check`, `run` and the reject file can give, with a wrong and a\n" +
		"right example; `pipeline explain CODE` shows one of them. Codes are stable: scripts\n" +
		"may rely on them. Written from `cmd/pipeline/explain`; the tests run every example.\n" +
		"`⟨x × 100⟩` in an example stands for x a hundred times.\n\n" +
		"A **mistake** is about the files that somebody wrote; nothing runs until it is\n" +
		"mended (exit code 2), unless it is a warning. A **reject** is about one record: it\n" +
		"is kept in the reject file with the reason, and the run goes on (exit code 3).\n\n")
	for _, e := range explanations() {
		fmt.Fprintf(&b, "- [`%s`](#%[1]s): %s\n", e.code, e.summary)
	}
	for _, e := range explanations() {
		kinds := strings.NewReplacer("diagnostic, reject", "a mistake, or a reject", "diagnostic", "a mistake", "reject", "a reject").Replace(e.kinds)
		fmt.Fprintf(&b, "\n## %s\n\n%s (%s)\n\n%s\n", e.code, e.summary, kinds, e.text)
		for _, f := range e.files {
			fmt.Fprintf(&b, "\n`%s`\n%s", f.Name, indented(f))
		}
	}
	return b.String()
}

// indented is a file as Markdown shows it. It is not fenced: what is wrong by
// purpose is no snippet that has to compile.
func indented(f txtar.File) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(string(f.Data)) {
		b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
	}
	return b.String()
}
