package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// brief is a diagnostic on one line: "3:5-3:9 error schema-ref: message | hint".
func brief(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		at := fmt.Sprintf("%d:%d", d.Span.Start.Line, d.Span.Start.Column)
		if d.Span.End != (diag.Pos{}) {
			at += fmt.Sprintf("-%d:%d", d.Span.End.Line, d.Span.End.Column)
		}
		if d.Span.File != "s.json" {
			at = d.Span.File + ":" + at
		}
		fmt.Fprintf(&b, "%s %s %s: %s", at, d.Severity, d.Code, d.Message)
		if d.Hint != "" {
			b.WriteString(" | " + d.Hint)
		}
		for _, n := range d.Notes {
			fmt.Fprintf(&b, " (%d:%d %s)", n.Span.Start.Line, n.Span.Start.Column, n.Message)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestCompileDiagnostics(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", `1:1 error schema-syntax: a value is expected, found the end of the file`},
		{"not JSON", "hello", `1:1 error schema-syntax: "hello" is not JSON | put it into double quotes`},
		{"a list", "[1]", `1:1-1:4 error schema-syntax: a JSON Schema for records is an object, this is a list`},
		{"true", "true", `1:1-1:5 error schema-syntax: a JSON Schema for records is an object, this is true or false`},
		{"trailing comma", "{\n  \"type\": \"object\",\n}", `2:19-2:20 error schema-syntax: a comma stands before '}', where JSON has none | remove it`},
		{"trailing comma in a list", `{"required": ["a",]}`, `1:18-1:19 error schema-syntax: a comma stands before ']', where JSON has none | remove it`},
		{
			"missing commas", "{\n  \"type\": \"object\"\n  \"title\": \"é\" \"description\": \"x\"\n}",
			"2:19-2:19 error schema-syntax: a comma is missing here | put a comma between the two\n" +
				"3:15-3:15 error schema-syntax: a comma is missing here | put a comma between the two",
		},
		{"missing colon", `{"type" "object"}`, `1:9 error schema-syntax: a colon is expected after "type", found '"'`},
		{"cut off", "{\"type\": \"object\",\n", `2:1 error schema-syntax: the file ends where '}' is expected`},
		{"open string", "{\"type\": \"obj\n}", `1:10 error schema-syntax: the string is not closed before the end of its line | close it with "`},
		{"single quotes", `{'type': 1}`, `1:2 error schema-syntax: a name in double quotes is expected, found '\''`},
		{"comment", "{\n // no\n}", `2:2 error schema-syntax: a name in double quotes is expected, found '/'`},
		{"Python", `{"additionalProperties": False}`, `1:26 error schema-syntax: "False" is not JSON | did you mean false?`},
		{"number", `{"minimum": 01}`, `1:13 error schema-syntax: this is not a JSON number`},
		{"huge number", `{"multipleOf": 1e999999999}`, `1:16 error schema-syntax: the number has more than 400 digits`},
		{"more after the end", "{} {}", `1:4 error schema-syntax: the schema has ended, but the file goes on with '{'`},
		{"not UTF-8", "{\"title\": \"a\xff\"}", `1:13 error schema-syntax: the file is not UTF-8 | save it as UTF-8`},
		{"twice", "{\"title\": \"a\",\n \"title\": \"b\"}", `2:2-2:9 error schema-syntax: "title" is in this object twice | keep one of them (1:2 the first one is here)`},
		{"deep", strings.Repeat(`{"not":`, 70), `1:456 error schema-syntax: the schema is nested more than 64 levels deep`},

		{
			"draft-03", "{\"properties\": {\n  \"id\": {\"type\": \"integer\", \"required\": true},\n  \"voucher\": {\"required\": false}\n}}",
			`2:29-2:39 error schema-keyword: "required": true is the draft-03 form; from draft-04 on, "required" is a list on the object | remove it, and put "id" into "required": […] beside "properties"` + "\n" +
				`3:15-3:25 error schema-keyword: "required": false is the draft-03 form; from draft-04 on, "required" is a list on the object | remove it: what is not in that list is not required`,
		},
		{"draft-03 named", `{"$schema": "http://json-schema.org/draft-03/schema#"}`, `1:13-1:54 error schema-keyword: no draft of JSON Schema that is known here: http://json-schema.org/draft-03/schema# | use "http://json-schema.org/draft-07/schema#" or "https://json-schema.org/draft/2020-12/schema"`},
		{"type", `{"properties": {"a": {"type": "strng"}}}`, `1:31-1:38 error schema-keyword: unknown type "strng" | did you mean "string"?`},
		{"type in a list", `{"type": ["object", "nul"]}`, `1:21-1:26 error schema-keyword: unknown type "nul" | did you mean "null"?`},
		{"type date", `{"properties": {"a": {"type": "date"}}}`, `1:31-1:37 error schema-keyword: unknown type "date" | write "type": "string" with "format": "date" or "date-time"`},
		{"type is a number", `{"type": 1}`, `1:10-1:11 error schema-keyword: "type" fits none of the alternatives that the schema lists`},
		{"pattern", `{"properties": {"a": {"pattern": "^[a-z"}}}`, `1:34-1:41 error schema-pattern: the pattern is not a regular expression: missing closing ] [a-z`},
		{"look-ahead", `{"properties": {"a": {"pattern": "(?=a)"}}}`, `1:34-1:41 error schema-pattern: the pattern is not a regular expression: invalid or unsupported Perl syntax (?= | patterns are RE2: no look-ahead, look-behind or back references`},
		{"pattern of names", `{"patternProperties": {"*": {}}}`, `1:24-1:27 error schema-pattern: the pattern is not a regular expression: missing argument to repetition operator *`},
		{"format", `{"properties": {"a": {"format": "datetime"}}}`, `1:33-1:43 warning schema-keyword: unknown format "datetime", nothing is checked for it | did you mean "date-time"?`},
		{"keyword", `{"properties": {"a": {"maxLenght": 3, "x-maxLenght": 1, "label": ""}}}`, `1:23-1:34 warning schema-keyword: unknown keyword "maxLenght", it does nothing | did you mean "maxLength"?`},
		{"minLength", `{"properties": {"a": {"minLength": "3"}}}`, `1:36-1:39 error schema-keyword: "minLength" is text, a whole number is wanted`},
		{"minLength negative", `{"properties": {"a": {"minLength": -3}}}`, `1:36-1:38 error schema-keyword: "minLength" is less than 0, the least allowed`},
		{"maxLength huge", `{"maxLength": 99999999999}`, `1:15-1:26 error schema-keyword: "maxLength" is at most 2147483647`},
		{"a property that is no schema", `{"properties": {"a": "string"}}`, `1:22-1:30 error schema-keyword: a schema is an object, or true or false; this is text`},

		{"ref", `{"properties": {"a": {"$ref": "#/definitions/adress"}}, "definitions": {"address": {}}}`, `1:31-1:53 error schema-ref: there is no #/definitions/adress in s.json | did you mean "address"?`},
		{"ref to an anchor", `{"properties": {"a": {"$ref": "#nowhere"}}}`, `1:31-1:41 error schema-ref: this refers to nothing that is there: anchor in "s.json#nowhere" not found in schema "s.json"`},
		{"ref to itself", `{"$ref": "#"}`, `1:1 error schema-ref: this refers to itself without end, so that no value could ever fit it`},
		{"refs in a circle", `{"properties": {"a": {"$ref": "#/properties/b"}, "b": {"allOf": [{"$ref": "#/properties/a"}]}, "c": {"items": {"$ref": "#"}}}}`, "1:17-1:20 error schema-ref: this refers to itself without end, so that no value could ever fit it\n1:50-1:53 error schema-ref: this refers to itself without end, so that no value could ever fit it"},
		{"remote ref", `{"properties": {"a": {"$ref": "https://example.com/a.json#/x"}}}`, `1:31-1:62 error schema-ref: https://example.com/a.json is not fetched: a schema comes from files alone | save it beside this file and refer to it by its path`},
		{"protocol-relative ref", `{"$ref": "//example.com/a.json"}`, `1:10-1:32 error schema-ref: //example.com/a.json is not fetched: a schema comes from files alone | save it beside this file and refer to it by its path`},
		{"absolute path", `{"$ref": "/etc/passwd"}`, `1:10-1:23 error schema-ref: the path of another schema is relative to this file`},
		{"no file", `{"$ref": "gone.json"}`, `1:10-1:21 error schema-ref: cannot read gone.json: file does not exist`},
		{"a file with a mistake", `{"$ref": "bad.json"}`, `bad.json:1:10-1:15 error schema-keyword: unknown type "int" | did you mean "integer"?`},
		{"no such thing in a file", `{"$ref": "sub/good.json#/definitions/coed"}`, `1:10-1:43 error schema-ref: there is no #/definitions/coed in sub/good.json | did you mean "code"?`},
	}
	files := map[string]string{
		"bad.json":      `{"type": "int"}`,
		"sub/good.json": `{"definitions": {"code": {"$ref": "../s.json"}}}`,
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, list := Compile("s.json", []byte(tt.text), opener(files))
			if diff := cmp.Diff(tt.want, strings.TrimSuffix(brief(list), "\n")); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if (s == nil) != list.HasErrors() {
				t.Errorf("schema %v beside %s", s, brief(list))
			}
		})
	}
}

func opener(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}

func mustCompile(t testing.TB, text string) *Schema {
	t.Helper()
	s, list := Compile("s.json", []byte(text), nil)
	if len(list) > 0 {
		t.Fatalf("%s\n%s", text, brief(list))
	}
	return s
}

func TestCompileOtherFiles(t *testing.T) {
	files := map[string]string{
		"dir/common#1.json": `{"definitions": {"code": {"type": "string", "pattern": "^[A-Z]{2}$"}, "self": {"$ref": "main.json"}}}`,
	}
	s, list := Compile("dir/main.json", []byte(`{
		"$id": "https://example.com/main.json",
		"properties": {
			"country": {"$ref": "common%231.json#/definitions/code"},
			"meta": {"$ref": "http://json-schema.org/draft-07/schema#"},
			"self": {"$ref": "https://example.com/main.json#/properties/country"},
			"round": {"$ref": "common%231.json#/definitions/self"}
		}}`), opener(files))
	if len(list) > 0 {
		t.Fatal(brief(list))
	}
	for _, name := range []string{"country", "self"} {
		if got := s.Column(name).Type.String(); got != "string" {
			t.Errorf("%s is a %s", name, got)
		}
	}
	_, list = Compile("a.json", []byte(`{"$ref": "b.json"}`), nil)
	if want := "a.json:1:10-1:18 error schema-ref: this schema stands alone and cannot refer to b.json\n"; brief(list) != want {
		t.Errorf("without open: %s", brief(list))
	}
	_, list = Compile("s.json", []byte(`{"$ref": "b.json"}`), func(string) ([]byte, error) { return nil, errors.New("disk on fire") })
	if want := "1:10-1:18 error schema-ref: cannot read b.json: disk on fire\n"; brief(list) != want {
		t.Errorf("broken open: %s", brief(list))
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","properties":{"a":{"type":["string","null"],"format":"email"}},"required":["a"]}`,
		`{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#"}}}`,
		`{"$id":"x","$ref":"x#/a"}`, `{"allOf":[{"$ref":"#"}]}`, `{"properties":{"a":{"minimum":1e300,"multipleOf":0.01}}}`,
		`{"a":1,}`, `{"a":1 "b":2}`, "{", "\uFEFF{}", "{\"é\": \"\\u00e9\"}", `{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"maximum":3,"exclusiveMaximum":true}}}`,
		`{"oneOf":[{"type":"null"},{"properties":{"a":{}},"additionalProperties":false}]}`, `{"$dynamicRef":"#a","$defs":{"b":{"$dynamicAnchor":"a"}}}`,
		`{"$id":"#a"}`, `{"properties":{"x":{"$id":"http://[","$ref":"y"}}}`, `{"$anchor":"a","properties":{"b":{"$anchor":"a"}}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, list := Compile("s.json", []byte(text), nil)
		lines := strings.Split(strings.TrimPrefix(text, "\uFEFF"), "\n")
		for _, d := range list {
			for _, pos := range []diag.Pos{d.Span.Start, d.Span.End} {
				if pos == (diag.Pos{}) {
					continue
				}
				if pos.Line < 1 || pos.Line > len(lines) || pos.Column < 1 || pos.Column > len([]rune(lines[pos.Line-1]))+1 {
					t.Fatalf("%+v is not in the file: %s", pos, d.Message)
				}
			}
		}
		if s == nil {
			if !list.HasErrors() {
				t.Fatal("no schema, and no reason")
			}
			return
		}
		_ = s.Shape()
		_ = s.Closed()
		columns := append(s.Properties(), s.Required()...)
		for _, name := range columns {
			_ = s.Column(name)
		}
		check := s.Row(columns)
		row := make([]value.Value, len(columns))
		for _, v := range someValues {
			for i := range row {
				row[i] = v
			}
			_ = check.Check(row)
		}
	})
}
