package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
)

func generate(t *testing.T, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, n); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSameBytes holds the records themselves: figures that were measured with
// other ones cannot be compared. Whoever changes them on purpose changes the
// sum, and measures again.
func TestSameBytes(t *testing.T) {
	const want = "bad2706fde0df65104c435f798ca9ba65b4eb6253aa5849a8e49ffd9a7420211"
	sum := sha256.Sum256(generate(t, 1000))
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the first 1,000 records have SHA-256\n%s, want\n%s", got, want)
	}
}

func TestShorterIsTheBeginning(t *testing.T) {
	long, short := generate(t, 300), generate(t, 100)
	if !bytes.HasPrefix(long, short) {
		t.Error("100 records are not the beginning of 300")
	}
}

// TestRecords counts in 20,000 records what the benchmarks rely on.
func TestRecords(t *testing.T) {
	const n = 20_000
	type record struct {
		ID        json.RawMessage
		Email     *string
		Status    string
		CreatedAt string                      `json:"created_at"`
		Fields    []struct{ Question string } `json:"custom_fields"`
	}
	all := generate(t, n)
	seen := map[string]int{}
	lines := bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n"))
	for i, line := range lines {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("record %d is not JSON: %v\n%s", i, err, line)
		}
		if len(r.Fields) != 8 {
			t.Errorf("record %d has %d answers, want 8", i, len(r.Fields))
		}
		count := func(what string, is bool) {
			if is {
				seen[what]++
			}
		}
		count("cancelled", r.Status == "cancelled")
		count("offset", len(r.CreatedAt) > len("2006-01-02T15:04:05Z"))
		count("no id", r.ID == nil)
		count("large id", len(r.ID) == 16)
		count("bad email", r.Email == nil)
		count("escaped", bytes.Contains(line, []byte(`\u`)))
		count("line break", bytes.Contains(line, []byte(`\n`)))
		count("quote", bytes.Contains(line, []byte(`\"`)))
		count("cjk", bytes.Contains(line, []byte("日")))
	}
	if len(lines) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
	if size := len(all) / n; size < 930 || size > 980 {
		t.Errorf("a record has %d bytes, want about 955", size)
	}
	for what, want := range map[string][2]int{ // share of the records in per mille
		"cancelled": {90, 110}, "offset": {35, 50}, "no id": {0, 2}, "large id": {50, 75}, "bad email": {0, 2},
		"escaped": {40, 125}, "line break": {100, 500}, "quote": {100, 500}, "cjk": {30, 500},
	} {
		if got := seen[what] * 1000; got < want[0]*n || got > want[1]*n || got == 0 {
			t.Errorf("%s: %d of %d records, want %d to %d per mille", what, seen[what], n, want[0], want[1])
		}
	}
}
