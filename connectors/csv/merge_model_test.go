package csv

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// modelRow is a row, with its key first.
type modelRow struct{ key, cell string }

// What comes of any number of runs is what one run writes that is given the
// rows which a simple list says.
func TestModesAreAList(t *testing.T) {
	awkward := []string{"", "1", "2", "a,b", `"q"`, "x\ny", "x\r\ny", " ", "=1", "'", "é¦", `\.`, "\ufeff"}
	rapid.Check(t, func(t *rapid.T) {
		options := pipeline.Options{
			"mode":        rapid.SampledFrom([]string{"append", "merge"}).Draw(t, "mode"),
			"delimiter":   rapid.SampledFrom([]string{",", ";", "\t", "¦"}).Draw(t, "delimiter"),
			"header":      rapid.Bool().Draw(t, "header"),
			"quote":       rapid.SampledFrom([]string{"minimal", "all"}).Draw(t, "quote"),
			"newline":     rapid.SampledFrom([]string{"lf", "crlf"}).Draw(t, "newline"),
			"bom":         rapid.Bool().Draw(t, "bom"),
			"compression": rapid.SampledFrom([]string{"none", "gzip", "zstd"}).Draw(t, "compression"),
		}
		wide := rapid.Bool().Draw(t, "wide")
		dir, err := os.MkdirTemp("", "model")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		var list []modelRow
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			keys := rapid.SliceOfN(rapid.SampledFrom(awkward), 0, 8).Draw(t, "keys") // of pushes a key may come again
			var rows []modelRow
			for _, key := range keys {
				rows = append(rows, modelRow{key, rapid.SampledFrom(awkward).Draw(t, "cell")})
			}
			for i := range rows {
				if options["mode"] == "merge" {
					list = without(list, rows[i:])
				}
				list = append(list, rows[i])
			}
			got := modelRun(t, dir, options, wide, rows)
			alone, err := os.MkdirTemp(dir, "alone")
			if err != nil {
				t.Fatal(err)
			}
			replace := pipeline.Options{}
			for name, v := range options {
				replace[name] = v
			}
			replace["mode"] = "replace"
			if diff := cmp.Diff(modelRun(t, alone, replace, wide, list), got); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
		}
	})
}

// without is list but for the rows whose key is in rows.
func without(list, rows []modelRow) (left []modelRow) {
	for _, r := range list {
		again := false
		for _, n := range rows {
			again = again || n.key == r.key
		}
		if !again {
			left = append(left, r)
		}
	}
	return left
}

func modelRun(t *rapid.T, dir string, options pipeline.Options, wide bool, rows []modelRow) string {
	r := run{dir: dir, options: options, columns: columns("id"), key: []int{0}}
	if wide {
		r.columns = columns("cell", "id")
		r.key = []int{1}
	}
	ctx := context.Background()
	w, err := r.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		cells := texts(row.key)
		if wide {
			cells = texts(row.cell, row.key)
		}
		if err := w.Write(ctx, batch(r.columns, cells)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// many puts a file of so many rows into the folder of r.
func (r run) many(t testing.TB, rows int) {
	var text strings.Builder
	text.WriteString("id,name,email,note\n")
	for i := range rows {
		text.WriteString(strconv.Itoa(i) + ",Zoë Müller,zoe" + strconv.Itoa(i) + "@example.com,\"Early \"\"bird\"\", VIP\"\n")
	}
	r.put(t, zip(t, r.options["compression"].(string), text.String()))
}

// thousand adds 1,000 rows, of which the half is in the file of many.
func (r run) thousand(t testing.TB, old int) {
	var rows [][]value.Value
	for i := range 1000 {
		rows = append(rows, texts(strconv.Itoa(old-500+i), "new", "new", "new"))
	}
	r.publish(t, rows...)
}

// What an append or merge takes of memory does not depend on how many rows
// there were: all that is ever allocated is the same.
func TestMemoryIsFlat(t *testing.T) {
	for _, mode := range []string{"append", "merge"} {
		for _, compression := range []string{"none", "gzip", "zstd"} {
			allocated := func(rows int) uint64 {
				r := run{dir: t.TempDir(), options: pipeline.Options{"mode": mode, "compression": compression}, columns: columns("id", "name", "email", "note"), key: []int{0}}
				r.many(t, rows)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				r.publish(t, texts("1", "new", "new", "new"))
				runtime.ReadMemStats(&after)
				// publish reads the file, which is the test's.
				info, err := os.Stat(r.path())
				if err != nil {
					t.Fatal(err)
				}
				return after.TotalAlloc - before.TotalAlloc - 2*uint64(info.Size())
			}
			few, many := allocated(20_000), allocated(100_000)
			if many > few+1<<20 {
				t.Errorf("%s, %s: %d KiB with few rows, %d KiB with many", mode, compression, few>>10, many>>10)
			}
		}
	}
}

// 1,000 rows to 100,000.
func BenchmarkModes(b *testing.B) {
	const old = 100_000
	for _, mode := range []string{"append", "merge"} {
		for _, compression := range []string{"none", "gzip", "zstd"} {
			b.Run(mode+"/"+compression, func(b *testing.B) {
				r := run{dir: b.TempDir(), options: pipeline.Options{"mode": mode, "compression": compression}, columns: columns("id", "name", "email", "note"), key: []int{0}}
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					r.many(b, old)
					b.StartTimer()
					r.thousand(b, old)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/old, "ns/old-row")
			})
		}
	}
}
