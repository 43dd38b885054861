package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fault is what goes wrong in some calls to a sandbox.
type fault struct {
	kind        string // a status, or one of faultKinds; empty is none
	first, last int    // calls, counted from 1
}

const slowness = 3 * time.Second

// parseFaults reads faults such as 429@3, cut@4 and 500@2-6.
func parseFaults(texts []string) ([]fault, error) {
	var out []fault
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			f, ok := parseFault(strings.TrimSpace(part))
			if !ok {
				return nil, fmt.Errorf("fault %q: expected KIND@CALL or KIND@FIRST-LAST, where KIND is a status from 400 to 599, cut, html, slow or repeat, as in 429@3", part)
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func parseFault(text string) (fault, bool) {
	kind, calls, ok := strings.Cut(text, "@")
	first, last, ranged := strings.Cut(calls, "-")
	if !ranged {
		last = first
	}
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(last)
	status, _ := strconv.Atoi(kind)
	known := kind == "cut" || kind == "html" || kind == "slow" || kind == "repeat" || status >= 400 && status <= 599
	return fault{kind, a, b}, ok && known && err1 == nil && err2 == nil && a >= 1 && b >= a
}

// fault is what goes wrong in the call of that number.
func (s *Sandbox) fault(call int) fault {
	for _, f := range s.faults {
		if call >= f.first && call <= f.last {
			return f
		}
	}
	return fault{}
}

// answers does what goes wrong before an answer is made, and reports whether
// that was the answer.
func (f fault) answers(w http.ResponseWriter, r *http.Request) bool {
	switch f.kind {
	case "", "cut", "repeat":
		return false
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Maintenance</title><p>We will be back soon.\n")) // a client that is gone needs no answer
		return true
	case "slow":
		timer := time.NewTimer(slowness)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
		return false
	}
	status, err := strconv.Atoi(f.kind)
	if err != nil {
		panic(err) // parseFaults lets numbers through
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	refuse(w, status, "a fault, as asked for")
	return true
}
