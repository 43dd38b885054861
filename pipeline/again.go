package pipeline

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The bounds of Backoff.
const (
	backoffBase = 500 * time.Millisecond
	backoffCap  = 30 * time.Second
)

// Backoff is how long to wait after the try of that number, from 0: anything up to a
// bound that doubles, so that those who failed together do not come back together.
func Backoff(try int) time.Duration {
	return rand.N(min(backoffBase<<min(try, 10), backoffCap) + 1)
}

// RetryAfter is how long the header of that name asks to wait, 0 where it says
// nothing of use. It is a number of seconds or a date (RFC 9110, section 10.2.3).
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) { // then it is the largest there is
		const most = 10 * 365 * 24 * 60 * 60 // beyond that a Duration would overflow some day
		return time.Duration(max(0, min(seconds, most))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now).Round(time.Second))
	}
	return 0
}
