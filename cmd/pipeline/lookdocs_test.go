package main

// lookdocs_test.go: the commands that the help of preview, plan and diff and
// docs/looking.md show are run.

import (
	"os"
	"strings"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline/value"
)

func TestExamplesOfLooking(t *testing.T) {
	document := read(t, "../../docs/looking.md")
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, folder := range []string{"mappings", "schemas"} {
		if err := os.CopyFS(folder, os.DirFS(root+"/../../"+folder)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "mappings/before.yaml", read(t, "mappings/gevme-attendees.yaml")) // what the examples have git write

	engine := rest.New()
	a := &app{engine: engine, registry: connectors.All(engine)}
	shown := a.previewCommand().Example + "\n" + a.planCommand().Example + "\n" + a.diffCommand().Example
	for _, block := range fence.FindAllStringSubmatch(document, -1) {
		if block[1] == "sh" {
			shown += "\n" + block[2]
		}
	}
	n := 0
	for line := range strings.SplitSeq(shown, "\n") {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "pipeline ")
		if !ok {
			continue
		}
		n++
		if code, said := program(t, words(command)...); code != 0 {
			t.Errorf("pipeline %s: exit code %d\n%s", command, code, said)
		}
	}
	if n < 12 {
		t.Errorf("%d examples were found", n)
	}
	left, err := os.ReadDir(".")
	if err != nil || len(left) != 2 {
		t.Errorf("looking left something behind: %v, %v", left, err)
	}
}

// words are those of a command line, as a shell takes them: '…' is one.
func words(command string) (out []string) {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// Masked samples have the shape of what they stand for, and nothing of what it
// says.
func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		`Zoë O'Brien <zoe+1@x-y.com>`: `Xxx X'Xxxxx <xxx+0@x-x.xxx>`,
		`陳美玲 🙂 e` + "\u0301":          `xxx · x`,
		`2026-03-01`:                  `0000-00-00`,
		`٣`:                           `0`,
	} {
		c := comparison{Masked: true}
		if got := c.cell(value.Text(in)); got != `"`+want+`"` {
			t.Errorf("%q is masked as %s, want %s", in, got, want)
		}
	}
}

func TestCropBothShowsTheDifference(t *testing.T) {
	before, after := cropBoth(strings.Repeat("x", 100)+"Gold", strings.Repeat("x", 100)+"Silver", 30)
	if before != "…xxxxxxxxxxxxGold" || after != "…xxxxxxxxxxxxSilver" {
		t.Errorf("the difference is not seen in %q and %q", before, after)
	}
}
