package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"pipeline/pipeline/value"
)

// property_test.go: whatever the schema and the row, the compiled checks say
// yes and no where the jsonschema module does.

var (
	numbers  = []string{"0", "-0.0", "1", "1.0", "2.5", "24.17", "-3", "1e2", "0.01", "9007199254740993", "0.3", "100"}
	texts    = []string{"", "a", "AB", "éé", "abcdef", "a@b.co", "2024-02-29", "2025-02-30", "2024-02-29T10:00:00Z", "a b"}
	patterns = []string{`^[A-Z]{2}$`, `^[^@ ]+@[^@ ]+\\.[^@ ]+$`, `a`, `^a?b*`, `(a|é)$`, `^.{2,4}$`, `\\d+`}
	formats  = []string{"date", "date-time", "email", "uuid", "uri", "ipv4"}
)

// schemaGen draws the text of a schema for one value.
func schemaGen(t *rapid.T, depth int) string {
	names := []string{"type", "types", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"}
	if depth < 2 {
		names = append(names, "allOf", "anyOf", "oneOf", "nullable", "not", "items")
	}
	var members []string
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, "keywords") {
		members = append(members, keywordGen(t, name, depth))
	}
	return "{" + strings.Join(distinctKeys(members), ", ") + "}"
}

func distinctKeys(members []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, m := range members {
		if key, _, _ := strings.Cut(m, ":"); !seen[key] {
			seen[key] = true
			out = append(out, m)
		}
	}
	return out
}

func keywordGen(t *rapid.T, name string, depth int) string {
	kind := rapid.SampledFrom([]string{`"string"`, `"number"`, `"integer"`, `"boolean"`, `"array"`, `"object"`, `"null"`})
	number := rapid.SampledFrom(numbers)
	literal := rapid.OneOf(number, rapid.Map(rapid.SampledFrom(texts), quote), rapid.SampledFrom([]string{"true", "false", "null", `["a", 1]`, `{"a": 1}`}))
	sub := func() string { return schemaGen(t, depth+1) }
	switch name {
	case "type":
		return `"type": ` + kind.Draw(t, "type")
	case "types":
		return `"type": [` + strings.Join(rapid.SliceOfNDistinct(kind, 1, 3, rapid.ID[string]).Draw(t, "types"), ", ") + `]`
	case "enum":
		return `"enum": [` + strings.Join(rapid.SliceOfNDistinct(literal, 1, 10, meaning).Draw(t, "enum"), ", ") + `]`
	case "const":
		return `"const": ` + literal.Draw(t, "const")
	case "pattern":
		return `"pattern": "` + rapid.SampledFrom(patterns).Draw(t, "pattern") + `"`
	case "minLength", "maxLength":
		return fmt.Sprintf(`"%s": %d`, name, rapid.IntRange(0, 5).Draw(t, name))
	case "multipleOf":
		return `"multipleOf": ` + rapid.SampledFrom([]string{"1", "0.01", "0.5", "3", "7e1", "0.3"}).Draw(t, name)
	case "format":
		return `"format": "` + rapid.SampledFrom(formats).Draw(t, name) + `"`
	case "allOf", "anyOf", "oneOf":
		return `"` + name + `": [` + sub() + ", " + sub() + `]`
	case "nullable":
		return rapid.SampledFrom([]string{`"anyOf"`, `"oneOf"`}).Draw(t, "of") + `: [{"type": "null"}, ` + sub() + `]`
	case "not", "items":
		return `"` + name + `": ` + sub()
	default:
		return `"` + name + `": ` + number.Draw(t, name)
	}
}

// meaning is the same for two JSON texts of the same value.
func meaning(text string) string {
	var v any
	_ = json.Unmarshal([]byte(text), &v)
	if f, ok := v.(float64); ok {
		v = f + 0 // -0 is 0
	}
	return fmt.Sprintf("%#v", v)
}

func valueGen(t *rapid.T) value.Value {
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return value.Value{}
	case 1:
		return value.Bool(rapid.Bool().Draw(t, "bool"))
	case 2:
		return value.Int(rapid.Int64Range(-5, 105).Draw(t, "int"))
	case 3:
		return value.FloatOf(rapid.Float64Range(-5, 105).Draw(t, "float"))
	case 4:
		return value.NumberText(rapid.SampledFrom(numbers).Draw(t, "number"))
	case 5:
		return value.DecimalText(rapid.SampledFrom([]string{"1.50", "24.17", "-3.00", "0.30"}).Draw(t, "decimal"))
	case 6:
		return value.Text(rapid.SampledFrom(texts).Draw(t, "text"))
	case 7:
		return value.Day(rapid.Int64Range(0, 30000).Draw(t, "day"))
	case 8:
		return value.ListText(rapid.SampledFrom([]string{`[]`, `["a",1]`, `[1,2]`, `["a","b"]`}).Draw(t, "list"))
	default:
		return value.JSONText(rapid.SampledFrom([]string{`{}`, `{"a":1}`, `"AB"`, `null`, `2.5`, `["a", 1]`}).Draw(t, "json"))
	}
}

func rowSchemaGen(t *rapid.T) string {
	members := []string{fmt.Sprintf(`"properties": {"a": %s, "b": %s}`, schemaGen(t, 0), schemaGen(t, 0))}
	if rapid.Bool().Draw(t, "draft-07") {
		members = append(members, `"$schema": "http://json-schema.org/draft-07/schema#"`)
	}
	for _, extra := range []string{
		`"type": "object"`, `"additionalProperties": false`, `"required": ["a"]`, `"required": ["a", "c"]`, `"allOf": [{"required": ["b"]}]`,
		`"additionalProperties": {"type": "string"}`, `"if": {"required": ["a"]}, "then": {"required": ["b"]}`, `"minProperties": 2`,
		`"patternProperties": {"^[bc]": {"type": ["string", "number"]}}`, `"oneOf": [{"required": ["b"]}, {"required": ["c"]}]`,
	} {
		if rapid.IntRange(0, 4).Draw(t, extra) == 0 {
			members = append(members, extra)
		}
	}
	return "{" + strings.Join(distinctKeys(members), ", ") + "}"
}

func TestRowAgreesWithTheModule(t *testing.T) {
	columns := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		text := rowSchemaGen(t)
		s, list := Compile("s.json", []byte(text), nil)
		if s == nil {
			t.Fatalf("%s\n%s", text, brief(list))
		}
		module := moduleSchema(t, text)
		check := s.Row(columns)
		for range 10 {
			row := []value.Value{valueGen(t), valueGen(t), valueGen(t)}
			object := rowAsJSON(row, check)
			decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(object))
			if err != nil {
				t.Fatal(err)
			}
			got, want := check.Check(row), module.Validate(decoded)
			if (got == nil) != (want == nil) {
				t.Fatalf("%s\n%s\nwe say %+v, the module says %v", text, object, got, want)
			}
			if got != nil && (got.Code == "" || got.Reason == "" || got.Column < -1 || got.Column > 2) {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// moduleSchema compiles without any of our own code.
func moduleSchema(t *rapid.T, text string) *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rowAsJSON leaves out a null that is not allowed: it counts as absent.
func rowAsJSON(row []value.Value, check *RowCheck) string {
	var members []string
	for i, v := range row {
		text := string(v.AppendJSON(nil))
		if text == "null" && !check.columns[i].nullable {
			continue
		}
		members = append(members, quote(check.columns[i].name)+": "+text)
	}
	object := "{" + strings.Join(members, ", ") + "}"
	if !json.Valid([]byte(object)) {
		panic(object)
	}
	return object
}

func FuzzPattern(f *testing.F) {
	for _, p := range []string{`^[A-Z]{2}$`, `^[^@ ]+@[^@ ]+\.[^@ ]+$`, `a`, `^a?b*c+`, `.{2,4}$`, `(?i)k+s?`, `x{0}`, `a{2,}b`, `^\d+(x)$`} {
		f.Add(p, "AB")
		f.Add(p, "a@b.co")
		f.Add(p, "abbcc")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return
		}
		if matched, known := newMatcher(pattern).match(s); known && matched != re.MatchString(s) {
			t.Fatalf("%q matches %q: %t", pattern, s, matched)
		}
	})
}
