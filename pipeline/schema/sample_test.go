package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

func sampleOf(t interface{ Fatal(...any) }, records ...string) *Sample {
	s := &Sample{}
	for _, r := range records {
		if err := s.Add([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSampleText(t *testing.T) {
	var records []string
	for i := range 40 {
		ticket := "null"
		if i%2 == 0 {
			ticket = fmt.Sprintf(`{"name": "%s", "price": %d.5, "holder": {"name": "Ann"}}`, []string{"VIP", "Speaker"}[i%4/2], i)
		}
		records = append(records, fmt.Sprintf(`{"id": 900719925474099%d, "first_name": "Ann", "email": "a%[1]d@b.co", "status": "%[2]s", "amount": %[1]d.0, "ticket": %[3]s, "created_at": "2026-01-02T03:04:0%[4]dZ",
			"answers": [{"question": "Diet?", "answer": "vegan"}, {"question": "Shirt", "answer": ["S", "M"]}], "by_id": {"1%[1]d4": {"ok": true}}, "nothing": null, "empty": []}`,
			i, []string{"confirmed", "cancelled"}[i%2], ticket, i%10))
	}
	records[7] = strings.Replace(records[7], `"first_name": "Ann", `, "", 1)
	want := `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "record of people.jsonl",
  "description": "Written by pipeline discover from 40 records. It is a claim, not a filter: no record is rejected for it.",
  "type": "object",
  "required": [
    "id",
    "email",
    "status",
    "amount",
    "ticket",
    "created_at",
    "answers",
    "by_id",
    "nothing",
    "empty"
  ],
  "properties": {
    "id": {"type": "integer"},
    "first_name": {"type": "string"},
    "email": {"type": "string", "format": "email"},
    "status": {"type": "string", "enum": ["cancelled", "confirmed"]},
    "amount": {"type": "integer"},
    "ticket": {
      "type": ["object", "null"],
      "required": ["name", "price", "holder"],
      "properties": {
        "name": {"type": "string", "enum": ["Speaker", "VIP"]},
        "price": {"type": "number"},
        "holder": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
      }
    },
    "created_at": {"type": "string", "format": "date-time"},
    "answers": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["question", "answer"],
        "properties": {
          "question": {"type": "string", "enum": ["Diet?", "Shirt"]},
          "answer": {"type": ["string", "array"], "items": {"type": "string"}}
        }
      }
    },
    "by_id": {
      "type": "object",
      "additionalProperties": {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
    },
    "nothing": {"type": "null"},
    "empty": {"type": "array"}
  }
}
`
	if diff := cmp.Diff(want, string(sampleOf(t, records...).Text("people.jsonl"))); diff != "" {
		t.Error(diff)
	}
}

// No text of a person ends in a schema, however often it comes.
func TestSampleKeepsPeopleOut(t *testing.T) {
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf(`{"name": "Ann Tan", "contact": "ann@x.co", "Last name": "Tan", "buyer": {"name": "Ann Tan"}, "orderPhone": "+65 6123 4567", "ref": "S1234567D", "note": "call Ann", "ann%d@x.co": 1, "seats": [{"name": "Ann Tan"}]}`, i%3))
	}
	got := string(sampleOf(t, records...).Text("x"))
	for _, secret := range []string{"Ann", "Tan", "ann", "6123", "S1234", "call"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in the schema:\n%s", secret, got)
		}
	}
}

// Records that make their names up take bounded memory.
func TestSampleIsBounded(t *testing.T) {
	s := &Sample{}
	for i := range 3000 {
		if err := s.Add(fmt.Appendf(nil, `{"a%d": {"b%d": 1}, "c": {"d%d": {"e%d": "x%d"}}}`, i, i, i, i, i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.root.size(); n > maxSeen {
		t.Errorf("%d names are remembered", n)
	}
	if text := s.Text("x"); len(text) > 2000 {
		t.Errorf("the schema has %d bytes:\n%s", len(text), text)
	}
}

// jsonGen draws a JSON value. Names and texts are few, so that they meet again.
func jsonGen(t *rapid.T, depth int) any {
	most := 9
	if depth > 3 {
		most = 6
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(rapid.SampledFrom(numbers).Draw(t, "number"))
	case 3, 4, 5:
		return rapid.SampledFrom(append([]string{"https://x.co/a", "123e4567-e89b-12d3-a456-426614174000", "x", "y"}, texts...)).Draw(t, "text")
	case 6, 7:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, jsonGen(t, depth+1))
		}
		return list
	default:
		return objectGen(t, depth)
	}
}

func objectGen(t *rapid.T, depth int) map[string]any {
	object := map[string]any{}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"id", "status", "kind", "email", "question", "answer", "ticket", "name", "12", "34567", "a@b.co", ""}), 0, 6).Draw(t, "names") {
		object[name] = jsonGen(t, depth+1)
	}
	return object
}

// recordsGen draws records of which many are alike, so that values repeat.
func recordsGen(t *rapid.T) []string {
	var records []string
	for range rapid.IntRange(1, 4).Draw(t, "kinds") {
		text, err := json.Marshal(objectGen(t, 0))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.SampledFrom([]int{1, 2, 12}).Draw(t, "times") {
			records = append(records, string(text))
		}
	}
	return records
}

// mustFit reports records that do not fit a schema, as the module sees it.
func mustFit(t *rapid.T, text []byte, records ...string) {
	s, list := Compile("s.json", text, nil)
	if s == nil {
		t.Fatalf("%s\n%s", brief(list), text)
	}
	module := moduleSchema(t, string(text))
	for _, r := range records {
		decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(r))
		if err != nil {
			t.Fatal(err)
		}
		if err := module.Validate(decoded); err != nil {
			t.Fatalf("%s\n%s\n%v", text, r, err)
		}
	}
}

func TestSampledRecordsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := recordsGen(t)
		text := sampleOf(t, records...).Text("x")
		mustFit(t, text, records...)
		if again := sampleOf(t, records...).Text("x"); string(again) != string(text) {
			t.Fatalf("the same records gave\n%s\nand\n%s", text, again)
		}
	})
}
