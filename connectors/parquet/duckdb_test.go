package parquet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// TestDuckDB reads a file with a reader that is not the writer's library.
func TestDuckDB(t *testing.T) {
	modules := os.Getenv("PIPELINE_NODE_MODULES")
	if modules == "" {
		t.Skip("PIPELINE_NODE_MODULES does not name a node_modules folder with @duckdb/node-api; .ci/run sets it")
	}
	cols, rows := everything(t)
	for _, codec := range []string{"zstd", "snappy", "gzip", "none"} {
		t.Run(codec, func(t *testing.T) {
			path := write(t, pipeline.Options{"compression": codec}, cols, rows...)
			want := `id BIGINT
name VARCHAR
share DOUBLE
ok BOOLEAN
day DATE
at TIMESTAMP WITH TIME ZONE
price DECIMAL(9,2)
total DECIMAL(18,4)
large DECIMAL(38,10)
tags VARCHAR[]
days DATE[]
grid BIGINT[][]
raw JSON
{"id":"9007199254740993","name":"Zoë 王","share":0.1,"ok":true,"day":"1969-12-31","at":"2026-01-02 03:04:05.678901+00","price":"-1234567.89","total":"99999999999999.9999","large":"-9999999999999999999999999999.9999999999","tags":["a",null,"\"b\"\n"],"days":["2024-02-29"],"grid":[["1","2"],[],null,[null]],"raw":"{\"a\": [1, null]}"}
{"id":"-9223372036854775808","name":"","share":-1e+300,"ok":false,"day":"9999-12-31","at":"0001-01-01 00:00:00+00","price":"0.00","total":"-0.0001","large":"0.0000000001","tags":[],"days":[null],"grid":[],"raw":"null"}
{"id":null,"name":null,"share":null,"ok":null,"day":null,"at":null,"price":null,"total":null,"large":null,"tags":null,"days":null,"grid":null,"raw":null}
`
			if diff := cmp.Diff(want, duckdb(t, modules, path)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("no rows", func(t *testing.T) {
		cols := []pipeline.Column{{Name: "z", Type: typeOf(t, "integer")}, {Name: "a", Type: typeOf(t, "string")}}
		if diff := cmp.Diff("z BIGINT\na VARCHAR\n", duckdb(t, modules, write(t, nil, cols))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("row groups", func(t *testing.T) {
		cols := []pipeline.Column{{Name: "n", Type: typeOf(t, "integer")}, {Name: "s", Type: typeOf(t, "string")}}
		var rows [][]value.Value
		for i := range 5000 {
			rows = append(rows, []value.Value{value.Int(int64(i)), value.Text(strings.Repeat("x", i))})
		}
		got := duckdb(t, modules, write(t, pipeline.Options{"row_group_mb": int64(1)}, cols, rows...), "SELECT count(*) AS rows, sum(n) AS n, sum(length(s)) AS s FROM rows")
		if want := "n BIGINT\ns VARCHAR\n" + `{"rows":"5000","n":"12497500","s":"12497500"}` + "\n"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// duckdb is what DuckDB says of the columns of a file, and the rows of a query
// as JSON.
func duckdb(t *testing.T, modules, path string, query ...string) string {
	t.Helper()
	script, err := filepath.Abs("testdata/duckdb.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{script, modules, path}, query...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}
