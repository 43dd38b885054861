package csv

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// A file that is not what it should be is told before the run, and stays as it
// is. No message holds a cell of a person.
func TestOldFileIsWrong(t *testing.T) {
	const mend = "; mend it, or move it away"
	const fix = "\nchange the fields of the mapping back, or move the file away"
	long := strings.Repeat("x", 200)
	for _, test := range []struct {
		name    string
		options pipeline.Options
		old     string
		want    string // behind "append to PATH: "
	}{
		{name: "cut off in a quote", old: "id,name\n1,a\n2,\"Zoë\n3,c\n", want: "line 3: a quote is opened and never closed; the file was cut off, or a quote in a cell is not doubled" + mend},
		{name: "a quote in a cell", old: "id,name\n\n1,5\" pipe\n2,6\" pipe\n", want: `line 3: a quote stands in a cell that does not begin with one; such a cell is written "…" with each quote in it doubled` + mend},
		{name: "text behind a quote", old: "id,name\n1,\"Zoë\" M\n", want: "line 2: text follows the quote that ends a cell; a quote in a cell is written twice" + mend},
		{name: "quotes that meet in one row", old: "id,name\n1,\"a\"\",b\n2,c\"\"\n", want: "line 2: a quote is opened and never closed; the file was cut off, or a quote in a cell is not doubled" + mend},
		{name: "a row with a cell less", old: "id,name\n1,\"a\nb\"\nZoë\n", want: "line 4: the row has 1 cell, and the mapping makes 2" + mend},
		{name: "a row with a cell more", options: pipeline.Options{"header": false}, old: "1,a,b\n", want: "line 1: the row has 3 cells, and the mapping makes 2" + mend},
		{name: "another delimiter", old: "id;name\n1;a\n", want: `its cells are separated by ";", and the delimiter of the mapping is ","; say ` + "`delimiter: \";\"`, or move the file away"},
		{name: "a tab", options: pipeline.Options{"delimiter": "|"}, old: "\"id\"\tname\n", want: `its cells are separated by "\t", and the delimiter of the mapping is "|"; say ` + "`delimiter: \"\\t\"`, or move the file away"},
		{name: "another order", old: "name,id\n", want: "its columns are not those of the mapping:\n  the file has       name, id\n  the mapping makes  id, name" + fix},
		{name: "a column more", old: "id,name,\"a, b\",\n", want: "its columns are not those of the mapping:\n  the file has       id, name, \"a, b\", \"\"\n  the mapping makes  id, name" + fix},
		{name: "a long name", old: "id," + long, want: "its columns are not those of the mapping:\n  the file has       id, " + long[:100] + "…\n  the mapping makes  id, name" + fix},
		{name: "no header", old: "Zoë,secret,\n", want: "its first row, of 3 cells, is not the header of the mapping:\n  the mapping makes  id, name" + fix},
		{name: "gzip", old: zip(t, "gzip", "id,name\n"), want: "it is compressed with gzip; say `compression: gzip`, or move it away"},
		{name: "zstd", old: zip(t, "zstd", "id,name\n"), want: "it is compressed with zstd; say `compression: zstd`, or move it away"},
		{name: "UTF-16", old: "\xff\xfei\x00d\x00", want: "it is UTF-16; save it as UTF-8, or move it away"},
		{name: "no gzip", options: pipeline.Options{"compression": "gzip"}, old: "id,name\n1,a\n", want: "it is not compressed with gzip, as compression says" + mend},
		{name: "no zstd", options: pipeline.Options{"compression": "zstd"}, old: "id,name\n1,a\n", want: "it is not compressed with zstd, as compression says" + mend},
		{name: "half a gzip file", options: pipeline.Options{"compression": "gzip"}, old: zip(t, "gzip", "id,name\n1,a\n")[:20], want: "its gzip data are cut off" + mend},
		{name: "a byte of a gzip file", options: pipeline.Options{"compression": "gzip"}, old: "\x1f", want: "its gzip data are cut off" + mend},
		{name: "half a zstd file", options: pipeline.Options{"compression": "zstd"}, old: zip(t, "zstd", "id,name\n1,a\n")[:12], want: "its zstd data are cut off" + mend},
		{name: "a damaged gzip file", options: pipeline.Options{"compression": "gzip"}, old: damaged(zip(t, "gzip", "id,name\n1,a\n"), 6), want: "its gzip data are damaged (gzip: invalid checksum)" + mend},
		{name: "a damaged zstd file", options: pipeline.Options{"compression": "zstd"}, old: damaged(zip(t, "zstd", "id,name\n1,a\n"), 2), want: "its zstd data are damaged (CRC check failed)" + mend},
	} {
		for mode, doing := range map[string]string{"append": "append to ", "merge": "merge into "} {
			t.Run(test.name+"/"+mode, func(t *testing.T) {
				r := run{dir: t.TempDir(), options: pipeline.Options{"mode": mode}, columns: columns("id", "name"), key: []int{0}}
				for name, v := range test.options {
					r.options[name] = v
				}
				r.put(t, test.old)
				w, err := r.open(context.Background())
				if err == nil {
					t.Fatal("no error", w.Abort())
				}
				if diff := cmp.Diff(doing+r.path()+": "+test.want, err.Error()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if got := r.file(t); got != test.old {
					t.Errorf("the file became %q", got)
				}
			})
		}
	}
}

// damaged is text with a byte changed, so many from its end.
func damaged(text string, fromEnd int) string {
	b := []byte(text)
	b[len(b)-fromEnd] ^= 1
	return string(b)
}

func TestOldFileIsNone(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id")}
	if err := os.Mkdir(r.path(), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.open(context.Background()); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("got %v", err)
	}
}

func TestOldFileMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "append"}, columns: columns("id")}
	r.put(t, "id\n")
	if err := os.Chmod(r.path(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.open(context.Background()); err == nil || err.Error() != "append to "+r.path()+": permission denied" {
		t.Errorf("got %v", err)
	}
}

func TestMergeNeedsKey(t *testing.T) {
	r := run{dir: t.TempDir(), options: pipeline.Options{"mode": "merge"}, columns: columns("id")}
	_, err := r.open(context.Background())
	want := "merge into " + r.path() + ": nothing says which rows are the same; give the mapping a key, such as `key: [id]`"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if left := names(t, r.dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestTooManyColumnsToShow(t *testing.T) {
	many := make([]string, 150)
	for i := range many {
		many[i] = "c"
	}
	if got, want := list(many), strings.Repeat("c, ", 99)+"c, and 50 more"; got != want {
		t.Errorf("got %q", got)
	}
}
