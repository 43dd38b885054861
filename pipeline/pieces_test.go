package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pipeline/pipeline"
)

// TestLongPages: pages are cut on their way, and nobody sees it: not in the
// order of rows, not in the places of rejects, not in where a limit is.
func TestLongPages(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	var pages [][]string
	var want, places []string
	id := 0
	for p, page := range []struct {
		records int
		text    string
	}{{20_000, "short"}, {0, ""}, {30, long}, {1, long}, {9000, "short"}} {
		var records []string
		for i := range page.records {
			id++
			if id%1000 == 7 {
				records = append(records, fmt.Sprintf(`{"id": "no number", "name": %q}`, page.text))
				places = append(places, fmt.Sprintf(`"page":%d,"item":%d,`, p+1, i+1))
				continue
			}
			records = append(records, fmt.Sprintf(`{"id": %d, "name": %q}`, id, page.text))
			want = append(want, fmt.Sprintf("%d|%s", id, page.text))
		}
		pages = append(pages, records)
	}
	for _, workers := range []int{1, 3} {
		sink := &memorySink{}
		plan := compile(t, simple, registry(map[string]*memorySink{"a": sink}), nil)
		report, rejects, err := runOn(t, plan, pages, pipeline.RunOptions{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(sink.rows, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d mappers: %d rows, expected %d in their order", workers, len(sink.rows), len(want))
		}
		for i, line := range strings.Split(strings.TrimSpace(rejects), "\n") {
			if !strings.Contains(line, places[i]) {
				t.Errorf("reject %d is not at %s: %.200s", i+1, places[i], line)
			}
		}
		if report.Read != id || report.Pages != len(pages) || report.Rejected != len(places) {
			t.Errorf("%+v", report)
		}
	}
	sink := &memorySink{}
	plan := compile(t, simple, registry(map[string]*memorySink{"a": sink}), nil)
	if report, _, err := runOn(t, plan, pages, pipeline.RunOptions{Limit: 20_010}); err != nil || report.Read != 20_010 || len(sink.rows)+report.Rejected != 20_010 {
		t.Errorf("%d rows and %+v, %v", len(sink.rows), report, err)
	}
}

const exploding = `
version: 1
source: {test: }
each: {one: "ones ?? []"}
fields:
  id: string(id) + "." + string(one)
sinks: [a: ]
`

// TestManyRowsOfAPage: what much comes of is written part by part.
func TestManyRowsOfAPage(t *testing.T) {
	var page, want []string
	ones := strings.Repeat(",1", 999)
	for i := range 300 {
		if i%10 == 5 {
			page = append(page, `{"id": null, "ones": [0]}`)
			continue
		}
		page = append(page, fmt.Sprintf(`{"id": %d, "ones": [0%s]}`, i, ones))
		want = append(want, fmt.Sprintf("%d.0", i))
		for range 999 {
			want = append(want, fmt.Sprintf("%d.1", i))
		}
	}
	pages := [][]string{page, page[:20]}
	want = append(want, want[:18*1000]...)
	for _, workers := range []int{1, 3} {
		sink := &memorySink{}
		plan := compile(t, exploding, registry(map[string]*memorySink{"a": sink}), nil)
		report, rejects, err := runOn(t, plan, pages, pipeline.RunOptions{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(sink.rows, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d mappers: %d rows, expected %d in their order", workers, len(sink.rows), len(want))
		}
		if n := strings.Count(rejects, "\n"); n != 32 || report.Rejected != n || report.Read != 320 || report.Written != len(want) {
			t.Errorf("%d lines of rejects, %+v", n, report)
		}
	}

	full := errors.New("the disk is full")
	sink := &memorySink{fail: map[string]error{"write": full}}
	plan := compile(t, exploding, registry(map[string]*memorySink{"a": sink}), nil)
	if _, _, err := runOn(t, plan, pages, pipeline.RunOptions{Workers: 2}); !errors.Is(err, full) {
		t.Errorf("got %v, expected %v", err, full)
	}
}
