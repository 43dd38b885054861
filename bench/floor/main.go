// Command floor does the work of the benchmarks' mappings, and nothing else, as
// fast as plain Go reasonably can. It is what a careful person would write by
// hand for these mappings, and the measure that `pipeline run` is held against:
//
//	floor -in records.jsonl -out w1.csv                       JSON lines to CSV
//	floor -in records.jsonl -to parquet -out w2.parquet       the same to Parquet
//	floor -pages http://127.0.0.1:8080 -ahead 2 -out w3.csv   pages over HTTP to CSV
//	floor -in records.jsonl -to http -post http://127.0.0.1:8081/ -batch 100
//
// It takes liberties that a tool cannot: the mapping is compiled in, what it
// does not read is not looked at, JSON is believed and not checked, and the
// files are neither synced nor published whole. For the records of bench/gen its
// CSV is byte for byte that of the mapping, its Parquet file has the same rows,
// and so have the requests that it sends.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// options are the flags.
type options struct {
	in, pages    string
	size, ahead  int
	to, out      string
	post         string
	batch, conns int
	rejects      string
	threads      int
}

func main() {
	var o options
	flag.StringVar(&o.in, "in", "", "JSON lines to read")
	flag.StringVar(&o.pages, "pages", "", "address of bench/serve to read from, instead of -in")
	flag.IntVar(&o.size, "size", 1000, "records of a page")
	flag.IntVar(&o.ahead, "ahead", 0, "pages that are fetched while one is mapped")
	flag.StringVar(&o.to, "to", "csv", "what to write: csv, parquet or http")
	flag.StringVar(&o.out, "out", "w1.csv", "file to write")
	flag.StringVar(&o.post, "post", "", "address of bench/sink to post to")
	flag.IntVar(&o.batch, "batch", 1, "rows of a request: 1 posts an object, more an array")
	flag.IntVar(&o.conns, "connections", 32, "connections to post over")
	flag.StringVar(&o.rejects, "rejects", "w1.rejects.jsonl", "file to write rejected records to")
	flag.IntVar(&o.threads, "threads", 1, "goroutines that map records; reading and writing are then apart as well")
	same := flag.Bool("same", false, "compare the rows of two Parquet files instead, which are the arguments")
	flag.Parse()
	var err error
	if *same {
		err = sameRows(flag.Arg(0), flag.Arg(1))
	} else {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// source gives text to map, in pieces.
type source interface {
	// next is the next piece, in the memory of buf where that is large enough;
	// io.EOF where there is none.
	next(buf []byte) ([]byte, error)
	// convert maps a piece.
	convert(c *converter, text []byte) error
}

// target is where rows end up.
type target interface {
	encoder() encoder
	close() error
}

func run(o options) error {
	src, err := open(o)
	if err != nil {
		return err
	}
	to, err := create(o)
	if err != nil {
		return err
	}
	bad, err := os.Create(o.rejects)
	if err != nil {
		return err
	}
	count, err := convertAll(src, to, bad, o.threads)
	if err != nil {
		return err
	}
	if err := to.close(); err != nil {
		return err
	}
	if err := bad.Close(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d written, %d filtered, %d rejected\n", count.written, count.filtered, count.rejected)
	return nil
}

func open(o options) (source, error) {
	if o.pages != "" {
		return newPages(o.pages, o.size, o.ahead), nil
	}
	file, err := os.Open(o.in)
	return &lineReader{src: file}, err
}

func create(o options) (target, error) {
	switch o.to {
	case "csv":
		return createCSV(o.out)
	case "parquet":
		return createParquet(o.out)
	case "http":
		return newPoster(o.post, o.batch, o.conns)
	}
	return nil, fmt.Errorf("-to %s is none of csv, parquet and http", o.to)
}

// convertAll maps all that src has.
func convertAll(src source, to target, rejects io.Writer, threads int) (counts, error) {
	if threads > 1 {
		return convertParallel(src, to, rejects, threads)
	}
	c := newConverter(to.encoder())
	var buf []byte
	for {
		text, err := src.next(buf)
		if errors.Is(err, io.EOF) {
			return c.counts, nil
		}
		if err != nil {
			return c.counts, err
		}
		if err := src.convert(c, text); err != nil {
			return c.counts, err
		}
		if err := c.flush(rejects); err != nil {
			return c.counts, err
		}
		buf = text
	}
}
