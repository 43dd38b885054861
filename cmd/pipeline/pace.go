package main

// pace.go: how fast a run is, and how long the rest of it takes.

import (
	"time"

	"pipeline/pipeline"
)

// paceOf is the time over which a pace is measured, and paceStep the least time
// between two looks.
const (
	paceOf   = 10 * time.Second
	paceStep = 100 * time.Millisecond
)

// pace is how fast a count grew of late.
type pace []look

type look struct {
	at time.Time
	n  int
}

// add looks at the count.
func (p *pace) add(now time.Time, n int) {
	if l := len(*p); l > 1 && now.Sub((*p)[l-2].at) < paceStep {
		(*p)[l-1] = look{now, n}
		return
	}
	*p = append(*p, look{now, n})
	old := 0
	for old < len(*p)-2 && now.Sub((*p)[old+1].at) >= paceOf {
		old++
	}
	*p = append((*p)[:0], (*p)[old:]...)
}

func (p pace) perSecond() float64 {
	if len(p) < 2 {
		return 0
	}
	first, last := p[0], p[len(p)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < paceStep.Seconds() {
		return 0
	}
	return float64(last.n-first.n) / seconds
}

// estimate is what the time that is left is guessed from.
type estimate struct {
	began   time.Time // of what takes time: what is on a tape comes at once
	before  int       // what was done by then
	answers int       // that the last run took; 0: unknown
}

func (e *estimate) begin(now time.Time, done int) { e.began, e.before = now, done }

// left is how long the rest takes: at the speed so far, and at least as long as
// the limit makes it. 0 is that nobody knows.
func (e *estimate) left(now time.Time, done, all, answers int, rate pipeline.Rate, used int) time.Duration {
	elapsed := now.Sub(e.began)
	if all <= done || done <= e.before || elapsed < between {
		return 0
	}
	rest := float64(all - done)
	left := time.Duration(float64(elapsed) * rest / float64(done-e.before))
	if rate.Calls > 0 {
		calls := float64(answers) * rest / float64(done-e.before)
		if beyond := calls - float64(max(0, rate.Calls-used)); beyond > 0 {
			left = max(left, time.Duration(beyond/float64(rate.Calls)*float64(rate.Per)))
		}
	}
	return left
}
