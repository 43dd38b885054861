package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// TestCoverage is what a mapping's records do not come to, whoever of the mappers
// sees them. Runs add up.
func TestCoverage(t *testing.T) {
	const mapping = `version: 1
source: {test: {}}
let:
  full: first ?? last
where: n > 0
fields:
  id: {value: id, type: integer, required: true}
  full: full
  kind: {value: "n > 2 ? 'many' : 'few'", type: string}
  none: {value: none, type: string}
schema: row.json
sinks: [{memory: {}}]
`
	const row = `{"properties": {"kind": {"enum": ["many", "few", "all"]}, "full": {"type": "string", "maxLength": 3}}}`
	pages := [][]string{
		{`{"id": 1, "n": 1, "first": "Ada"}`, `{"id": 2, "n": 0}`},
		{`{"id": 3, "n": 2, "first": "Álan"}`, `{"id": 4}`},
	}
	for _, workers := range []int{1, 4} {
		r := registry(map[string]*memorySink{"memory": {}})
		m, diags := pipeline.Parse("m.yaml", []byte(mapping))
		plan, more := m.Compile(pipeline.Setup{Registry: r, Cover: true, Files: &pipeline.Files{Read: func(string) ([]byte, error) { return []byte(row), nil }}})
		if plan == nil {
			t.Fatal(diags, more)
		}
		cover := plan.Coverage()
		missing := func() (out []string) {
			for _, item := range cover.Items() {
				if !item.Covered {
					out = append(out, fmt.Sprintf("%d:%d %s %s", item.Span.Start.Line, item.Span.Start.Column, item.Kind, item.What))
				}
			}
			return out
		}
		run := func(pages [][]string) {
			o := pipeline.RunOptions{Workers: workers, Cover: cover, AnyRejects: true}
			if _, _, err := runOn(t, plan, pages, o); err != nil {
				t.Fatal(err)
			}
		}
		run(pages)
		want := []string{
			"10:3 field none is null in every row",
			"4:18 branch last is never taken, for what stands before ?? is never null",
			"9:26 branch 'many' is never taken, for what is asked before it is never true",
			`1:35 rule kind: no row comes to enum "many"`,
			`1:50 rule kind: no row comes to enum "all"`,
		}
		if diff := cmp.Diff(want, missing()); diff != "" {
			t.Errorf("%d mappers\n%s", workers, diff)
		}
		run([][]string{{`{"id": 5, "n": 3, "last": "B", "none": "1"}`}})
		if diff := cmp.Diff(want[4:], missing()); diff != "" {
			t.Errorf("after a second run\n%s", diff)
		}
	}
}
