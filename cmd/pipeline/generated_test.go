package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"pipeline/pipeline"
	"pipeline/pipeline/expression"
)

func TestFunctionsDocument(t *testing.T) {
	goldenFile(t, "../../docs/functions.md", functionsDocument())
}

func functionsDocument() string {
	var b strings.Builder
	b.WriteString("# Functions\n\n" +
		"What expressions can call, besides the operators of [the mapping file](mapping.md#expressions).\n" +
		"`pipeline functions NAME` shows one of them. A function that is given null says so\n" +
		"where it needs a value, unless its text says what it makes of null. Written from the\n" +
		"library; every example is run by its tests.\n")
	group := ""
	for _, f := range expression.Functions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(group[:1])+group[1:])
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n    %s\n    → %s\n", f.Signature, f.Doc, f.Example, f.Result)
	}
	return b.String()
}

// TestMappingReference writes the tables of keys into docs/mapping.md.
func TestMappingReference(t *testing.T) {
	text, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for of, keys := range map[string]pipeline.Section{
		"a mapping": pipeline.MappingKeys, "source": pipeline.SourceKeys, "a field": pipeline.FieldKeys, "rejects": pipeline.RejectsKeys, "a lookup": pipeline.LookupKeys, "schedule": pipeline.ScheduleKeys,
	} {
		begin := "<!-- keys of " + of + " -->\n"
		before, rest, found := strings.Cut(doc, begin)
		_, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			t.Fatalf("docs/mapping.md has no place for the keys of %s", of)
		}
		doc = before + begin + keyTable(keys) + "<!-- end -->" + after
	}
	goldenFile(t, "../../docs/mapping.md", doc)
}

func keyTable(keys pipeline.Section) string {
	var b strings.Builder
	b.WriteString("| key | takes | default |\n|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, k.Takes, k.Default)
	}
	return b.String()
}
