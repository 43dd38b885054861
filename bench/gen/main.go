// Command gen writes registration records for the benchmarks as JSON lines, the
// same bytes for the same count on every machine:
//
//	go run ./bench/gen -n 1000000 > records.jsonl
//
// A record has about 955 bytes and is of the kind that event platforms give:
// four names and eight answers, mixed case and stray spaces in addresses,
// quotes, commas, line breaks and CJK in texts. Of the records 10 % are
// cancelled, 1 % break the target's contract, 5 % tell the time in another
// offset than Z, and 6 % have an id beyond 2^53.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	n := flag.Int("n", 100_000, "how many records to write to stdout")
	flag.Parse()
	if err := write(os.Stdout, *n); err != nil {
		fmt.Fprintln(os.Stderr, "gen: write records:", err)
		os.Exit(1)
	}
}

// write writes the first n records. Record i does not depend on n, so a shorter
// file is the beginning of a longer one.
func write(w io.Writer, n int) error {
	out := bufio.NewWriterSize(w, 256<<10)
	var line []byte
	for i := range n {
		line = appendRecord(line[:0], i)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}
