package pipeline

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	for try := range 100 {
		if d := Backoff(try); d > backoffCap || d > backoffBase<<min(try, 10) {
			t.Errorf("after try %d: %v", try, d)
		}
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:30 GMT": 0,
		"99999999999999":                10 * 365 * 24 * time.Hour,
	} {
		if got := RetryAfter(header, now); got != want {
			t.Errorf("%q: got %v, expected %v", header, got, want)
		}
	}
}
