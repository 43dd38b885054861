package main

import (
	"strings"
	"testing"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

// TestRunsTableFits has terminals of several widths: columns go, and names give way,
// so that no line is broken.
func TestRunsTableFits(t *testing.T) {
	runs := []history.Run{
		{ID: "k3f9x2abqz0p", Mapping: "a-client-with-quite-a-long-name", Trigger: history.ByReconcile, Result: history.Rejected, Read: 1204, Written: 1201, Rejected: 3, TookMS: 3200},
		{ID: "7mq2ah5tz4xd", Mapping: "größe", Trigger: history.ByPush, Result: history.Running},
	}
	for i := range runs {
		runs[i].Started = time.Date(2026, 11, 22, 11, 0, 0, 0, time.Local)
	}
	for width, want := range map[int]string{
		0: `run           mapping                          started              by         result     read  written  rejected   took
k3f9x2abqz0p  a-client-with-quite-a-long-name  2026-11-22 11:00:00  reconcile  rejected  1,204    1,201         3  3.2 s
7mq2ah5tz4xd  größe                            2026-11-22 11:00:00  push       running       0        0         0
`,
		80: `run           mapping           started              result    written  rejected
k3f9x2abqz0p  a-client-with-q…  2026-11-22 11:00:00  rejected    1,201         3
7mq2ah5tz4xd  größe             2026-11-22 11:00:00  running         0         0
`,
	} {
		got := runsTable(runs, width)
		if got != want {
			t.Errorf("in %d columns:\n%s", width, got)
		}
		for line := range strings.Lines(got) {
			if width > 0 && diag.Columns(strings.TrimSpace(line)) > width {
				t.Errorf("%q has %d columns of %d", line, diag.Columns(line), width)
			}
		}
	}
}
