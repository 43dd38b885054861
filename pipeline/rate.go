package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rateUnits are the windows a rate may name.
var rateUnits = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}}

// ParseRate reads a rate as people write it: 500/min, 8/s, 1000/h, or 40/4s
// for 40 calls in any 4 seconds.
func ParseRate(s string) (Rate, error) {
	left, right, ok := strings.Cut(strings.TrimSpace(s), "/")
	calls, err := strconv.Atoi(strings.TrimSpace(left))
	if !ok || err != nil || calls < 1 {
		return Rate{}, fmt.Errorf("a rate is written as calls per time, such as 500/min, 8/s, 40/4s or 1000/h; found %q", s)
	}
	right = strings.TrimSpace(right)
	unit := strings.TrimLeft(right, "0123456789")
	count := 1
	if digits := right[:len(right)-len(unit)]; digits != "" {
		if count, err = strconv.Atoi(digits); err != nil || count < 1 || count > 1_000_000 {
			return Rate{}, fmt.Errorf("the time of rate %q is not a number from 1", s)
		}
	}
	for _, u := range rateUnits {
		if u.name == unit {
			return Rate{Calls: calls, Per: time.Duration(count) * u.per}, nil
		}
	}
	return Rate{}, fmt.Errorf("the time of rate %q is counted in s, min or h", s)
}

// String is the rate as ParseRate reads it.
func (r Rate) String() string {
	if r.Calls == 0 {
		return "no limit"
	}
	for i := len(rateUnits) - 1; i >= 0; i-- {
		u := rateUnits[i]
		if r.Per%u.per != 0 {
			continue
		}
		if n := r.Per / u.per; n > 1 {
			return fmt.Sprintf("%d/%d%s", r.Calls, n, u.name)
		}
		return fmt.Sprintf("%d/%s", r.Calls, u.name)
	}
	return fmt.Sprintf("%d/%s", r.Calls, r.Per)
}

// Above reports whether r allows more than limit does: more calls in some
// window. A rate of 8/s is above 400/min, though not in every second.
func (r Rate) Above(limit Rate) bool {
	if limit.Calls == 0 {
		return false
	}
	return r.Calls == 0 || float64(r.Calls)/r.Per.Seconds() > float64(limit.Calls)/limit.Per.Seconds()
}
