package pipeline

import (
	"strings"
	"testing"
)

// BenchmarkAppendReject is the line of a record that is kept out, which is
// checked once more for being JSON.
func BenchmarkAppendReject(b *testing.B) {
	record := `{"id":9007199254740993,"first_name":"Zoë","email":"zoe at example.com","status":"registered","custom_fields":[` +
		strings.Repeat(`{"question":"Dietary requirements","answer":"No \"pork\", please"},`, 12) + `{"question":"Size","answer":"M"}]}`
	page := &Page{Number: 3, Records: []Record{{Text: []byte(record)}}}
	why := reject{code: "schema-pattern", field: "email", reason: `does not match the pattern ^[^@\s]+@[^@\s]+\.[^@\s]+$`, value: []byte(`"zoe at example.com"`)}
	key := []byte(`["9007199254740993"]`)
	plan := &Plan{name: "attendees", source: planSource{connector: SourceConnector{Name: "gevme"}}}
	var line []byte
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		line = plan.appendReject(line[:0], page, 0, key, why)
	}
	if !strings.Contains(string(line), `,"record":{"id":9007199254740993,`) {
		b.Fatalf("the record is not in it: %s", line)
	}
}
