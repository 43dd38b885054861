package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/bench/measure"
)

// TestAllWorks runs everything with few records: pipeline and floor do the same
// in each work, or there is an error.
func TestAllWorks(t *testing.T) {
	c := config{n: 1, records: 2000, pages: 2, rows: 2000, dir: t.TempDir()}
	if err := c.parse("", "1000,2000"); err != nil {
		t.Fatal(err)
	}
	var out, log strings.Builder
	if err := run(t.Context(), &out, &log, c); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for _, want := range []string{
		"\n| W1 JSONL to CSV, 2,000 records | ", "\n| W2 JSONL to Parquet, 2,000 records | ", "\n| W3 HTTP pull to CSV, 2 pages | ",
		"\n| W3, tape on to tape off | ", "\n| W4 webhook, a row a request, 2,000 records | ", "\n| W4, with the ledger to without it | ",
		"\n| W6 start to end, ten records | ", "\n| HTTP to CSV | ", " | wall 1.9, 30 MiB | ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not have %q:\n%s", want, out.String())
		}
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		c            config
		works, sizes string
		want         string
	}{
		{config{n: 1, records: 1, pages: 1, rows: 1}, "W1,W6", "10", ""},
		{config{n: 1, records: 1, pages: 1, rows: 1}, "W7", "10", "there is no work W7; there are W1 to W6"},
		{config{n: 1, records: 1, pages: 1, rows: 1}, "", "10,many", `-sizes takes numbers of records, such as 10000,100000, found "many"`},
		{config{n: 0, records: 1, pages: 1, rows: 1}, "", "10", "-n, -records, -pages and -rows take numbers from 1"},
	} {
		got := ""
		if err := test.c.parse(test.works, test.sizes); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q %q: %q, want %q", test.works, test.sizes, got, test.want)
		}
	}
}

func TestReport(t *testing.T) {
	s := func(wall, cpu, others float64, rss int64) measure.Cost {
		return measure.Cost{Wall: time.Duration(wall * 1e9), CPU: time.Duration(cpu * 1e9), Others: time.Duration(others * 1e9), RSS: rss * mib}
	}
	r := report{
		results: []result{
			{name: "W1", goals: goals{cpu: 2, wall: 1.1, rss: 32 * mib}, costs: [2][]measure.Cost{{s(1, 2, 0, 30), s(2, 2, 0, 30)}, {s(1, 1, 1.3, 10), s(1, 1, 1.2, 12)}}},
			{name: "W6", goals: goals{seconds: 0.02}, costs: [2][]measure.Cost{{s(0.01, 0.02, 0, 20)}, {s(0.01, 0.01, 0, 10)}}, served: 10 * time.Millisecond, note: "32 connections"},
		},
		peaks: []peaks{{name: "CSV", goal: 32 * mib, rss: []int64{20 * mib, 30 * mib}}},
	}
	var t1, t2 strings.Builder
	r.writeResults(&t1)
	r.writePeaks(&t2, config{sizes: []int{10_000, 1_000_000}})
	const want = `
| work | CPU, times the floor | wall, times the floor | pipeline: CPU s, wall s, peak MiB | floor | to reach | reached | beside it |
|---|---|---|---|---|---|---|---|
| W1 | 2.00 (2.00..2.00) | 1.50 (1.00..2.00) | 2.000, 1.500, 30.0 | 1.000, 1.000, 11.0 | CPU 2.0, wall 1.1, 32 MiB | yes, **no**, yes | **others 0.5 cores: do not believe the wall time** |
| W6 | 2.00 (2.00..2.00) | 1.00 (1.00..1.00) | 0.020, 0.010, 20.0 | 0.010, 0.010, 10.0 | 20 ms | yes | server 0.5 cores, 32 connections, others 0.0 cores |

| W5 peak MiB | 10,000 records | 1,000,000 records | last to first | to reach | reached |
|---|---|---|---|---|---|
| CSV | 20.0 | 30.0 | 1.50 | 32 MiB, 1.10 | yes, **no** |
`
	if diff := cmp.Diff(want, t1.String()+t2.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

func TestBusyMachineIsSaid(t *testing.T) {
	const words = "The machine was busy"
	for load, want := range map[float64]bool{-1: false, 1.5: false, 1.6: true} {
		var out strings.Builder
		if err := new(report).write(&out, config{n: 3}, machine{load: load}, machine{load: 9}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), words); got != want {
			t.Errorf("load %v: %q", load, out.String())
		}
	}
}

// TestNotTheSame: figures of two that did not do the same are no figures.
func TestNotTheSame(t *testing.T) {
	b := &bench{config: config{dir: t.TempDir()}}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 64<<10)
	for _, test := range []struct{ tool, floor, toolBad, floorBad, want string }{
		{long + "a", long + "a", "r\n", "r\n", ""},
		{long + "a", long + "b", "r\n", "r\n", "differ behind byte 65536"},
		{long, long + "b", "r\n", "r\n", "differ behind byte 65536"},
		{"", "", "r\n", "r\nr\n", "1 records were rejected by pipeline, and 2 by the floor"},
	} {
		write(toolOut, test.tool)
		write(floorOut, test.floor)
		write(toolRejects, test.toolBad)
		write(floorRejects, test.floorBad)
		err := b.sameFiles()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	if err := os.Remove(b.path(toolRejects)); err != nil {
		t.Fatal(err)
	}
	if err := b.sameRejects(); err == nil {
		t.Error("no file of rejects counts as two of them")
	}
	if err := sameBytes(filepath.Join(b.dir, "absent"), b.path(toolOut)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
