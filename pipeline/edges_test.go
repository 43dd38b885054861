package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// runOn runs a plan over pages and returns its reject file as well.
func runOn(t *testing.T, plan *pipeline.Plan, pages [][]string, o pipeline.RunOptions) (report pipeline.Report, rejects string, err error) {
	t.Helper()
	out := t.TempDir()
	o.World = &pipeline.World{OutDir: out}
	o.Source = &pagesSource{pages: pages}
	report, err = plan.Run(context.Background(), o)
	b, _ := os.ReadFile(filepath.Join(out, "test.rejects.jsonl"))
	return report, string(b), err
}

// The same records give the same rows, wherever a page ends.
func TestPageBordersDecideNothing(t *testing.T) {
	mk := func() (*pipeline.Plan, *memorySink) {
		m := &memorySink{}
		r := registry(map[string]*memorySink{"a": m})
		r.Sinks[0].Keyed = func(pipeline.Options) bool { return true }
		return compile(t, "version: 1\nsource: {test: }\nkey: [id]\nfields:\n  id: id\n  n: {value: n, type: integer}\nsinks: [a: ]\n", r, nil), m
	}
	good, bad := `{"id":"1","n":1}`, `{"id":"1","n":"x"}`
	p1, m1 := mk()
	_, _, err1 := runOn(t, p1, [][]string{{good}, {bad}}, pipeline.RunOptions{})
	p2, m2 := mk()
	_, _, err2 := runOn(t, p2, [][]string{{good, bad}}, pipeline.RunOptions{})

	if err1 != nil || err2 != nil || fmt.Sprint(m1.rows) != fmt.Sprint(m2.rows) {
		t.Error("rows depend on page borders")
	}
}

func TestRejectsUpToTheShare(t *testing.T) {
	m := &memorySink{}
	plan := compile(t, "version: 1\nsource: {test: }\nrejects: {max: 29%}\nfields:\n  n: {value: n, type: integer}\nsinks: [a: ]\n", registry(map[string]*memorySink{"a": m}), nil)
	var page []string
	for i := range 100 {
		if i < 29 {
			page = append(page, `{"n":"x"}`)
		} else {
			page = append(page, `{"n":1}`)
		}
	}
	if _, _, err := runOn(t, plan, [][]string{page}, pipeline.RunOptions{}); err != nil {
		t.Error(err)
	}
}

func TestEachNamedLikeItsList(t *testing.T) {
	m := &memorySink{}
	plan := compile(t, "version: 1\nsource: {test: }\neach:\n  people: people ?? []\nfields:\n  n: people.n\nsinks: [a: ]\n", registry(map[string]*memorySink{"a": m}), nil)
	rep, rej, err := runOn(t, plan, [][]string{{`{"people":[{"n":1},{"n":2}]}`}}, pipeline.RunOptions{})
	if err != nil || len(m.rows) != 2 {
		t.Error(rep, err, m.rows, rej)
	}
}

func TestPageInPieces(t *testing.T) {
	m := &memorySink{}
	plan := compile(t, "version: 1\nsource: {test: }\nfields:\n  n: {value: n, type: integer}\nsinks: [a: ]\n", registry(map[string]*memorySink{"a": m}), nil)
	out := t.TempDir()
	src := pieces{}
	rep, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: out}, Source: src})
	b, _ := os.ReadFile(filepath.Join(out, "test.rejects.jsonl"))
	if err != nil || !strings.Contains(string(b), `"item":2`) || rep.Causes[0].Item != 2 || rep.Pages != 1 {
		t.Errorf("%v pages %d causes %+v %s", err, rep.Pages, rep.Causes, b)
	}
}

type pieces struct{}

func (pieces) Read(_ context.Context, _ pipeline.Position, yield func(*pipeline.Page) error) error {
	for i, text := range []string{`{"n":1}`, `{"n":"x"}`} {
		p := pipeline.NewPage()
		p.Number, p.First = 1, i
		p.Records = append(p.Records, pipeline.Record{Text: []byte(text)})
		if err := yield(p); err != nil {
			return err
		}
	}
	return nil
}

// More keys than memory holds, for a run that has made no state folder yet.
func TestManyKeysWithoutAStateFolder(t *testing.T) {
	m := &memorySink{}
	r := registry(map[string]*memorySink{"a": m})
	r.Sinks[0].Keyed = func(pipeline.Options) bool { return true }
	plan := compile(t, "version: 1\nsource: {test: }\nkey: [id]\nfields:\n  id: id\nsinks: [a: ]\n", r, nil)
	var page []string
	for i := range 100_000 {
		page = append(page, fmt.Sprintf(`{"id":"%d"}`, i))
	}
	if _, _, err := runOn(t, plan, [][]string{page}, pipeline.RunOptions{State: filepath.Join(t.TempDir(), ".pipeline", "test")}); err != nil {
		t.Error(err)
	}
}

// An incremental run does not read the rejected records again, so it keeps their rejects.
func TestIncrementalKeepsOpenRejects(t *testing.T) {
	m := &memorySink{}
	r := registry(map[string]*memorySink{"a": m})
	r.Sinks[0].Adds = func(pipeline.Options) bool { return true }
	var texts []string
	r.Sources = []pipeline.SourceConnector{{Name: "test", Remote: true, Streams: []pipeline.Stream{{Name: "s", Incremental: true}},
		Open: func(context.Context, pipeline.SourceConfig) (pipeline.Source, error) {
			return &pagesSource{pages: [][]string{texts}}, nil
		}}}
	plan := compile(t, "version: 1\nsource: {test: , sync: incremental}\nfields:\n  n: {value: n, type: integer}\nsinks: [a: ]\n", r, nil)
	out, state := t.TempDir(), t.TempDir()
	for _, batch := range [][]string{{`{"n":"x"}`}, {`{"n":1}`}} {
		texts = batch
		if _, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: out, Now: time.Now()}, State: state}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(out, "test.rejects.jsonl")); err != nil {
			t.Error("the open reject is gone, and the position is behind it")
		}
	}
}

// A key that is made of a let: is another key when the let: is changed.
func TestKeyMadeOfLet(t *testing.T) {
	to := &receiver{has: map[string]string{}, refuses: map[string]bool{}}
	mk := func(let string) *pipeline.Plan {
		r := registry(nil)
		r.Sinks = append(r.Sinks, pipeline.SinkConnector{Name: "hook", Rows: true,
			Options: []pipeline.Option{{Name: "deletes", Type: pipeline.TypeString, Default: "ignore"}},
			Target:  func(pipeline.Options) string { return "https://x" },
			Open:    func(context.Context, pipeline.SinkConfig) (pipeline.Writer, error) { return to, nil }})
		return compile(t, "version: 1\nsource: {test: }\nlet: {k: "+let+"}\nkey: [id]\nfields:\n  id: k\n  name: name\nsinks: [hook: {deletes: send}]", r, nil)
	}
	state := t.TempDir()
	var recs []string
	for i := range 9 {
		recs = append(recs, person(i, "n"))
	}
	recs = append(recs, `{"id":"A","name":"n"}`)
	for _, let := range []string{"id", "lower(id)"} {
		to.calls = nil
		rep, err := mk(let).Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, State: state, Source: &pagesSource{pages: [][]string{recs}}})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Deleted > 0 {
			t.Error("deleted although the key has another meaning")
		}
	}
}

// A question that is renamed on the form is said at the end of the run, from both
// sides.
func TestQuestionsThatChange(t *testing.T) {
	m := &memorySink{}
	const form = `{"type": "object", "properties": {"answers": {"type": "array", "items": {"type": "object", "properties": {"question": {"type": "string", "enum": ["Diet", "Shirt"]}, "answer": {"type": "string"}}}}}}`
	plan := compile(t, "version: 1\nsource: {test: , schema: form.json}\nfields:\n  diet: answer(answers, \"Diet\")\n  shirt: answer(answers, \"Shirt\")\nsinks: [a: ]\n", registry(map[string]*memorySink{"a": m}), map[string]string{"form.json": form})
	report, _, err := runOn(t, plan, [][]string{{
		`{"answers": [{"question": "diet?", "answer": "vegan"}, {"question": "Shirt size", "answer": "M"}]}`,
		`{"answers": [{"question": "Diet"}, {"question": "Caf\u00e9"}, {"question": "Shirt size"}, {"question": null}]}`,
	}}, pipeline.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`no record had the question "Shirt"; was it renamed on the form?`}, report.Warnings); diff != "" {
		t.Error(diff)
	}
	want := []pipeline.Drift{
		{Kind: "new-question", What: "Shirt size", Count: 2, Page: 1, Item: 1},
		{Kind: "new-question", What: "Café", Count: 1, Page: 1, Item: 2},
	}
	if diff := cmp.Diff(want, report.Drift); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"vegan|", "|"}, m.rows); diff != "" {
		t.Error(diff)
	}
}
