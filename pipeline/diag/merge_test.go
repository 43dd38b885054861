package diag

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A mistake in a base is shown once, with the notes that all have, and those
// whom it breaks.
func TestMerge(t *testing.T) {
	wrong := at("base.yaml", 5, 7, 5, 12)
	declared := Note{at("row.schema.json", 3, 1), "declared here"}
	var groups []Group
	for _, mapping := range []string{"a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml", "g.yaml"} {
		list := List{}.Error("unknown-name", wrong, "unknown name", "", declared, Note{at(mapping, 1, 10), "it is extended here"})
		if mapping < "c.yaml" {
			list = list.Warn("odd", at("base.yaml", 1, 1), "odd", "")
		}
		groups = append(groups, Group{mapping, list.Error("empty-value", at(mapping, 2, 1), "empty", "")})
	}
	list := Merge(groups)
	if len(list) != 9 {
		t.Fatalf("%d diagnostics, want that of the base, the warning and one for each mapping: %v", len(list), list)
	}
	want := `base.yaml:5:7: error: unknown name
  row.schema.json:3:1: note: declared here
  note: breaks 7 mappings: a.yaml, b.yaml, c.yaml, d.yaml, e.yaml and 2 more
base.yaml:1:1: warning: odd
  note: concerns 2 mappings: a.yaml, b.yaml
a.yaml:2:1: error: empty
`
	var out bytes.Buffer
	if err := Text(&out, list[:3], nil, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMergeKeepsTheNotesOfOne(t *testing.T) {
	list := List{}.Error("unknown-name", at("base.yaml", 5, 7), "unknown name", "", Note{at("a.yaml", 1, 10), "it is extended here"})
	if diff := cmp.Diff(list, Merge([]Group{{"a.yaml", list}})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
