package rest

// process.go: who holds a slot, and whether it still lives. A number alone does
// not tell, for the system gives it to somebody else one day.

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// self names this process: its number and, where the system tells, its birth.
var self = sync.OnceValue(func() string {
	return strings.TrimSpace(strconv.Itoa(os.Getpid()) + " " + birth(os.Getpid()))
})

// alive reports whether the process of that name still runs.
func alive(name string) bool {
	if name == self() {
		return true
	}
	number, born, told := strings.Cut(name, " ")
	pid, err := strconv.Atoi(number)
	if err != nil || pid <= 0 {
		return false
	}
	if told {
		return birth(pid) == born
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
