package csv

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// day is the start of a run on that day.
func day(n int) time.Time { return time.Date(2026, 8, n, 2, 0, 0, 123456789, time.UTC) }

// run is one run into a.csv in a folder.
type run struct {
	dir     string
	options pipeline.Options
	columns []pipeline.Column
	key     []int
	state   string
	now     time.Time
}

func (r run) open(ctx context.Context) (pipeline.Writer, error) {
	options := pipeline.Options{"path": "a.csv"}
	for name, v := range r.options {
		options[name] = v
	}
	return Connector().Open(ctx, pipeline.SinkConfig{
		Options: options, Columns: r.columns, Key: r.key, State: r.state,
		World: &pipeline.World{OutDir: r.dir, Now: r.now},
	})
}

// write is the run up to its Commit.
func (r run) write(t testing.TB, rows ...[]value.Value) pipeline.Writer {
	t.Helper()
	ctx := context.Background()
	w, err := r.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(ctx, batch(r.columns, row)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// publish is the whole run, and what the file is then.
func (r run) publish(t testing.TB, rows ...[]value.Value) string {
	t.Helper()
	w := r.write(t, rows...)
	for range 2 {
		if err := w.Commit(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Abort(); err != nil { // after Commit it does nothing
		t.Fatal(err)
	}
	return r.file(t)
}

func (r run) path() string { return filepath.Join(r.dir, "a.csv") }

func (r run) file(t testing.TB) string {
	t.Helper()
	got, err := os.ReadFile(r.path())
	if err != nil {
		t.Fatal(err)
	}
	if left := names(t, r.dir); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
	return string(got)
}

func (r run) put(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(r.path(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func zip(t testing.TB, compression, text string) string {
	t.Helper()
	var out bytes.Buffer
	var z io.WriteCloser
	switch compression {
	case "gzip":
		z = gzip.NewWriter(&out)
	case "zstd":
		e, err := zstd.NewWriter(&out, zstd.WithWindowSize(512<<10))
		if err != nil {
			t.Fatal(err)
		}
		z = e
	default:
		return text
	}
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func unzip(t testing.TB, compression, zipped string) string {
	t.Helper()
	in := io.Reader(strings.NewReader(zipped))
	switch compression {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		in = z
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestModes(t *testing.T) {
	const noFile = "\x00"
	for _, test := range []struct {
		name          string
		old           string
		options       pipeline.Options
		append, merge string // the file after a row 2,new
	}{
		{name: "no file", old: noFile, append: "id,name\n2,new\n", merge: "id,name\n2,new\n"},
		{name: "an empty file", old: "", append: "id,name\n2,new\n", merge: "id,name\n2,new\n"},
		{name: "a header alone", old: "id,name\n", append: "id,name\n2,new\n", merge: "id,name\n2,new\n"},
		{
			name: "rows", old: "id,name\n1,a\n2,b\n3,c\n",
			append: "id,name\n1,a\n2,b\n3,c\n2,new\n", merge: "id,name\n1,a\n3,c\n2,new\n",
		},
		{name: "no line break at the end", old: "id,name\n1,a", append: "id,name\n1,a\n2,new\n", merge: "id,name\n1,a\n2,new\n"},
		{name: "half a line break at the end", old: "id,name\r\n1,a\r", append: "id,name\r\n1,a\r\n2,new\n", merge: "id,name\n1,a\r\n2,new\n"},
		{name: "a header without line break", old: "id,name", append: "id,name\n2,new\n", merge: "id,name\n2,new\n"},
		{
			name: "quotes of another program", old: "\"id\",\"name\"\n\"1\",\"a\"\n\"2\",\"b \"\"x\"\"\nc\"\n",
			append: "\"id\",\"name\"\n\"1\",\"a\"\n\"2\",\"b \"\"x\"\"\nc\"\n2,new\n", merge: "id,name\n\"1\",\"a\"\n2,new\n",
		},
		{
			name: "empty lines", old: "\nid,name\n\n1,a\n\r\n2,b\n\n",
			append: "\nid,name\n\n1,a\n\r\n2,b\n\n2,new\n", merge: "id,name\n1,a\n2,new\n",
		},
		{
			name: "excel", options: pipeline.Options{"bom": true, "delimiter": ";", "newline": "crlf"}, old: "\ufeffid;name\r\n1;a,b\r\n2;b",
			append: "\ufeffid;name\r\n1;a,b\r\n2;b\r\n2;new\r\n", merge: "\ufeffid;name\r\n1;a,b\r\n2;new\r\n",
		},
		{
			name: "a byte order mark, although none is asked for", old: "\ufeff\"id\",name\n1,a\n",
			append: "\ufeff\"id\",name\n1,a\n2,new\n", merge: "id,name\n1,a\n2,new\n",
		},
		{
			name: "a byte order mark alone", options: pipeline.Options{"bom": true}, old: "\ufeff",
			append: "\ufeffid,name\n2,new\n", merge: "\ufeffid,name\n2,new\n",
		},
		{
			name: "no header", options: pipeline.Options{"header": false}, old: "1,a\n2,b\n",
			append: "1,a\n2,b\n2,new\n", merge: "1,a\n2,new\n",
		},
		{name: "not UTF-8", old: "id,name\n1,\xff\x00\n", append: "id,name\n1,\xff\x00\n2,new\n", merge: "id,name\n1,\xff\x00\n2,new\n"},
		{
			name: "one key twice in the file", old: "id,name\n2,a\n1,b\n2,c\n1,d\n",
			append: "id,name\n2,a\n1,b\n2,c\n1,d\n2,new\n", merge: "id,name\n1,b\n1,d\n2,new\n",
		},
	} {
		for _, mode := range []string{"append", "merge"} {
			for _, compression := range []string{"none", "gzip", "zstd"} {
				t.Run(test.name+"/"+mode+"/"+compression, func(t *testing.T) {
					r := run{dir: t.TempDir(), options: pipeline.Options{"mode": mode, "compression": compression}, columns: columns("id", "name"), key: []int{0}}
					for name, v := range test.options {
						r.options[name] = v
					}
					if test.old != noFile {
						r.put(t, zip(t, compression, test.old))
					}
					got := unzip(t, compression, r.publish(t, texts("2", "new")))
					if diff := cmp.Diff(map[string]string{"append": test.append, "merge": test.merge}[mode], got); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				})
			}
		}
	}
}

// The key of an old row is what its cells say, so that of a new one is what its
// cells will say.
func TestMergeKeys(t *testing.T) {
	for _, test := range []struct {
		name    string
		options pipeline.Options
		old     string
		rows    [][]value.Value
		want    string
	}{
		{
			name: "of two columns, which are not taken for others", old: "a,b\n1,23\n12,3\n",
			rows: [][]value.Value{texts("12", "3")}, want: "a,b\n1,23\n12,3\n",
		},
		{
			name: "values of all kinds", old: "a,b\n1000.50,true\n1000.5,true\n",
			rows: [][]value.Value{{value.DecimalText("1000.50"), value.Bool(true)}}, want: "a,b\n1000.5,true\n1000.50,true\n",
		},
		{
			name: "a formula", old: "a,b\n'+6591234567,1\n'=x,2\n",
			rows: [][]value.Value{texts("+6591234567", "1")}, want: "a,b\n'=x,2\n'+6591234567,1\n",
		},
		{
			name: "null", options: pipeline.Options{"null": "N/A"}, old: "a,b\nN/A,1\n\"N/A\",2\n,1\n",
			rows: [][]value.Value{{{}, value.Int(1)}, {{}, value.Int(2)}}, want: "a,b\n,1\nN/A,1\nN/A,2\n",
		},
		{
			name: "quotes and line breaks", old: "a,b\n\"x, \"\"y\"\"\nz\",1\n\"x, \"\"y\"\"\",1\n",
			rows: [][]value.Value{texts("x, \"y\"\nz", "1")}, want: "a,b\n\"x, \"\"y\"\"\",1\n\"x, \"\"y\"\"\nz\",1\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "merge"}, columns: columns("a", "b"), key: []int{0, 1}}
			for name, v := range test.options {
				r.options[name] = v
			}
			r.put(t, test.old)
			if diff := cmp.Diff(test.want, r.publish(t, test.rows...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A merge that is run again, as after a crash, changes nothing.
func TestMergeAgain(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "merge"}, columns: columns("id", "name"), key: []int{0}}
	r.put(t, "id,name\n1,a\n2,b\n3,c\n")
	first := r.publish(t, texts("4", "x"), texts("2", "y"))
	if want := "id,name\n1,a\n3,c\n4,x\n2,y\n"; first != want {
		t.Errorf("got %q", first)
	}
	if again := r.publish(t, texts("4", "x"), texts("2", "y")); again != first {
		t.Errorf("first %q, then %q", first, again)
	}
}

// Flush is not the end: what is written behind it counts as well.
func TestMergeAfterFlush(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "merge", "compression": "gzip"}, columns: columns("id", "name"), key: []int{0}}
	r.put(t, zip(t, "gzip", "id,name\n1,a\n2,b\n3,c\n"))
	ctx := context.Background()
	w := r.write(t, texts("2", "new"))
	if err := w.Write(ctx, batch(r.columns, texts("1", "newer"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("id,name\n3,c\n2,new\n1,newer\n", unzip(t, "gzip", r.file(t))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestModesGiveUp(t *testing.T) {
	for _, mode := range []string{"append", "merge"} {
		r := run{dir: t.TempDir(), options: pipeline.Options{"mode": mode}, columns: columns("id"), key: []int{0}, state: t.TempDir()}
		r.put(t, "id\n1\n")
		if err := r.write(t, texts("2")).Abort(); err != nil {
			t.Fatal(err)
		}
		if got := r.file(t); got != "id\n1\n" {
			t.Errorf("%s: the file is %q", mode, got)
		}
		if left := names(t, r.state); len(left) > 0 {
			t.Errorf("%s: %q was kept of a run that published nothing", mode, left)
		}
	}
}

func TestModesStop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, mode := range []string{"append", "merge"} {
		r := run{dir: t.TempDir(), options: pipeline.Options{"mode": mode}, columns: columns("id"), key: []int{0}}
		r.put(t, "id\n1\n")
		if _, err := r.open(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", mode, err)
		}
		if got := r.file(t); got != "id\n1\n" {
			t.Errorf("%s: the file is %q", mode, got)
		}
	}
}
