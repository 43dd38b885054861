package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/value"
)

// drawn is a shape as an indented list of its fields.
func drawn(s *value.Shape) string {
	var b strings.Builder
	draw(&b, "", "", s)
	return b.String()
}

func draw(b *strings.Builder, indent, name string, s *value.Shape) {
	fmt.Fprintf(b, "%s%s%s", indent, name, s.Type())
	if s.Nullable {
		b.WriteString("?")
	}
	if s.Open {
		b.WriteString(" open")
	}
	if s.Enum != nil {
		fmt.Fprintf(b, " %q", s.Enum)
	}
	if s.Mixed != nil {
		fmt.Fprintf(b, " of %v", s.Mixed)
	}
	if s.Doc != "" {
		fmt.Fprintf(b, " // %s", s.Doc)
	}
	if s.Span.Start.Line > 0 {
		fmt.Fprintf(b, " @%d:%d", s.Span.Start.Line, s.Span.Start.Column)
	}
	b.WriteByte('\n')
	for _, f := range s.Fields {
		draw(b, indent+"  ", f.Name+" ", f.Shape)
	}
	switch {
	case s.Kind == value.List && s.Elem != nil:
		draw(b, indent+"  ", "[] ", s.Elem)
	case s.Elem != nil:
		draw(b, indent+"  ", "* ", s.Elem)
	}
}

func TestShape(t *testing.T) {
	tests := []struct{ name, schema, want string }{
		{"scalars in order", `{"required": ["z"],
"properties": {"z": {"type": "integer"}, "a": {"type": "number"}, "t": {"type": "boolean"},
"s": {"type": "string", "format": "date-time", "title": "T", "description": "when"},
"e": {"enum": ["x", "y", null]}, "n": {"type": ["integer", "number"]}, "m": {"type": ["integer", "string"]}, "any": {}}}`, `
json open @2:1
  z integer @2:16
  a number? @2:42
  t boolean? @2:67
  s string? // when (date-time) @3:1
  e string? ["x" "y"] @4:1
  n number? @4:34
  m unknown? of [integer string] @4:72
  any unknown? @4:110
`},
		{"closed", `{"additionalProperties": false, "properties": {"a": {"type": "string"}}}`, `
json @1:33
  a string? @1:48
`},
		{"null is no type, and required", `{"required": ["a", "b", "c", "d"], "properties": {"a": {"type": ["string", "null"]}, "b": {"oneOf": [{"type": "null"}, {"type": "string", "enum": ["x"]}]}, "c": {"const": "k"}, "d": {"type": "string", "not": {"const": ""}}}}`, `
json open @1:36
  a string? @1:51
  b string? ["x"] @1:86
  c string ["k"] @1:157
  d string @1:178
`},
		{"lists", `{"properties": {"a": {"type": "array", "items": {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}}, "b": {"items": {"type": "integer"}}, "c": {"type": "array"}}}`, `
json open @1:2
  a list(json)? @1:17
    [] json open @1:49
      q string @1:102
  b list(integer)? @1:130
    [] integer @1:145
  c list? @1:167
`},
		{"references and recursion", `{"$ref": "#/$defs/person", "$defs": {"person": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "parent": {"$ref": "#/$defs/person"}, "partner": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}}}`, `
json open @1:1
  name string @1:104
  parent unknown? open @1:132
  partner unknown? open @1:170
`},
		{"allOf", `{"allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a", "b"], "properties": {"b": {"type": "integer"}, "a": {"maxLength": 3}}, "additionalProperties": false}]}`, `
json @1:1
  a string @1:28
  b integer @1:95
`},
		{"a record is an object", `{"oneOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a"], "properties": {"a": {"type": "string"}}}]}`, `
json open @1:1
  a string? @1:28
`},
		{"alternatives", `{"type": "object", "oneOf": [
{"required": ["id", "kind"], "properties": {"id": {"type": "integer"}, "kind": {"const": "a"}, "x": {"type": "string"}}},
{"required": ["id", "kind"], "properties": {"id": {"type": "integer"}, "kind": {"const": "b"}, "x": {"type": "integer"}}}]}`, `
json open @1:1
  id integer @2:45
  kind string @2:72
  x unknown? of [integer string] @2:96
`},
		{"names without a declaration", `{"properties": {"t": {"enum": ["p", "c"]}}, "required": ["t", "id"],
"if": {"properties": {"t": {"const": "p"}}}, "then": {"properties": {"first": {"type": "string"}}, "required": ["first"]},
"else": {"properties": {"company": {"type": "string"}}},
"dependentRequired": {"company": ["country"]}, "dependentSchemas": {"first": {"required": ["last"]}}, "unevaluatedProperties": false}`, `
json @1:2
  t string ["p" "c"] @1:17
  company unknown?
  country unknown?
  first unknown?
  id unknown
  last unknown?
`},
		{"dependencies of older drafts", `{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": true},
"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}`, `
json open @1:56
  a unknown? @1:71
  b unknown?
  c unknown?
  d unknown?
`},
		{"a table of texts", `{"properties": {"m": {"type": "object", "additionalProperties": {"type": "string"}}}}`, `
json open @1:2
  m json? open @1:17
    * string
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shape := mustCompile(t, tt.schema).Shape()
			pointAtNames(t, tt.schema, shape)
			got := "\n" + drawn(shape)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("shape (-want +got):\n%s", diff)
			}
		})
	}
}

// pointAtNames holds the places of fields against the text.
func pointAtNames(t *testing.T, schema string, s *value.Shape) {
	t.Helper()
	lines := strings.Split(schema, "\n")
	for _, f := range s.Fields {
		start, end := f.Shape.Span.Start, f.Shape.Span.End
		if start.Line == 0 { // it has no declaration of its own
			continue
		}
		if got := lines[start.Line-1][start.Column-1 : end.Column-1]; got != `"`+f.Name+`"` {
			t.Errorf("%s is said to stand at %s", f.Name, got)
		}
		pointAtNames(t, schema, f.Shape)
	}
}

// References that fan out double at each step; the shape of them stays small.
func TestShapeIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref": "#/$defs/d0", "$defs": {`)
	for i := range 40 {
		fmt.Fprintf(&b, `"d%d": {"properties": {"a": {"$ref": "#/$defs/d%d"}, "b": {"anyOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]}}}, `, i, i+1, i+1, i+1)
	}
	b.WriteString(`"d40": {"type": "string"}}}`)
	s := mustCompile(t, b.String())
	if got := strings.Count(drawn(s.Shape()), "\n"); got > 10*maxShapes {
		t.Errorf("%d shapes", got)
	}
	if got := s.Column("a").Type.String(); got != "json" {
		t.Errorf("a is a %s", got)
	}
}

func TestColumn(t *testing.T) {
	s := mustCompile(t, `{"additionalProperties": false, "required": ["id", "born", "gone"], "properties": {
"id": {"type": "integer", "description": "its number"},
"born": {"type": ["string", "null"], "format": "date"},
"at": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/time"}]},
"days": {"type": "array", "items": {"type": "string", "format": "date"}},
"status": {"type": "string", "enum": ["a", "b"], "maxLength": 10, "allOf": [{"maxLength": 5}]},
"mail": {"type": "string", "format": "email"},
"amount": {"type": "number", "multipleOf": 0.01},
"more": {"type": "object"}, "free": {}}, "$defs": {"time": {"type": "string", "format": "date-time"}}}`)
	var b strings.Builder
	for _, name := range append(s.Properties(), "gone", "other") {
		c := s.Column(name)
		fmt.Fprintf(&b, "%s %s nullable=%t required=%t known=%t forbidden=%t %q %q %d @%d:%d %s\n", name, c.Type, c.Nullable, c.Required, c.Known, c.Forbidden, c.Enum, c.Format, c.MaxLength, c.Span.Start.Line, c.Span.Start.Column, c.Description)
	}
	want := `id integer nullable=false required=true known=true forbidden=false [] "" 0 @2:1 its number
born date nullable=true required=true known=true forbidden=false [] "date" 0 @3:1 
at timestamp nullable=true required=false known=true forbidden=false [] "date-time" 0 @4:1 
days list(date) nullable=false required=false known=true forbidden=false [] "" 0 @5:1 
status string nullable=false required=false known=true forbidden=false ["a" "b"] "" 5 @6:1 
mail string nullable=false required=false known=true forbidden=false [] "email" 0 @7:1 
amount number nullable=false required=false known=true forbidden=false [] "" 0 @8:1 
more json nullable=false required=false known=true forbidden=false [] "" 0 @9:1 
free unknown nullable=true required=false known=true forbidden=false [] "" 0 @9:29 
gone unknown nullable=false required=true known=false forbidden=true [] "" 0 @1:1 
other unknown nullable=false required=false known=false forbidden=true [] "" 0 @1:1 
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"id", "born", "gone"}, s.Required()); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
	if !s.Closed() || mustCompile(t, `{}`).Closed() {
		t.Error("closed is the wrong way round")
	}
}
