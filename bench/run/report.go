package main

// report.go: what came out, as Markdown.

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/bench/measure"
)

// goals are what is to be reached: times the floor, seconds, bytes. What is 0 is
// not asked for.
type goals struct {
	cpu, wall float64
	seconds   float64
	rss       int64
}

// result is what a pair has cost, the first and the second of it.
type result struct {
	name  string
	goals goals
	costs [2][]measure.Cost

	served time.Duration // what servers took meanwhile
	note   string
}

// peaks are the peaks of memory over the sizes of W5.
type peaks struct {
	name string
	goal int64
	rss  []int64
}

// report collects results.
type report struct {
	results []result
	peaks   []peaks
}

func (r *report) add(res result, err error) error {
	r.results = append(r.results, res)
	return err
}

// machine is what the figures depend on besides the programs.
type machine struct {
	at   time.Time
	load float64 // -1: not known
}

func machineNow() machine { return machine{time.Now(), measure.Load()} }

// Wall time may be believed where the load was no more than calm before, and
// others took no more than quiet, in cores, meanwhile.
const (
	calm  = 1.5
	quiet = 0.3
)

func (r *report) write(out io.Writer, c config, before, after machine) error {
	var t strings.Builder
	fmt.Fprintf(&t, "%s, %d cores, %s/%s, %s, %s. ", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), before.at.Format(time.DateOnly))
	fmt.Fprintf(&t, "%s each, in turn; medians of the ratios, and in brackets the smallest and the largest. Load %s before, %s after.\n", pairsText(c.n), loadText(before.load), loadText(after.load))
	if before.load > calm {
		t.WriteString("\n**The machine was busy with other work when this began: believe no wall time, and of the CPU ratios those whose brackets are narrow.**\n")
	}
	r.writeResults(&t)
	r.writePeaks(&t, c)
	_, err := io.WriteString(out, t.String())
	return err
}

func (r *report) writeResults(t *strings.Builder) {
	if len(r.results) == 0 {
		return
	}
	t.WriteString("\n| work | CPU, times the floor | wall, times the floor | pipeline: CPU s, wall s, peak MiB | floor | to reach | reached | beside it |\n|---|---|---|---|---|---|---|---|\n")
	for _, res := range r.results {
		a, b := res.costs[0], res.costs[1]
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", res.name,
			measure.RatioOf(a, b, measure.CPU), measure.RatioOf(a, b, measure.Wall), figures(a), figures(b),
			res.goals, res.reached(), res.beside())
	}
}

func figures(costs []measure.Cost) string {
	m := measure.Medians(costs)
	return fmt.Sprintf("%.3f, %.3f, %s", m.CPU.Seconds(), m.Wall.Seconds(), mebibytes(m.RSS))
}

func (g goals) String() string {
	var words []string
	if g.cpu > 0 {
		words = append(words, fmt.Sprintf("CPU %.1f", g.cpu))
	}
	if g.wall > 0 {
		words = append(words, "wall "+strconv.FormatFloat(g.wall, 'f', -1, 64))
	}
	if g.seconds > 0 {
		words = append(words, fmt.Sprintf("%.0f ms", g.seconds*1000))
	}
	if g.rss > 0 {
		words = append(words, strconv.FormatInt(g.rss/mib, 10)+" MiB")
	}
	return strings.Join(words, ", ")
}

// reached answers each of the goals.
func (r *result) reached() string {
	var words []string
	answer := func(asked bool, reached bool) {
		if asked {
			words = append(words, yes(reached))
		}
	}
	a, b := r.costs[0], r.costs[1]
	m := measure.Medians(a)
	answer(r.goals.cpu > 0, measure.RatioOf(a, b, measure.CPU).Median <= r.goals.cpu)
	answer(r.goals.wall > 0, measure.RatioOf(a, b, measure.Wall).Median <= r.goals.wall)
	answer(r.goals.seconds > 0, m.Wall.Seconds() <= r.goals.seconds)
	answer(r.goals.rss > 0, m.RSS <= r.goals.rss)
	return strings.Join(words, ", ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "**no**"
}

// beside is what went on at the same time.
func (r *result) beside() string {
	var wall, others time.Duration
	for _, c := range slices.Concat(r.costs[0], r.costs[1]) {
		wall, others = wall+c.Wall, others+c.Others
	}
	var words []string
	if r.served > 0 {
		words = append(words, fmt.Sprintf("server %.1f cores", float64(r.served)/float64(wall)))
	}
	if r.note != "" {
		words = append(words, r.note)
	}
	busy := float64(others) / float64(wall)
	text := fmt.Sprintf("others %.1f cores", busy)
	if busy > quiet {
		text = "**" + text + ": do not believe the wall time**"
	}
	return strings.Join(append(words, text), ", ")
}

// growth is how much the peak of the largest size may be above that of the
// smallest.
const growth = 1.10

func (r *report) writePeaks(t *strings.Builder, c config) {
	if len(r.peaks) == 0 {
		return
	}
	t.WriteString("\n| W5 peak MiB |")
	for _, size := range c.sizes {
		fmt.Fprintf(t, " %s records |", thousands(size))
	}
	fmt.Fprintf(t, " last to first | to reach | reached |\n|---|%s---|---|---|\n", strings.Repeat("---|", len(c.sizes)))
	for _, p := range r.peaks {
		fmt.Fprintf(t, "| %s |", p.name)
		for _, rss := range p.rss {
			fmt.Fprintf(t, " %s |", mebibytes(rss))
		}
		grown := float64(p.rss[len(p.rss)-1]) / float64(p.rss[0])
		fmt.Fprintf(t, " %.2f | %d MiB, %.2f | %s, %s |\n", grown, p.goal/mib, growth, yes(slices.Max(p.rss) <= p.goal), yes(grown <= growth))
	}
}

func mebibytes(n int64) string { return strconv.FormatFloat(float64(n)/mib, 'f', 1, 64) }

// processor is the name of the processor, where the system tells.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "an unknown processor"
}

func loadText(load float64) string {
	if load < 0 {
		return "unknown"
	}
	return strconv.FormatFloat(load, 'f', 1, 64)
}

func pairsText(n int) string {
	if n == 1 {
		return "1 pair"
	}
	return strconv.Itoa(n) + " pairs"
}

// thousands is n with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
