package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// benchKey is a key whose order has nothing to do with the order of i.
func benchKey(i int) []byte {
	return fmt.Appendf(nil, `["%016x@example.com"]`, uint64(i)*0x9E3779B97F4A7C15)
}

// resident is what the process has in memory and the most it ever had, in KiB,
// as the kernel says it.
func resident() (now, peak float64) {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %f", &now)
		_, _ = fmt.Sscanf(line, "VmHWM: %f", &peak)
	}
	return now, peak
}

func BenchmarkKeys(b *testing.B) {
	for _, n := range []int{50_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				k := NewKeys(b.TempDir())
				for i := range n {
					if added, err := k.Add(benchKey(i)); err != nil || !added {
						b.Fatal(added, err)
					}
				}
				check(b, k.Close())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/key")
			now, peak := resident()
			b.ReportMetric(now/1024, "MiB-now")
			b.ReportMetric(peak/1024, "MiB-peak")
		})
	}
}

// BenchmarkNight is a run over n keys that are all known: Keys.Add and
// Unchanged, page by page.
func BenchmarkNight(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := must(Open(filepath.Join(b.TempDir(), "ledger.db")))(b)
			defer l.Close()
			r := must(l.Begin(crm, "id"))(b)
			page := make([]Entry, 1000)
			fill := func(from, step int) { // each step has another order of the same keys
				for i := range page {
					page[i] = Entry{Key: benchKey((from + i) * step % n)}
				}
			}
			for from := 0; from < n; from += len(page) {
				fill(from, 1)
				check(b, r.Delivered(page))
			}
			_, first := resident()
			same := make([]bool, 0, len(page))
			for b.Loop() {
				k := NewKeys(b.TempDir())
				for from := 0; from < n; from += len(page) {
					fill(from, 7919)
					for i := range page {
						must(k.Add(page[i].Key))(b)
					}
					same = must(r.Unchanged(same[:0], page))(b)
				}
				if n := must(r.CountGone(k))(b); n != 0 {
					b.Fatal(n)
				}
				check(b, k.Close())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/key")
			now, peak := resident()
			b.ReportMetric(now/1024, "MiB-now")
			b.ReportMetric(peak/1024, "MiB-peak")
			b.ReportMetric(first/1024, "MiB-peak-of-first-night")
		})
	}
}

func BenchmarkDelivered(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l := must(Open(filepath.Join(b.TempDir(), "ledger.db")))(b)
			defer l.Close()
			r := must(l.Begin(crm, "id"))(b)
			page, n := make([]Entry, size), 0
			for b.Loop() {
				for i := range page {
					page[i] = Entry{Key: benchKey(n)}
					n++
				}
				check(b, r.Delivered(page))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
		})
	}
}
