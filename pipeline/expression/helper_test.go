package expression

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline/value"
)

// frozen is the start of every run in these tests.
var frozen = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// failer is the part of a test that helpers need.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// slotsOf reads the record as the engine would: one slot for each read.
func slotsOf(t testing.TB, reads []Read, record string) (slots []value.Value, at []int) {
	t.Helper()
	for i, r := range reads {
		slots, at = append(slots, slotOf(t, record, r.Path)), append(at, i)
	}
	return slots, at
}

func slotOf(t failer, record string, path []string) value.Value {
	t.Helper()
	raw := json.RawMessage(record)
	for _, name := range path {
		if raw == nil || string(raw) == "null" {
			return value.Value{}
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			through := map[byte]string{'"': "string", '[': "list", 't': "boolean", 'f': "boolean"}[raw[0]]
			if through == "" {
				through = "number"
			}
			return value.InvalidThrough(through)
		}
		raw = object[name]
	}
	switch {
	case raw == nil || string(raw) == "null":
		return value.Value{}
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatalf("record: %v", err)
		}
		return value.Text(s)
	case raw[0] == '[':
		return value.ListText(string(raw))
	case raw[0] == '{':
		return value.JSONText(string(raw))
	case raw[0] == 't' || raw[0] == 'f':
		return value.Bool(raw[0] == 't')
	default:
		return value.NumberText(string(raw))
	}
}

// compile compiles src, which must have no errors.
func compile(t testing.TB, src string, scope Scope) *Program {
	t.Helper()
	p, problems := Compile(src, scope)
	if p == nil {
		t.Fatalf("Compile(%s): %s", src, shown(src, problems))
	}
	return p
}

// evaluate runs src over a record.
func evaluate(t testing.TB, src, record string) (value.Value, error) {
	t.Helper()
	p := compile(t, src, Scope{})
	slots, at := slotsOf(t, p.Reads(), record)
	return NewMachine(frozen).Eval(p, slots, at)
}

// written is a value as JSON would write it, with its kind where that says more.
func written(v value.Value) string {
	switch v.Kind() {
	case value.Null:
		return "null"
	case value.Boolean:
		return string(appendJSON(nil, v.Bool()))
	case value.Integer:
		return string(appendJSON(nil, int(v.Int())))
	case value.Float:
		return string(appendJSON(nil, v.Float()))
	case value.String:
		return string(appendJSON(nil, v.Text()))
	case value.Date:
		return string(appendJSON(nil, day(v.Days())))
	case value.Timestamp:
		return string(appendJSON(nil, v.Time()))
	default:
		return v.Text()
	}
}

// shown is problems as a person would see them: place, severity, code, message, hint.
func shown(src string, problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Severity.String() + " " + p.Code + " `" + src[p.From:p.To] + "`: " + p.Message)
		if p.Hint != "" {
			b.WriteString(" (" + p.Hint + ")")
		}
		for _, n := range p.Notes {
			b.WriteString(" [" + n.Span.File + ": " + n.Message + "]")
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
