package expression

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCovered is an expression, the records that it saw, and what is said of the
// branches that none of them took.
func TestCovered(t *testing.T) {
	for _, c := range []struct {
		source  string
		records []string
		want    []string
	}{
		{`name`, []string{`{}`}, nil},
		{`a ? "yes" : "no"`, []string{`{"a": true}`}, []string{`"no" is never taken, for what is asked before it is never false`}},
		{`a ? "yes" : "no"`, []string{`{"a": true}`, `{"a": false}`}, nil},
		{`ticket.name ?? "General"`, []string{`{"ticket": {"name": "Gold"}}`}, []string{`"General" is never taken, for what stands before ?? is never null`}},
		{`lower(name ?? "")`, []string{`{}`}, []string{`name is never there, always null`}},
		{`a == 1 and not (b in ["x", "y"])`, []string{`{"a": 1, "b": "x"}`}, []string{`a == 1 is never false`, `not (b in ["x", "y"]) is never true`}},
		{`(a ?? "") != "" and (b or (c ?? d))`, []string{`{"a": "x", "b": true}`}, []string{
			`"" is never taken, for what stands before ?? is never null`, `(a ?? "") != "" is never false`, `b is never false`,
			`c is never there, always null`, `d is never taken, for what stands before ?? is never null`, `c ?? d is never true`, `c ?? d is never false`}},
		{`a or b or c`, []string{`{"a": true}`}, []string{`a is never false`, `b is never true`, `b is never false`, `c is never true`, `c is never false`}},
		{`len(filter(list, .price > 2)) > 0`, []string{`{"list": [{"price": 1}]}`}, []string{`.price > 2 is never true`}},
		{`a ?: "b"`, []string{`{"a": true}`}, []string{`"b" is never taken, for what is asked before it is never false`}},
		{`let x = (é ?? "ü"); x + trim(a ?? ")(")`, []string{`{"é": "1", "a": "2"}`}, []string{`"ü" is never taken, for what stands before ?? is never null`, `")(" is never taken, for what stands before ?? is never null`}},
	} {
		p, problems := Compile(c.source, Scope{Cover: true})
		if p == nil {
			t.Fatal(c.source, problems)
		}
		m := NewMachine(frozen)
		for _, record := range c.records {
			slots, at := slotsOf(t, p.Reads(), record)
			if _, err := m.Eval(p, slots, at); err != nil {
				t.Fatal(c.source, err)
			}
		}
		var got []string
		for i, taken := range m.Covered(p) {
			if b := p.Branches()[i]; !taken {
				got = append(got, c.source[b.From:b.To]+" "+b.What)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s\n%s", c.source, diff)
		}
	}
}

func TestWithoutCoverThereAreNoProbes(t *testing.T) {
	source := `(a ?? 1) > 0 and b ? "x" : "y"`
	plain, _ := Compile(source, Scope{})
	covered, _ := Compile(source, Scope{Cover: true})
	if plain.Branches() != nil || len(covered.Branches()) != 8 {
		t.Errorf("%d and %d branches", len(plain.Branches()), len(covered.Branches()))
	}
	if a, b := plain.code.Disassemble(), covered.code.Disassemble(); strings.Contains(a, "op:taken") || len(a) >= len(b) {
		t.Error("the probes are in the program that nobody wants to watch")
	}
}
