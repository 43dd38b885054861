package jsonl

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
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

var columns = []pipeline.Column{{Name: "z"}, {Name: `a"b`}, {Name: "c"}}

func batch(rows ...[]value.Value) *pipeline.Batch {
	b := &pipeline.Batch{Columns: columns}
	for _, r := range rows {
		b.Append(r)
	}
	return b
}

func opened(t testing.TB, options pipeline.Options, world *pipeline.World) pipeline.Writer {
	t.Helper()
	w, err := Connector().Open(context.Background(), pipeline.SinkConfig{Options: options, Columns: columns, World: world})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func finish(t testing.TB, w pipeline.Writer) {
	t.Helper()
	if err := w.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	w := opened(t, pipeline.Options{"path": "-"}, &pipeline.World{Stdout: &out})
	rows := batch(
		[]value.Value{value.Int(9007199254740993), value.Text("Zoë \"Z\"\n<&>"), {}},
		[]value.Value{value.DecimalText("1000.50"), value.Bool(false), value.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))},
		[]value.Value{value.ListText(`[1]`), value.JSONText(`{"k":null}`), value.Day(0)},
	)
	if err := w.Write(context.Background(), rows); err != nil {
		t.Fatal(err)
	}
	finish(t, w)
	want := `{"z":9007199254740993,"a\"b":"Zoë \"Z\"\n<&>","c":null}
{"z":1000.50,"a\"b":false,"c":"2026-01-02T03:04:05Z"}
{"z":[1],"a\"b":{"k":null},"c":"1970-01-01"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFile(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			for _, n := range []int{0, 5000} {
				w := opened(t, pipeline.Options{"path": "a.jsonl", "compression": compression}, &pipeline.World{OutDir: dir})
				for i := range n {
					if err := w.Write(context.Background(), batch([]value.Value{value.Int(int64(i)), value.Text(strings.Repeat("x", 30)), {}})); err != nil {
						t.Fatal(err)
					}
				}
				finish(t, w)
				got, err := os.ReadFile(filepath.Join(dir, "a.jsonl"))
				if err != nil {
					t.Fatal(err)
				}
				if got, err = unzip(compression, got); err != nil {
					t.Fatal(err)
				}
				if lines := bytes.Count(got, []byte("\n")); lines != n {
					t.Errorf("%d rows gave %d lines", n, lines)
				}
			}
		})
	}
}

func unzip(compression string, zipped []byte) (text []byte, err error) {
	in := io.Reader(bytes.NewReader(zipped))
	switch compression {
	case "gzip":
		in, err = gzip.NewReader(in)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in); err == nil {
			defer z.Close()
		}
		in = z
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

func TestCheck(t *testing.T) {
	for _, name := range []string{"a.jsonl.gz", "a.jsonl.zst"} {
		if errs := Connector().Check(pipeline.Options{"path": name}); len(errs) != 1 || errs[0].Option != "path" {
			t.Errorf("%s: got %v", name, errs)
		}
	}
	for name, compression := range map[string]string{"a.jsonl.gz": "gzip", "a.jsonl.zst": "zstd", "a.jsonl": "zstd"} {
		if errs := Connector().Check(pipeline.Options{"path": name, "compression": compression}); len(errs) != 0 {
			t.Errorf("%s: got %v", name, errs)
		}
	}
}

// Whatever is written, encoding/json reads it.
func FuzzWrite(f *testing.F) {
	f.Add("a\x00\"", "\u2028</script>")
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		w := opened(t, pipeline.Options{"path": "-"}, &pipeline.World{Stdout: &out})
		if err := w.Write(context.Background(), batch([]value.Value{value.Text(a), value.Text(b), {}})); err != nil {
			t.Fatal(err)
		}
		finish(t, w)
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v in %q", err, out.String())
		}
		want := map[string]any{"z": strings.ToValidUTF8(a, ""), `a"b`: strings.ToValidUTF8(b, ""), "c": nil}
		if a == want["z"] && b == want[`a"b`] {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	rows := batch()
	for range 1000 {
		rows.Append([]value.Value{value.Int(9007199254740993), value.Text("Zoë Müller"), value.DecimalText("1000.50")})
	}
	w := opened(b, pipeline.Options{"path": "-"}, &pipeline.World{Stdout: io.Discard})
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(context.Background(), rows); err != nil {
			b.Fatal(err)
		}
	}
}
