package main

// lookdocs_test.go: the commands that docs/looking.md shows are run, and samples
// show what they may.

import (
	"os"
	"strings"
	"testing"

	"pipeline/pipeline/value"
)

func TestLookingDocument(t *testing.T) {
	document := read(t, "../../docs/looking.md")
	exampleFolder(t)
	before, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range fence.FindAllStringSubmatch(document, -1) {
		for line := range strings.SplitSeq(block[2], "\n") {
			command, ok := strings.CutPrefix(line, "pipeline ")
			if !ok || block[1] != "sh" {
				continue
			}
			n++
			if code, said := program(t, shellWords(command)...); code != 0 {
				t.Errorf("pipeline %s: exit code %d\n%s", command, code, said)
			}
		}
	}
	if n < 7 {
		t.Errorf("%d commands were found", n)
	}
	left, err := os.ReadDir(".")
	if err != nil || len(left) != len(before) {
		t.Errorf("looking left something behind: %v, before %v, %v", left, before, err)
	}
}

// shellWords are those of a command line, as a shell takes them: '…' is one.
func shellWords(command string) (out []string) {
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
