package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"pipeline/pipeline"
)

// initmapping.go: the text of what init writes, as somebody would write it who
// knows the source. Which columns there are is in initcolumns.go.

// text is the mapping.
func (n *newMapping) text() string {
	var b strings.Builder
	if schema := wayToSchema(n.file); schema != "" {
		fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n", schema)
	}
	what := "Records"
	if n.stream.Name != "" {
		what = strings.ToUpper(n.stream.Name[:1]) + n.stream.Name[1:]
	}
	fmt.Fprintf(&b, "# %s of %s for %s. Change what you like, and check it: pipeline check %s\n", what, n.source.Name, n.name, n.file)
	fmt.Fprintf(&b, "version: 1\ndescription: %s of %s for %s\n\nsource:\n  %s: {%s}\n", what, n.source.Name, n.name, n.source.Name, flow(n.sourceOptions))
	if n.source.Remote {
		fmt.Fprintf(&b, "  connection: %s # pipeline auth login %s --connection %[1]s\n", n.flags.connection, n.source.Name)
	}
	if n.stream.Name != "" {
		fmt.Fprintf(&b, "  stream: %s\n", n.stream.Name)
	}
	if n.where != "" {
		fmt.Fprintf(&b, "\n# who cancelled makes no row\nwhere: %s\n", asScalar(n.where))
	}
	if slices.ContainsFunc(n.columns, func(c column) bool { return c.name == n.key }) {
		fmt.Fprintf(&b, "\n# what makes a row the same row\nkey: [%s]\n", n.key)
	}
	b.WriteString("\nfields:\n")
	for _, c := range n.columns {
		fmt.Fprintf(&b, "  %s: %s\n", c.name, c.text())
	}
	for _, why := range n.skipped {
		fmt.Fprintf(&b, "  # %s\n", why)
	}
	fmt.Fprintf(&b, "\nschema: %s\n\nsinks:\n  - %s: {%s}\n", asScalar(filepath.Base(n.schemaFile)), n.sink.Name, flow(n.sinkOptions))
	return b.String()
}

// wayToSchema is the way from a mapping to the schema that editors know mappings
// by, in the folder schemas of one of the folders above it; empty where there is
// none.
func wayToSchema(mapping string) string {
	up := ""
	for range 4 {
		path := filepath.Join(up, "schemas", "mapping.schema.json")
		if _, err := os.Stat(filepath.Join(filepath.Dir(mapping), path)); err == nil {
			return filepath.ToSlash(path)
		}
		up = filepath.Join(up, "..")
	}
	return ""
}

// text is what stands behind the name of a column.
func (c column) text() string {
	if c.typ == "" && !c.required {
		return asScalar(c.expression)
	}
	parts := []string{"value: " + inFlow(c.expression)}
	if c.typ != "" {
		parts = append(parts, "type: "+c.typ)
	}
	if c.zone != "" {
		parts = append(parts, "timezone: "+c.zone)
	}
	if c.required {
		parts = append(parts, "required: true")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// flow are options within { }.
func flow(options []setOption) string {
	var parts []string
	for _, o := range options {
		text := o.value
		if o.Type == pipeline.TypeString || o.Type == pipeline.TypeInput || o.Type == pipeline.TypeOutput {
			text = inFlow(text)
		}
		parts = append(parts, o.Name+": "+text)
	}
	return strings.Join(parts, ", ")
}

var (
	plainText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_$/.(][^#\n\r\t]*$`) })
	flowText  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_/.][A-Za-z0-9_./()-]*$`) })
)

// asScalar is a text behind a name in YAML, quoted where it has to be.
func asScalar(text string) string {
	if plainText().MatchString(text) && !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":") && strings.TrimSpace(text) == text {
		return text
	}
	return quoted(text)
}

// inFlow is a text within { } in YAML, quoted where it has to be.
func inFlow(text string) string {
	if flowText().MatchString(text) && !slices.Contains([]string{"true", "false", "null", "yes", "no"}, text) {
		return text
	}
	return quoted(text)
}

// quoted is a text in YAML's quotes: in those that it has none of itself.
func quoted(text string) string {
	if strings.ContainsAny(text, `"\`) && !strings.ContainsAny(text, "\n\r\t") {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	inJSON, _ := json.Marshal(text) // a text
	return unescapeHTML(inJSON)
}

// schemaText is the target schema.
func (n *newMapping) schemaText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": %q,\n  \"description\": \"One row, as it is delivered.\",\n  \"type\": \"object\",\n  \"properties\": {\n", n.name+" row")
	var names []string
	for i, c := range n.columns {
		doc := ""
		if c.doc != "" {
			quoted, _ := json.Marshal(c.doc) // a text
			doc = `, "description": ` + unescapeHTML(quoted)
		}
		comma := ","
		if i == len(n.columns)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "    %q: {%s%s}%s\n", c.name, strings.Trim(c.schema, "{}"), doc, comma)
		names = append(names, fmt.Sprintf("%q", c.name))
	}
	fmt.Fprintf(&b, "  },\n  \"required\": [%s],\n  \"additionalProperties\": false\n}\n", strings.Join(names, ", "))
	return b.String()
}
