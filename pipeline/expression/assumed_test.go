package expression

import (
	"testing"

	"pipeline/pipeline/value"
)

// TestConditionsTogether: what two conditions, or the halves of an or, say
// together is known; what they do not say is not.
func TestConditionsTogether(t *testing.T) {
	text := &value.Shape{Kind: value.String, Nullable: true}
	record := &value.Shape{Kind: value.JSON}
	for _, name := range []string{"a", "b", "c"} {
		record.Fields = append(record.Fields, value.Field{Name: name, Shape: text})
	}
	where := compile(t, `a != null or b != null`, Scope{Record: record})
	for _, test := range []struct {
		src   string
		given []*Program
		right bool
	}{
		{src: `a != null or b != null ? upper(a ?? b) : ""`, right: true},
		{src: `a != null or b != null ? upper(b ?? a) : ""`, right: true},
		{src: `a != null or b != null or c != null ? upper(c ?? a ?? b) : ""`, right: true},
		{src: `a == null and b == null ? "" : upper(a ?? b)`, right: true},
		{src: `a == null and b == null ? "" : a == null ? upper(b) : upper(a)`, right: true},
		{src: `not (a == null and b == null) and upper(a ?? b) == "X"`, right: true},
		{src: `(a ?? b) == null ? "" : upper(a ?? b)`, right: true},
		{src: `upper(a ?? b)`, given: []*Program{where}, right: true},
		{src: `a == null ? upper(b) : ""`, given: []*Program{where}, right: true},
		{src: `a != null or b != null ? upper(a) : ""`},
		{src: `a != null or b != null ? upper(a ?? c) : ""`},
		{src: `a != null or b != null or c != null ? upper(a ?? b) : ""`},
		{src: `a == null and b == null ? upper(a ?? b) : ""`},
		{src: `a == null or b == null ? "" : upper(a ?? c)`, right: true}, // a is there
		{src: `a == null or b == null ? upper(a ?? b) : ""`},
		{src: `a != null ? "" : upper(b)`},
		{src: `b == null ? upper(b) : ""`, given: []*Program{where}},
		{src: `a != null ? upper(b) : ""`, given: []*Program{where}},
		{src: `upper(a ?? c)`, given: []*Program{where}},
	} {
		p, problems := Compile(test.src, Scope{Record: record, Given: test.given})
		if right := p != nil; right != test.right {
			t.Errorf("%s: right %v, want %v\n%s", test.src, right, test.right, shown(test.src, problems))
		}
	}
}
