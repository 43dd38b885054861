package expression

import (
	"slices"
	"testing"
)

// TestWritten: what an expression writes, calls and looks up.
func TestWritten(t *testing.T) {
	p, problems := Compile(`(country(address.country ?? land) ?? "") + (status == "gone" ? "x" : name) + string(now())`, Scope{})
	if p == nil {
		t.Fatal(problems)
	}
	var listed []string
	for _, r := range p.Listed() {
		listed = append(listed, r.Path[len(r.Path)-1])
	}
	if !slices.Equal(listed, []string{"country", "land"}) {
		t.Errorf("listed are %v", listed)
	}
	if texts := p.Texts(); !slices.Contains(texts, "gone") || !slices.Contains(texts, "x") || slices.Contains(texts, "name") {
		t.Errorf("texts are %q", texts)
	}
	if !p.Calls("now") || p.Calls("name") {
		t.Error("it calls now, and not name")
	}
}
