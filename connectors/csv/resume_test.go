package csv

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// A run that published its file and was not remembered is run again with the
// start it had: its rows are there once.
func TestAppendIsResumed(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		for name, old := range map[string]string{
			"no file": "", "rows": "id\n1\n", "no line break at the end": "id\n1", "empty lines": "\n\n", "byte order mark": "\ufeff",
		} {
			t.Run(compression+"/"+name, func(t *testing.T) {
				r := run{
					dir: t.TempDir(), options: pipeline.Options{"mode": "append", "compression": compression, "bom": old == "\ufeff"},
					columns: columns("id"), state: filepath.Join(t.TempDir(), "not", "yet"), now: day(1),
				}
				if old != "" {
					r.put(t, zip(t, compression, old))
				}
				first := r.publish(t, texts("2"), texts("3"))
				again := r.publish(t, texts("2"), texts("3"))
				if again != first {
					t.Errorf("the same run gave %q, and then %q", unzip(t, compression, first), unzip(t, compression, again))
				}
				changed := r.publish(t, texts("4")) // its mapping was mended in between
				want := strings.Replace(unzip(t, compression, first), "2\n3\n", "4\n", 1)
				if diff := cmp.Diff(want, unzip(t, compression, changed)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				r.now = day(2)
				want += "4\n"
				for range 2 {
					if diff := cmp.Diff(want, unzip(t, compression, r.publish(t, texts("4")))); diff != "" {
						t.Errorf("the next run: -want +got:\n%s", diff)
					}
				}
			})
		}
	}
}

// A run that died between its note and its file finds the file as it was.
func TestAppendDiesBeforeItPublishes(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id"), state: t.TempDir(), now: day(1)}
	want := r.publish(t, texts("1"))
	r.now = day(2)
	dead := r.write(t, texts("2")).(*appender)
	if err := dead.save(); err != nil {
		t.Fatal(err)
	}
	if err := dead.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := r.publish(t, texts("2")); got != want+"2\n" {
		t.Errorf("got %q", got)
	}
}

func TestAppendAndTheFileIsGone(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id"), state: t.TempDir(), now: day(1)}
	r.put(t, "id\n1\n")
	r.publish(t, texts("2"))
	if err := os.Remove(r.path()); err != nil {
		t.Fatal(err)
	}
	if got := r.publish(t, texts("2")); got != "id\n2\n" {
		t.Errorf("got %q", got)
	}
}

// The rows of the run can no longer be told from others.
func TestAppendAndTheFileIsAnother(t *testing.T) {
	for _, text := range []string{"id\n1\n2\n3\n", "id\n"} {
		r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id"), state: t.TempDir(), now: day(1)}
		r.put(t, "id\n1\n")
		r.publish(t, texts("2"))
		r.put(t, text)
		_, err := r.open(context.Background())
		want := "append to " + r.path() + ": the run of " + day(1).Local().Format("2006-01-02 15:04") + " has added its rows, and the file was changed since then, so that they cannot be told from others; move the file away, or add them once more with --fresh"
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		r.now = day(2)
		if got := r.publish(t, texts("9")); got != text+"9\n" {
			t.Errorf("another run: got %q", got)
		}
	}
}

func TestAppendKeepsNothingWithoutState(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id"), now: day(1)}
	r.publish(t, texts("1"))
	if got := r.publish(t, texts("1")); got != "id\n1\n1\n" {
		t.Errorf("got %q", got)
	}
}

// What is kept says nothing of people, is for nobody else, and is one file for
// each target.
func TestAppendNote(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id"), state: t.TempDir(), now: day(1)}
	r.put(t, "id\n1")
	r.publish(t, texts("secret"))
	other := r
	other.dir = t.TempDir()
	other.publish(t, texts("secret"))
	kept := names(t, r.state)
	if len(kept) != 2 {
		t.Fatalf("kept: %q", kept)
	}
	notes := map[string]bool{}
	for _, name := range kept {
		path := filepath.Join(r.state, name)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		notes[string(src)] = true
	}
	want := map[string]bool{
		`{"started":"2026-08-01T02:00:00.123456789Z","before":4,"after":12}` + "\n": true,
		`{"started":"2026-08-01T02:00:00.123456789Z","before":0,"after":10}` + "\n": true,
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	for _, name := range kept {
		if err := os.WriteFile(filepath.Join(r.state, name), []byte(`{"started":`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.open(context.Background())
	if err == nil || !strings.HasPrefix(err.Error(), "append to "+r.path()+": read what the last run has added: unexpected end of JSON input; remove "+r.state) {
		t.Errorf("a damaged note: got %v", err)
	}
}
