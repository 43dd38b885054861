package observe

import (
	"bytes"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"
)

// process.go: the process itself, under the names that dashboards expect.

// ticks is how many of them the kernel counts in a second; Linux says 100 to
// programs, whatever it does itself.
const ticks = 100

func process(version string) []*family {
	single := func(kind kind, name, help string, value float64) *family {
		f := newFamily(kind, name, help)
		f.set(value)
		return f
	}
	info := newFamily(gauge, "pipeline_build_info", "1, with the version of pipeline and of Go.", "version", "goversion")
	info.set(1, version, runtime.Version())
	families := []*family{info}
	for _, m := range goMetrics {
		sample := []metrics.Sample{{Name: m.of}}
		metrics.Read(sample)
		if sample[0].Value.Kind() == metrics.KindUint64 {
			families = append(families, single(m.kind, m.name, m.help, float64(sample[0].Value.Uint64())))
		}
	}
	stat, err := os.ReadFile("/proc/self/stat")
	_, after, ok := bytes.Cut(stat, []byte(") ")) // a name may hold spaces
	fields := bytes.Fields(after)
	if err != nil || !ok || len(fields) < 22 {
		return families
	}
	field := func(n int) float64 { // as proc(5) counts them
		v, _ := strconv.ParseFloat(string(fields[n-3]), 64)
		return v
	}
	families = append(families,
		single(counter, "process_cpu_seconds_total", "Seconds of processors, user and system.", (field(14)+field(15))/ticks),
		single(gauge, "process_virtual_memory_bytes", "Virtual memory.", field(23)),
		single(gauge, "process_resident_memory_bytes", "Memory that is in use.", field(24)*float64(os.Getpagesize())),
		single(gauge, "process_start_time_seconds", "When the process began.", seconds(started)),
	)
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		families = append(families, single(gauge, "process_open_fds", "Open files.", float64(len(open))))
	}
	if most, ok := OpenFilesLimit(); ok {
		families = append(families, single(gauge, "process_max_fds", "Files that may be open.", float64(most)))
	}
	return families
}

// started is when this process began, near enough.
var started = time.Now()

var goMetrics = []struct {
	of, name, help string
	kind           kind
}{
	{"/sched/goroutines:goroutines", "go_goroutines", "Goroutines.", gauge},
	{"/sched/gomaxprocs:threads", "go_sched_gomaxprocs_threads", "Processors that Go uses.", gauge},
	{"/memory/classes/heap/objects:bytes", "go_memstats_heap_alloc_bytes", "Heap that is in use.", gauge},
	{"/memory/classes/total:bytes", "go_memstats_sys_bytes", "Memory that Go has from the system.", gauge},
	{"/gc/heap/allocs:bytes", "go_memstats_alloc_bytes_total", "Bytes that were allocated.", counter},
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total", "Garbage collections.", counter},
}
