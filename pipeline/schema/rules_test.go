package schema

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/value"
)

// TestRules is what a schema says of its columns, with the places, and which of it
// a value comes to.
func TestRules(t *testing.T) {
	s, diags := Compile("t.json", []byte(`{
  "type": "object", "required": ["id"], "additionalProperties": false,
  "properties": {
    "id": {"type": "string", "minLength": 1},
    "ticket": {"enum": ["gold", "silver", null]},
    "email": {"type": ["string", "null"], "format": "email"},
    "price": {"allOf": [{"type": "number", "minimum": 0}], "const": 2.50},
    "tags": {"type": "array", "items": {"type": "string"}}
  }
}`), nil)
	if s == nil {
		t.Fatal(diags)
	}
	columns := []string{"id", "ticket", "email", "price", "tags", "other"}
	row := []value.Value{value.Text("1"), value.Text("gold"), {}, value.NumberText("2.5"), value.ListText("[]"), {}}
	var got []string
	for _, r := range s.Rules(columns) {
		got = append(got, fmt.Sprintf("%s: %s at %d:%d %v", columns[r.Column], r.What, r.Span.Start.Line, r.Span.Start.Column, r.Reached(row[r.Column])))
	}
	want := []string{
		`id: minLength 1 at 4:30 true`,
		`ticket: null at 5:5 false`,
		`ticket: enum "gold" at 5:25 true`,
		`ticket: enum "silver" at 5:33 false`,
		`email: null at 6:5 true`,
		`email: format email at 6:43 false`,
		`price: const 2.50 at 7:69 true`,
		`price: minimum 0 at 7:44 true`,
		`tags: items at 8:31 true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
