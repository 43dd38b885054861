package diag

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var machineList = List{}.
	Error("unknown-name", at("mappings/acme one.yaml", 3, 7, 3, 12), `unknown name "<emial>"`, "did you mean \"email\"?",
		Note{at("b.json", 22, 0), "declared here"}, Note{Message: "no place"}).
	Warn("drift", at("/abs/c.yaml", 0, 0), "odd", "").
	Error("unknown-name", Span{}, "nowhere", "")

func TestJSON(t *testing.T) {
	want := `{
  "diagnostics": [
    {
      "severity": "error",
      "code": "unknown-name",
      "file": "mappings/acme one.yaml",
      "line": 3,
      "column": 7,
      "endLine": 3,
      "endColumn": 12,
      "message": "unknown name \"<emial>\"",
      "hint": "did you mean \"email\"?",
      "notes": [
        {
          "file": "b.json",
          "line": 22,
          "message": "declared here"
        },
        {
          "message": "no place"
        }
      ]
    },
    {
      "severity": "warning",
      "code": "drift",
      "file": "/abs/c.yaml",
      "message": "odd"
    },
    {
      "severity": "error",
      "code": "unknown-name",
      "message": "nowhere"
    }
  ],
  "errors": 2,
  "warnings": 1
}
`
	var out bytes.Buffer
	if err := JSON(&out, machineList, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSONOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, nil, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("{\n  \"diagnostics\": [],\n  \"errors\": 0,\n  \"warnings\": 0\n}\n", out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSARIF(t *testing.T) {
	want := `{
	"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
	"runs": [{
		"tool": {"driver": {"name": "pipeline", "version": "1.2.3", "rules": [
			{"id": "unknown-name", "help": {"text": "pipeline explain unknown-name"}}, {"id": "drift", "help": {"text": "pipeline explain drift"}}]}},
		"columnKind": "unicodeCodePoints",
		"results": [
			{"ruleId": "unknown-name", "ruleIndex": 0, "level": "error",
			 "message": {"text": "unknown name \"<emial>\"\ndid you mean \"email\"?\nno place"},
			 "locations": [{"physicalLocation": {"artifactLocation": {"uri": "mappings/acme%20one.yaml"},
			                "region": {"startLine": 3, "startColumn": 7, "endLine": 3, "endColumn": 12}}}],
			 "relatedLocations": [{"physicalLocation": {"artifactLocation": {"uri": "b.json"}, "region": {"startLine": 22}},
			                       "message": {"text": "declared here"}}]},
			{"ruleId": "drift", "ruleIndex": 1, "level": "warning", "message": {"text": "odd"},
			 "locations": [{"physicalLocation": {"artifactLocation": {"uri": "file:///abs/c.yaml"}}}]},
			{"ruleId": "unknown-name", "ruleIndex": 0, "level": "error", "message": {"text": "nowhere"}}
		]}]}`
	var out bytes.Buffer
	if err := SARIF(&out, machineList, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parsed(t, []byte(want)), parsed(t, out.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSARIFOfNothing(t *testing.T) {
	want := `{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": [{"tool": {"driver": {"name": "pipeline", "rules": []}}, "columnKind": "unicodeCodePoints", "results": []}]}`
	var out bytes.Buffer
	if err := SARIF(&out, nil, ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parsed(t, []byte(want)), parsed(t, out.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestProgramsAreToldThatItCouldNotBeWritten(t *testing.T) {
	if err := JSON(brokenWriter{}, nil, nil); err == nil {
		t.Error("JSON: no error")
	}
	if err := SARIF(brokenWriter{}, nil, ""); err == nil {
		t.Error("SARIF: no error")
	}
}

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
