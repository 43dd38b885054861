// encode.go: values as JSON and as text, each in the one form that sinks write.

package expression

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// appendJSON appends v as compact JSON: members in the order of their names,
// nothing escaped that need not be.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return appendFloat(b, v)
	case numeric:
		return append(b, v...)
	case decimal.Decimal:
		return append(b, plainDecimal(v)...)
	case string:
		return appendString(b, v)
	case day:
		return append(append(append(b, '"'), v.String()...), '"')
	case time.Time:
		return append(append(append(b, '"'), timeText(v)...), '"')
	case rawList:
		return appendCompact(b, string(v))
	case rawObject:
		return appendCompact(b, string(v))
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item)
		}
		return append(b, ']')
	case map[string]any:
		return appendObject(b, v)
	default:
		return append(b, "null"...)
	}
}

// sizeOf is about how long the JSON of v is; lists of one text many times over
// are small in memory and huge as text.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case rawList:
		return len(v)
	case rawObject:
		return len(v)
	case []any:
		n := 2
		for _, item := range v {
			n += sizeOf(item) + 1
		}
		return n
	case map[string]any:
		n := 2
		for name, item := range v {
			n += len(name) + sizeOf(item) + 4
		}
		return n
	default:
		return 8
	}
}

func appendObject(b []byte, v map[string]any) []byte {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendJSON(b, v[name])
	}
	return append(b, '}')
}

// appendFloat writes f as ECMAScript does, so that no reader sees another number.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...) // operators and functions never make one
	}
	if a := math.Abs(f); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, f+0, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'e', -1, 64)
}

const hexDigits = "0123456789abcdef"

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ':
			b = append(b, `\u00`...)
			b = append(b, hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// appendCompact appends JSON text without the space between its parts.
func appendCompact(b []byte, s string) []byte {
	quoted := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted && c == '\\' && i+1 < len(s):
			b = append(b, c)
			i++
			c = s[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		b = append(b, c)
	}
	return b
}

// textOf is v as text: what string() results in. Null has none.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", &fault{code: codeStringNull, arg: 0, want: anything}
	case string:
		return v, nil
	case numeric:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v+0, 'f', -1, 64), nil
	case decimal.Decimal:
		return plainDecimal(v), nil
	case day:
		return v.String(), nil
	case time.Time:
		return timeText(v), nil
	default:
		return string(appendJSON(nil, v)), nil
	}
}

// timeText is RFC 3339 in UTC, with as many digits of a second as it has.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// String is the day as 2006-01-02.
func (d day) String() string {
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

// sliceText is the characters of s from a to b.
func sliceText(s string, a, b *int) string {
	if isASCII(s) {
		from, to := clamp(a, b, len(s))
		return s[from:to]
	}
	from, to := clamp(a, b, utf8.RuneCountInString(s))
	return s[charOffset(s, from):charOffset(s, to)]
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// charOffset is where the n-th character of s begins, in bytes.
func charOffset(s string, n int) int {
	if n == 0 {
		return 0
	}
	seen := 0
	for i := range s {
		if seen == n {
			return i
		}
		seen++
	}
	return len(s)
}
