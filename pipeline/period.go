package pipeline

import (
	"fmt"
	"strings"
	"time"
)

// Period is how often something happens, with the text that a mapping has for it: 1h,
// and not 1h0m0s.
type Period time.Duration

// Duration is how long it is.
func (p Period) Duration() time.Duration { return time.Duration(p) }

// String is the text.
func (p Period) String() string {
	text := time.Duration(p).String()
	if minutes, ok := strings.CutSuffix(text, "m0s"); ok {
		text = minutes + "m"
	}
	if hours, ok := strings.CutSuffix(text, "h0m"); ok {
		text = hours + "h"
	}
	return text
}

// MarshalText is the text, for JSON.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads it.
func (p *Period) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no time; it is written as 30m, 1h or 24h", text)
	}
	*p = Period(d)
	return nil
}
