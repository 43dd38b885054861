package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
)

// receiver takes rows one by one, as a webhook does, and remembers what it has.
type receiver struct {
	has     map[string]string // id -> name
	calls   []string          // of this run
	refuses map[string]bool   // ids that it will never take
	dies    int               // fails after that many rows; 0: never
}

func (r *receiver) Write(_ context.Context, b *pipeline.Batch) error {
	refused := &pipeline.Refused{}
	for i := range b.Len() {
		row := b.Row(i)
		id, name := strings.Clone(row[0].Text()), strings.Clone(row[1].Text()) // a batch is borrowed
		if r.refuses[id] {
			refused.Rows = append(refused.Rows, pipeline.RefusedRow{Row: i, Reason: "422", Answer: "no " + id})
			continue
		}
		r.has[id] = name
		r.calls = append(r.calls, "put "+id)
		if r.dies > 0 && len(r.calls) == r.dies {
			return errors.New("connection lost")
		}
	}
	if len(refused.Rows) > 0 {
		return refused
	}
	return nil
}

func (r *receiver) Delete(_ context.Context, key []byte) error {
	id := strings.Split(string(key), `"`)[3]
	delete(r.has, id)
	r.calls = append(r.calls, "delete "+id)
	return nil
}

func (r *receiver) Flush(context.Context) error  { return nil }
func (r *receiver) Commit(context.Context) error { return nil }
func (r *receiver) Abort() error                 { return nil }

// delivers is a mapping of records to the receiver, and what it keeps.
type delivers struct {
	plan  *pipeline.Plan
	to    *receiver
	state string
	out   string
}

func newDelivers(t testing.TB, state, out, deletes string) *delivers {
	to := &receiver{has: map[string]string{}, refuses: map[string]bool{}}
	r := registry(nil)
	r.Sinks = append(r.Sinks, pipeline.SinkConnector{
		Name: "hook", Rows: true,
		Options: []pipeline.Option{{Name: "deletes", Type: pipeline.TypeString, Default: "ignore"}},
		Target:  func(pipeline.Options) string { return "https://app.example/people" },
		Open:    func(context.Context, pipeline.SinkConfig) (pipeline.Writer, error) { return to, nil },
	})
	plan := compile(t, "version: 1\nsource: {test: }\nwhere: not (gone ?? false)\nkey: [id]\nfields:\n  id: id\n  name: {value: name, type: string, required: true}\nsinks: [hook: {deletes: "+deletes+"}]", r, nil)
	return &delivers{plan: plan, to: to, state: state, out: out}
}

func (d *delivers) run(records []string, o pipeline.RunOptions) (pipeline.Report, error) {
	d.to.calls = nil
	o.World, o.State = &pipeline.World{OutDir: d.out}, d.state
	var pages [][]string
	for len(records) > 3 {
		pages, records = append(pages, records[:3]), records[3:]
	}
	o.Source = &pagesSource{pages: append(pages, records)}
	return d.plan.Run(context.Background(), o)
}

func person(id int, name string) string { return fmt.Sprintf(`{"id": "%d", "name": %q}`, id, name) }

func TestLedger(t *testing.T) {
	d := newDelivers(t, t.TempDir(), t.TempDir(), "send")
	all := []string{person(1, "Ada"), person(2, "Alan"), person(3, "Grace"), person(4, "Edsger"), person(5, "Barbara"), person(6, "Tony")}
	steps := []struct {
		name    string
		records []string
		before  func()
		options pipeline.RunOptions
		want    []string // calls
		err     string
		check   func(t *testing.T, r pipeline.Report)
	}{
		{name: "everything is new", records: all, want: []string{"put 1", "put 2", "put 3", "put 4", "put 5", "put 6"}},
		{name: "nothing has changed", records: all, want: nil, check: func(t *testing.T, r pipeline.Report) {
			if r.Unchanged != 6 || r.Written != 6 {
				t.Errorf("report %+v", r)
			}
		}},
		{name: "one has changed", records: append([]string{person(1, "Ada King")}, all[1:]...), want: []string{"put 1"}},
		{name: "one is gone", records: append([]string{person(1, "Ada King")}, all[1:5]...), want: []string{"delete 6"}},
		{name: "a filtered one counts as gone", records: append([]string{`{"id": "1", "name": "Ada King", "gone": true}`}, all[1:5]...), want: []string{"delete 1"}},
		{name: "a rejected one does not", records: append([]string{`{"id": "2", "name": null}`}, all[2:5]...), want: nil},
		{name: "where a reject's key is not known, nothing is deleted", records: append([]string{`{"id": "2", "name": 1`}, all[2:5]...), want: nil, check: func(t *testing.T, r pipeline.Report) {
			if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "cannot tell what is gone") {
				t.Errorf("warnings %q", r.Warnings)
			}
		}},
		{name: "too many are gone", records: all[1:2], want: nil, err: "3 of the 4 rows that https://app.example/people has are gone from the source, more than 20%: nothing is deleted; where that is right, run it again with --allow-deletes"},
		{name: "a sample deletes nothing", records: all[1:5], options: pipeline.RunOptions{Limit: 1}, want: nil},
		{name: "unless it is said to be right", records: all[1:2], options: pipeline.RunOptions{AllowDeletes: true}, want: []string{"delete 3", "delete 4", "delete 5"}},
		{name: "a second row of one key", records: []string{person(2, "Alan"), person(7, "A"), person(7, "B")}, want: []string{"put 7"}, check: func(t *testing.T, r pipeline.Report) {
			if r.Rejected != 1 || r.Causes[0].Code != "key-twice" {
				t.Errorf("report %+v", r)
			}
		}},
		{name: "a refused row is a reject", records: []string{person(2, "Alan"), person(7, "A"), person(8, "C")}, before: func() { d.to.refuses["8"] = true }, want: nil, check: func(t *testing.T, r pipeline.Report) {
			if r.Rejected != 1 || r.Written != 2 || r.Causes[0].Code != "refused" || r.Causes[0].Reason != "https://app.example/people: 422" {
				t.Errorf("report %+v", r)
			}
		}},
		{name: "and is tried again", records: []string{person(2, "Alan"), person(7, "A"), person(8, "C")}, before: func() { d.to.refuses["8"] = false }, want: []string{"put 8"}},
		{name: "a run that dies", records: []string{person(2, "B"), person(7, "B"), person(8, "B"), person(9, "B")}, before: func() { d.to.dies = 4 }, want: []string{"put 2", "put 7", "put 8", "put 9"}, err: "connection lost"},
		{name: "goes on with what is not recorded", records: []string{person(2, "B"), person(7, "B"), person(8, "B"), person(9, "B")}, before: func() { d.to.dies = 0 }, want: []string{"put 9"}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			if step.before != nil {
				step.before()
			}
			report, err := d.run(step.records, step.options)
			if step.err == "" && err != nil || step.err != "" && (err == nil || err.Error() != step.err) {
				t.Fatalf("got %v, want %q", err, step.err)
			}
			if diff := cmp.Diff(step.want, d.to.calls); diff != "" {
				t.Error(diff)
			}
			if step.check != nil {
				step.check(t, report)
			}
		})
	}
}

// Whatever dies in between, in the end the receiver has what the source has.
func TestReceiverFollowsTheSource(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		state, err := os.MkdirTemp("", "ledger")
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(state) }()
		d := newDelivers(t, state, state, "send")
		for range rapid.IntRange(1, 4).Draw(rt, "runs") {
			want := map[string]string{}
			var records []string
			for id := range 9 {
				if rapid.IntRange(0, 3).Draw(rt, "there") > 0 {
					name := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "name")
					want[fmt.Sprint(id)] = name
					records = append(records, person(id, name))
				}
			}
			for dies := rapid.IntRange(0, 2).Draw(rt, "deaths"); dies > 0; dies-- {
				d.to.dies = rapid.IntRange(1, 9).Draw(rt, "after")
				_, _ = d.run(records, pipeline.RunOptions{AllowDeletes: true})
			}
			d.to.dies = 0
			if _, err := d.run(records, pipeline.RunOptions{AllowDeletes: true}); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want, maps.Clone(d.to.has)); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}
