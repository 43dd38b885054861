package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

const driftSchema = `{
  "type": "object",
  "required": ["id", "email"],
  "properties": {
    "id": {"type": "integer"},
    "email": {"type": "string"},
    "status": {"type": "string", "enum": ["confirmed", "cancelled"]},
    "price": {"type": ["number", "null"]},
    "ticket": {"type": ["object", "null"], "properties": {"name": {"type": "string"}}},
    "labels": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
    "guests": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}
  }
}`

func driftPlan(t *testing.T, source, each string) *pipeline.Plan {
	return compile(t, "version: 1\nsource: {test: , schema: s.json"+source+"}\n"+each+"fields: {id: string(id ?? 0)}\nsinks: [a: ]\n",
		registry(map[string]*memorySink{"a": {}}), map[string]string{"s.json": driftSchema})
}

// Every kind of drift is counted, read by an expression or not, and nothing is
// rejected for it.
func TestDriftIsCounted(t *testing.T) {
	records := []string{
		`{"id": 1, "email": "a@b.co", "status": "confirmed", "price": 1.5, "ticket": {"name": "VIP"}, "labels": {"a": "", "b": ""}}`,
		`{"id": 2.0, "email": "a@b.co", "vip": true, "ticket": {"name": "VIP", "colour": "red"}}`,
		`{"id": 3, "email": null, "status": "waitlisted", "price": "12", "ticket": null, "vip": false}`,
		`{"id": 3.5, "status": "jane.doe@example.org", "ticket": [], "jane@example.org": 1}`,
		`{"id": 5, "email": "x", "vip": 1, "vip": 2}`, // not JSON as we take it: rejected, and of no account
	}
	report, _, err := runOn(t, driftPlan(t, "", ""), [][]string{records[:2], records[2:]}, pipeline.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2× new field vip (first: page 1 item 2)",
		"2× email is null or absent, and never should be (first: page 2 item 1)",
		"1× new field (not shown) (first: page 2 item 2)",
		"1× new field ticket.colour (first: page 1 item 2)",
		`1× status has the new value "(not shown)" (first: page 2 item 2)`,
		`1× status has the new value "waitlisted" (first: page 2 item 1)`,
		"1× id is a number with a fraction (first: page 2 item 2)",
		"1× price is a text (first: page 2 item 1)",
		"1× ticket is a list (first: page 2 item 2)",
	}
	if diff := cmp.Diff(want, driftLines(report)); diff != "" {
		t.Error(diff)
	}
	if report.Rejected != 1 || report.Written != 4 {
		t.Errorf("%d rejected, %d written", report.Rejected, report.Written)
	}
}

func driftLines(r pipeline.Report) (lines []string) {
	for _, d := range r.Drift {
		lines = append(lines, fmt.Sprintf("%d× %s (first: %s)", d.Count, d, d.Where()))
	}
	return lines
}

// The elements of each: are held against what the schema says of them.
func TestDriftOfElements(t *testing.T) {
	plan := driftPlan(t, "", "each: {guest: \"guests ?? []\"}\n")
	report, _, err := runOn(t, plan, [][]string{{`{"id": 1, "email": "", "guests": [{"name": "A"}, {"age": 3}, 7]}`}}, pipeline.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1× new field guest.age (first: page 1 item 1)",
		"1× guest.name is null or absent, and never should be (first: page 1 item 1)",
		"1× guest is a number (first: page 1 item 1)",
	}
	if diff := cmp.Diff(want, driftLines(report)); diff != "" {
		t.Error(diff)
	}
}

// What is said of drift does not depend on the number of mappers, and is bounded
// where records make their names up.
func TestDriftIsTheSameForAnyNumberOfMappers(t *testing.T) {
	var pages [][]string
	for page := range 40 {
		var recs []string
		for i := range 20 {
			recs = append(recs, fmt.Sprintf(`{"id": 1, "email": "", "f%d": 1, "n%d": 2, "status": "s%d"}`, (page+i)%7, page*100+i, i))
		}
		pages = append(pages, recs)
	}
	var first []string
	for _, workers := range []int{1, 2, 5} {
		report, _, err := runOn(t, driftPlan(t, "", ""), pages, pipeline.RunOptions{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		lines := driftLines(report)
		if first == nil {
			first = lines
		}
		if diff := cmp.Diff(first, lines); diff != "" {
			t.Errorf("%d mappers: %s", workers, diff)
		}
		total := 0
		for _, d := range report.Drift {
			total += d.Count
		}
		if total != 40*20*3 || len(report.Drift) > 110 {
			t.Errorf("%d breaks of %d kinds are counted", total, len(report.Drift))
		}
	}
}

func TestDriftFails(t *testing.T) {
	plan := driftPlan(t, ", drift: fail", "")
	good := `{"id": 1, "email": "x"}`
	if _, _, err := runOn(t, plan, [][]string{{good}}, pipeline.RunOptions{}); err != nil {
		t.Errorf("without drift: %v", err)
	}
	report, _, err := runOn(t, plan, [][]string{{good, `{"id": 2, "email": "x", "vip": 1}`}, {`{"id": 3, "email": "x", "vip": 1}`}}, pipeline.RunOptions{})
	var drifted *pipeline.Drifted
	if !errors.As(err, &drifted) {
		t.Fatalf("error is %v", err)
	}
	want := "the records are not as s.json says, and source.drift is fail; nothing is published\n  2× new field vip (first: page 1 item 2)"
	if diff := cmp.Diff(want, drifted.Error()); diff != "" {
		t.Error(diff)
	}
	if len(report.Drift) != 1 || !strings.Contains(drifted.Code(), "drift") {
		t.Errorf("%+v", report.Drift)
	}
}
