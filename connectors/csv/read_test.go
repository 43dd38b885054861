package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readAll is all that a reader finds, and the text of the rows put together.
func readAll(in io.Reader, delimiter string) (rows [][]string, text string, err error) {
	for r := newReader(in, delimiter); ; {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, text, nil
		}
		if err != nil {
			return rows, text, err
		}
		text += string(row)
		if len(r.cells) > 0 {
			var cells []string
			for _, c := range r.cells {
				cells = append(cells, string(c))
			}
			rows = append(rows, cells)
		}
	}
}

func TestReadLongRows(t *testing.T) {
	long := strings.Repeat("x\n\"\"", readSize)
	text := "a," + strings.Repeat("y", 3*readSize) + "\n\"" + long + "\",b\r\nc,d"
	want := [][]string{{"a", strings.Repeat("y", 3*readSize)}, {strings.ReplaceAll(long, `""`, `"`), "b"}, {"c", "d"}}
	for name, in := range map[string]io.Reader{
		"at once":      strings.NewReader(text),
		"half by half": iotest.HalfReader(strings.NewReader(text)),
		"with its end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		rows, got, err := readAll(in, ",")
		if err != nil || got != text {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(text), err)
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: -want +got:\n%.500s", name, diff)
		}
	}
}

// endless is a text that never ends.
type endless struct{ of string }

func (e endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], e.of)
	}
	return len(p), nil
}

func TestReadBoundsRows(t *testing.T) {
	for of, want := range map[string]string{
		"x":      "line 1: the row is longer than 64 MiB",
		"xxxx\n": "line 1: a quote is opened and never closed; the file was cut off, or a quote in a cell is not doubled",
	} {
		_, _, err := readAll(io.MultiReader(strings.NewReader("\""[:strings.Count(of, "\n")]), endless{of}), ",")
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v", of, err)
		}
	}
}

func TestReadFails(t *testing.T) {
	_, _, err := readAll(io.MultiReader(strings.NewReader("a,b\n1"), iotest.ErrReader(io.ErrUnexpectedEOF)), ",")
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// The rows are the text, whatever it is, and their cells are those that
// encoding/csv reads, whatever pieces the text comes in.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"", "\n", "\r\n", "a", "a\r", "a,b\n1,2\n", "\"a\"\"b\",c\r\n", "\"", "\"\"", "\"\"\"", "a\"b\n", "\"a\"b", "a,\n,\n", "\"a\nb\",\"\"\n", "\r\r\n", "a\n\n\nb"} {
		f.Add(text, ",")
	}
	f.Add("a¦\"b¦\"¦\n", "¦")
	f.Fuzz(func(t *testing.T, text, delimiter string) {
		if d := []rune(delimiter); len(d) != 1 || strings.ContainsAny(delimiter, "\"\r\n\ufffd\x00") {
			t.Skip()
		}
		rows, got, err := readAll(strings.NewReader(text), delimiter)
		slow, gotSlowly, errSlowly := readAll(iotest.OneByteReader(strings.NewReader(text)), delimiter)
		if diff := cmp.Diff(rows, slow); diff != "" || got != gotSlowly || (err == nil) != (errSlowly == nil) {
			t.Fatalf("byte by byte: %v and %v, -at once +byte by byte:\n%s", err, errSlowly, diff)
		}
		if !strings.HasPrefix(text, got) || err == nil && got != text {
			t.Fatalf("%q was read as %q", text, got)
		}
		if err != nil || bytes.ContainsRune([]byte(text), '\r') { // of which encoding/csv makes a line break
			return
		}
		r := stdcsv.NewReader(strings.NewReader(text))
		r.Comma, r.FieldsPerRecord = []rune(delimiter)[0], -1
		want, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%q was read, and encoding/csv says %v", text, err)
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Fatalf("%q: -want +got:\n%s", text, diff)
		}
	})
}
