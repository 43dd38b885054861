//go:build unix

package measure

import (
	"os"
	"runtime"
	"syscall"
)

// peakRSS is the largest resident set of a process that has ended, in bytes.
func peakRSS(state *os.ProcessState) int64 {
	peak := state.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "darwin" {
		return peak
	}
	return peak << 10 // the others count in KiB
}
