package value

import (
	"strings"
	"testing"
	"time"
)

// The judge is package time, which lets through a little more.
func FuzzRFC3339(f *testing.F) {
	for _, s := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789+23:59", "2024-02-29T00:00:00-00:00", "2026-01-02T03:04:05,5Z", "2026-01-02T3:04:05Z", "0000-01-01T00:00:00Z", "2026-01-02T03:04:60Z", "2026-01-02T03:04:05.0000000000Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sec, nsec, reason := parseRFC3339(s)
		var want time.Time
		err := want.UnmarshalText([]byte(strings.ToUpper(s)))
		switch {
		case reason == "" && err != nil:
			t.Fatalf("%q is no time to package time: %v", s, err)
		case reason == "" && (want.Unix() != sec || want.Nanosecond() != int(nsec)):
			t.Fatalf("%q is %d.%09d, want %s", s, sec, nsec, want)
		case reason == notTime && err == nil && !lenient(s):
			t.Fatalf("%q is %s to package time", s, want)
		case reason == "":
			v := Value{kind: Timestamp, n: sec, nsec: nsec}
			if back, err := Convert(Text(textOf(v)), Type{Kind: Timestamp}, nil); err != nil || back != v {
				t.Fatalf("%q reads back as %+v, %v", textOf(v), back, err)
			}
		}
	})
}

// lenient reports whether s has what package time lets through against RFC
// 3339: a comma, one digit of an hour, an offset of a day and more, letters that
// are upper case only elsewhere.
func lenient(s string) bool {
	offset := s[max(len(s)-5, 0):]
	return strings.ContainsFunc(s, func(r rune) bool { return r > 127 || r == ',' }) ||
		len(s) > 12 && s[12] == ':' || offset >= "24" || len(offset) > 3 && offset[3:] > "59"
}
