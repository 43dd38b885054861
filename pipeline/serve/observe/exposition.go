package observe

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// exposition.go: counters, gauges and histograms, and the text that Prometheus
// reads, version 0.0.4. It is ours, because of the small libraries for it that
// which we know writes no help texts and buckets that Prometheus does not take,
// and the large one brings protobuf along.

// maxSeries is how many sets of labels a family tells apart. What comes after them
// is counted together, as "other": names come from files, and files from people.
const maxSeries = 2000

// kind is the type of a family.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// family is the series of one name.
type family struct {
	name, help string
	kind       kind
	labels     []string
	buckets    []float64 // upper bounds, of a histogram

	mu     sync.Mutex
	series map[string]*series // by its labels as text
}

// series is one line, or one histogram.
type series struct {
	value  float64  // or the sum of a histogram
	counts []uint64 // by bucket, not added up; the last one has no bound
}

func newFamily(kind kind, name, help string, labels ...string) *family {
	return &family{name: name, help: help, kind: kind, labels: labels, series: map[string]*series{}}
}

// add adds to a counter or a gauge.
func (f *family) add(n float64, values ...string) {
	f.with(values, func(s *series) { s.value += n })
}

// set sets a gauge.
func (f *family) set(n float64, values ...string) {
	f.with(values, func(s *series) { s.value = n })
}

// observe counts a value in a histogram.
func (f *family) observe(n float64, values ...string) {
	f.with(values, func(s *series) {
		if s.counts == nil {
			s.counts = make([]uint64, len(f.buckets)+1)
		}
		i, _ := slices.BinarySearch(f.buckets, n)
		s.counts[i]++
		s.value += n
	})
}

func (f *family) with(values []string, do func(*series)) {
	key := f.key(values)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.series[key]
	if s == nil && len(f.series) >= maxSeries {
		key = f.key(slices.Repeat([]string{"other"}, len(values)))
		s = f.series[key]
	}
	if s == nil {
		s = &series{}
		f.series[key] = s
	}
	do(s)
}

// key is labels as they are written, without the braces.
func (f *family) key(values []string) string {
	var b strings.Builder
	for i, value := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.labels[i] + `="` + escape.Replace(strings.ToValidUTF8(value, "\ufffd")) + `"`)
	}
	return b.String()
}

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// writeAll writes families that have anything to say.
func writeAll(w io.Writer, families []*family) error {
	out := bufio.NewWriter(w)
	for _, f := range families {
		f.write(out)
	}
	return out.Flush()
}

func (f *family) write(w *bufio.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.series) == 0 {
		return
	}
	line := func(parts ...string) {
		for _, part := range parts {
			_, _ = w.WriteString(part) // its error stays, and Flush has it
		}
		_ = w.WriteByte('\n')
	}
	line("# HELP ", f.name, " ", f.help)
	line("# TYPE ", f.name, " ", string(f.kind))
	for _, key := range slices.Sorted(maps.Keys(f.series)) {
		s := f.series[key]
		if f.kind != histogram {
			line(f.name, braces(key), " ", number(s.value))
			continue
		}
		var sum uint64
		for i, n := range s.counts {
			sum += n
			bound := "+Inf"
			if i < len(f.buckets) {
				bound = number(f.buckets[i])
			}
			line(f.name, "_bucket", braces(key, `le="`+bound+`"`), " ", strconv.FormatUint(sum, 10))
		}
		line(f.name, "_sum", braces(key), " ", number(s.value))
		line(f.name, "_count", braces(key), " ", strconv.FormatUint(sum, 10))
	}
}

// braces are labels as they stand behind a name.
func braces(labels ...string) string {
	labels = slices.DeleteFunc(labels, func(l string) bool { return l == "" })
	if len(labels) == 0 {
		return ""
	}
	return "{" + strings.Join(labels, ",") + "}"
}

func number(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }
