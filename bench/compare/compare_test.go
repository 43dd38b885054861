package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/bench/measure"
)

func TestReport(t *testing.T) {
	s := func(wall, cpu float64, mib int64) measure.Cost {
		return measure.Cost{Wall: time.Duration(wall * 1e9), CPU: time.Duration(cpu * 1e9), RSS: mib << 20}
	}
	var out strings.Builder
	as := []measure.Cost{s(2, 4, 30), s(9, 6, 30), s(4, 5, 60)}
	bs := []measure.Cost{s(1, 1, 10), s(3, 2, 10), s(1, 1, 10)}
	if err := report(&out, as, bs); err != nil {
		t.Fatal(err)
	}
	const want = `
       run             wall s              CPU s            RSS MiB
       A 1              2.000              4.000               30.0
       B 1              1.000              1.000               10.0
       A 2              9.000              6.000               30.0
       B 2              3.000              2.000               10.0
       A 3              4.000              5.000               60.0
       B 3              1.000              1.000               10.0
  A median              4.000              5.000               30.0
  B median              1.000              1.000               10.0
       A/B  3.00 (2.00..4.00)  4.00 (3.00..5.00)  3.00 (3.00..6.00)
`
	if diff := cmp.Diff(want, "\n"+out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestCompareRunsBoth(t *testing.T) {
	var out strings.Builder
	if err := compare(&out, 2, []string{"true"}, []string{"true"}, 3); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 8 {
		t.Errorf("the report of 2 pairs has %d lines, want 8:\n%s", lines, out.String())
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		allowed int
		want    string
	}{{1, ""}, {3, "run false: exit status 1"}} {
		err := compare(new(strings.Builder), 1, []string{"false"}, []string{"true"}, test.allowed)
		if got := errText(err); !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("exit code 1 with %d allowed: %q, want %q", test.allowed, got, test.want)
		}
	}
	if err := compare(new(strings.Builder), 1, nil, []string{"true"}, 3); err == nil {
		t.Error("no command A, and no error")
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
