// Command compare runs two commands in turn, A B A B …, and holds what they cost
// against each other:
//
//	go run ./bench/compare -n 5 -a "./pipeline run bench/w1.yaml" -b "./floor -in records.jsonl"
//
// Each run is a whole process, start-up included. The ratio is the median of
// A/B over the pairs: what disturbs the machine for a while disturbs both
// commands of a pair.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"pipeline/bench/measure"
)

func main() {
	n := flag.Int("n", 5, "pairs of runs")
	a := flag.String("a", "", "command A; words are separated by spaces, there is no shell")
	b := flag.String("b", "", "command B, what A is measured against")
	exit := flag.Int("exit", 3, "an exit code that is well beside 0: pipeline's for records that were rejected")
	flag.Parse()
	if err := compare(os.Stdout, *n, strings.Fields(*a), strings.Fields(*b), *exit); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func compare(out io.Writer, n int, a, b []string, exit int) error {
	if n < 1 || len(a) == 0 || len(b) == 0 {
		return errors.New(`give two commands: -a "…" -b "…", and at least one pair: -n 1`)
	}
	var as, bs []measure.Cost
	for range n {
		for _, side := range []struct {
			command []string
			costs   *[]measure.Cost
		}{{a, &as}, {b, &bs}} {
			c, err := measure.Run(measure.Command{Args: side.command, Exit: exit})
			if err != nil {
				return err
			}
			*side.costs = append(*side.costs, c)
		}
	}
	return report(out, as, bs)
}

func report(out io.Writer, as, bs []measure.Cost) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "run\twall s\tCPU s\tRSS MiB\t\n")
	for i := range as {
		row(w, fmt.Sprintf("A %d", i+1), as[i])
		row(w, fmt.Sprintf("B %d", i+1), bs[i])
	}
	row(w, "A median", measure.Medians(as))
	row(w, "B median", measure.Medians(bs))
	fmt.Fprintf(w, "A/B\t%s\t%s\t%s\t\n", measure.RatioOf(as, bs, measure.Wall), measure.RatioOf(as, bs, measure.CPU), measure.RatioOf(as, bs, measure.RSS))
	return w.Flush()
}

func row(w io.Writer, name string, c measure.Cost) {
	fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.1f\t\n", name, c.Wall.Seconds(), c.CPU.Seconds(), float64(c.RSS)/(1<<20))
}
