package schema

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// keywords.go: what can be said about a schema better than its own metaschema
// says it. What is not looked at here, the metaschema checks afterwards.

// checker goes through the schemas of one file.
type checker struct {
	loader *loader
	file   *file
}

func (c *checker) error(code string, n *node, message, hint string) {
	c.loader.diags = c.loader.diags.Error(code, n.span, message, hint)
}

func (c *checker) warn(code string, at diag.Span, message, hint string) {
	c.loader.diags = c.loader.diags.Warn(code, at, message, hint)
}

// draft checks the root's $schema.
func (c *checker) draft() {
	n := c.file.root.get("$schema")
	if n == nil || n.kind != '"' {
		return
	}
	_, name, _ := strings.Cut(n.text, "://json-schema.org/")
	switch strings.TrimSuffix(name, "#") {
	case "schema", "draft-04/schema", "draft-06/schema", "draft-07/schema", "draft/2019-09/schema", "draft/2020-12/schema":
	default:
		c.error("schema-keyword", n, fmt.Sprintf("no draft of JSON Schema that is known here: %s", diag.Crop(n.text, 60)),
			`use "http://json-schema.org/draft-07/schema#" or "https://json-schema.org/draft/2020-12/schema"`)
	}
}

// schema checks one schema; property is the name it describes, if any.
func (c *checker) schema(n *node, property string) {
	if n.kind == 't' || n.kind == 'f' {
		return
	}
	if n.kind != '{' {
		c.error("schema-keyword", n, "a schema is an object, or true or false; this is "+nodeNoun(n), "")
		return
	}
	for _, m := range n.members {
		c.keyword(m, property)
	}
}

func (c *checker) keyword(m member, property string) {
	switch m.name {
	case "type":
		c.types(m.value)
	case "required":
		c.required(m, property)
	case "pattern":
		if m.value.kind == '"' {
			c.pattern(m.value, m.value.span, m.value.text)
		}
	case "format":
		c.format(m.value)
	case "$ref":
		if m.value.kind == '"' {
			c.ref(m.value)
		}
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains":
		c.count(m)
	case "properties", "definitions", "$defs", "dependentSchemas":
		c.schemas(m.value)
	case "patternProperties":
		for _, p := range m.value.members {
			c.pattern(p.value, p.key, p.name)
		}
		c.schemas(m.value)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		for _, item := range m.value.items {
			c.schema(item, "")
		}
	case "items":
		if m.value.kind == '[' {
			for _, item := range m.value.items {
				c.schema(item, "")
			}
			return
		}
		c.schema(m.value, "")
	case "additionalProperties", "additionalItems", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems":
		c.schema(m.value, "")
	case "dependencies":
		for _, d := range m.value.members {
			if d.value.kind != '[' {
				c.schema(d.value, "")
			}
		}
	default:
		c.unknown(m)
	}
}

// schemas checks the schemas of a map from names to schemas.
func (c *checker) schemas(n *node) {
	for _, m := range n.members {
		c.schema(m.value, m.name)
	}
}

func (c *checker) types(n *node) {
	if n.kind == '[' {
		for _, item := range n.items {
			c.types(item)
		}
		return
	}
	names := []string{"string", "number", "integer", "boolean", "object", "array", "null"}
	if n.kind != '"' {
		return
	}
	for _, name := range names {
		if n.text == name {
			return
		}
	}
	var hint string
	switch strings.ToLower(n.text) {
	case "any":
		hint = `leave "type" out to allow any type`
	case "date", "datetime", "date-time", "timestamp":
		hint = `write "type": "string" with "format": "date" or "date-time"`
	case "float", "double", "decimal":
		hint = `did you mean "number"?`
	case "int", "long", "int64":
		hint = `did you mean "integer"?`
	case "list":
		hint = `did you mean "array"?`
	default:
		if hint = didYouMean(n.text, names); hint == "" {
			hint = "the types are string, number, integer, boolean, object, array and null"
		}
	}
	c.error("schema-keyword", n, fmt.Sprintf("unknown type %q", diag.Crop(n.text, 40)), hint)
}

func (c *checker) required(m member, property string) {
	if m.value.kind != 't' && m.value.kind != 'f' {
		return
	}
	hint := `write "required": […] with the names, beside "properties"`
	switch {
	case m.value.kind == 'f':
		hint = "remove it: what is not in that list is not required"
	case property != "":
		hint = fmt.Sprintf(`remove it, and put %q into "required": […] beside "properties"`, diag.Crop(property, 40))
	}
	c.loader.diags = c.loader.diags.Error("schema-keyword", m.key,
		fmt.Sprintf(`"required": %t is the draft-03 form; from draft-04 on, "required" is a list on the object`, m.value.kind == 't'), hint)
}

func (c *checker) pattern(_ *node, at diag.Span, pattern string) {
	_, err := regexp.Compile(pattern)
	if err == nil || c.loader.claim {
		return
	}
	message, hint := "the pattern is not a regular expression", ""
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		message += ": " + wrong.Code.String()
		if wrong.Expr != "" {
			message += " " + diag.Crop(wrong.Expr, 40)
		}
		if wrong.Code == syntax.ErrInvalidPerlOp || wrong.Code == syntax.ErrInvalidEscape {
			hint = "patterns are RE2: no look-ahead, look-behind or back references"
		}
	}
	c.loader.diags = c.loader.diags.Error("schema-pattern", at, message, hint)
}

var formatNames = []string{
	"date", "date-time", "time", "duration", "period", "email", "hostname", "ipv4", "ipv6", "uuid",
	"uri", "uri-reference", "iri", "iri-reference", "uri-template", "json-pointer", "relative-json-pointer", "regex", "semver",
}

func (c *checker) format(n *node) {
	if n.kind != '"' {
		return
	}
	for _, name := range formatNames {
		if n.text == name {
			return
		}
	}
	hint := didYouMean(n.text, formatNames)
	if strings.EqualFold(n.text, "datetime") {
		hint = `did you mean "date-time"?`
	}
	c.warn("schema-keyword", n.span, fmt.Sprintf("unknown format %q, nothing is checked for it", diag.Crop(n.text, 40)), hint)
}

// count checks what the compiler would cut off to fit an int.
func (c *checker) count(m member) {
	if m.value.kind != '0' {
		return
	}
	n, _ := value.ParseNumeral(m.value.text)
	if i, ok := n.Int64(); n.IsInteger() && (!ok || i > 1<<31-1) {
		c.error("schema-keyword", m.value, fmt.Sprintf("%q is at most %d", m.name, 1<<31-1), "")
	}
}

// unknown warns of a keyword that is none but nearly is. Others are allowed:
// they are annotations.
func (c *checker) unknown(m member) {
	keywords := []string{
		"type", "required", "pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
		"properties", "patternProperties", "additionalProperties", "items", "prefixItems", "additionalItems", "uniqueItems",
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const", "allOf", "anyOf", "oneOf", "$ref",
	}
	allowed := []string{
		"if", "then", "else", "not", "id", "$id", "title", "default", "contains", "description", "examples", "example", "$comment", "comment",
		"propertyNames", "dependentRequired", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "$anchor",
	}
	for _, word := range append(keywords, allowed...) {
		if m.name == word {
			return
		}
	}
	if len(m.name) < 4 || strings.HasPrefix(m.name, "x-") {
		return
	}
	if near := nearest(m.name, keywords); near != "" && distance(strings.ToLower(m.name), strings.ToLower(near)) <= 2 {
		c.warn("schema-keyword", m.key, fmt.Sprintf("unknown keyword %q, it does nothing", m.name), fmt.Sprintf("did you mean %q?", near))
	}
}

// nodeNoun is what messages call a value in a schema file.
func nodeNoun(n *node) string {
	switch n.kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "text"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "true or false"
	}
}
