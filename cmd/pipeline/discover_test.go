package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the last run fetched is not fetched again for its schema.
func TestDiscoverReadsTheTape(t *testing.T) {
	p := newPlatform(t, 25, 10)
	dir := workplace(t, p)
	discover := func(args ...string) (stdout, stderr string, calls int) {
		t.Helper()
		before, _ := p.counts()
		cmd, errors := process(t, dir, append([]string{"discover"}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, errors)
		}
		after, _ := p.counts()
		return string(out), errors.String(), after - before
	}
	first, stderr, calls := discover("m.yaml")
	if calls != 3 || !strings.Contains(stderr, "25 records of gevme/attendees, 3 calls") {
		t.Errorf("before any run: %d calls\n%s", calls, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, ".pipeline")); err == nil {
		t.Error("it keeps state")
	}
	run, errors := process(t, dir, "run", "m.yaml")
	if err := run.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errors)
	}
	again, stderr, calls := discover("m.yaml")
	if calls != 0 || !strings.Contains(stderr, "from the tape of ") {
		t.Errorf("after a run: %d calls\n%s", calls, stderr)
	}
	if again != first {
		t.Errorf("the tape gives another schema:\n%s\n%s", first, again)
	}
	if _, stderr, calls = discover("--fresh", "--limit", "12", "m.yaml"); calls == 0 || !strings.Contains(stderr, "12 records of gevme/attendees, ") {
		t.Errorf("--fresh: %d calls\n%s", calls, stderr)
	}
	// another event is not on that tape
	text, err := os.ReadFile(filepath.Join(dir, "m.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(strings.Replace(string(text), `event: "1"`, `event: "2"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, calls = discover("m.yaml"); calls != 3 {
		t.Errorf("of another event: %d calls\n%s", calls, stderr)
	}
}
