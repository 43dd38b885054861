package csv

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

func columns(names ...string) []pipeline.Column {
	var out []pipeline.Column
	for _, n := range names {
		out = append(out, pipeline.Column{Name: n})
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

// write is what a whole run writes to stdout.
func write(t testing.TB, options pipeline.Options, cols []pipeline.Column, rows ...[]value.Value) string {
	t.Helper()
	var out bytes.Buffer
	ctx := context.Background()
	if options == nil {
		options = pipeline.Options{}
	}
	options["path"] = "-"
	w, err := Connector().Open(ctx, pipeline.SinkConfig{Options: options, Columns: cols, World: &pipeline.World{Stdout: &out}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(ctx, batch(cols, rows...)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func texts(cells ...string) []value.Value {
	var row []value.Value
	for _, c := range cells {
		row = append(row, value.Text(c))
	}
	return row
}

func TestWrite(t *testing.T) {
	all := []value.Value{
		value.Text("Zoë, \"Z\""), value.Int(-5), value.Bool(true), value.FloatOf(1.5), value.NumberText("9007199254740993"),
		value.DecimalText("-1000.50"), value.DayOf(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)),
		value.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), value.ListText(`["a","b"]`), value.JSONText(`{"a":1}`), {},
	}
	for _, test := range []struct {
		name    string
		options pipeline.Options
		cols    []pipeline.Column
		rows    [][]value.Value
		want    string
	}{
		{
			name: "every kind", cols: columns("text", "int", "bool", "float", "number", "decimal", "date", "time", "list", "json", "null"),
			rows: [][]value.Value{all},
			want: "text,int,bool,float,number,decimal,date,time,list,json,null\n" +
				`"Zoë, ""Z""",-5,true,1.5,9007199254740993,-1000.50,2026-01-02,2026-01-02T03:04:05Z,"[""a"",""b""]","{""a"":1}",` + "\n",
		},
		{name: "no rows", cols: columns("a", "b c"), want: "a,b c\n"},
		{name: "no rows, no header", cols: columns("a"), options: pipeline.Options{"header": false}, want: ""},
		{name: "a lone empty cell", cols: columns("a"), rows: [][]value.Value{texts(""), {value.Value{}}}, want: "a\n\"\"\n\"\"\n"},
		{name: "empty cells", cols: columns("a", "b"), rows: [][]value.Value{texts("", "")}, want: "a,b\n,\n"},
		{name: "line breaks and spaces", cols: columns("a", "b", "c", "d"), rows: [][]value.Value{texts("x\ny", "x\ry", " x", "x\t")}, want: "a,b,c,d\n\"x\ny\",\"x\ry\",\" x\",\"x\t\"\n"},
		{name: "quotes alone", cols: columns("a", "b"), rows: [][]value.Value{texts(`"`, `""x"`)}, want: "a,b\n\"\"\"\",\"\"\"\"\"x\"\"\"\n"},
		{name: "a byte order mark that is text", cols: columns("a"), options: pipeline.Options{"header": false}, rows: [][]value.Value{texts("\ufeffx")}, want: "\"\ufeffx\"\n"},
		{name: "the end mark of PostgreSQL", cols: columns("a"), rows: [][]value.Value{texts(`\.`)}, want: "a\n\"\\.\"\n"},
		{
			name: "excel", cols: columns("a", "b"), options: pipeline.Options{"bom": true, "delimiter": ";", "newline": "crlf"},
			rows: [][]value.Value{texts("x;y", "x,y")}, want: "\ufeffa;b\r\n\"x;y\";x,y\r\n",
		},
		{
			name: "all quoted, null", cols: columns("a", "b"), options: pipeline.Options{"quote": "all", "null": `\N`},
			rows: [][]value.Value{{value.Int(1), {}}, texts("", `"`)}, want: "\"a\",\"b\"\n\"1\",\"\\N\"\n\"\",\"\"\"\"\n",
		},
		{name: "a null that holds the delimiter", cols: columns("a", "b"), options: pipeline.Options{"null": `N,A`}, rows: [][]value.Value{{{}, {}}}, want: "a,b\n\"N,A\",\"N,A\"\n"},
		{
			name: "a delimiter of several bytes, and a character that begins like it", cols: columns("a", "b"), options: pipeline.Options{"delimiter": "¦"},
			rows: [][]value.Value{texts("x¦y", "x§y")}, want: "a¦b\n\"x¦y\"¦x§y\n",
		},
		{
			name: "a delimiter that numbers hold", cols: columns("a", "b"), options: pipeline.Options{"delimiter": "."},
			rows: [][]value.Value{{value.DecimalText("1.5"), value.Int(2)}}, want: "a.b\n\"1.5\".2\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, write(t, test.options, test.cols, test.rows...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+6591234567": "'+6591234567", "-cmd|x": "'-cmd|x", "@SUM": "'@SUM", "\tx": "'\tx", "\rx": "\"'\rx\"", "\n=x": "\"'\n=x\"",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", "=\"x\"": `"'=""x"""`, "=a,b": `"'=a,b"`, "-": "'-", "-.5": "'-.5", "-1.": "'-1.", "-1-1": "'-1-1", "-1.5.2": "'-1.5.2",
		"-5": "-5", "-5.25": "-5.25", "x=1": "x=1", "": "\"\"", "1+1": "1+1", "'=1": "'=1",
	} {
		if got := write(t, pipeline.Options{"header": false}, columns("a"), texts(text)); got != want+"\n" {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		kept := write(t, pipeline.Options{"header": false, "formulas": "keep"}, columns("a"), texts(text))
		if strings.HasPrefix(strings.Trim(kept, `"`), "'") && text[0] != '\'' {
			t.Errorf("%q: got %q although formulas are kept", text, kept)
		}
	}
	numbers := []value.Value{value.Int(-5), value.DecimalText("-5.00"), value.FloatOf(-1e300), value.NumberText("-1E5"), value.Day(-1), value.Day(-1_000_000)}
	if got := write(t, pipeline.Options{"header": false}, columns("a", "b", "c", "d", "e", "f"), numbers); strings.Contains(got, "'") {
		t.Errorf("a number or date was taken for a formula: %q", got)
	}
	if got := write(t, nil, columns("=cmd()", "b")); got != "'=cmd(),b\n" {
		t.Errorf("header: %q", got)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		options pipeline.Options
		want    []string
	}{
		{pipeline.Options{}, nil},
		{pipeline.Options{"delimiter": "\t"}, nil},
		{pipeline.Options{"delimiter": "¦"}, nil},
		{pipeline.Options{"delimiter": ""}, []string{"delimiter"}},
		{pipeline.Options{"delimiter": ",,"}, []string{"delimiter"}},
		{pipeline.Options{"delimiter": `"`}, []string{"delimiter"}},
		{pipeline.Options{"delimiter": "\n"}, []string{"delimiter"}},
		{pipeline.Options{"delimiter": "\xff"}, []string{"delimiter"}},
		{pipeline.Options{"delimiter": "\x00"}, []string{"delimiter"}},
		{pipeline.Options{"null": "a\nb"}, []string{"null"}},
		{pipeline.Options{"path": "a.csv.gz"}, []string{"path"}},
		{pipeline.Options{"path": "a.csv.zst"}, []string{"path"}},
		{pipeline.Options{"path": "-", "mode": "append"}, []string{"mode"}},
		{pipeline.Options{"path": "-", "mode": "merge"}, []string{"mode"}},
		{pipeline.Options{"path": "-", "mode": "replace"}, nil},
		{pipeline.Options{"path": "a.csv", "mode": "merge"}, nil},
		{pipeline.Options{"path": "a.csv.gz", "compression": "gzip"}, nil},
	} {
		var got []string
		for _, e := range Connector().Check(test.options) {
			got = append(got, e.Option)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v: -want +got:\n%s", test.options, diff)
		}
	}
}

// A whole run into a file: it appears with Commit, with what every batch held.
func TestFile(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			ctx, dir := context.Background(), t.TempDir()
			run := func() []byte {
				cols := columns("id", "name")
				w, err := Connector().Open(ctx, pipeline.SinkConfig{
					Options: pipeline.Options{"path": "a.csv", "compression": compression},
					Columns: cols, World: &pipeline.World{OutDir: dir},
				})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 100 {
					var rows [][]value.Value
					for j := range 100 {
						rows = append(rows, []value.Value{value.Int(int64(i*100 + j)), value.Text(strings.Repeat("é", 40))})
					}
					if err := w.Write(ctx, batch(cols, rows...)); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				if err := w.Commit(ctx); err != nil {
					t.Fatal(err)
				}
				if err := w.Abort(); err != nil { // after Commit it does nothing
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(dir, "a.csv"))
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			first := run()
			if !bytes.Equal(first, run()) {
				t.Error("the same rows gave other bytes")
			}
			records, err := stdcsv.NewReader(strings.NewReader(unzip(t, compression, string(first)))).ReadAll()
			if err != nil || len(records) != 10_001 || records[10_000][0] != "9999" {
				t.Fatalf("%d records, %v", len(records), err)
			}
		})
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := Connector().Open(context.Background(), pipeline.SinkConfig{Options: pipeline.Options{"path": "a.csv"}, Columns: columns("a"), World: &pipeline.World{OutDir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cols := context.Background(), columns("a")
	w, err := Connector().Open(ctx, pipeline.SinkConfig{Options: pipeline.Options{"path": "-"}, Columns: cols, World: &pipeline.World{Stdout: full}})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Write(ctx, batch(cols, texts(strings.Repeat("secret", bufferSize))))
	if want := "write stdout: no space left on device"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Whatever is written, encoding/csv reads the same cells.
func FuzzWrite(f *testing.F) {
	f.Add("a", "b,c", "", ",", false)
	f.Add("\"", "\r\n", " x ", ";", true)
	f.Add("=1", "'", "\\.", "¦", false)
	f.Fuzz(func(t *testing.T, a, b, c, delimiter string, all bool) {
		options := pipeline.Options{"delimiter": delimiter, "formulas": "keep", "header": false}
		if all {
			options["quote"] = "all"
		}
		if len(check(options)) > 0 {
			t.Skip()
		}
		for _, row := range [][]string{{a}, {a, b, c}, {c, a}} {
			got := write(t, options, columns(make([]string, len(row))...), texts(row...), texts(row...))
			r := stdcsv.NewReader(strings.NewReader(got))
			r.Comma = []rune(delimiter)[0]
			read, err := r.ReadAll()
			if err != nil {
				t.Fatalf("%v in %q", err, got)
			}
			want := make([]string, len(row))
			for i := range row { // encoding/csv makes one line break of all
				want[i] = strings.ReplaceAll(row[i], "\r\n", "\n")
			}
			if diff := cmp.Diff([][]string{want, want}, read); diff != "" {
				t.Fatalf("%q: -want +got:\n%s", got, diff)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	cols := columns("id", "name", "email", "ticket", "amount", "dietary", "registered", "vip", "country", "company", "phone", "updated")
	rows := &pipeline.Batch{Columns: cols}
	for i := range 1000 {
		rows.Append([]value.Value{
			value.Int(int64(9_007_199_254_740_993 + i)), value.Text("Zoë Müller"), value.Text(fmt.Sprintf("zoe%d@example.com", i)), value.Text("Early bird, VIP"),
			value.DecimalText("1000.50"), {}, value.Day(20_000), value.Bool(true), value.Text("SG"), value.Text(`The "Best" Pte`), value.Text("+6591234567"),
			value.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		})
	}
	ctx := context.Background()
	w, err := Connector().Open(ctx, pipeline.SinkConfig{Options: pipeline.Options{"path": "-"}, Columns: cols, World: &pipeline.World{Stdout: io.Discard}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(ctx, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
