package main

// works.go: what each of the works is.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"

	"pipeline/bench/measure"
)

// work is one of the works.
type work struct {
	name    string
	measure func(b *bench, to *report) error
}

var allWorks = []work{
	{"W1", toCSV}, {"W2", toParquet}, {"W3", pull}, {"W4", post}, {"W5", memory}, {"W6", start},
}

const mib = 1 << 20

func toCSV(b *bench, to *report) error {
	in, err := b.records(b.config.records)
	if err != nil {
		return err
	}
	return to.add(b.measure(pair{
		name: "W1 JSONL to CSV, " + thousands(b.config.records) + " records", goals: goals{cpu: 2.0, wall: 1.1, rss: 32 * mib},
		a: b.tool("w1.yaml", []string{"BENCH_IN=" + in}), b: b.floor("-in", in), same: b.sameFiles,
	}))
}

func toParquet(b *bench, to *report) error {
	in, err := b.records(b.config.records)
	if err != nil {
		return err
	}
	return to.add(b.measure(pair{
		name: "W2 JSONL to Parquet, " + thousands(b.config.records) + " records", goals: goals{cpu: 1.5, wall: 1.0, rss: 80 * mib},
		a: b.tool("w2.yaml", []string{"BENCH_IN=" + in}), b: b.floor("-in", in, "-to", "parquet"), same: b.sameRows,
	}))
}

// sameRows leaves it to the floor, which knows Parquet, to look into the files.
func (b *bench) sameRows() error {
	text, err := exec.CommandContext(b.ctx, b.path("floor"), "-same", b.path(toolOut), b.path(floorOut)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s (%w)", text, err)
	}
	return b.sameRejects()
}

func pull(b *bench, to *report) error {
	in, err := b.records(b.pages * pageRecords)
	if err != nil {
		return err
	}
	address, stop, err := b.start("serve", "-in", in)
	if err != nil {
		return err
	}
	defer stop()
	env := []string{"BENCH_SERVE=" + address}
	tool := b.tool("w3.yaml", env)
	what := fmt.Sprintf(", %s pages", thousands(b.pages))
	for _, p := range []pair{
		{name: "W3 HTTP pull to CSV" + what, goals: goals{wall: 1.5, rss: 32 * mib}, a: tool, b: b.floor("-pages", address), same: b.sameFiles},
		{name: "W3, the floor 2 pages ahead", a: tool, b: b.floor("-pages", address, "-ahead", "2"), same: b.sameFiles},
		{name: "W3, tape on to tape off", a: b.tool("w3-tape.yaml", env), b: tool},
	} {
		if err := to.add(b.measure(p)); err != nil {
			return err
		}
	}
	return nil
}

// post measures W4, to a receiver that answers at once and to one that thinks
// for 5 ms.
func post(b *bench, to *report) error {
	in, err := b.records(b.rows)
	if err != nil {
		return err
	}
	fast, stop, err := b.start("sink")
	if err != nil {
		return err
	}
	defer stop()
	slow, stopSlow, err := b.start("sink", "-wait", "5ms")
	if err != nil {
		return err
	}
	defer stopSlow()
	what := ", " + thousands(b.rows) + " records"
	for _, k := range []struct {
		name, mapping, sink string
		batch               int
		wall                float64
	}{
		{"W4 webhook, a row a request" + what, "w4.yaml", fast, 1, 1.9},
		{"W4 webhook, batches of 100" + what, "w4-batch.yaml", fast, 100, 2.0},
		{"W4 webhook, a row a request, 5 ms each" + what, "w4.yaml", slow, 1, 1.03},
	} {
		p := pair{
			name: k.name, goals: goals{wall: k.wall, rss: 30 * mib},
			a: b.tool(k.mapping, []string{"BENCH_IN=" + in, "BENCH_SINK=" + k.sink + "/rows"}),
			b: b.floor("-in", in, "-to", "http", "-post", k.sink+"/rows", "-batch", strconv.Itoa(k.batch), "-connections", strconv.Itoa(connections)),
		}
		if err := to.add(b.measure(b.delivering(p, k.sink))); err != nil {
			return err
		}
	}
	// What webhooks are given is not remembered with --limit. Rejects then go to
	// a file of another name, which is of no interest here.
	env := []string{"BENCH_IN=" + in, "BENCH_SINK=" + fast + "/rows"}
	p := pair{
		name: "W4, with the ledger to without it",
		a:    b.tool("w4.yaml", env), b: b.tool("w4.yaml", env, "--limit", strconv.Itoa(b.rows)),
	}
	return to.add(b.measure(b.delivering(p, fast)))
}

// connections is the concurrency of bench/w4.yaml.
const connections = 32

// received is what bench/sink tells.
type received struct {
	Requests, Rows, Connections int
	Sum                         uint64
}

// delivering is p with a look at what has arrived after each run: the same rows,
// over the connections that are wanted.
func (b *bench) delivering(p pair, sink string) pair {
	var sides [2]received
	most := 0
	p.after = func(side int) (err error) {
		sides[side], err = ask(sink)
		if side == 0 {
			most = max(most, sides[0].Connections)
		}
		return err
	}
	p.same = func() error {
		if a, b := sides[0], sides[1]; a.Rows != b.Rows || a.Sum != b.Sum || a.Rows == 0 {
			return fmt.Errorf("%+v were received, and %+v", a, b)
		}
		if most > connections {
			return fmt.Errorf("%d connections were opened for %d requests, and %d are wanted", most, sides[0].Requests, connections)
		}
		return nil
	}
	p.note = func() string { return fmt.Sprintf("%d connections", most) }
	return p
}

// ask is what sink has received since it was asked last.
func ask(sink string) (r received, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(sink + "/stats")
	if err != nil {
		return r, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

// memory measures W5: the peak of pipeline alone.
func memory(b *bench, to *report) error {
	for _, k := range []struct {
		name string
		goal int64
		over func(in string) (command measure.Command, stop func(), err error)
	}{
		{"CSV", 32 * mib, func(in string) (measure.Command, func(), error) {
			return b.tool("w1.yaml", []string{"BENCH_IN=" + in}), func() {}, nil
		}},
		{"Parquet", 80 * mib, func(in string) (measure.Command, func(), error) {
			return b.tool("w2.yaml", []string{"BENCH_IN=" + in}), func() {}, nil
		}},
		{"HTTP to CSV", 32 * mib, func(in string) (measure.Command, func(), error) {
			address, stop, err := b.start("serve", "-in", in)
			return b.tool("w3.yaml", []string{"BENCH_SERVE=" + address}), stop, err
		}},
	} {
		peaks := peaks{name: k.name, goal: k.goal}
		for _, size := range b.sizes {
			in, err := b.records(size)
			if err != nil {
				return err
			}
			command, stop, err := k.over(in)
			if err != nil {
				return err
			}
			peak, err := b.peak(fmt.Sprintf("W5 %s, %s records", k.name, thousands(size)), command)
			stop()
			if err != nil {
				return err
			}
			peaks.rss = append(peaks.rss, peak)
		}
		to.peaks = append(to.peaks, peaks)
	}
	return nil
}

// peak is the median of the peaks of a command.
func (b *bench) peak(name string, command measure.Command) (int64, error) {
	var costs []measure.Cost
	for i := range b.n {
		fmt.Fprintf(b.log, "%s: %d of %d\n", name, i+1, b.n)
		cost, err := b.run(command)
		if err != nil {
			return 0, err
		}
		costs = append(costs, cost)
	}
	return measure.Medians(costs).RSS, nil
}

func start(b *bench, to *report) error {
	in, err := b.records(10)
	if err != nil {
		return err
	}
	return to.add(b.measure(pair{
		name: "W6 start to end, ten records", goals: goals{seconds: 0.020, rss: 24 * mib},
		a: b.tool("w1.yaml", []string{"BENCH_IN=" + in}), b: b.floor("-in", in), same: b.sameFiles,
	}))
}
