package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"pipeline/pipeline/value"
)

// sound_test.go: a shape says nothing of a value that some value the schema
// allows contradicts. What the checker promises stands on it.

func TestShapeHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := recordSchemaGen(t)
		s, diags := Compile("s.json", []byte(text), nil)
		if diags.HasErrors() {
			t.Skip("not a schema here: " + diags[0].Message)
		}
		judge := moduleSchema(t, text)
		shape := s.Shape()
		for range 8 {
			record := recordGen(t, 0)
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(record))
			if err != nil {
				t.Fatal(err)
			}
			if judge.Validate(v) != nil {
				continue
			}
			if broken := contradiction("record", shape, v, true); broken != "" {
				t.Fatalf("%s\nallows %s\nbut its shape says otherwise: %s", text, record, broken)
			}
		}
	})
}

// recordSchemaGen draws the schema of a record. Where it names properties or
// items it says the type as well, and alternatives name the same members: an
// object or a list is taken to be meant without its type, and what an
// alternative does not name to be absent from it.
func recordSchemaGen(t *rapid.T) string { return objectSchemaGen(t, 0) }

func objectSchemaGen(t *rapid.T, depth int) string {
	members := []string{`"type": "object"`, fmt.Sprintf(`"properties": {"a": %s, "b": %s}`, memberSchemaGen(t, depth), memberSchemaGen(t, depth))}
	for _, extra := range []string{
		`"required": ["a"]`, `"required": ["b", "c"]`, `"additionalProperties": false`, `"additionalProperties": {"type": "string"}`,
		`"unevaluatedProperties": false`, `"allOf": [{"required": ["b"]}]`, `"patternProperties": {"^[cd]": {"type": ["string", "number"]}}`,
		`"if": {"required": ["a"]}, "then": {"properties": {"d": {"type": "string"}}}, "else": {"required": ["c"]}`,
		`"dependentRequired": {"a": ["d"]}`, `"anyOf": [{"required": ["b"]}, {"required": ["c"]}]`,
		`"oneOf": [{"type": "object", "properties": {"b": {"const": "a"}, "c": {"type": "string"}, "d": true}, "required": ["b", "c"]}, {"type": "object", "properties": {"c": {"type": "integer"}, "b": true, "d": {"type": "boolean"}}, "required": ["c"]}]`,
	} {
		if rapid.IntRange(0, 4).Draw(t, "extra") == 0 {
			members = append(members, extra)
		}
	}
	return "{" + strings.Join(distinctKeys(members), ", ") + "}"
}

func memberSchemaGen(t *rapid.T, depth int) string {
	kinds := []string{"value", "value", "value"}
	if depth < 2 {
		kinds = append(kinds, "object", "list", "maybe", "map")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "member") {
	case "object":
		return objectSchemaGen(t, depth+1)
	case "list":
		return fmt.Sprintf(`{"type": "array", "items": %s, "minItems": %d}`, memberSchemaGen(t, depth+1), rapid.IntRange(0, 2).Draw(t, "least"))
	case "maybe":
		return fmt.Sprintf(`{"oneOf": [{"type": "null"}, %s]}`, memberSchemaGen(t, depth+1))
	case "map":
		return fmt.Sprintf(`{"type": "object", "additionalProperties": %s}`, memberSchemaGen(t, depth+1))
	}
	text := schemaGen(t, 1)
	if strings.Contains(text, `"items"`) {
		return `{"type": "array", ` + strings.TrimPrefix(text, "{")
	}
	return text
}

func memberGen(t *rapid.T, depth int) string {
	kinds := []string{"text", "text", "number", "other"}
	if depth < 2 {
		kinds = append(kinds, "object", "list")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "value") {
	case "text":
		return quote(rapid.SampledFrom(texts).Draw(t, "text"))
	case "number":
		return rapid.SampledFrom(numbers).Draw(t, "number")
	case "object":
		return recordGen(t, depth+1)
	case "list":
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, memberGen(t, depth+1))
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "other")
	}
}

func recordGen(t *rapid.T, depth int) string {
	var members []string
	for _, name := range []string{"a", "b", "c", "d"} {
		if rapid.IntRange(0, 3).Draw(t, "has") > 0 {
			members = append(members, quote(name)+": "+memberGen(t, depth))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// contradiction is what a shape says of v that is not so; there is whether v is
// there at all.
func contradiction(path string, s *value.Shape, v any, there bool) string {
	switch {
	case s == nil:
		return ""
	case !there || v == nil:
		if !s.Nullable && (s.Kind != value.Null || len(s.Mixed) > 0 || !there) {
			return path + " is null or absent"
		}
		return ""
	case s.Mixed != nil:
		if !slices.ContainsFunc(s.Mixed, func(k value.Kind) bool { return isOfKind(v, k) }) {
			return fmt.Sprintf("%s is %v and not of %v", path, v, s.Mixed)
		}
		return ""
	case s.Kind == value.Null:
		return ""
	case !isOfKind(v, s.Kind):
		return fmt.Sprintf("%s is %v and not of %v", path, v, s.Kind)
	}
	switch v := v.(type) {
	case string:
		if s.Enum != nil && !slices.Contains(s.Enum, v) || utf8.RuneCountInString(v) < s.Least {
			return fmt.Sprintf("%s is %q", path, v)
		}
	case []any:
		if len(v) < s.Least {
			return fmt.Sprintf("%s has %d items", path, len(v))
		}
		for i, item := range v {
			if broken := contradiction(fmt.Sprintf("%s[%d]", path, i), s.Elem, item, true); broken != "" {
				return broken
			}
		}
	case map[string]any:
		return memberContradiction(path, s, v)
	}
	return ""
}

func memberContradiction(path string, s *value.Shape, object map[string]any) string {
	for _, name := range []string{"a", "b", "c", "d"} {
		v, there := object[name]
		member, ok := s.Member(name)
		if !ok && s.Elem != nil && there {
			member, ok = s.Elem, true
		}
		switch {
		case ok:
			if broken := contradiction(path+"."+name, member, v, there); broken != "" {
				return broken
			}
		case there && !s.Open:
			return path + "." + name + " is there"
		}
	}
	return ""
}

func isOfKind(v any, k value.Kind) bool {
	switch v := v.(type) {
	case string:
		return k == value.String
	case bool:
		return k == value.Boolean
	case json.Number:
		return k == value.Float || k == value.Integer && typeOf(v) == whole
	case []any:
		return k == value.List
	default:
		return k == value.JSON
	}
}
