// Command compare runs two commands in turn, A B A B …, and holds what they cost
// against each other:
//
//	go run ./bench/compare -n 5 -a "./pipeline run bench/w1.yaml" -b "./floor -in records.jsonl"
//
// Each run is a whole process, start-up included. The ratio is the median of
// A/B over the pairs: what disturbs the machine for a while disturbs both
// commands of a pair. CPU is user and system time of the process and of those
// that it waited for; RSS is the peak of the largest of them, and never below
// that of compare itself (a few MiB), which the kernel counts in.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	n := flag.Int("n", 5, "pairs of runs")
	a := flag.String("a", "", "command A; words are separated by spaces, there is no shell")
	b := flag.String("b", "", "command B, what A is measured against")
	exits := flag.Int("exit", 3, "an exit code that is well beside 0: pipeline's for records that were rejected")
	flag.Parse()
	if err := compare(os.Stdout, *n, strings.Fields(*a), strings.Fields(*b), *exits); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// cost is what one run took.
type cost struct {
	wall, cpu time.Duration
	rss       int64 // peak, in bytes
}

func compare(out io.Writer, n int, a, b []string, exits int) error {
	if n < 1 || len(a) == 0 || len(b) == 0 {
		return errors.New(`give two commands: -a "…" -b "…", and at least one pair: -n 1`)
	}
	var as, bs []cost
	for range n {
		for _, side := range []struct {
			command []string
			costs   *[]cost
		}{{a, &as}, {b, &bs}} {
			c, err := measure(side.command, exits)
			if err != nil {
				return err
			}
			*side.costs = append(*side.costs, c)
		}
	}
	return report(out, as, bs)
}

// measure runs a command to its end. What it prints is shown only where it
// fails.
func measure(command []string, exits int) (cost, error) {
	var output strings.Builder
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == exits) {
		return cost{}, fmt.Errorf("run %s: %w\n%s", strings.Join(command, " "), err, output.String())
	}
	state := cmd.ProcessState
	return cost{wall: wall, cpu: state.UserTime() + state.SystemTime(), rss: peakRSS(state)}, nil
}

func report(out io.Writer, as, bs []cost) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "run\twall s\tCPU s\tRSS MiB\t\n")
	for i := range as {
		row(w, fmt.Sprintf("A %d", i+1), as[i])
		row(w, fmt.Sprintf("B %d", i+1), bs[i])
	}
	row(w, "A median", medians(as))
	row(w, "B median", medians(bs))
	fmt.Fprintf(w, "A/B\t%s\t%s\t%s\t\n", ratio(as, bs, wallOf), ratio(as, bs, cpuOf), ratio(as, bs, rssOf))
	return w.Flush()
}

func row(w io.Writer, name string, c cost) {
	fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.1f\t\n", name, c.wall.Seconds(), c.cpu.Seconds(), float64(c.rss)/(1<<20))
}

func wallOf(c cost) float64 { return float64(c.wall) }
func cpuOf(c cost) float64  { return float64(c.cpu) }
func rssOf(c cost) float64  { return float64(c.rss) }

func medians(costs []cost) cost {
	of := func(get func(cost) float64) float64 {
		var all []float64
		for _, c := range costs {
			all = append(all, get(c))
		}
		return median(all)
	}
	return cost{wall: time.Duration(of(wallOf)), cpu: time.Duration(of(cpuOf)), rss: int64(of(rssOf))}
}

// ratio is the median of the pairwise ratios, with the smallest and the largest.
func ratio(as, bs []cost, get func(cost) float64) string {
	var all []float64
	for i := range as {
		all = append(all, get(as[i])/get(bs[i]))
	}
	return fmt.Sprintf("%.2f (%.2f..%.2f)", median(all), slices.Min(all), slices.Max(all))
}

// median sorts all.
func median(all []float64) float64 {
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 1 {
		return all[middle]
	}
	return (all[middle-1] + all[middle]) / 2
}
