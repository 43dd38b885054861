package parquet

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/pipeline"
)

func waitingIn(t *testing.T, dir string) *waiting {
	t.Helper()
	out, err := pipeline.OpenOutput(&pipeline.World{}, filepath.Join(dir, "people.parquet"), pipeline.CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Abort(); err != nil {
			t.Error(err)
		}
	})
	return &waiting{out: out, open: map[*pages]bool{}}
}

// TestPages: what was written is read from its start, in memory and on disk, as
// often as one likes.
func TestPages(t *testing.T) {
	for _, sizes := range [][]int{{}, {10}, {inMemory}, {inMemory, 1}, {1000, inMemory, 3, 5 * inMemory}} {
		w := waitingIn(t, t.TempDir())
		p := w.GetBuffer().(*pages)
		var want []byte
		for i, size := range sizes {
			page := bytes.Repeat([]byte{byte('a' + i)}, size)
			if n, err := p.Write(page); n != size || err != nil {
				t.Fatal(n, err)
			}
			want = append(want, page...)
		}
		if (p.file != nil) != (len(want) > inMemory) {
			t.Errorf("%v: a file: %v", sizes, p.file != nil)
		}
		for range 2 {
			if _, err := p.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v: %d bytes, %v", sizes, len(got), err)
			}
		}
		if _, err := p.Seek(1, io.SeekStart); err == nil {
			t.Error("it went where pages cannot go")
		}
		w.PutBuffer(p)
		if len(w.open) != 0 {
			t.Error("it is still in use")
		}
		if _, err := p.Write(make([]byte, 1)); p.file != nil && !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// TestPagesAreGivenUp: a run that is given up holds no file any more.
func TestPagesAreGivenUp(t *testing.T) {
	dir := t.TempDir()
	w := waitingIn(t, dir)
	p := w.GetBuffer().(*pages)
	if _, err := p.Write(make([]byte, 2*inMemory)); err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, ".rows*")); len(found) > 0 {
		t.Errorf("a killed run would leave %v", found)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestNoRoomForPages: the error names the output.
func TestNoRoomForPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w := waitingIn(t, dir)
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	_, err := w.GetBuffer().Write(make([]byte, 2*inMemory))
	if err == nil || !strings.HasPrefix(err.Error(), "write "+filepath.Join(dir, "people.parquet")+": ") {
		t.Errorf("got %v", err)
	}
	if err := os.Rename(dir+"2", dir); err != nil {
		t.Fatal(err)
	}
}
