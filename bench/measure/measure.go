// Package measure runs commands and holds what they cost against each other.
package measure

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Command is a program with its arguments.
type Command struct {
	Args []string
	Env  []string // in addition to that of this process
	Exit int      // an exit code that is well beside 0
}

// Cost is what one run took. CPU is user and system time of the process and of
// those that it waited for; RSS is the peak of the largest of them, and never
// below that of the process that measures (a few MiB), which the kernel counts
// in.
type Cost struct {
	Wall, CPU time.Duration
	RSS       int64         // in bytes
	Others    time.Duration // CPU that everybody else took meanwhile; 0 where that is not known
}

// Run runs a command to its end. What it prints is in the error where it fails.
func Run(c Command) (Cost, error) {
	var output strings.Builder
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = &output, &output
	before, start := busy(), time.Now()
	err := cmd.Run()
	wall, after := time.Since(start), busy()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == c.Exit) {
		return Cost{}, fmt.Errorf("run %s: %w\n%s", strings.Join(c.Args, " "), err, output.String())
	}
	state := cmd.ProcessState
	cpu := state.UserTime() + state.SystemTime()
	return Cost{Wall: wall, CPU: cpu, RSS: peakRSS(state), Others: max(0, after-before-cpu)}, nil
}

// Wall is the wall time of a cost, for RatioOf.
func Wall(c Cost) float64 { return float64(c.Wall) }

// CPU is the CPU time of a cost, for RatioOf.
func CPU(c Cost) float64 { return float64(c.CPU) }

// RSS is the peak of memory of a cost, for RatioOf.
func RSS(c Cost) float64 { return float64(c.RSS) }

// Medians are the medians of each part of costs.
func Medians(costs []Cost) Cost {
	of := func(get func(Cost) float64) float64 {
		var all []float64
		for _, c := range costs {
			all = append(all, get(c))
		}
		return Median(all)
	}
	others := func(c Cost) float64 { return float64(c.Others) }
	return Cost{Wall: time.Duration(of(Wall)), CPU: time.Duration(of(CPU)), RSS: int64(of(RSS)), Others: time.Duration(of(others))}
}

// Ratio is the median of pairwise ratios, with the smallest and the largest.
type Ratio struct{ Median, Min, Max float64 }

// RatioOf holds each of as against its neighbour in bs, of which there are as
// many.
func RatioOf(as, bs []Cost, get func(Cost) float64) Ratio {
	var all []float64
	for i := range as {
		all = append(all, get(as[i])/get(bs[i]))
	}
	return Ratio{Median(all), slices.Min(all), slices.Max(all)}
}

func (r Ratio) String() string { return fmt.Sprintf("%.2f (%.2f..%.2f)", r.Median, r.Min, r.Max) }

// Median sorts all, which are not none.
func Median(all []float64) float64 {
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 1 {
		return all[middle]
	}
	return (all[middle-1] + all[middle]) / 2
}
