//go:build !plain

package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestMappingAllocates: a good record takes no memory of its own, from the file to
// the CSV. What a run takes is for itself and for its pages, of some 270 records.
func TestMappingAllocates(t *testing.T) {
	src := goodRecords(t, 2000)
	few, _, _ := mapping(t, src)
	many, _, _ := mapping(t, bytes.Repeat(src, 10))
	more := testing.AllocsPerRun(3, many) - testing.AllocsPerRun(3, few)
	records := float64(9 * bytes.Count(src, []byte("\n")))
	if perRecord := more / records; perRecord > 0.05 {
		t.Errorf("%.3f allocations for each record", perRecord)
	}
}

// goodRecords is what is left of some records without those that are rejected.
func goodRecords(t *testing.T, n int) []byte {
	t.Helper()
	all := records(t, n)
	_, rejects, _ := toCSV(t, bytes.NewReader(all), 1)
	var good []byte
	for line := range bytes.Lines(all) {
		if !strings.Contains(rejects, string(bytes.TrimSpace(line))) {
			good = append(good, line...)
		}
	}
	if len(good) == len(all) || len(good) < len(all)/2 {
		t.Fatalf("%d bytes of records were made, and %d of them are of good ones", len(all), len(good))
	}
	return good
}
