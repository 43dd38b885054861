package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

func TestTrace(t *testing.T) {
	sink := &memorySink{}
	plan := compile(t, `
version: 1
source: {test: {}}
each:
  n: list ?? []
where: n > 0
fields: {id: id, n: {value: n, type: integer}}
sinks: [{memory: {}}]
`, registry(map[string]*memorySink{"memory": sink}), nil)
	pages := [][]string{
		{`{"id": 1, "list": [1, 2]}`, `{"id": 2, "list": [0]}`, `{"id": 3, "list": "x"}`},
		{`{"id": 4, "list": [3]}`, `{"id": 5}`},
	}
	trace := func(limit, enough int) (got []string) {
		err := plan.Trace(context.Background(), pipeline.RunOptions{World: &pipeline.World{}, Source: &pagesSource{pages: pages}, Limit: limit}, func(o *pipeline.Outcome) error {
			var rows []string
			for _, row := range o.Rows {
				rows = append(rows, fmt.Sprintf("%s/%s", row[0].AppendText(nil), row[1].AppendText(nil)))
			}
			line := fmt.Sprintf("%d.%d %s", o.Page, o.Item, strings.Join(rows, " "))
			if o.Reject != nil {
				line += o.Reject.Code
				if !strings.HasSuffix(string(o.Reject.Line), string(o.Record)+"}\n") {
					t.Errorf("reject %s does not end with its record", o.Reject.Line)
				}
			}
			if got = append(got, line); len(got) == enough {
				return pipeline.ErrEnough
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	all := []string{"1.1 1/1 1/2", "1.2 ", "1.3 each-type", "2.1 4/3", "2.2 "}
	if diff := cmp.Diff(all, trace(0, 0)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(all[:4], trace(4, 0)); diff != "" {
		t.Errorf("--limit 4 (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(all[:2], trace(0, 2)); diff != "" {
		t.Errorf("seen enough (-want +got)\n%s", diff)
	}
	if len(sink.rows)+len(sink.ended) > 0 {
		t.Errorf("a trace delivered %q %q", sink.rows, sink.ended)
	}
}
