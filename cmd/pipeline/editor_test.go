package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// object is a JSON object of the schema. Its keys come out sorted.
type object map[string]any

// TestEditorSchema writes schemas/mapping.schema.json for editors, from the
// keys of the language and the options of the connectors.
func TestEditorSchema(t *testing.T) {
	goldenFile(t, "../../schemas/mapping.schema.json", string(editorSchema(t)))
}

func editorSchema(tb testing.TB) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(mappingSchema(connectors.All(rest.New()))); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// mappingSchema is the schema of a mapping. It is draft-07, which is what
// editors know best, and never stricter than check: what extends another
// mapping need say nothing itself.
func mappingSchema(registry *pipeline.Registry) object {
	s := schemaMaker{registry}
	properties := s.section(pipeline.MappingKeys)
	return object{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "A mapping of pipeline", "type": "object",
		"description": "Where records come from, what becomes of them, and where rows go. Written from the program; what it cannot see, pipeline check does.",
		"properties":  properties, "additionalProperties": false,
		"if": object{"not": object{"required": []string{"extends"}}},
		"then": object{"required": s.required(pipeline.MappingKeys),
			"properties": object{"source": object{"properties": s.requiredOptions()}}},
		"definitions": object{
			"expression": object{"description": "An expression: names of the record, operators and functions. pipeline functions lists them.", "type": scalars(true)},
			"type": object{"description": "The type to convert to, without loss, or reject.",
				"anyOf": []any{object{"enum": value.Types}, object{"type": "string", "pattern": `^\s*(decimal\s*\(\s*\d+\s*,\s*\d+\s*\)|list\s*\(.+\))\s*$`}}},
		},
	}
}

type schemaMaker struct{ registry *pipeline.Registry }

// section is the properties for the keys of a section.
func (s schemaMaker) section(keys pipeline.Section) object {
	out := object{}
	for _, k := range keys {
		p := s.form(k)
		doc := strings.ReplaceAll(k.Takes, "`", "")
		p["description"] = strings.ToUpper(doc[:1]) + doc[1:] + "."
		if plain, ok := defaultOf(k.Default); ok {
			p["default"] = plain
		} else if k.Default != "" && k.Default != "required" {
			p["description"] = p["description"].(string) + " Default: " + strings.ReplaceAll(k.Default, "`", "") + "."
		}
		out[k.Name] = p
	}
	return out
}

// defaultOf is a default that is a value, in backquotes.
func defaultOf(s string) (any, bool) {
	plain := strings.Trim(s, "`")
	if "`"+plain+"`" != s || strings.Contains(plain, "`") {
		return nil, false
	}
	if plain == "true" || plain == "false" {
		return plain == "true", true
	}
	return plain, true
}

// required are the keys of a section that have to be there.
func (s schemaMaker) required(keys pipeline.Section) []string {
	var out []string
	for _, k := range keys {
		if k.Default == "required" {
			out = append(out, k.Name)
		}
	}
	return out
}

// form is the schema of what stands behind a key. All may be removed by ~.
func (s schemaMaker) form(k pipeline.Key) object {
	group := func(properties object) object {
		return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	}
	named := func(item any) object { return object{"type": []string{"object", "null"}, "additionalProperties": item} }
	expression := object{"$ref": "#/definitions/expression"}
	switch k.Form {
	case pipeline.FormExpression:
		return object{"allOf": []any{expression}}
	case pipeline.FormExpressions:
		return named(expression)
	case pipeline.FormType:
		return object{"anyOf": []any{object{"$ref": "#/definitions/type"}, object{"type": "null"}}}
	case pipeline.FormTexts:
		return object{"type": []string{"array", "null"}, "items": object{"type": scalars(false)}}
	case pipeline.FormSource:
		return s.source()
	case pipeline.FormFields:
		return named(object{"anyOf": []any{expression, group(s.section(pipeline.FieldKeys))}})
	case pipeline.FormLookups:
		return named(group(s.section(pipeline.LookupKeys)))
	case pipeline.FormRejects:
		return group(s.section(pipeline.RejectsKeys))
	case pipeline.FormSchedule:
		return object{"anyOf": []any{object{"type": []string{"string", "null"}}, group(s.section(pipeline.ScheduleKeys))}}
	case pipeline.FormSinks:
		return object{"type": []string{"array", "null"}, "minItems": 1, "items": s.sink()}
	}
	return scalar(pipeline.OptionType(strings.ReplaceAll(string(k.Form), "text", "string")), k.Values, 0, true)
}

// source is the schema of source: its keys beside one connector.
func (s schemaMaker) source() object {
	properties := s.section(pipeline.SourceKeys)
	var streams []any
	for _, c := range s.registry.Sources {
		properties[c.Name] = s.connector(c.Name, c.Summary, c.Options, true)
		var names []string
		for _, stream := range c.Streams {
			names = append(names, stream.Name)
		}
		if c.Remote {
			stream := object{"anyOf": []any{object{"enum": names}, object{"type": "null"}}}
			streams = append(streams, object{"if": object{"required": []string{c.Name}}, "then": object{"properties": object{"stream": stream}}})
		}
	}
	return object{"type": []string{"object", "null"}, "properties": properties, "allOf": streams, "additionalProperties": false,
		"patternProperties": object{`\.ya?ml$`: object{"description": "A connector declared in a file of its own, with its options.", "type": []string{"object", "null"}}}}
}

// requiredOptions are what a source needs that nothing is merged into.
func (s schemaMaker) requiredOptions() object {
	out := object{}
	for _, c := range s.registry.Sources {
		if names := requiredNames(c.Options); len(names) > 0 {
			out[c.Name] = object{"type": "object", "required": names}
		}
	}
	return out
}

// sink is the schema of an item of sinks: one connector. Lists are not merged,
// so that what it needs has to be there.
func (s schemaMaker) sink() object {
	properties := object{}
	for _, c := range s.registry.Sinks {
		p := s.connector(c.Name, c.Summary, c.Options, false)
		if names := requiredNames(c.Options); len(names) > 0 {
			p["type"], p["required"] = "object", names
		}
		properties[c.Name] = p
	}
	return object{"type": "object", "minProperties": 1, "maxProperties": 1, "properties": properties, "additionalProperties": false}
}

func requiredNames(options []pipeline.Option) []string {
	var out []string
	for _, o := range options {
		if o.Required {
			out = append(out, o.Name)
		}
	}
	return out
}

func (s schemaMaker) connector(name, summary string, options []pipeline.Option, removable bool) object {
	properties := object{}
	for _, o := range options {
		p := s.option(o, removable)
		p["description"] = strings.TrimSuffix(strings.ToUpper(o.Doc[:1])+o.Doc[1:], ".") + "."
		if o.Default != nil && o.Default != "" {
			p["default"] = o.Default
		}
		properties[o.Name] = p
	}
	return object{"description": name + ": " + summary, "type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

// option is the schema of one option.
func (s schemaMaker) option(o pipeline.Option, removable bool) object {
	if o.Type != pipeline.TypeGroup {
		return scalar(o.Type, o.Values, o.Max, removable)
	}
	group := s.connector(o.Name, o.Doc, o.Group, removable)
	group["required"] = requiredNames(o.Group)
	return group
}

// scalars are the JSON types of a text: whatever YAML takes it for.
func scalars(null bool) []string {
	if null {
		return []string{"string", "number", "boolean", "null"}
	}
	return []string{"string", "number", "boolean"}
}

// scalar is the schema of one value. A text may always stand for another type
// where it holds ${NAME}, and numbers and true may stand in quotes.
func scalar(typ pipeline.OptionType, values []string, most int64, removable bool) object {
	orText := func(form object, quoted string) object {
		forms := []any{form, object{"type": "string", "pattern": quoted + `\$\{`}}
		if removable {
			forms = append(forms, object{"type": "null"})
		}
		return object{"anyOf": forms}
	}
	switch {
	case typ == pipeline.TypeInteger && len(values) > 0:
		return orText(object{"enum": []any{json.Number(values[0])}}, "^"+values[0]+"$|")
	case typ == pipeline.TypeInteger && most > 0:
		return orText(object{"type": "integer", "minimum": 1, "maximum": most}, "^[0-9]+$|")
	case typ == pipeline.TypeInteger:
		return orText(object{"type": "integer", "minimum": 0}, "^[0-9]+$|")
	case typ == pipeline.TypeBoolean:
		return orText(object{"type": "boolean"}, "^(true|false)$|")
	case typ == pipeline.TypeStrings:
		return object{"anyOf": []any{object{"type": "array", "items": object{"type": scalars(false)}}, object{"type": scalars(removable)}}}
	case typ == pipeline.TypeMap:
		return object{"type": "object", "additionalProperties": object{"type": scalars(removable)}}
	case typ == pipeline.TypeExpression, typ == pipeline.TypeIdentity:
		return object{"allOf": []any{object{"$ref": "#/definitions/expression"}}}
	case len(values) > 0:
		return orText(object{"enum": values}, "")
	}
	return object{"type": scalars(removable)}
}

// Each ready mapping tells the editor where the schema is.
func TestMappingsNameTheEditorSchema(t *testing.T) {
	names, err := filepath.Glob("../../mappings/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no mappings: %v", err)
	}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(src), "# yaml-language-server: $schema=../schemas/mapping.schema.json\n") {
			t.Errorf("%s does not begin with the line for editors, see docs/mapping.md", name)
		}
	}
}

// TestEditorSchemaTakesRightMappings holds it against every mapping of the
// repository that check finds right, and against wrong ones.
func TestEditorSchemaTakesRightMappings(t *testing.T) {
	takes := editorSchemaBy(t)
	right := map[string][]byte{}
	for _, pattern := range []string{"../../mappings/*.yaml", "../../docs/*.md", "../../docs/*/*.md", "../../README.md", "../../testdata/script/*.txtar", "explain/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range files {
			maps.Copy(right, rightMappings(t, name))
		}
	}
	if len(right) < 100 {
		t.Errorf("%d right mappings were found", len(right))
	}
	for _, name := range slices.Sorted(maps.Keys(right)) {
		if err := takes(right[name]); err != nil {
			t.Errorf("%s is right, and the schema does not take it: %v", name, err)
		}
	}
}

func TestEditorSchemaRefusesWrongMappings(t *testing.T) {
	takes := editorSchemaBy(t)
	for _, code := range []string{"unknown-key", "bad-option", "wrong-type", "wrong-version", "unknown-connector", "unknown-stream", "unknown-type", "missing-option", "missing-key"} {
		e, err := explanationOf(code)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range e.files {
			if f.Name == "wrong.yaml" && takes(f.Data) == nil {
				t.Errorf("the schema takes the wrong example of %s", code)
			}
		}
	}
	for _, src := range []string{
		"extends: base.yaml\nfields: {id: {valu: id}}\n",
		"extends: base.yaml\nsinks: [csv: {path: a.csv, delimeter: ;}]\n",
		"extends: base.yaml\nsinks: [csv: {path: a.csv}, jsonl: {path: a.jsonl, csv: 1}]\n",
		"extends: base.yaml\nsource: {gevme: {event: 1, page_size: 100000}}\n",
		"extends: base.yaml\nsource: {tape: sometimes}\n",
		"extends: base.yaml\nlookups: {a: {path: a.csv, keys: a}}\n",
	} {
		if takes([]byte(src)) == nil {
			t.Errorf("the schema takes %s", src)
		}
	}
}

// editorSchemaBy validates mappings as an editor does.
func editorSchemaBy(t *testing.T) func(src []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(editorSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mapping.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := c.MustCompile("mapping.schema.json")
	return func(src []byte) error { return schema.Validate(asJSON(t, src)) }
}

// asJSON is a mapping as JSON has it.
func asJSON(t *testing.T, src []byte) any {
	var doc any
	if err := yaml.Unmarshal(src, &doc); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var isMapping = regexp.MustCompile(`(?m)^(source|extends|sinks):`)

// rightMappings are the mappings in a file that check finds right: the file
// itself, the snippets of a document, or the files of an archive.
func rightMappings(t *testing.T, name string) map[string][]byte {
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	switch filepath.Ext(name) {
	case ".yaml":
		out[name] = src
	case ".md":
		for _, b := range blocks(string(src)) {
			if b.language == "yaml" && isMapping.MatchString(b.text) {
				out[name+": "+firstLines(b.text)] = []byte(b.text)
			}
		}
	case ".txtar":
		dir := unpacked(t, explanation{files: txtar.Parse(src).Files})
		for _, f := range txtar.Parse(src).Files {
			if !isYAML(f.Name) || !isMapping.Match(f.Data) {
				continue
			}
			var stdout, stderr bytes.Buffer
			if run(t.Context(), []string{"check", filepath.Join(dir, f.Name)}, nil, &stdout, &stderr) == exitDone {
				out[name+": "+f.Name] = f.Data
			}
		}
	}
	return out
}

func firstLines(src string) string {
	lines := strings.SplitN(src, "\n", 4)
	return strings.Join(lines[:min(3, len(lines))], "; ")
}

// TestEditorSchemaWithAjv holds the schema against a validator that is neither
// ours nor of our language; editors have one of its kind.
func TestEditorSchemaWithAjv(t *testing.T) {
	modules := os.Getenv("PIPELINE_NODE_MODULES")
	if modules == "" {
		t.Skip("PIPELINE_NODE_MODULES does not name a node_modules folder with ajv; .ci/run sets it")
	}
	var mappings []any
	for _, name := range []string{"../../mappings/gevme-attendees.yaml", "../../mappings/floktu-attendees.yaml", "../../mappings/floktu-orders.yaml"} {
		for _, src := range rightMappings(t, name) {
			mappings = append(mappings, asJSON(t, src))
		}
	}
	wrong := asJSON(t, []byte("version: 1\nsources: {}\n"))
	input, err := json.Marshal(object{"schema": json.RawMessage(editorSchema(t)), "right": mappings, "wrong": []any{wrong}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "-e", `
		const Ajv = require("ajv"); const input = JSON.parse(require("fs").readFileSync(0));
		const validate = new Ajv({strict: true, strictTypes: false, strictRequired: false}).compile(input.schema);
		for (const m of input.right) if (!validate(m)) { console.log("refused", JSON.stringify(validate.errors)); process.exit(1); }
		for (const m of input.wrong) if (validate(m)) { console.log("taken"); process.exit(1); }`)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("PIPELINE_NODE_MODULES is set, and there is no node")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
