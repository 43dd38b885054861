package web

// words.go: times, counts and states, as people read them.

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

func text(v any) string { return fmt.Sprint(v) }

// utc is a time, to the minute.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// stamp is a time for programs.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// inZone is a time where a mapping has its schedule; empty where that is UTC.
func inZone(t time.Time, zone *time.Location) string {
	if zone == nil || zone.String() == "UTC" {
		return ""
	}
	local, layout := t.In(zone), "15:04"
	if local.Format(time.DateOnly) != t.UTC().Format(time.DateOnly) {
		layout = "2006-01-02 15:04"
	}
	return local.Format(layout) + " in " + zone.String()
}

// ago is how far a time is from now.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case d >= time.Minute:
		return spoken(rounded(d)) + " ago"
	case d <= -time.Minute:
		return "in " + spoken(rounded(-d))
	default:
		return "now"
	}
}

// rounded leaves out the minutes of hours.
func rounded(d time.Duration) time.Duration {
	if d >= 2*time.Hour {
		return d.Round(time.Hour)
	}
	return d
}

// soFar is how long something goes on that began then.
func soFar(now, began time.Time) string { return spoken(max(now.Sub(began), 0)) + " so far" }

// spoken is a duration in its largest unit, or two where one would say too little.
func spoken(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return diag.Count(int(d/day), "day")
	case d >= 10*time.Hour:
		return diag.Count(int(d/time.Hour), "hour")
	case d >= time.Hour:
		hours, minutes := diag.Count(int(d/time.Hour), "hour"), int(d%time.Hour/time.Minute)
		if minutes == 0 {
			return hours
		}
		return hours + " " + diag.Count(minutes, "minute")
	case d >= time.Minute:
		return diag.Count(int(d/time.Minute), "minute")
	default:
		return diag.Count(max(int(d/time.Second), 1), "second")
	}
}

// took is how long something took, in milliseconds.
func took(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// many is a count that is only read where it is not 0.
func many(n int) string {
	if n == 0 {
		return "none"
	}
	return diag.Thousands(n)
}

func triggerWords(t history.Trigger) string {
	switch t {
	case history.BySchedule:
		return "by its schedule"
	case history.ByPush:
		return "by a push"
	case history.ByReconcile:
		return "to reconcile"
	case history.ByHand:
		return "by hand"
	}
	return string(t)
}

// resultWords is what became of a run.
func resultWords(r history.Result) string {
	switch r {
	case history.Done:
		return "done"
	case history.Rejected:
		return "done, with rejects"
	case history.Stopped:
		return "stopped, goes on later"
	case history.Lost:
		return "lost: its process died"
	}
	return string(r)
}

// said is what was just done, out of the address that a form led to. Only these
// words can be in it.
func said(q url.Values) string {
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil || n < 0 {
		n = 1
	}
	switch q.Get("said") {
	case "run":
		return "It runs as soon as there is a turn."
	case "pause":
		return "It is paused. What is pushed to it is kept."
	case "resume":
		return "It runs by itself again."
	case "enable":
		return "Requests are sent there again."
	case "replay":
		return diag.Count(n, "dead letter") + " will be sent again, with the same idempotency key."
	case "drop":
		return diag.Count(n, "dead letter") + " dropped."
	}
	return ""
}
