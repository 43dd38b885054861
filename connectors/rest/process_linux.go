package rest

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// boot names the time since the machine was started.
var boot = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(id))
})

// birth is when a process was started, in ticks of this run of the machine;
// empty where there is no such process, or a dead one that nobody has buried.
func birth(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// 42 (name) S 1 …: the name may hold anything, its closing bracket is the last
	const state, start = 0, 19 // fields behind the name
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= start || string(fields[state]) == "Z" || string(fields[state]) == "X" {
		return ""
	}
	return string(fields[start]) + " " + boot()
}
