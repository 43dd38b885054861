package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// standings are moments of runs, as the live view shows them.
func standings() []standing {
	perMinute := pipeline.Rate{Calls: 500, Per: time.Minute}
	causes := []pipeline.Cause{
		{Code: "conversion", Field: "amount", Count: 3},
		{Code: "schema-format", Field: "email", Count: 1208},
		{Code: "duplicate-key", Count: 1},
	}
	return []standing{
		{name: "begins", now: noon, remote: true, rate: perMinute},
		{name: "delivers slowly", now: noon, remote: true, rate: perMinute, used: 3, answers: 3},
		{name: "goes on", now: noon, remote: true, rate: perMinute, used: 312, speed: 1240.4, left: 42 * time.Second,
			report: pipeline.Report{Read: 12400, Total: 25000, Written: 12180, Filtered: 220}},
		{name: "waits for the limit", now: noon, remote: true, rate: perMinute, used: 500, speed: 8.33, left: 135 * time.Minute, wait: noon.Add(31 * time.Second),
			report: pipeline.Report{Read: 40, Written: 40}},
		{name: "in trouble", now: noon, remote: true, rate: pipeline.Rate{Calls: 40, Per: 4 * time.Second}, used: 3, retries: 2, wait: noon.Add(4 * time.Second), trouble: "the platform answered 503 Service Unavailable",
			report: pipeline.Report{Read: 3000, Written: 1788, Rejected: 1212, Causes: causes}},
		{name: "a file", now: noon, speed: 412345, report: pipeline.Report{Read: 1_000_000, Written: 1, Filtered: 999_996, Rejected: 3, Causes: causes[:1]}},
		{name: "参加者-サミット-2026-with-a-name-that-is-long", now: noon, speed: 1, report: pipeline.Report{Read: 1, Written: 1, Rejected: 2, Causes: []pipeline.Cause{{Code: "conversion", Field: "食事の\x1b[31m希望", Count: 2}}}},
	}
}

// TestBlocks compares what is shown with testdata/live.txt, at three widths.
func TestBlocks(t *testing.T) {
	var got strings.Builder
	for _, width := range []int{40, 80, 120} {
		fmt.Fprintf(&got, "%s %d\n", strings.Repeat("-", width-4), width)
		for _, s := range standings() {
			for _, line := range s.lines(terminal{}, width, min(20, width/4)) {
				fmt.Fprintln(&got, line)
			}
		}
	}
	goldenFile(t, filepath.Join("testdata", "live.txt"), got.String())
}

// goldenFile compares got with a file, or writes it with -update.
func goldenFile(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what is made now (-want +got); go test ./cmd/pipeline -update writes it:\n%s", name, diff)
	}
}

// However narrow the terminal is, a line fits and its colours end with it.
func TestBlocksFit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		width := rapid.IntRange(5, 200).Draw(rt, "width")
		s := rapid.SampledFrom(standings()).Draw(rt, "standing")
		s.name = rapid.String().Draw(rt, "name")
		names := rapid.IntRange(1, width).Draw(rt, "columns of names")
		plain := s.lines(terminal{}, width, names)
		painted := s.lines(terminal{colour: true}, width, names)
		if len(plain) > 2 {
			rt.Errorf("%d lines", len(plain))
		}
		for i, line := range plain {
			if n := diag.Columns(line); n > width {
				rt.Errorf("%d columns of %d: %q", n, width, line)
			}
			if unpainted(painted[i]) != line {
				rt.Errorf("with colours it says %q, without %q", unpainted(painted[i]), line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
				rt.Errorf("the terminal would obey %q", line)
			}
		}
	})
}

// TestView looks at the screen that a live view leaves, after each step.
func TestView(t *testing.T) {
	screen := &fakeTerminal{columns: 60, rows: 12}
	v := &view{out: screen, size: func() (int, int) { return screen.columns, screen.rows }}
	a, b := &show{name: "a", running: true}, &show{name: "b", running: true}
	v.shows = []*show{a, b}
	step := func(what, want string) {
		t.Helper()
		if got := screen.String(); got != want {
			t.Errorf("%s:\n%s\nexpected\n%s", what, got, want)
		}
	}
	fmt.Fprintln(screen, "$ pipeline run a.yaml b.yaml")
	v.draw(noon)
	step("the first frame", "$ pipeline run a.yaml b.yaml\na  waiting for the first records\nb  waiting for the first records")
	a.report = pipeline.Report{Read: 10, Written: 10}
	v.draw(noon)
	step("in place", "$ pipeline run a.yaml b.yaml\na  10 read  0 records/s  10 rows written\nb  waiting for the first records")
	fmt.Fprintln(v, "b: the tape was cut off")
	step("above the blocks", "$ pipeline run a.yaml b.yaml\nb: the tape was cut off\na  10 read  0 records/s  10 rows written\nb  waiting for the first records")
	screen.resize(24)
	v.draw(noon)
	step("narrower", "$ pipeline run a.yaml b.\nyaml\nb: the tape was cut off\na  10 read  0/s\nb  starting")
	screen.resize(60)
	b.running = false
	fmt.Fprintln(v, "b: 0 read")
	step("one is over", "$ pipeline run a.yaml b.yaml\nb: the tape was cut off\nb: 0 read\na  10 read  0 records/s  10 rows written")
	v.close()
	fmt.Fprintln(v, "a: 10 read")
	v.close()
	v.draw(noon)
	step("all are over", "$ pipeline run a.yaml b.yaml\nb: the tape was cut off\nb: 0 read\na: 10 read")
}

// A terminal with few rows shows what it can write over.
func TestViewOnFewRows(t *testing.T) {
	screen := &fakeTerminal{columns: 60, rows: 3}
	v := &view{out: screen, size: func() (int, int) { return screen.columns, screen.rows }}
	for i := range 4 {
		v.shows = append(v.shows, &show{name: strconv.Itoa(i), running: true})
	}
	v.draw(noon)
	v.shows[0].report.Read = 1
	v.draw(noon)
	if got, want := screen.String(), "0  1 read  0 records/s  0 rows written\n1  waiting for the first records"; got != want {
		t.Errorf("got\n%s\nexpected\n%s", got, want)
	}
}

// While real runs go on, frames are drawn; what stays is what was said.
func TestViewOfRuns(t *testing.T) {
	exampleFolder(t)
	screen := &fakeTerminal{columns: 100, rows: 24}
	v := &view{out: screen, size: func() (int, int) { return screen.columns, screen.rows }}
	engine := rest.New()
	a := &app{engine: engine, registry: connectors.All(engine), stdout: io.Discard, stderr: v, view: v}
	all, _ := a.check([]string{"mappings/gevme-attendees.yaml", "mappings/floktu-orders.yaml"}, "")
	over, drawing := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drawing)
		for {
			select {
			case <-over:
				return
			default:
				v.draw(time.Now())
			}
		}
	}()
	err := a.runAll(t.Context(), all, runFlags{sandbox: true, progress: "auto"}, nil)
	close(over)
	<-drawing
	if err != nil {
		t.Error(err)
	}
	got := screen.String()
	for _, want := range []string{"\ngevme-attendees: 2,500 read, 1,889 written", "\nfloktu-orders: 40 read, 40 written", "\n\nmapping "} {
		if strings.Count("\n"+got, want) != 1 {
			t.Errorf("expected %q once in\n%s", want, got)
		}
	}
	if strings.Contains(got, "records/s") || strings.Contains(got, "waiting") {
		t.Errorf("the blocks were left behind:\n%s", got)
	}
}

// fakeTerminal obeys what the view writes, and wraps its lines anew when it is
// resized, as terminals do.
type fakeTerminal struct {
	columns, rows int
	lines         []string // as they were written, each may take several rows
	row           int      // of the cursor, among the rows on screen
}

func (f *fakeTerminal) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		if after, ok := strings.CutPrefix(text, "\x1b["); ok {
			n := strings.IndexAny(after, "AJK")
			f.obey(after[n], after[:n])
			text = after[n+1:]
			continue
		}
		if text[0] == '\r' {
			text = text[1:]
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		line, _, _ = strings.Cut(line, "\x1b[K")
		f.set(line)
		text = rest
	}
	return len(p), nil
}

func (f *fakeTerminal) obey(command byte, argument string) {
	switch command {
	case 'A':
		n, _ := strconv.Atoi(argument)
		for n > 0 {
			f.row--
			n -= f.height(f.lines[f.row])
		}
		if n < 0 {
			panic("the cursor is in the middle of a line")
		}
	case 'J':
		f.lines = f.lines[:f.row]
	}
}

// set writes over the line at the cursor and goes to the next one.
func (f *fakeTerminal) set(line string) {
	if f.row < len(f.lines) {
		f.lines[f.row] = line
	} else {
		f.lines = append(f.lines, line)
	}
	f.row++
}

func (f *fakeTerminal) height(line string) int { return max(1, (len(line)+f.columns-1)/f.columns) }

func (f *fakeTerminal) resize(columns int) { f.columns = columns }

func (f *fakeTerminal) String() string {
	var rows []string
	for _, line := range f.lines {
		for len(line) > f.columns {
			rows = append(rows, line[:f.columns])
			line = line[f.columns:]
		}
		rows = append(rows, line)
	}
	return strings.Join(rows, "\n")
}

func TestPace(t *testing.T) {
	var p pace
	if p.perSecond() != 0 {
		t.Error("a pace without a look")
	}
	for i := range 300 { // ten a second, then a hundred a second
		n := 1 * i
		if i > 150 {
			n = 150 + 10*(i-150)
		}
		p.add(noon.Add(time.Duration(i)*100*time.Millisecond), n)
	}
	if got := p.perSecond(); got < 99 || got > 101 {
		t.Errorf("%.1f records a second, expected 100", got)
	}
	if len(p) > 110 {
		t.Errorf("%d looks are kept", len(p))
	}
}

func TestTimeLeft(t *testing.T) {
	rate := pipeline.Rate{Calls: 500, Per: time.Minute}
	for name, c := range map[string]struct {
		e                        estimate
		done, all, answers, used int
		elapsed, want            time.Duration
	}{
		"at the speed so far":       {done: 250, all: 1000, elapsed: 10 * time.Second, want: 30 * time.Second},
		"after what was on tape":    {e: estimate{before: 500}, done: 750, all: 1000, elapsed: 10 * time.Second, want: 10 * time.Second},
		"the limit is slower":       {done: 500, all: 5500, answers: 500, used: 500, elapsed: 10 * time.Second, want: 10 * time.Minute},
		"within the limit":          {done: 100, all: 200, answers: 100, used: 100, elapsed: 10 * time.Second, want: 10 * time.Second},
		"nobody knows how many":     {done: 100, elapsed: 10 * time.Second},
		"more than last time":       {done: 100, all: 90, elapsed: 10 * time.Second},
		"too early":                 {done: 1, all: 90, elapsed: time.Second},
		"nothing but what was kept": {e: estimate{before: 5}, done: 5, all: 90, elapsed: time.Minute},
	} {
		c.e.began = noon
		if got := c.e.left(noon.Add(c.elapsed), c.done, c.all, c.answers, rate, c.used); got != c.want {
			t.Errorf("%s: %v left, expected %v", name, got, c.want)
		}
	}
}

// TestSummaries compares the ends of runs with testdata/summary.txt; none has
// more than twelve lines.
func TestSummaries(t *testing.T) {
	s := &show{name: "acme", again: "pipeline run acme.yaml", goesOn: true, from: "gevme/attendees", rejects: "pipeline rejects acme.yaml --replay", remote: true, calls: 41, retries: 2}
	var causes []pipeline.Cause
	for i := range 30 {
		causes = append(causes, pipeline.Cause{Code: "conversion", Field: fmt.Sprintf("field%d", i), Reason: "…", Count: 1 + i%7, Page: 1, Item: i + 1})
	}
	everything := pipeline.Report{
		Read: 2500, Written: 1000, Filtered: 1000, Rejected: 500, Exploded: 1, Unchanged: 900, Deleted: 3, FromTape: 7,
		Causes: causes, Rejects: "acme.rejects.jsonl", Took: 83 * time.Second,
		Warnings: []string{"the first", "the second", "the third"},
		Targets:  []string{"a.csv", "b.csv", "c.parquet", "https://example.com", "e.jsonl"},
	}
	good := pipeline.Report{Read: 2500, Written: 2500, Targets: []string{"a.csv", "b.csv", "c.parquet"}, Took: 800 * time.Millisecond}
	file := &show{name: "file", again: "pipeline run file.yaml", from: "file"}
	var got strings.Builder
	for _, text := range []string{
		s.finished(good), s.finished(everything), file.finished(pipeline.Report{Read: 2, Rejected: 2, Causes: causes[:1], Rejects: "file.rejects.jsonl"}),
		s.failed(everything, &pipeline.TooManyRejects{Rejected: 500, Read: 2500, Allowed: "5%", File: "acme.rejects.jsonl"}),
		s.failed(good, &pipeline.Stopped{Page: 41}),
		s.failed(pipeline.Report{}, errors.New("no credentials. Looked in:\n  1. here\n  2. there")),
	} {
		if n := strings.Count(text, "\n"); n > maxSummary {
			t.Errorf("%d lines:\n%s", n, text)
		}
		got.WriteString(text + "\n")
	}
	results := []result{
		{report: pipeline.Report{Mapping: "acme-summit-2026-参加者", Read: 12500, Written: 11000, Filtered: 1400, Rejected: 100}, calls: 13, exit: exitRejected},
		{report: pipeline.Report{Mapping: "beta"}, exit: exitFailed},
	}
	for _, width := range []int{0, 60, 40} {
		got.WriteString(resultTable(results, width) + "\n")
	}
	goldenFile(t, filepath.Join("testdata", "summary.txt"), got.String())
}
