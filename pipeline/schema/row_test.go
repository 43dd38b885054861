package schema

import (
	"strings"
	"testing"

	"pipeline/pipeline/value"
)

var someValues = []value.Value{
	{}, value.Bool(true), value.Int(3), value.FloatOf(0.5), value.NumberText("1e999999999"), value.DecimalText("1.50"), value.Text("a@b.co"), value.Text("é"),
	value.Day(0), value.Text("2026-01-02"), value.ListText(`["a", 1]`), value.JSONText(`{"a": {"b": 1}}`), value.JSONText(`null`), value.InvalidThrough("string"),
}

func TestCheckColumn(t *testing.T) {
	text, number := value.Text, value.NumberText
	tests := []struct {
		schema string
		v      value.Value
		want   string // code: reason, or empty
	}{
		{`{}`, text("a"), ""},
		{`true`, number("1"), ""},
		{`false`, text("a"), "schema-rule: is not allowed by the schema"},

		{`{"type": "string"}`, text("a"), ""},
		{`{"type": "string"}`, value.Day(0), ""},
		{`{"type": "string"}`, value.TimeOf(value.Day(0).Time()), ""},
		{`{"type": "string"}`, number("1"), "schema-type: is a number, text is wanted"},
		{`{"type": "number"}`, text("1"), "schema-type: is text, a number is wanted"},
		{`{"type": ["number", "null"]}`, text("1"), "schema-type: is text, a number is wanted"},
		{`{"type": ["number", "boolean"]}`, value.ListText("[]"), "schema-type: is a list, true or false or a number is wanted"},
		{`{"type": "number"}`, value.DecimalText("1.50"), ""},
		{`{"type": "integer"}`, number("2.0"), ""},
		{`{"type": "integer"}`, number("1e999999999"), ""},
		{`{"type": "integer"}`, value.FloatOf(2), ""},
		{`{"type": "integer"}`, value.FloatOf(2.5), "schema-type: is not a whole number, and only those are allowed"},
		{`{"type": ["integer", "null"]}`, value.DecimalText("2.50"), "schema-type: is not a whole number, and only those are allowed"},
		{`{"type": ["integer", "string"]}`, number("2.5"), "schema-type: is a number, a whole number or text is wanted"},
		{`{"type": "boolean"}`, value.Bool(false), ""},
		{`{"type": "array"}`, value.ListText("[1]"), ""},
		{`{"type": "object"}`, value.JSONText("{}"), ""},
		{`{"type": "object"}`, value.JSONText("[1]"), "schema-type: is a list, an object is wanted"},
		{`{"type": "string"}`, value.JSONText(`"a"`), ""},
		{`{"type": "string"}`, value.JSONText(`nonsense`), "schema-type: is not JSON"},
		{`{"type": "string"}`, value.InvalidThrough("list"), "schema-type: is out of reach: its path leads through what is not an object"},
		{`{"type": "null"}`, text("a"), "schema-type: is text, null is wanted"},

		{`{"enum": ["a", "b", 1.0, true, null]}`, text("b"), ""},
		{`{"enum": ["a", "b", 1.0, true, null]}`, value.Int(1), ""},
		{`{"enum": ["a", "b", 1.0, true, null]}`, value.Bool(true), ""},
		{`{"enum": ["a", "b", 1.0, true, null]}`, value.Bool(false), `schema-enum: is not "a", "b", 1.0 or true, and nothing else is allowed`},
		{`{"enum": ["a", "b"]}`, text("c"), `schema-enum: is not "a" or "b", and nothing else is allowed`},
		{`{"enum": ["1","2","3","4","5","6","7","8","9"]}`, text("10"), `schema-enum: is not "1", "2", "3", "4", "5", "6" or 3 others, and nothing else is allowed`},
		{`{"enum": ["1","2","3","4","5","6","7","8","9"]}`, text("9"), ""},
		{`{"enum": [[1, 2], "a"]}`, value.ListText("[1,2.0]"), ""},
		{`{"enum": [[1, 2], "a"]}`, value.ListText("[1]"), "schema-enum: is none of the values that the schema lists"},
		{`{"enum": ["a"]}`, value.ListText("[1]"), `schema-enum: is not "a", and nothing else is allowed`},
		{`{"enum": [null]}`, text("a"), `schema-enum: is there, and only null is allowed`},
		{`{"const": 9007199254740993}`, number("9007199254740993"), ""},
		{`{"const": 9007199254740993}`, value.Int(9007199254740992), "schema-const: is not 9007199254740993, and nothing else is allowed"},
		{`{"const": "2026-01-02"}`, value.Day(20455), ""},

		{`{"pattern": "^[A-Z]{2}$"}`, text("SG"), ""},
		{`{"pattern": "^[A-Z]{2}$"}`, text("SGP"), "schema-pattern: does not match the pattern ^[A-Z]{2}$"},
		{`{"pattern": "^[A-Z]{2}$"}`, text("ßß"), "schema-pattern: does not match the pattern ^[A-Z]{2}$"},
		{`{"pattern": "^(a|b)$"}`, text("b"), ""},
		{`{"pattern": "^2026-"}`, value.Day(20455), ""},
		{`{"pattern": "^[A-Z]{2}$"}`, value.Int(1), ""},

		{`{"minLength": 1}`, text(""), "schema-length: is empty"},
		{`{"minLength": 3}`, text("éé"), "schema-length: is 2 characters long, at least 3 are needed"},
		{`{"maxLength": 2}`, text("éé"), ""},
		{`{"maxLength": 1}`, text("éé"), "schema-length: is 2 characters long, at most 1 is allowed"},
		{`{"maxLength": 10}`, value.Day(0), ""},

		{`{"minimum": 0}`, number("-0.0"), ""},
		{`{"minimum": 0}`, number("-1e-999999999"), "schema-range: is less than 0, the least allowed"},
		{`{"maximum": 9007199254740992}`, value.Int(9007199254740993), "schema-range: is greater than 9007199254740992, the most allowed"},
		{`{"maximum": 1e3}`, number("1e999999999"), "schema-range: is greater than 1000, the most allowed"},
		{`{"exclusiveMinimum": 0.1}`, value.FloatOf(0.1), "schema-range: is not greater than 0.1"},
		{`{"exclusiveMaximum": 0.3}`, value.DecimalText("0.30"), "schema-range: is not less than 0.3"},
		{`{"multipleOf": 0.01}`, number("24.17"), ""},
		{`{"multipleOf": 0.01}`, number("24.171"), "schema-multiple: is not a multiple of 0.01"},
		{`{"multipleOf": 7}`, number("1e999999999"), "schema-multiple: is not a multiple of 7"},
		{`{"multipleOf": 1234567890123456789012}`, number("2469135780246913578024"), ""},
		{`{"multipleOf": 1234567890123456789012}`, number("1"), "schema-multiple: is not a multiple of 1234567890123456789012"},
		{`{"multipleOf": 1234567890123456789012}`, number("1e9999"), "schema-range: is a number of more than 5000 digits, which no rule is checked for"},

		{`{"format": "date"}`, text("2024-02-29"), ""},
		{`{"format": "date"}`, value.Day(3), ""},
		{`{"format": "date"}`, text("2025-02-30"), "schema-format: is not a date like 2006-01-02"},
		{`{"format": "date"}`, text("2024-02-29T00:00:00Z"), "schema-format: is not a date like 2006-01-02"},
		{`{"format": "date-time"}`, text("2024-02-29t00:00:00z"), ""},
		{`{"format": "date-time"}`, text("2016-12-31T23:59:60Z"), ""},
		{`{"format": "date-time"}`, text("2024-02-29"), "schema-format: is not an RFC 3339 time like 2006-01-02T15:04:05Z"},
		{`{"format": "date-time"}`, value.Day(3), "schema-format: is not an RFC 3339 time like 2006-01-02T15:04:05Z"},
		{`{"format": "email"}`, text("zoe.m+x@mail.example.com"), ""},
		{`{"format": "email"}`, text(`"zoe m"@example.com`), ""},
		{`{"format": "email"}`, text("zoe..m@example.com"), "schema-format: is not an e-mail address"},
		{`{"format": "email"}`, value.Int(1), ""},
		{`{"format": "uuid"}`, text("123e4567-e89b-12d3-a456-426614174000"), ""},
		{`{"format": "uuid"}`, text("123e4567-e89b-12d3-a456-42661417400g"), "schema-format: is not a UUID"},
		{`{"format": "uri"}`, text("https://example.com"), ""},
		{`{"format": "uri"}`, text("example.com"), "schema-format: is not an absolute URI"},
		{`{"format": "ipv4"}`, text("1.2.3"), "schema-format: is not valid ipv4"},

		{`{"anyOf": [{"type": "string", "maxLength": 1}, {"type": "null"}]}`, text("ab"), "schema-length: is 2 characters long, at most 1 is allowed"},
		{`{"oneOf": [{"type": "null"}, {"type": "integer"}]}`, number("7"), ""},
		{`{"oneOf": [{"type": "integer"}, {"type": "number"}]}`, number("7"), "schema-rule: fits more than one of the alternatives that the schema lists"},
		{`{"anyOf": [{"type": "integer"}, {"type": "boolean"}]}`, text("a"), "schema-rule: fits none of the alternatives that the schema lists"},
		{`{"not": {"const": "x"}}`, text("x"), "schema-rule: is what the schema excludes"},
		{`{"if": {"type": "string"}, "then": {"maxLength": 1}}`, text("ab"), "schema-length: is 2 characters long, at most 1 is allowed"},
		{`{"allOf": [{"type": "string"}, {"minLength": 2}]}`, text("a"), "schema-length: is 1 character long, at least 2 are needed"},
		{`{"$ref": "#/$defs/code"}`, text("a"), "schema-pattern: does not match the pattern ^[A-Z]+$"},

		{`{"type": "array", "items": {"type": "string"}}`, value.ListText(`["a", 1]`), "schema-items: [1] is a number, text is wanted"},
		{`{"type": "array", "items": {"type": "string"}}`, value.ListText(`["a"]`), ""},
		{`{"type": "array", "minItems": 2}`, value.ListText(`["a"]`), "schema-items: has 1 item, at least 2 are needed"},
		{`{"type": "array", "uniqueItems": true}`, value.ListText(`[1, 1.0]`), "schema-items: has the same item twice"},
		{`{"type": "array", "items": {"type": "string"}}`, value.ListText(`["a"`), "schema-type: is not JSON"},
		{`{"properties": {"answer": {"type": "string"}}}`, value.JSONText(`{"answer": 1}`), "schema-items: answer is a number, text is wanted"},
		{`{"additionalProperties": {"type": "string"}}`, value.JSONText(`{"zoe@example.com": 1}`), "schema-items: … is a number, text is wanted"},
		{`{"additionalProperties": false}`, value.JSONText(`{"zoe@example.com": 1}`), "schema-rule: has 1 member that the schema does not allow"},
		{`{"items": {"minimum": 1}}`, value.ListText(`[1e999999999]`), "schema-range: is a number of more than 5000 digits, which no rule is checked for"},
	}
	for _, tt := range tests {
		s := mustCompile(t, `{"$defs": {"code": {"pattern": "^[A-Z]+$"}}, "properties": {"c": `+tt.schema+`}}`)
		if got := said(s.Row([]string{"c"}).Check([]value.Value{tt.v})); got != tt.want {
			t.Errorf("%s on %s %q:\n got %q\nwant %q", tt.schema, tt.v.Kind(), tt.v.AppendText(nil), got, tt.want)
		}
	}
}

func said(v *Violation) string {
	if v == nil {
		return ""
	}
	return v.Code + ": " + v.Reason
}

func TestCheckRow(t *testing.T) {
	const base = `"properties": {"id": {"type": "integer"}, "email": {"type": "string"}, "phone": {"type": ["string", "null"]}}`
	null := value.Value{}
	id, email := value.Int(1), value.Text("a@b.co")
	tests := []struct {
		name, schema string
		row          []value.Value // id, email, phone
		column       int
		want         string
	}{
		{"all is well", `{` + base + `, "required": ["id", "phone"]}`, []value.Value{id, null, null}, 0, ""},
		{"a required one is null", `{` + base + `, "required": ["id", "email"]}`, []value.Value{id, null, null}, 1, "schema-required: is missing, and the schema requires it"},
		{"the first in column order", `{` + base + `, "required": ["email", "id"]}`, []value.Value{email, null, null}, 0, "schema-type: is text, a whole number is wanted"},
		{"a required one is no column", `{` + base + `, "required": ["name"]}`, []value.Value{id, email, null}, -1, `schema-required: has no column "name", and the schema requires it`},
		{"closed", `{"properties": {"id": {}, "email": {}}, "additionalProperties": false}`, []value.Value{id, email, email}, 2, "schema-rule: is not among the properties that the schema allows"},
		{"closed, but the other is null", `{"properties": {"id": {}, "email": {}}, "additionalProperties": false}`, []value.Value{id, email, null}, 0, ""},
		{"additional", `{"properties": {"id": {}}, "additionalProperties": {"type": "string", "maxLength": 3}}`, []value.Value{id, email, null}, 1, "schema-length: is 6 characters long, at most 3 are allowed"},
		{"pattern properties", `{"patternProperties": {"^e": {"type": "integer"}}}`, []value.Value{id, email, null}, 1, "schema-type: is text, a whole number is wanted"},
		{"allOf", `{"allOf": [{` + base + `}, {"required": ["email"]}]}`, []value.Value{id, null, null}, 1, "schema-required: is missing, and the schema requires it"},
		{"ref", `{"$ref": "#/$defs/row", "$defs": {"row": {"required": ["email"], ` + base + `}}}`, []value.Value{id, null, null}, 1, "schema-required: is missing, and the schema requires it"},
		{"not an object", `{"type": "array"}`, []value.Value{id, email, null}, -1, "schema-type: is an object, the schema wants a list"},
		{"then required", `{` + base + `, "if": {"properties": {"id": {"const": 1}}}, "then": {"required": ["email"]}}`, []value.Value{id, null, null}, 1, "schema-required: is missing, and the schema requires it"},
		{"then in range", `{` + base + `, "if": {"required": ["email"]}, "then": {"properties": {"id": {"minimum": 2}}}}`, []value.Value{id, email, null}, 0, "schema-range: is less than 2, the least allowed"},
		{"dependent", `{` + base + `, "dependentRequired": {"id": ["email"]}}`, []value.Value{id, null, null}, -1, `schema-rule: has "id" and so must have "email"`},
		{"anyOf", `{` + base + `, "anyOf": [{"required": ["email"]}, {"required": ["name"]}]}`, []value.Value{id, null, null}, -1, "schema-rule: fits none of the alternatives that the schema lists"},
		{"members", `{` + base + `, "minProperties": 3}`, []value.Value{id, null, null}, -1, "schema-items: has 2 members, at least 3 are needed"},
		{"unevaluated", `{` + base + `, "unevaluatedProperties": false}`, []value.Value{id, email, null}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := mustCompile(t, tt.schema).Row([]string{"id", "email", "phone"}).Check(tt.row)
			if got := said(v); got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			if v != nil && v.Column != tt.column {
				t.Errorf("column %d, want %d", v.Column, tt.column)
			}
		})
	}
}

// A violation is the same however often a map is walked.
func TestViolationIsAlwaysTheSame(t *testing.T) {
	s := mustCompile(t, `{"properties": {"o": {"additionalProperties": {"type": "string"}, "properties": {"b": {"minimum": 3}, "a": {"minimum": 2}}}}}`)
	check := s.Row([]string{"o"})
	row := []value.Value{value.JSONText(`{"b": 1, "a": 1, "x": 1, "y": 1}`)}
	first := *check.Check(row)
	for range 50 {
		if got := *check.Check(row); got != first {
			t.Fatalf("%+v, then %+v", first, got)
		}
	}
}

func TestMatcher(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		fast    bool
	}{
		{`^[A-Z]{2}$`, true}, {`^[^@ ]+@[^@ ]+\.[^@ ]+$`, true}, {`abc`, true}, {`^a?b*c+d{2,4}$`, true}, {`(?i)^ab$`, true}, {`^$`, true}, {``, true}, {`^.+$`, true}, {`^\+?[0-9 ]{6,20}$`, true},
		{`^(a|bc)$`, false}, {`\bword\b`, false}, {`^[a-z]{64}$`, false},
	} {
		if got := newMatcher(tt.pattern) != nil; got != tt.fast {
			t.Errorf("%s is fast: %t", tt.pattern, got)
		}
	}
}

const benchSchema = `{"type": "object", "additionalProperties": false, "required": ["attendee_id", "full_name", "email"], "properties": {
	"attendee_id": {"type": "string", "minLength": 1, "maxLength": 40},
	"full_name": {"type": "string", "minLength": 1},
	"email": {"type": "string", "format": "email", "pattern": "^[^@ ]+@[^@ ]+\\.[^@ ]+$"},
	"country": {"type": ["string", "null"], "pattern": "^[A-Z]{2}$"},
	"ticket": {"enum": ["VIP", "Standard", "Press"]},
	"amount": {"type": "number", "minimum": 0, "multipleOf": 0.01},
	"quantity": {"type": "integer", "minimum": 1, "maximum": 10},
	"paid": {"type": "boolean"},
	"registered": {"type": "string", "format": "date"},
	"created_at": {"type": "string", "format": "date-time"},
	"score": {"anyOf": [{"type": "number"}, {"type": "null"}]},
	"tags": {"type": "array"}}}`

var benchRow = []value.Value{
	value.Text("a-1001"), value.Text("Zoë Müller"), value.Text("zoe.mueller@example.com"), value.Text("SG"), value.Text("Press"),
	value.DecimalText("1000.50"), value.Int(2), value.Bool(true), value.Day(20455), value.Text("2026-01-02T03:04:05+08:00"), value.FloatOf(0.25), value.ListText(`["a"]`),
}

func TestCheckDoesNotAllocate(t *testing.T) {
	if !fast {
		t.Skip("only what is compiled does not")
	}
	s := mustCompile(t, benchSchema)
	check := s.Row(s.Properties())
	if v := check.Check(benchRow); v != nil {
		t.Fatalf("%+v", v)
	}
	if n := testing.AllocsPerRun(100, func() { check.Check(benchRow) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := mustCompile(b, benchSchema)
	check := s.Row(s.Properties())
	b.ReportAllocs()
	for b.Loop() {
		check.Check(benchRow)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, benchSchema)
	}
}

func BenchmarkPattern(b *testing.B) {
	m := newMatcher(`^[^@ ]+@[^@ ]+\.[^@ ]+$`)
	s := strings.Repeat("a", 12) + "@mail.example.com"
	b.ReportAllocs()
	for b.Loop() {
		m.match(s)
	}
}
