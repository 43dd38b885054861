package expression

import (
	"slices"
	"testing"
)

// Every documented example is run, and gives what the documentation says.
func TestEveryExampleGivesItsResult(t *testing.T) {
	for _, f := range Functions() {
		v, err := NewMachine(frozen).Eval(compile(t, f.Example, Scope{Tables: f.Tables}), nil, nil)
		if err != nil {
			t.Errorf("%s: %s: %v", f.Name, f.Example, err)
			continue
		}
		if got := written(v); got != f.Result {
			t.Errorf("%s: %s\n got %s\nwant %s", f.Name, f.Example, got, f.Result)
		}
	}
}

func TestEveryFunctionIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions() {
		if f.Doc == "" || f.Signature == "" || f.Example == "" || f.Result == "" || !slices.Contains(groups, f.Group) || seen[f.Name] {
			t.Errorf("%+v is not documented, or twice", f)
		}
		seen[f.Name] = true
	}
}
