package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pipeline/pipeline/diag"
)

// The table fits into 80 columns, however long names are.
func TestVerdictTableFits(t *testing.T) {
	long := strings.Repeat("clients/of/every/kind/", 6)
	table := verdictTable([]diag.Verdict{
		{File: long + "acme.yaml", OK: true, Columns: 1200, Source: "gevme/attendees", Sinks: []string{"csv", "parquet", "webhook", "jsonl", "csv"}},
		{File: "Zoë.yaml", OK: true, Warnings: 1, Columns: 3, Source: "floktu/orders", Sinks: []string{"csv"}},
		{File: "globex.yaml", Errors: 12, OwnErrors: 1, BrokenBy: []string{long + "base.yaml", "row.schema.json"}},
	})
	for line := range strings.Lines(table) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > tableWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"/acme.yaml", "Zoë.yaml", "1 warning", "12 errors", "in the mapping, in clients", "3 mappings, 1 broken"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is missing in\n%s", want, table)
		}
	}
}

// fleet writes n mappings that extend one base.
func fleet(tb testing.TB, n int) string {
	dir := tb.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	base, err := os.ReadFile("../../mappings/gevme-attendees.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	target, err := os.ReadFile("../../schemas/matchmaker-attendee.schema.json")
	if err != nil {
		tb.Fatal(err)
	}
	write("base/attendees.yaml", string(base))
	write("schemas/matchmaker-attendee.schema.json", string(target))
	for i := range n {
		write(fmt.Sprintf("clients/client-%03d.yaml", i), fmt.Sprintf("extends: ../base/attendees.yaml\n"+
			"source: {gevme: {event: \"%d\"}, connection: client-%[1]d}\nfields: {dietary: 'answer(custom_fields, \"Diet %[1]d\") ?? \"\"'}\nsinks: [csv: {path: client-%[1]d.csv}]\n", i))
	}
	return filepath.Join(dir, "clients")
}

// BenchmarkCheckFleet is check over 100 mappings of one base.
func BenchmarkCheckFleet(b *testing.B) {
	dir := fleet(b, 100)
	for b.Loop() {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), []string{"check", dir}, nil, &stdout, &stderr); code != exitDone || !strings.Contains(stdout.String(), "100 mappings, 0 broken") {
			b.Fatalf("exit code %d\n%.1000s", code, &stderr)
		}
	}
}
