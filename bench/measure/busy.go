package measure

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// busy is how long all cores together were busy since the machine started, to a
// hundredth of a second; 0 where that cannot be had.
func busy() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return busyOf(string(text))
}

// busyOf reads the first line of /proc/stat, whose numbers are user, nice,
// system, idle, iowait, irq, softirq and steal.
func busyOf(stat string) (total time.Duration) {
	line, _, _ := strings.Cut(stat, "\n")
	words := strings.Fields(line)
	for i, word := range words {
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		ticks, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return 0
		}
		total += time.Duration(ticks) * (time.Second / 100)
	}
	return total
}

// Load is the load average of the last minute, -1 where it cannot be had.
func Load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}
