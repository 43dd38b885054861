package measure

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which Linux counts time for programs to read.
const tick = time.Second / 100

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
		total += time.Duration(ticks) * tick
	}
	return total
}

// Used is how much CPU a process that runs has taken, to a hundredth of a second;
// 0 where that cannot be had.
func Used(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	return usedOf(string(text))
}

// usedOf reads /proc/PID/stat. Its second part is the program's name in brackets,
// which may hold anything; user and system time are parts 14 and 15.
func usedOf(stat string) (total time.Duration) {
	words := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(words) < 13 {
		return 0
	}
	for _, word := range words[11:13] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return 0
		}
		total += time.Duration(n) * tick
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
