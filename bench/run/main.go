// Command run measures the works W1 to W6 against the floor, all of them or
// some, and prints what came out as Markdown, with what is to be reached beside
// it:
//
//	go run ./bench/run > figures.md
//	go run ./bench/run -works W1,W2 -records 100000 -n 3
//
// It builds the programs, makes the records, and runs pipeline and floor in
// turn. After each pair it holds what they made against each other: figures of
// runs that did not do the same are no figures, and end it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
)

// config is what is measured.
type config struct {
	n        int      // pairs of runs
	works    []string // names such as W1; none: all
	records  int      // of W1 and W2
	pages    int      // of W3, with pageRecords each
	rows     int      // records of W4
	sizes    []int    // records of W5
	pipeline string   // the binary to measure; empty: build it
	dir      string   // for what is made; empty: a temporary folder
}

const pageRecords = 1000

func main() {
	c := config{}
	flag.IntVar(&c.n, "n", 5, "pairs of runs of each work")
	works := flag.String("works", "", "works to measure, such as W1,W4; all by default")
	flag.IntVar(&c.records, "records", 1_000_000, "records of W1 and W2")
	flag.IntVar(&c.pages, "pages", 500, "pages of W3, with 1,000 records each")
	flag.IntVar(&c.rows, "rows", 50_000, "records of W4")
	sizes := flag.String("sizes", "10000,100000,1000000", "records of W5, from few to many")
	flag.StringVar(&c.pipeline, "pipeline", "", "a binary of pipeline to measure, instead of one that is built from this folder")
	flag.StringVar(&c.dir, "dir", "", "folder for records and outputs, which is kept; a temporary one by default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := c.parse(*works, *sizes)
	if err == nil {
		err = run(ctx, os.Stdout, os.Stderr, c)
	}
	if ctx.Err() != nil {
		err = errors.New("stopped")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// parse reads the lists among the flags.
func (c *config) parse(works, sizes string) error {
	if works != "" {
		c.works = strings.Split(works, ",")
	}
	for _, name := range c.works {
		if !slices.ContainsFunc(allWorks, func(w work) bool { return w.name == name }) {
			return fmt.Errorf("there is no work %s; there are W1 to W6", name)
		}
	}
	for word := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(word)
		if err != nil || size < 1 {
			return fmt.Errorf("-sizes takes numbers of records, such as 10000,100000, found %q", word)
		}
		c.sizes = append(c.sizes, size)
	}
	if c.n < 1 || c.records < 1 || c.pages < 1 || c.rows < 1 {
		return errors.New("-n, -records, -pages and -rows take numbers from 1")
	}
	return nil
}

// run measures and writes the tables to out, and how far it is to log.
func run(ctx context.Context, out, log io.Writer, c config) error {
	b, err := newBench(ctx, log, c)
	if err != nil {
		return err
	}
	defer b.close()
	before := machineNow()
	var report report
	for _, w := range allWorks {
		if len(c.works) > 0 && !slices.Contains(c.works, w.name) {
			continue
		}
		if err := w.measure(b, &report); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return report.write(out, c, before, machineNow())
}
