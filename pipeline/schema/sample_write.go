package schema

// sample_write.go: what a sample saw, as the text of a schema.

import (
	"fmt"
	"strings"

	"pipeline/pipeline/value"
)

// Text is a JSON Schema, draft 2020-12, that all records of the sample fit. The
// same records give the same bytes. from is what they are records of.
func (s *Sample) Text(from string) []byte {
	return append([]byte(schemaText(&s.root, "", 0,
		`"$schema": "https://json-schema.org/draft/2020-12/schema"`,
		`"title": `+quote("record of "+from),
		`"description": `+quote(fmt.Sprintf("Written by pipeline discover from %s. It is a claim, not a filter: no record is rejected for it.", plural(s.root.count, "record"))),
	)), '\n')
}

func quote(s string) string { return string(value.AppendJSONString(nil, s)) }

// schemaText is the schema of what was seen, whose closing brace is indented so
// far, with more members before its own. parent is the name of the object that
// the value is in, or what it is called itself where it is an object.
func schemaText(s *seen, parent string, indent int, head ...string) string {
	return objectText(append(head, keywords(s, parent, indent+1)...), indent)
}

// lineWidth is the length up to which an object stands on one line.
const lineWidth = 100

// objectText is an object of members, on one line where they have room.
func objectText(members []string, indent int) string {
	return bracketed("{", members, "}", indent)
}

func bracketed(open string, items []string, closing string, indent int) string {
	line := open + strings.Join(items, ", ") + closing
	if len(line)+2*indent <= lineWidth && !strings.Contains(line, "\n") && indent > 0 {
		return line
	}
	border := "\n" + strings.Repeat("  ", indent)
	return open + border + "  " + strings.Join(items, ","+border+"  ") + border + closing
}

// keywords are the members of a schema, indented so far.
func keywords(s *seen, parent string, indent int) []string {
	var out []string
	if s.types != 0 {
		out = append(out, `"type": `+typeText(s.types))
	}
	if s.names != nil {
		out = append(out, objectKeywords(s.names, parent, indent)...)
	}
	if s.items != nil && s.items.count > 0 {
		out = append(out, `"items": `+schemaText(s.items, parent, indent))
	}
	if s.texts == nil || s.types&^null != text {
		return out
	}
	if format := s.texts.format(); format != "" {
		return append(out, `"format": `+quote(format))
	}
	if values := s.texts.enum(parent); values != nil {
		out = append(out, `"enum": `+bracketed("[", literals(values, s.types&null != 0), "]", indent))
	}
	return out
}

func objectKeywords(n *names, parent string, indent int) []string {
	if n.isMap() {
		n.collapse()
		return []string{`"additionalProperties": ` + schemaText(n.others, "", indent)}
	}
	var required, properties []string
	for _, m := range n.list {
		if m.count == n.count {
			required = append(required, quote(m.name))
		}
		properties = append(properties, quote(m.name)+": "+memberText(n, m, parent, indent+1))
	}
	var out []string
	if len(required) > 0 {
		out = append(out, `"required": `+bracketed("[", required, "]", indent))
	}
	if len(properties) > 0 {
		out = append(out, `"properties": `+objectText(properties, indent))
	}
	return out
}

// unlisted stands where the questions of a form are not listed, so that a merge
// does not take them for never having been looked for.
const unlisted = `"$comment": "the questions are too many, or hold people's data: they are not listed"`

// memberText is the schema of a member. The questions of a form are listed
// however rare they are: expressions ask for them by their text.
func memberText(n *names, m *named, parent string, indent int) string {
	parent = m.parent(parent)
	if m.name != questionName || !n.asks() || m.texts == nil || m.types&^null != text {
		return schemaText(&m.seen, parent, indent)
	}
	listed := unlisted
	if questions := m.texts.questions(); questions != nil {
		listed = `"enum": ` + bracketed("[", literals(questions, m.types&null != 0), "]", indent+1)
	}
	return objectText([]string{`"type": ` + typeText(m.types), listed}, indent)
}

// parent is the name by which the member is judged, that of the object it is in
// being parent; its own where it holds others.
func (m *named) parent(parent string) string {
	if m.types&(object|array) != 0 {
		return m.name
	}
	return parent
}

// literals are values as JSON has them.
func literals(values []string, nullable bool) []string {
	list := make([]string, 0, len(values)+1)
	for _, v := range values {
		list = append(list, quote(v))
	}
	if nullable {
		list = append(list, "null")
	}
	return list
}

// typeText is a set of types as "type" has it.
func typeText(set types) string {
	names := typeNames(set)
	if len(names) == 1 {
		return quote(names[0])
	}
	return "[" + strings.Join(literals(names, false), ", ") + "]"
}

// typeNames are the types of a set, null last.
func typeNames(set types) []string {
	var list []string
	for _, t := range []struct {
		set  types
		name string
	}{{text, "string"}, {fraction, "number"}, {whole, "integer"}, {boolean, "boolean"}, {object, "object"}, {array, "array"}, {null, "null"}} {
		if set&t.set != 0 && (t.set != whole || set&fraction == 0) {
			list = append(list, t.name)
		}
	}
	return list
}
