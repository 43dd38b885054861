package pipeline

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func write(t *testing.T, o *Output, text string) {
	t.Helper()
	if _, err := io.WriteString(o, text); err != nil {
		t.Fatal(err)
	}
}

func TestOutputIsAFile(t *testing.T) {
	dir := t.TempDir()
	o, err := OpenOutput(&World{OutDir: dir, Sample: true}, "a.csv", CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	write(t, o, "text")
	if err := o.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := o.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Abort(); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, map[string]string{"a.sample.csv": "text"})
}

func TestOutputIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	o, err := OpenOutput(&World{OutDir: dir}, "a.csv", CompressionGzip)
	if err != nil {
		t.Fatal(err)
	}
	write(t, o, "text")
	if err := o.Abort(); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, map[string]string{})
}

func TestOutputNeedsAFolder(t *testing.T) {
	if _, err := OpenOutput(&World{OutDir: t.TempDir()}, "no/a.csv", CompressionNone); err == nil {
		t.Error("no error")
	}
}

// What follows a Flush can be read with what was before, and the bytes say
// neither when nor where they were made.
func TestOutputGzip(t *testing.T) {
	make := func(parts ...string) []byte {
		dir := t.TempDir()
		o, err := OpenOutput(&World{OutDir: dir}, "a.gz", CompressionGzip)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p != "" {
				write(t, o, p)
			}
			for range 2 {
				if err := o.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := o.Commit(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "a.gz"))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, parts := range [][]string{{""}, {"a"}, {"a", "b"}, {"a", "", "c"}} {
		first := make(parts...)
		if !bytes.Equal(first, make(parts...)) {
			t.Errorf("%q: other bytes the second time", parts)
		}
		r, err := gzip.NewReader(bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		if r.Name != "" || !r.ModTime.IsZero() {
			t.Errorf("%q: name %q, time %v", parts, r.Name, r.ModTime)
		}
		got, err := io.ReadAll(r)
		var want []byte
		for _, p := range parts {
			want = append(want, p...)
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, %v", parts, got, err)
		}
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

func TestOutputIsStdout(t *testing.T) {
	var out bytes.Buffer
	o, err := OpenOutput(&World{Stdout: &out}, "-", CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	write(t, o, "text")
	if out.String() != "text" {
		t.Errorf("got %q before Flush", out.String())
	}
	if err := errors.Join(o.Flush(), o.Commit(), o.Abort()); err != nil {
		t.Error(err)
	}

	for _, compression := range []string{CompressionNone, CompressionGzip} {
		o, err = OpenOutput(&World{Stdout: closedPipe{}}, "-", compression)
		if err != nil {
			t.Fatal(err)
		}
		_, err := io.WriteString(o, "secret")
		if err = errors.Join(err, o.Flush()); err == nil || err.Error() != "write stdout: broken pipe" || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: got %v", compression, err)
		}
	}
}
