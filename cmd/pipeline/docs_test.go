package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// TestDocs runs what the documents show: every mapping compiles, and the
// README's command for the main job does what the README says.
func TestDocs(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	mappings := 0
	for _, name := range append(documents, "../../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllSubmatch(text, -1) {
			if string(block[1]) == "yaml" && bytes.HasPrefix(block[2], []byte("name: ")) {
				_, diags := rest.New().Declare(name, block[2], func(string) ([]byte, error) { return []byte(`{}`), nil })
				if len(diags) > 0 {
					t.Errorf("%s: %v\n%s", name, diags, block[2])
				}
			}
			if string(block[1]) == "yaml" && bytes.HasPrefix(block[2], []byte("version: 1")) {
				compileSnippet(t, name, block[2])
				mappings++
			}
		}
	}
	if mappings < 2 {
		t.Errorf("%d mappings were found in the documents", mappings)
	}
}

// compileSnippet compiles a mapping; files that it names are taken to be empty
// schemas or files without records.
func compileSnippet(t *testing.T, document string, src []byte) {
	read := func(name string) ([]byte, error) {
		if strings.HasSuffix(name, ".schema.json") {
			return []byte(`{}`), nil
		}
		return nil, nil
	}
	m, diags := pipeline.Parse(document, src)
	if m != nil {
		_, more := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: read}})
		diags = append(diags, more...)
	}
	if len(diags) > 0 {
		t.Errorf("%s: %v\n%s", document, diags, src)
	}
}

// TestDocumentedCommands has every command that the documents show parsed: that it
// exists, and knows the flags.
func TestDocumentedCommands(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllSubmatch(text, -1) {
			for line := range strings.Lines(string(block[2])) {
				command, ok := strings.CutPrefix(line, "pipeline ")
				if !ok || string(block[1]) != "sh" {
					continue
				}
				command, _, _ = strings.Cut(command, " #")
				command, _, _ = strings.Cut(command, " >")
				var stdout, stderr bytes.Buffer
				if code := run(context.Background(), append(strings.Fields(command), "--help"), nil, &stdout, &stderr); code != 0 || strings.HasPrefix(stdout.String(), "Move event") {
					t.Errorf("%s: pipeline %s: exit code %d\n%s", name, command, code, &stderr)
				}
				commands++
			}
		}
	}
	if commands < 5 {
		t.Errorf("%d commands were found in the documents", commands)
	}
}

func TestReadmeMainJob(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- the main job -->\n```sh\ngo run ./cmd/pipeline ")
	command, _, ok := strings.Cut(rest, "\n")
	if !ok {
		t.Fatal("the README has no command for the main job")
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	args := strings.Fields(strings.ReplaceAll(command, "mappings/", "../../mappings/"))
	var stdout, stderr bytes.Buffer
	dir := t.TempDir()
	if code := run(context.Background(), append(args, "--out", dir), nil, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &stderr)
	}
	if !strings.Contains(string(readme), "2,500 people in 3 calls") || !strings.Contains(stderr.String(), "2,500 read") || !strings.Contains(stderr.String(), "3 calls") {
		t.Errorf("the README and the run disagree on how much is read:\n%s", &stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "gevme-attendees.csv")); err != nil {
		t.Error(err)
	}
}

// TestTestingDocument runs the commands of docs/testing.md over the mapping and the
// case that it shows.
func TestTestingDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("clients/acme", 0o755); err != nil {
		t.Fatal(err)
	}
	place := map[string]string{"yaml": "clients/acme.yaml", "txtar": "clients/acme/people.txtar"}
	commands := 0
	for _, block := range fence.FindAllSubmatch(text, -1) {
		if file := place[string(block[1])]; file != "" {
			if err := os.WriteFile(file, block[2], 0o644); err != nil {
				t.Fatal(err)
			}
			delete(place, string(block[1])) // the first of its kind
		}
		if string(block[1]) != "sh" {
			continue
		}
		for line := range strings.Lines(string(block[2])) {
			command, _, _ := strings.Cut(line, "#")
			want := "ok      acme/people"
			if strings.Contains(command, " record ") {
				want = "wrote clients/acme/"
			}
			var out bytes.Buffer
			if code := run(context.Background(), strings.Fields(command)[1:], nil, &out, &out); code != 0 || !strings.Contains(out.String(), want) {
				t.Errorf("%s: exit code %d\n%s", command, code, &out)
			}
			commands++
		}
	}
	if commands < 5 {
		t.Errorf("%d commands were found", commands)
	}
}
