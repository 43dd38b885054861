package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

func typeOf(t testing.TB, s string) value.Type {
	t.Helper()
	parsed, err := value.ParseType(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// columnsFrom makes columns of "name type" lines; a ? after the type allows null.
func columnsFrom(t testing.TB, lines ...string) []pipeline.Column {
	t.Helper()
	var out []pipeline.Column
	for _, line := range lines {
		name, text, _ := strings.Cut(line, " ")
		text, nullable := strings.CutSuffix(text, "?")
		out = append(out, pipeline.Column{Name: name, Type: typeOf(t, text), Nullable: nullable})
	}
	return out
}

func batch(cols []pipeline.Column, rows ...[]value.Value) *pipeline.Batch {
	b := &pipeline.Batch{Columns: cols}
	for _, r := range rows {
		b.Append(r)
	}
	return b
}

// everything is a row of every type, one of other extremes, and one of nulls.
func everything(t testing.TB) ([]pipeline.Column, [][]value.Value) {
	cols := columnsFrom(t, "id integer?", "name string?", "share number?", "ok boolean?", "day date?", "at timestamp?",
		"price decimal(9,2)?", "total decimal(18,4)?", "large decimal(38,10)?", "tags list(string)?", "days list(date)?", "grid list(list(integer))?", "raw json?")
	return cols, [][]value.Value{
		{
			value.Int(9007199254740993), value.Text("Zoë 王"), value.FloatOf(0.1), value.Bool(true), value.Day(-1), value.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)),
			value.DecimalText("-1234567.89"), value.DecimalText("99999999999999.9999"), value.DecimalText("-9999999999999999999999999999.9999999999"),
			value.ListText(`["a", null, "\"b\"\n"]`), value.ListText(`["2024-02-29"]`), value.ListText(`[[1,2],[],null,[null]]`), value.JSONText(`{"a": [1, null]}`),
		},
		{ // as a target schema leaves them: compared, not converted
			value.NumberText("-9223372036854775808"), value.Text(""), value.NumberText("-1e300"), value.Bool(false), value.Text("9999-12-31"), value.Text("0001-01-01T08:00:00+08:00"),
			value.NumberText("0"), value.Text("-0.0001"), value.NumberText("1e-10"),
			value.ListText(`[]`), value.ListText(`[null]`), value.ListText(` [ ] `), value.JSONText(`null`),
		},
		make([]value.Value, len(cols)),
	}
}

// write is a whole run; it returns the path of the file.
func write(t testing.TB, options pipeline.Options, cols []pipeline.Column, rows ...[]value.Value) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.parquet")
	w, err := openFile(t, path, options, cols)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := w.Write(ctx, batch(cols, rows...)); err != nil {
		t.Fatal(err)
	}
	finish(t, w)
	return path
}

func finish(t testing.TB, w pipeline.Writer) {
	t.Helper()
	ctx := context.Background()
	for range 2 { // twice is safe
		if err := w.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := w.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

func openFile(t testing.TB, path string, options pipeline.Options, cols []pipeline.Column) (pipeline.Writer, error) {
	t.Helper()
	if options == nil {
		options = pipeline.Options{}
	}
	options["path"] = path
	return Connector().Open(t.Context(), pipeline.SinkConfig{Mapping: "acme", Digest: "c0ffee", Options: options, Columns: cols, World: &pipeline.World{}})
}

// read is the schema of a file, and its values with their levels.
func read(t testing.TB, path string) (*parquet.File, [][]parquet.Value) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(strings.NewReader(string(text)), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]parquet.Value
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buf := make([]parquet.Row, 10)
		for {
			n, err := rows.ReadRows(buf)
			for _, row := range buf[:n] {
				out = append(out, row.Clone())
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return file, out
}

func TestSchema(t *testing.T) {
	cols, rows := everything(t)
	for i := range cols {
		cols[i].Nullable = i%2 == 0
	}
	file, _ := read(t, write(t, nil, cols, rows[:2]...))
	want := `message row {
	optional int64 id (INT(64,true));
	required binary name (STRING);
	optional double share;
	required boolean ok;
	optional int32 day (DATE);
	required int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int32 price (DECIMAL(9,2));
	required int64 total (DECIMAL(18,4));
	optional fixed_len_byte_array(16) large (DECIMAL(38,10));
	required group tags (LIST) {
		repeated group list {
			optional binary element (STRING);
		}
	}
	optional group days (LIST) {
		repeated group list {
			optional int32 element (DATE);
		}
	}
	required group grid (LIST) {
		repeated group list {
			optional group element (LIST) {
				repeated group list {
					optional int64 element (INT(64,true));
				}
			}
		}
	}
	optional binary raw (JSON);
}`
	if diff := cmp.Diff(want, file.Schema().String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if name, _ := file.Lookup("pipeline.mapping"); name != "acme" {
		t.Errorf("pipeline.mapping is %q", name)
	}
	if digest, _ := file.Lookup("pipeline.mapping_sha256"); digest != "c0ffee" {
		t.Errorf("pipeline.mapping_sha256 is %q", digest)
	}
	if by := file.Metadata().CreatedBy; by != "pipeline version 1" {
		t.Errorf("created by %q", by)
	}
}

// TestRefusals: what would lose something, or cannot be, ends the run and says
// where.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		column string
		bad    value.Value
		want   string
	}{
		{"a string", value.Value{}, "is null, where its schema says that it never is; give it a value with ??, or allow null there"},
		{"a list(string)", value.Value{}, "is null, where its schema says that it never is; give it a value with ??, or allow null there"},
		{"a string", value.Text("a\xffb"), "is not valid UTF-8"},
		{"a list(string)", value.ListText("[\"a\xff\"]"), "item 1: is not valid UTF-8"},
		{"a string?", value.ListText(`["x"]`), "list to string: is a list, text is wanted"},
		{"a integer?", value.Text("4 2"), "string to integer: text is not a whole number like 42, without spaces, plus or leading zeros"},
		{"a integer", value.NumberText("9223372036854775808"), "number to integer: is too large for an integer of 64 bits"},
		{"a number", value.NumberText("9007199254740993"), errInexact.Error()},
		{"a number", value.Int(9007199254740993), errInexact.Error()},
		{"a number", value.Int(9223372036854775807), errInexact.Error()},
		{"a number", value.NumberText("1e400"), "is too large for a number; declare type string to keep it as text"},
		{"a boolean", value.Text("yes"), "string to boolean: text is neither true nor false"},
		{"a date", value.Text("2026-02-30"), "string to date: text is not a date like 2006-01-02 or an RFC 3339 time"},
		{"a date", value.Day(1 << 40), "is a day further away than Parquet counts"},
		{"a timestamp", value.TimeOf(time.Unix(0, 1500)), "is finer than a microsecond, which is what Parquet timestamps keep here; round it in the mapping, or declare type string"},
		{"a timestamp", value.TimeOf(time.Unix(1<<50, 0)), "is a time further away than Parquet counts"},
		{"a timestamp", value.Text("2026-01-02"), "string to timestamp: is a day without a time"},
		{"a decimal(4,2)", value.DecimalText("100.00"), "decimal to decimal(4,2): has 3 digits before the point, decimal(4,2) has room for 2"},
		{"a decimal(4,2)", value.NumberText("1.234"), "number to decimal(4,2): has 3 digits after the point, decimal(4,2) keeps 2"},
		{"a list(integer)", value.ListText(`[1,"x"]`), "item 2: string to integer: text is not a whole number like 42, without spaces, plus or leading zeros"},
		{"a list(list(integer))", value.ListText(`[[1],2]`), "item 2: number to list(integer): is a number, a list is wanted"},
		{"a list(integer)", value.Text("[1]"), "string to list(integer): is text, a list is wanted"},
		{"a list(integer)", value.ListText("[1"), "is no list: it is cut off in the middle"},
	} {
		cols := columnsFrom(t, "id integer", test.column)
		good := map[string]value.Value{"list(": value.ListText("[]"), "strin": value.Text(""), "integ": value.Int(1), "numbe": value.Int(1 << 60), "boole": value.Bool(true), "date": value.Day(1), "times": value.TimeOf(time.Unix(0, 0)), "decim": value.DecimalText("1.00")}
		_, kind, _ := strings.Cut(test.column, " ")
		path := filepath.Join(t.TempDir(), "out.parquet")
		w, err := openFile(t, path, nil, cols)
		if err != nil {
			t.Fatal(err)
		}
		ok := []value.Value{value.Int(7), good[kind[:min(5, len(kind))]]}
		if err := w.Write(t.Context(), batch(cols, ok, ok)); err != nil {
			t.Errorf("%s: a good row: %v", test.column, err)
		}
		want := "write " + path + ": row 4: column a: " + test.want
		for range 2 { // the first error stays
			err = w.Write(t.Context(), batch(cols, ok, []value.Value{value.Int(8), test.bad}))
			if err == nil || err.Error() != want {
				t.Errorf("%s:\n got %v\nwant %s", test.column, err, want)
			}
		}
		if err := w.Flush(t.Context()); err == nil {
			t.Errorf("%s: a file that is broken can be flushed", test.column)
		}
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
			t.Errorf("%s: left behind: %v", test.column, left)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	unknown := value.Type{Kind: value.List}
	for _, test := range []struct {
		column pipeline.Column
		want   string
	}{
		{pipeline.Column{Name: "x"}, "column x has no known type; declare one: {value: …, type: string}"},
		{pipeline.Column{Name: "x", Type: unknown}, "column x is a list of items without a known type; declare one: {value: …, type: list(string)}"},
		{pipeline.Column{Name: "x", Type: value.Type{Kind: value.List, Elem: &unknown}}, "column x is a list of items without a known type; declare one: {value: …, type: list(string)}"},
	} {
		dir := t.TempDir()
		_, err := openFile(t, dir+"/out.parquet", nil, []pipeline.Column{test.column})
		if want := "write " + dir + "/out.parquet: " + test.want; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestCheck(t *testing.T) {
	for mb, ok := range map[int64]bool{0: false, 1: true, 16: true, 256: true, 257: false, -1: false} {
		errs := Connector().Check(pipeline.Options{"path": "x", "row_group_mb": mb})
		if (len(errs) == 0) != ok {
			t.Errorf("row_group_mb: %d: %v", mb, errs)
		}
	}
	if errs := Connector().Check(pipeline.Options{"path": "x"}); len(errs) > 0 {
		t.Errorf("the defaults: %v", errs)
	}
}

// TestMemoryIsBounded: what is held is a row group, however the rows are made.
func TestMemoryIsBounded(t *testing.T) {
	long := strings.Repeat("long ", 20<<10) // compresses to nothing
	for _, test := range []struct {
		name  string
		rows  int
		text  func(i int) string
		least int // row groups
	}{
		{"values that differ", 100_000, incompressible, 3},
		{"huge values that compress well", 64 * 2, func(int) string { return long }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			cols := columnsFrom(t, "s string", "raw json?")
			path := filepath.Join(t.TempDir(), "out.parquet")
			w, err := openFile(t, path, pipeline.Options{"row_group_mb": int64(1)}, cols)
			if err != nil {
				t.Fatal(err)
			}
			b := &pipeline.Batch{Columns: cols}
			for i := range test.rows {
				s := test.text(i)
				b.Append([]value.Value{value.Text(s), {}})
				if (i+1)%64 == 0 {
					if err := w.Write(t.Context(), b); err != nil {
						t.Fatal(err)
					}
					if held := w.(*writer).size(); held > 2<<20 {
						t.Fatalf("after %d rows %d bytes are held", i+1, held)
					}
					b = &pipeline.Batch{Columns: cols}
				}
			}
			finish(t, w)
			file, _ := read(t, path)
			if n := len(file.RowGroups()); n < test.least {
				t.Errorf("%d row groups, at least %d are wanted", n, test.least)
			}
		})
	}
}

// TestBounds: the file tells the least and the greatest number of its row groups
// and pages, and of texts nothing, which is to say that they may be any.
func TestBounds(t *testing.T) {
	cols := columnsFrom(t, "n integer", "s string?", "l list(string)", "j json", "d date")
	var rows [][]value.Value
	for i := range 30_000 {
		rows = append(rows, []value.Value{value.Int(int64(i)), value.Text(fmt.Sprint("person ", i)), value.ListText(`["a"]`), value.JSONText(`{}`), value.Day(int64(i))})
	}
	file, _ := read(t, write(t, pipeline.Options{}, cols, rows...))
	for i, chunk := range file.RowGroups()[0].ColumnChunks() {
		stats := file.Metadata().RowGroups[0].Columns[i].MetaData.Statistics
		index, err := chunk.ColumnIndex()
		if err != nil {
			t.Fatal(err)
		}
		text := i >= 1 && i <= 3
		if has := stats.MinValue != nil || stats.MaxValue != nil; has == text {
			t.Errorf("%s: %q to %q", cols[i].Name, stats.MinValue, stats.MaxValue)
		}
		for page := range index.NumPages() {
			if from, to := index.MinValue(page), index.MaxValue(page); text && (from.String() != "" || to.String() != "\xff") {
				t.Errorf("%s: page %d is said to have %q to %q", cols[i].Name, page, from, to)
			} else if !text && page > 0 && from.Int64() <= index.MaxValue(page-1).Int64() {
				t.Errorf("%s: page %d begins with %v, not above the page before", cols[i].Name, page, from)
			}
		}
	}
}

// incompressible is a text of 32 characters that no two i share, and that does not
// compress.
func incompressible(i int) string {
	n := int128{uint64(i+1) * 0x9e3779b97f4a7c15, uint64(i+1) * 0xbf58476d1ce4e5b9}
	return fmt.Sprintf("%016x%016x", n.hi, n.lo)
}
