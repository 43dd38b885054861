package pipeline_test

// look_test.go: what a trace knows of what was read, two plans over the same
// records, and conditions beside the mapping.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

const lookMapping = `
version: 1
source: {test: {}}
each:
  n: list ?? []
where: n > 0
fields: {id: id, n: {value: n, type: integer}}
sinks: [{memory: {}}]
`

var lookPages = [][]string{
	{`{"id": 1, "list": [1, 0, 2, 0]}`, `{"id": 2, "list": [0]}`, `{"id": 3, "list": "x"}`, `{"id": 4}`, `{"id": `},
	{`{"id": 5, "list": [3, "y"]}`, `{"id": 6, "list": [0, 7]}`},
}

func lookPlan(t *testing.T, src string) *pipeline.Plan {
	return compile(t, src, registry(map[string]*memorySink{"memory": {}}), nil)
}

// What was read belongs to the row that was made of it, though rows before it were
// filtered; of a record without rows it is what was tried last.
func TestTraceTellsWhatWasRead(t *testing.T) {
	plan := lookPlan(t, lookMapping)
	if diff := cmp.Diff([]string{"list", "id", "n"}, plan.Paths()); diff != "" || plan.RecordPaths() != 2 {
		t.Fatalf("%d paths of the record, and (-want +got)\n%s", plan.RecordPaths(), diff)
	}
	var got []string
	err := plan.Trace(context.Background(), pipeline.RunOptions{World: &pipeline.World{}, Source: &pagesSource{pages: lookPages}}, func(o *pipeline.Outcome) error {
		line := fmt.Sprintf("%d.%d rows %d of %d, read", o.Page, o.Item, len(o.Rows), o.Tried)
		for _, read := range o.Read {
			line += " ["
			for _, v := range read[1:] { // not the list
				line += " " + string(v.AppendText(nil))
			}
			line += " ]"
		}
		got = append(got, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1.1 rows 2 of 4, read [ 1 1 ] [ 1 2 ]",
		"1.2 rows 0 of 1, read [ 2 0 ]",
		"1.3 rows 0 of 0, read [ 3 ]",
		"1.4 rows 0 of 0, read [ 4 ]",
		"1.5 rows 0 of 0, read",
		"2.1 rows 0 of 2, read [ 5 y ]",
		"2.2 rows 1 of 2, read [ 6 7 ]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTraceBeginsAtAPage(t *testing.T) {
	n := 0
	o := pipeline.RunOptions{World: &pipeline.World{}, Source: &pagesSource{pages: lookPages}, Page: 2}
	err := lookPlan(t, lookMapping).Trace(context.Background(), o, func(o *pipeline.Outcome) error {
		if n++; o.Page != 2 || o.Item != n {
			t.Errorf("outcome %d is of page %d, item %d", n, o.Page, o.Item)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d outcomes, %v", n, err)
	}
}

func TestCompareMapsTheSameRecords(t *testing.T) {
	old, new := lookPlan(t, lookMapping), lookPlan(t, strings.Replace(lookMapping, "where: n > 0", "where: n > 1", 1))
	if old.Identity() != new.Identity() {
		t.Fatal("a changed where: is another source")
	}
	var got []string
	err := old.Compare(context.Background(), new, pipeline.RunOptions{World: &pipeline.World{}, Source: &pagesSource{pages: lookPages}}, func(before, after *pipeline.Outcome) error {
		if before.Page != after.Page || before.Item != after.Item || string(before.Record) != string(after.Record) {
			t.Errorf("page %d, item %d is compared with page %d, item %d", before.Page, before.Item, after.Page, after.Item)
		}
		got = append(got, fmt.Sprintf("%d->%d", len(before.Rows), len(after.Rows)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2->1", "0->0", "0->0", "0->0", "0->0", "0->0", "1->1"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFilter(t *testing.T) {
	plan := lookPlan(t, lookMapping)
	filter, diags := plan.Filter("--where", `(user.name ?? "") startsWith "A" and timestamp(at) < now()`, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for record, want := range map[string]string{
		`{"user": {"name": "Ada"}, "at": "2026-02-01T00:00:00Z"}`: "true",
		`{"user": {"name": "Ada"}, "at": "2026-04-01T00:00:00Z"}`: "false",
		`{"user": null}`: "false",
		`{"user": 7}`:    "user.name: user is a number and not an object",
		`{"user": `:      "ends where a value is wanted",
	} {
		holds, err := filter.Holds([]byte(record))
		got := fmt.Sprint(holds)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", record, got, want)
		}
	}
	if filter, diags := plan.Filter("--where", "n > 1", time.Time{}); filter == nil || len(diags) != 1 || diags.HasErrors() || diags[0].Code != "unknown-name" {
		t.Errorf("a condition over a name of each: has %v", diags)
	}
	for src, want := range map[string]string{
		`id +`:      "1:5 the expression ends too early",
		`lowr(x)`:   `1:1 unknown function "lowr"`,
		`"é" + "x"`: "1:1 the condition gives text, and has to say true or false",
	} {
		filter, diags := plan.Filter("--where", src, time.Time{})
		if filter != nil || len(diags) == 0 {
			t.Errorf("%s is a condition", src)
			continue
		}
		at := diags[0].Span
		if got := fmt.Sprintf("%d:%d %s", at.Start.Line, at.Start.Column, diags[0].Message); at.File != "--where" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", src, got)
		}
	}
}
