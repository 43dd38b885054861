package pipeline_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// pagesSource yields pages of texts.
type pagesSource struct {
	pages [][]string
	fail  error         // after the last page
	hang  chan struct{} // closed when the source waits for ctx after the last page
}

func (s *pagesSource) Read(ctx context.Context, _ pipeline.Position, yield func(*pipeline.Page) error) error {
	for i, texts := range s.pages {
		page := pipeline.NewPage()
		page.Number = i + 1
		for _, text := range texts {
			from := len(page.Buf)
			page.Buf = append(page.Buf, text...)
			page.Records = append(page.Records, pipeline.Record{Text: page.Buf[from:len(page.Buf):len(page.Buf)]})
		}
		if err := yield(page); err != nil {
			return err
		}
	}
	if s.hang != nil {
		close(s.hang)
		<-ctx.Done()
		return ctx.Err()
	}
	return s.fail
}

// memorySink keeps rows as text and remembers how it ended.
type memorySink struct {
	rows  []string
	ended []string
	fail  map[string]error // by step: write, flush, commit
}

func (m *memorySink) Write(_ context.Context, b *pipeline.Batch) error {
	for i := range b.Len() {
		var cells []string
		for _, v := range b.Row(i) {
			cells = append(cells, string(v.AppendText(nil)))
		}
		m.rows = append(m.rows, strings.Join(cells, "|"))
	}
	return m.fail["write"]
}

func (m *memorySink) end(step string) error {
	if m.fail[step] == nil {
		m.ended = append(m.ended, step)
	}
	return m.fail[step]
}

func (m *memorySink) Flush(context.Context) error  { return m.end("flush") }
func (m *memorySink) Commit(context.Context) error { return m.end("commit") }
func (m *memorySink) Abort() error                 { return m.end("abort") }

// registry has one source without options, "test", and sinks by name.
func registry(sinks map[string]*memorySink) *pipeline.Registry {
	r := &pipeline.Registry{Sources: []pipeline.SourceConnector{{Name: "test", Streams: []pipeline.Stream{{}}}}}
	for name, sink := range sinks {
		r.Sinks = append(r.Sinks, pipeline.SinkConnector{
			Name:   name,
			Target: func(pipeline.Options) string { return name },
			Open:   func(context.Context, pipeline.SinkConfig) (pipeline.Writer, error) { return sink, nil },
		})
	}
	return r
}

func compile(t testing.TB, src string, r *pipeline.Registry, files map[string]string) *pipeline.Plan {
	t.Helper()
	m, diags := pipeline.Parse("test.yaml", []byte(src))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	read := func(name string) ([]byte, error) {
		if src, ok := files[name]; ok {
			return []byte(src), nil
		}
		return nil, os.ErrNotExist
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: r, Files: &pipeline.Files{Read: read}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

const simple = `
version: 1
source: {test: }
where: keep ?? true
key: [id]
fields:
  id: {value: id, type: integer, required: true}
  name: name ?? "nobody"
sinks: [a: ]
`

func TestRunKeepsOrderAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "run")
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		var pages [][]string
		var want []string
		var filtered, rejected int
		for p := range rapid.IntRange(0, 20).Draw(rt, "pages") {
			var page []string
			for i := range rapid.IntRange(0, 5).Draw(rt, "records") {
				id := p*100 + i
				switch rapid.IntRange(0, 3).Draw(rt, "fate") {
				case 0:
					page = append(page, fmt.Sprintf(`{"id": %d, "keep": false}`, id))
					filtered++
				case 1:
					page = append(page, fmt.Sprintf(`{"id": "x%d"}`, id))
					rejected++
				default:
					page = append(page, fmt.Sprintf(`{"id": %d, "name": "n\u00e9%d"}`, id, id))
					want = append(want, fmt.Sprintf("%d|né%d", id, id))
				}
			}
			pages = append(pages, page)
		}
		sink := &memorySink{}
		plan := compile(t, simple, registry(map[string]*memorySink{"a": sink}), nil)
		report, err := plan.Run(context.Background(), pipeline.RunOptions{
			World:   &pipeline.World{OutDir: dir},
			Source:  &pagesSource{pages: pages},
			Workers: rapid.IntRange(1, 6).Draw(rt, "workers"),
		})
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, sink.rows); diff != "" {
			rt.Fatal(diff)
		}
		if report.Written != len(want) || report.Filtered != filtered || report.Rejected != rejected {
			rt.Fatalf("report %+v, want %d written, %d filtered, %d rejected", report, len(want), filtered, rejected)
		}
		lines, _ := os.ReadFile(filepath.Join(dir, "test.rejects.jsonl"))
		if n := strings.Count(string(lines), "\n"); n != rejected {
			rt.Fatalf("%d lines in the reject file, want %d", n, rejected)
		}
	})
}

func TestRejectLines(t *testing.T) {
	plan := compile(t, `
version: 1
source: {test: }
let: {full: first + " " + last}
where: keep
key: [id]
fields:
  id: {value: id, type: integer, required: true}
  full: full
  day: {value: at, type: date, timezone: Asia/Singapore}
  country: upper(country ?? "")
schema: row.schema.json
sinks: [a: ]
`, registry(map[string]*memorySink{"a": {}}), map[string]string{"row.schema.json": `{"type": "object", "properties": {"country": {"type": "string", "pattern": "^[A-Z]{2}$"}}}`})
	records := []string{
		`{"id": 1, "keep": true, "first": "A", "last": "B", "at": "2026-03-01T23:00:00Z", "country": "sg"}`,
		`{"id": 2, "keep": "yes", "first": "A", "last": "B"}`,
		`{"id": 3, "keep": true, "first": "A"}`,
		`{"id": "4", "keep": true, "first": "A", "last": "B", "at": "soon"}`,
		`{"keep": true, "first": "A", "last": "B"}`,
		`{"id": 6, "keep": true, "first": "A", "last": "B", "country": "Singapore"}`,
		"{\"id\": 7,\n \"keep\": null}",
		`{"id": 8`,
		`{"a": 1, "a": 2}`,
		"{\"a\": \"\xff\"}",
		`[9]`,
	}
	dir := t.TempDir()
	_, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: dir}, Source: &pagesSource{pages: [][]string{records}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "test.rejects.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/rejects.jsonl", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/rejects.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dir, "test.rejects.jsonl")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the reject file has mode %v, want 0600: it holds people's data", info.Mode().Perm())
	}
}

// A report that was told is not counted on: whoever was told may still read it.
func TestProgressIsNotChanged(t *testing.T) {
	plan := compile(t, `
version: 1
source: {test: }
fields: {id: {value: id, type: integer, required: true}}
sinks: [a: ]
`, registry(map[string]*memorySink{"a": {}}), nil)
	page := []string{`{"id": 1}`, `{"id": "x"}`, `{}`}
	var told []pipeline.Report
	_, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, Source: &pagesSource{pages: [][]string{page, page, page}},
		AnyRejects: true, Progress: func(r pipeline.Report) { told = append(told, r) }})
	if err != nil || len(told) != 3 {
		t.Fatalf("told %d times: %v", len(told), err)
	}
	for i, r := range told {
		sum := 0
		for _, c := range r.Causes {
			sum += c.Count
		}
		if r.Rejected != 2*(i+1) || sum != r.Rejected {
			t.Errorf("after page %d: %d rejects, of which the causes say %d", i+1, r.Rejected, sum)
		}
	}
}

// What is durable comes first, for all sinks, and what failed leaves nothing.
func TestCommitIsAllOrNothing(t *testing.T) {
	full := errors.New("disk full")
	tests := []struct {
		name       string
		source     *pagesSource
		second     *memorySink
		wantFirst  []string
		wantSecond []string
		wantErr    string
	}{
		{"all is well", &pagesSource{}, &memorySink{}, []string{"flush", "commit"}, []string{"flush", "commit"}, ""},
		{"the second sink cannot write", &pagesSource{}, &memorySink{fail: map[string]error{"write": full}}, []string{"abort"}, []string{"abort"}, "disk full"},
		{"the second sink cannot flush", &pagesSource{}, &memorySink{fail: map[string]error{"flush": full}}, []string{"flush", "abort"}, []string{"abort"}, "disk full"},
		{"the source fails", &pagesSource{fail: errors.New("connection lost")}, &memorySink{}, []string{"abort"}, []string{"abort"}, "connection lost"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			first := &memorySink{}
			src := strings.Replace(simple, "[a: ]", "[a: , b: ]", 1)
			r := registry(map[string]*memorySink{"a": first, "b": test.second})
			test.source.pages = [][]string{{`{"id": 1}`}}
			_, err := compile(t, src, r, nil).Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, Source: test.source})
			if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || err.Error() != test.wantErr) {
				t.Errorf("got error %v, want %q", err, test.wantErr)
			}
			if diff := cmp.Diff(test.wantFirst, first.ended); diff != "" {
				t.Errorf("first sink: %s", diff)
			}
			if diff := cmp.Diff(test.wantSecond, test.second.ended); diff != "" {
				t.Errorf("second sink: %s", diff)
			}
		})
	}
}

func TestStopMapsWhatWasRead(t *testing.T) {
	sink := &memorySink{}
	source := &pagesSource{pages: [][]string{{`{"id": 1}`}, {`{"id": 2}`}}, hang: make(chan struct{})}
	plan := compile(t, simple, registry(map[string]*memorySink{"a": sink}), nil)
	stop := make(chan struct{})
	go func() { <-source.hang; close(stop) }()
	report, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, Source: source, Stop: stop})
	var stopped *pipeline.Stopped
	if !errors.As(err, &stopped) || err.Error() != "stopped after page 2; run again to go on" {
		t.Fatalf("got %v", err)
	}
	if report.Written != 2 || len(sink.rows) != 2 {
		t.Errorf("%d rows were mapped, want 2", report.Written)
	}
	if diff := cmp.Diff([]string{"abort"}, sink.ended); diff != "" {
		t.Error(diff)
	}
}

func TestLimit(t *testing.T) {
	for limit, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 9: 4} {
		sink := &memorySink{}
		plan := compile(t, simple, registry(map[string]*memorySink{"a": sink}), nil)
		report, err := plan.Run(context.Background(), pipeline.RunOptions{
			World: &pipeline.World{OutDir: t.TempDir()}, Limit: limit,
			Source: &pagesSource{pages: [][]string{{`{"id": 1}`, `{"id": 2}`}, {`{"id": 3}`, `{"id": 4}`}}},
		})
		if err != nil || report.Read != want || len(sink.rows) != want {
			t.Errorf("limit %d: read %d, wrote %d, want %d: %v", limit, report.Read, len(sink.rows), want, err)
		}
	}
}

func TestTooManyRejects(t *testing.T) {
	for max, fails := range map[string]bool{"1": true, "2": false, "49%": true, "50%": false, "0": true} {
		sink := &memorySink{}
		plan := compile(t, simple+"rejects: {max: "+max+"}\n", registry(map[string]*memorySink{"a": sink}), nil)
		dir := t.TempDir()
		_, err := plan.Run(context.Background(), pipeline.RunOptions{
			World:  &pipeline.World{OutDir: dir, Now: time.Now()},
			Source: &pagesSource{pages: [][]string{{`{"id": "a"}`, `{"id": 2}`}, {`{"id": "b"}`, `{"id": 4}`}}},
		})
		var many *pipeline.TooManyRejects
		if errors.As(err, &many) != fails {
			t.Errorf("max %s: got %v", max, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "test.rejects.jsonl")); err != nil {
			t.Errorf("max %s: the reasons are gone: %v", max, err)
		}
	}
}

// each: makes a row of every element, with the parents in reach.
func TestEach(t *testing.T) {
	orders := []string{
		`{"id": 1, "attendees": [{"name": "Ada", "data": [{"q": "a"}, {"q": "b"}]}, {"name": "Alan", "data": []}]}`,
		`{"id": 2, "attendees": []}`,
		`{"id": 3}`,
		`{"id": 4, "attendees": null}`,
		`{"id": 5, "attendees": [{"name": null, "data": [{}]}]}`,
		`{"id": 6, "attendees": {"name": "no list"}}`,
		`{"id": 7, "attendees": [{"name": "kept"}, {"name": 7}]}`,
		`{"id": 8, "attendees": [{"name": "Zo\u00eb", "data": [{"q": "\u00e9"}]}]}`,
	}
	tests := []struct {
		name, mapping string
		want          []string
		report        pipeline.Report
	}{
		{"a row per element", `
each: {attendee: "attendees ?? []"}
fields: {id: id, name: '(attendee.name ?? "") + "!"'}`,
			[]string{"1|Ada!", "1|Alan!", "5|!", "8|Zoë!"},
			pipeline.Report{Read: 8, Written: 4, Exploded: 1, Filtered: 3, Rejected: 2}},
		{"one row without an element", `
each: {attendee: "attendees ?? [{}]"}
fields: {id: id, name: '(attendee.name ?? "") + "!"'}`,
			[]string{"1|Ada!", "1|Alan!", "3|!", "4|!", "5|!", "8|Zoë!"},
			pipeline.Report{Read: 8, Written: 6, Exploded: 1, Filtered: 1, Rejected: 2}},
		{"a list in a list", `
each:
  attendee: attendees ?? []
  answer: attendee.data ?? []
let: {who: (attendee.name ?? "?") + "/" + string(id)}
where: (answer.q ?? "") != "a"
fields: {who: who, q: answer.q}`,
			[]string{"Ada/1|b", "?/5|", "Zoë/8|é"},
			pipeline.Report{Read: 8, Written: 3, Filtered: 4, Rejected: 1}},
		{"an element hides a name of the record", `
each: {id: "[{name: 1}, {name: 2}]"}
fields: {n: id.name}`,
			[]string{"1", "2", "1", "2", "1", "2", "1", "2", "1", "2", "1", "2", "1", "2", "1", "2"},
			pipeline.Report{Read: 8, Written: 16, Exploded: 8}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sink := &memorySink{}
			plan := compile(t, "version: 1\nsource: {test: }\nsinks: [a: ]"+test.mapping, registry(map[string]*memorySink{"a": sink}), nil)
			report, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, Source: &pagesSource{pages: [][]string{orders}}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, sink.rows); diff != "" {
				t.Error(diff)
			}
			got := pipeline.Report{Read: report.Read, Written: report.Written, Exploded: report.Exploded, Filtered: report.Filtered, Rejected: report.Rejected}
			if diff := cmp.Diff(test.report, got); diff != "" {
				t.Errorf("%s\n%+v", diff, report.Causes)
			}
		})
	}
}
