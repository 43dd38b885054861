package schema

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// merged is a schema after it was merged with records, and the changes.
func merged(t interface {
	Fatal(...any)
	Helper()
}, text string, records ...string) (string, []string, []string) {
	t.Helper()
	m, diags := NewMerge("s.json", []byte(text), nil)
	if m == nil {
		t.Fatal(brief(diags), text)
	}
	s := &Sample{}
	for _, r := range records {
		if err := m.Add([]byte(r)); err != nil {
			t.Fatal(err)
		}
		if err := s.Add([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	out, changes, err := m.Finish(s)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%c %s: %s", c.Kind, c.Path, c.Text))
	}
	return string(out), lines, m.Stuck()
}

const handwritten = `{
    "title": "Attendee",
    "type": "object",
    "required": ["id", "email"],
    "properties": {
        "email":  {"type": "string", "format": "email", "description": "as typed"},
        "id":     {"type": "integer", "minimum": 10},
        "status": {"type": "string", "enum": ["ok", "no"]},
        "ticket": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "maxLength": 3}
            }
        },
        "tags": {"type": "array"},
        "when": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/day"}]},
        "answers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "question": {"type": "string", "description": "of the form"},
                    "answer":   {"type": "string"}
                }
            }
        },
        "either": {"oneOf": [{"type": "string"}, {"type": "boolean"}]}
    },
    "$defs": {"day": {"type": "string", "format": "date"}}
}
`

// What was written stays, to the byte; what records demand is widened, and what
// they have beside it is added.
func TestMerge(t *testing.T) {
	got, changes, stuck := merged(t, handwritten,
		`{"id": 10, "email": "a@b.co"}`,
		`{"id": 2.5, "email": "none", "status": "ann@x.co", "ticket": {"name": "Early", "vip": true}, "tags": ["a"], "when": "soon", "answers": [{"question": "Diet?", "answer": null}]}`,
		`{"id": 11, "status": null, "ticket": null, "extra": {"a": [1]}, "either": 3}`,
	)
	want := `{
    "title": "Attendee",
    "type": "object",
    "required": ["id"],
    "properties": {
        "email":  {"type": "string", "description": "as typed"},
        "id":     {"type": "number"},
        "status": {"type": ["string", "null"]},
        "ticket": {
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string"},
                "vip": {"type": "boolean"}
            }
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "when": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/day"}]},
        "answers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "question": {"type": "string", "description": "of the form", "enum": ["Diet?"]},
                    "answer":   {"type": ["string", "null"]}
                }
            }
        },
        "either": {"oneOf": [{"type": "string"}, {"type": "boolean"}]},
        "extra": {
          "type": "object",
          "required": ["a"],
          "properties": {"a": {"type": "array", "items": {"type": "integer"}}}
        }
    },
    "$defs": {"day": {"type": "string"}}
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantChanges := []string{
		"~ answers[].answer: may be null",
		"- email: format",
		"~ id: may be a number",
		"- id: minimum",
		"- status: enum",
		"~ ticket: may have vip",
		"- ticket.name: maxLength",
		"- when: format",
		"~ : email may be absent",
		"~ status: may be null",
		"~ ticket: may be null",
		"+ tags[]: text",
		"+ answers[].question: 1 question",
		"+ extra: an object",
	}
	if diff := cmp.Diff(wantChanges, changes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"oneOf at either"}, stuck); diff != "" {
		t.Error(diff)
	}
}

// A schema that fits already is not touched.
func TestMergeOfWhatFits(t *testing.T) {
	got, changes, stuck := merged(t, handwritten, `{"id": 10, "email": "a@b.co"}`)
	if got != handwritten || len(changes) > 0 || len(stuck) > 0 {
		t.Errorf("%v %v\n%s", changes, stuck, got)
	}
}

// What was learned from some records and merged with others fits all of them.
func TestMergeLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := recordsGen(t), recordsGen(t)
		text := string(sampleOf(t, first...).Text("x"))
		both, changes, stuck := merged(t, text, second...)
		mustFit(t, []byte(both), append(first, second...)...)
		if len(stuck) > 0 {
			t.Fatalf("%v\n%s", stuck, text)
		}
		if again, more, _ := merged(t, text, first...); again != text {
			t.Fatalf("merging with the same records changes %v after %v\n%s\n%s", more, changes, text, again)
		}
	})
}
