package pipeline_test

import (
	"context"
	"strings"
	"testing"

	"pipeline/pipeline"
)

const lookupMapping = `version: 1
source: {test: }
lookups: {towns: {path: towns.csv, key: zip, value: town}}
fields: {town: 'lookup("towns", zip) ?? "?"'}
sinks: [memory: ]
`

func compileLookup(t *testing.T, sink *memorySink, table string) (*pipeline.Plan, []string) {
	t.Helper()
	m, diags := pipeline.Parse("test.yaml", []byte(lookupMapping))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	reg := registry(map[string]*memorySink{"memory": sink})
	reg.Sources[0].Open = func(context.Context, pipeline.SourceConfig) (pipeline.Source, error) {
		return &pagesSource{pages: [][]string{{`{"zip": "10115"}`, `{"zip": "018956"}`, `{"zip": " 10115"}`, `{"zip": null}`}}}, nil
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: reg, Files: inMemory(map[string]string{"towns.csv": table})})
	var messages []string
	for _, d := range diags {
		messages = append(messages, d.Message)
	}
	return plan, messages
}

func TestLookupReadsTables(t *testing.T) {
	for _, table := range []string{
		"zip,town\n10115,Berlin\n018956,Singapore\n",
		"\ufefftown,zip\r\nBerlin,10115\r\n\r\n\"Singapore\",\"018956\"\r\n", // as a spreadsheet saves it
		"a,zip,b,b,town\n,10115,,,Berlin\n,018956,,,Singapore",
	} {
		sink := &memorySink{}
		plan, diags := compileLookup(t, sink, table)
		if plan == nil {
			t.Fatal(diags)
		}
		if _, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(sink.rows, " "); got != "Berlin Singapore ? ?" {
			t.Errorf("%q gives %s", table, got)
		}
	}
}

func TestLookupHasBounds(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("zip,town\n")
	for i := range 1_000_001 {
		for n := i; n > 0; n /= 32 {
			rows.WriteByte(byte('0' + n%32)) // short, so that it is rows and not bytes
		}
		rows.WriteString(",t\n")
	}
	for table, want := range map[string]string{
		rows.String(): "the table has more than 1,000,000 rows",
		"zip,town\n" + strings.Repeat("1234567,town\n", 16<<20/13): "the table is 16777224 bytes long",
	} {
		if plan, diags := compileLookup(t, &memorySink{}, table); plan != nil || len(diags) != 1 || diags[0] != want {
			t.Errorf("%d bytes: %q, want %q", len(table), diags, want)
		}
	}
}

func FuzzLookupTable(f *testing.F) {
	for _, seed := range []string{"", "zip,town\n1,a\n1,b\n", "zip,town\n\"1", "zip;town\n", "zip,zip\n", "zip,town\n\"a\nb\"x,1\n", "zip,town\n1,\xff", "\ufeff", "zip,town\r\"\r\n1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, table string) {
		plan, diags := compileLookup(t, &memorySink{}, table)
		if plan == nil && len(diags) == 0 {
			t.Error("there is neither a plan nor a reason")
		}
	})
}
