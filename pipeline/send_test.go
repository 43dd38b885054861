package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
)

// sender is a receiver that answers each request when it likes to.
type sender struct {
	receiver // with what it has; its calls are the ids in the order in which they were sent
	batch    int
	took     func(request int) time.Duration
	fails    map[string]bool // ids whose request ends the run

	mu       sync.Mutex
	requests int
	open     int // requests that are not answered
	most     int // of them at once
}

func (s *sender) Send(ctx context.Context, b *pipeline.Batch, from int, answered func(error)) int {
	to := min(from+s.batch, b.Len())
	var ids []string
	refused := &pipeline.Refused{}
	for i := from; i < to; i++ {
		id := idOf(b, i)
		ids = append(ids, id)
		if s.refuses[id] {
			refused.Rows = append(refused.Rows, pipeline.RefusedRow{Row: i, Reason: "422", Answer: "no " + id})
		}
	}
	s.mu.Lock()
	s.requests++
	s.open++
	s.most = max(s.most, s.open)
	s.calls = append(s.calls, ids...)
	took := s.took(s.requests)
	s.mu.Unlock()
	go func() {
		time.Sleep(took)
		answered(s.answer(ids, refused))
	}()
	return to - from
}

// idOf is the key of row i, of one text.
func idOf(b *pipeline.Batch, i int) string {
	var key []string
	if err := json.Unmarshal(b.AppendKey(nil, i, []int{0}), &key); err != nil {
		panic(err)
	}
	return key[0]
}

func (s *sender) answer(ids []string, refused *pipeline.Refused) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if slices.ContainsFunc(ids, func(id string) bool { return s.fails[id] }) {
		return errors.New("connection lost")
	}
	for _, id := range ids {
		if !s.refuses[id] {
			s.has[id] = "there"
		}
	}
	if len(refused.Rows) > 0 {
		return refused
	}
	return nil
}

func newSender(t testing.TB, rejects string, batch int) (*sender, *pipeline.Plan) {
	s := &sender{receiver: receiver{has: map[string]string{}, refuses: map[string]bool{}}, batch: batch, fails: map[string]bool{}, took: func(int) time.Duration { return 0 }}
	r := registry(nil)
	r.Sinks = append(r.Sinks, pipeline.SinkConnector{
		Name: "hook", Rows: true,
		Options: []pipeline.Option{{Name: "batch", Type: pipeline.TypeInteger, Default: int64(batch)}},
		Target:  func(pipeline.Options) string { return "https://app.example/people" },
		Open:    func(context.Context, pipeline.SinkConfig) (pipeline.Writer, error) { return s, nil },
	})
	return s, compile(t, "version: 1\nsource: {test: }\nkey: [id]\nfields:\n  id: id\n  name: {value: name, type: string, required: true}\n"+rejects+"\nsinks: [hook: ]", r, nil)
}

// inPages are people 0 to n, in pages of some.
func inPages(n, page int) (pages [][]string) {
	for from := 0; from < n; from += page {
		var one []string
		for id := from; id < min(n, from+page); id++ {
			one = append(one, person(id, "x"))
		}
		pages = append(pages, one)
	}
	return pages
}

// Requests do not wait for the end of a page.
func TestRequestsFlowOverPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, plan := newSender(t, "", 1)
		s.took = func(int) time.Duration { return time.Second }
		began := time.Now()
		report, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, State: t.TempDir(), Source: &pagesSource{pages: inPages(100, 5)}})
		if took := time.Since(began); err != nil || report.Written != 100 || s.most != 100 || took > 2*time.Second {
			t.Errorf("%d rows in %v, %d at once, %v", report.Written, took, s.most, err)
		}
	})
}

// However long each answer takes, the same records are rejected, and rows that a
// receiver has are not sent again.
func TestAnswersInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, page := rapid.IntRange(1, 40).Draw(rt, "people"), rapid.IntRange(1, 12).Draw(rt, "of a page")
		batch := rapid.IntRange(1, 5).Draw(rt, "batch")
		rejects := rapid.SampledFrom([]string{"", "rejects: {max: 0}", "rejects: {max: 3}"}).Draw(rt, "rejects")
		refuses := rapid.SliceOfDistinct(rapid.IntRange(0, n-1), rapid.ID[int]).Draw(rt, "refuses")
		delays := rapid.SliceOfN(rapid.IntRange(0, 40), n, n).Draw(rt, "milliseconds")
		var first string
		for _, in := range []string{"in turn", "in any order"} {
			synctest.Test(t, func(t *testing.T) {
				s, plan := newSender(t, rejects, batch)
				if in != "in turn" {
					s.took = func(request int) time.Duration { return time.Duration(delays[request-1]) * time.Millisecond }
				}
				for _, id := range refuses {
					s.refuses[fmt.Sprint(id)] = true
				}
				out, state := t.TempDir(), ""
				if in != "in turn" {
					state = t.TempDir()
				}
				run := func() error {
					s.calls, s.requests = nil, 0
					_, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: out}, State: state, Source: &pagesSource{pages: inPages(n, page)}})
					return err
				}
				err := run()
				var many *pipeline.TooManyRejects
				if err != nil && !errors.As(err, &many) {
					rt.Fatal(err)
				}
				lines, _ := os.ReadFile(filepath.Join(out, "test.rejects.jsonl"))
				if in == "in turn" {
					first = string(lines)
					return
				}
				if diff := cmp.Diff(first, string(lines)); diff != "" {
					rt.Fatalf("rejects: -in turn +in any order\n%s", diff)
				}
				clear(s.refuses)
				before := len(s.has)
				if err := run(); err != nil {
					rt.Fatal(err)
				}
				if len(s.calls) != n-before || len(s.has) != n {
					rt.Fatalf("%d of %d were there, %d are sent then", before, n, len(s.calls))
				}
			})
		}
	})
}

// A request that fails ends the run; what others delivered is recorded, wherever it
// stands.
func TestFailureKeepsWhatWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, plan := newSender(t, "", 2)
		s.fails["9"] = true
		s.took = func(request int) time.Duration { return time.Duration(20-request) * time.Millisecond }
		o := pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, State: t.TempDir()}
		run := func() error {
			s.calls, o.Source = nil, &pagesSource{pages: inPages(30, 7)}
			_, err := plan.Run(t.Context(), o)
			return err
		}
		if err := run(); err == nil || err.Error() != "connection lost" {
			t.Fatal(err)
		}
		if s.has["29"] == "" {
			t.Fatal("the last row was not sent, so that this tries nothing")
		}
		clear(s.fails)
		if err := run(); err != nil || !slices.Equal(s.calls, []string{"9", "10"}) {
			t.Errorf("%q are sent then, %v", s.calls, err)
		}
	})
}

// A receiver that does not answer holds up the source before memory is full of what
// it was sent.
func TestWhatIsSentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, plan := newSender(t, "", 1)
		s.took = func(int) time.Duration { return time.Second }
		var pages [][]string
		for id := range 20 {
			pages = append(pages, []string{person(id, strings.Repeat("x", 1<<20))})
		}
		if _, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, State: t.TempDir(), Source: &pagesSource{pages: pages}}); err != nil {
			t.Fatal(err)
		}
		if len(s.has) != 20 || s.most > 3 {
			t.Errorf("%d rows of a MiB came, %d at once", len(s.has), s.most)
		}
	})
}

// What one receiver refuses the next one does not get, nor does a file.
func TestSecondReceiver(t *testing.T) {
	first, _ := newSender(t, "", 2)
	second, _ := newSender(t, "", 3)
	file := &memorySink{}
	r := registry(map[string]*memorySink{"file": file})
	for name, s := range map[string]*sender{"first": first, "second": second} {
		r.Sinks = append(r.Sinks, pipeline.SinkConnector{
			Name: name, Rows: true,
			Target: func(pipeline.Options) string { return name },
			Open:   func(context.Context, pipeline.SinkConfig) (pipeline.Writer, error) { return s, nil },
		})
	}
	plan := compile(t, "version: 1\nsource: {test: }\nkey: [id]\nfields:\n  id: id\nsinks: [file: , first: , second: ]", r, nil)
	for id := range 50 {
		first.refuses[fmt.Sprint(id)], second.refuses[fmt.Sprint(id)] = id%5 == 0, id%7 == 0
	}
	report, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}, State: t.TempDir(), Source: &pagesSource{pages: inPages(50, 9)}})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for id := range 50 {
		if id%5 > 0 {
			want = append(want, fmt.Sprint(id))
		}
	}
	if diff := cmp.Diff(want, second.calls); diff != "" {
		t.Errorf("the second: -want +got\n%s", diff)
	}
	want = slices.DeleteFunc(want, func(id string) bool { return second.refuses[id] })
	if diff := cmp.Diff(want, file.rows); diff != "" {
		t.Errorf("the file: -want +got\n%s", diff)
	}
	if report.Rejected != 50-len(want) || report.Written != len(want) {
		t.Errorf("%+v", report)
	}
}
