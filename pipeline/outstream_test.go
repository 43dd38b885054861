package pipeline

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
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

// unzip reads all of a compressed text, of however many members or frames.
func unzip(t *testing.T, compression string, zipped []byte) (string, error) {
	t.Helper()
	in := io.Reader(bytes.NewReader(zipped))
	switch compression {
	case CompressionGzip:
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		if z.Name != "" || !z.ModTime.IsZero() {
			t.Errorf("the header says name %q, time %v", z.Name, z.ModTime)
		}
		in = z
	case CompressionZstd:
		z, err := zstd.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		in = z
	}
	text, err := io.ReadAll(in)
	return string(text), err
}

// published is the file of a run that writes and flushes each of parts.
func published(t *testing.T, compression string, parts ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	o, err := OpenOutput(&World{OutDir: dir}, "a", compression)
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
	got, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What follows a Flush can be read with what was before, and the bytes say
// neither when nor where they were made.
func TestOutputIsCompressed(t *testing.T) {
	long := strings.Repeat("Zoë Müller,zoe@example.com\n", 100_000)
	for _, compression := range []string{CompressionGzip, CompressionZstd} {
		for _, parts := range [][]string{{""}, {"a"}, {"a", "b"}, {"a", "", "c"}, {long}} {
			first := published(t, compression, parts...)
			if len(first) == 0 || !bytes.Equal(first, published(t, compression, parts...)) {
				t.Errorf("%s %.20q: nothing, or other bytes the second time", compression, parts)
			}
			if got, err := unzip(t, compression, first); err != nil || got != strings.Join(parts, "") {
				t.Errorf("%s %.20q: got %.20q, %v", compression, parts, got, err)
			}
		}
	}
}

func TestOutputRestarts(t *testing.T) {
	for _, compression := range []string{CompressionNone, CompressionGzip, CompressionZstd} {
		dir := t.TempDir()
		o, err := OpenOutput(&World{OutDir: dir}, "a", compression)
		if err != nil {
			t.Fatal(err)
		}
		write(t, o, strings.Repeat("forgotten", 100_000))
		if err := o.Flush(); err != nil {
			t.Fatal(err)
		}
		write(t, o, "forgotten as well")
		if err := o.Restart(); err != nil {
			t.Fatal(err)
		}
		write(t, o, "text")
		if err := errors.Join(o.Flush(), o.Commit()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "a"))
		if err != nil || !bytes.Equal(got, published(t, compression, "text")) {
			t.Errorf("%s: got %q, %v", compression, got, err)
		}
		if o.Restart() == nil {
			t.Errorf("%s: what was published is forgotten", compression)
		}
	}
}

func TestCheckCompression(t *testing.T) {
	for _, test := range []struct{ path, compression, message, hint string }{
		{"a.csv", CompressionNone, "", ""},
		{"a.csv", CompressionZstd, "", ""},
		{"a.csv.gz", CompressionGzip, "", ""},
		{"a.csv.zst", CompressionZstd, "", ""},
		{"a.csv.gz", CompressionNone, "the name says gzip, and the file is not compressed", "add `compression: gzip`, or take the .gz off the name"},
		{"a.csv.ZST", CompressionNone, "the name says zstd, and the file is not compressed", "add `compression: zstd`, or take the .zst off the name"},
		{"a.csv.gz", CompressionZstd, "the name says gzip, and the file is compressed with zstd", "add `compression: gzip`, or take the .gz off the name"},
	} {
		var want []OptionError
		if test.message != "" {
			want = []OptionError{{Option: "path", Message: test.message, Hint: test.hint}}
		}
		if diff := cmp.Diff(want, CheckCompression(test.path, test.compression)); diff != "" {
			t.Errorf("%s, %s: -want +got:\n%s", test.path, test.compression, diff)
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
	if o.Restart() == nil {
		t.Error("what was written to stdout is taken back")
	}

	for _, compression := range []string{CompressionNone, CompressionGzip, CompressionZstd} {
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
