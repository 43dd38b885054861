package value

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text.go: the one text form that each kind has, in cells and in JSON.
// Everything is appended by hand, because this runs once per cell: neither
// function allocates but to grow dst.

// AppendText appends v as a CSV cell holds it, before quoting. Null and Invalid
// are nothing; a Number is as it was written; a Decimal has all its digits; a
// Timestamp is RFC 3339 in UTC with only as much fraction as it needs; a List
// and JSON are their JSON text.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Boolean:
		return strconv.AppendBool(dst, v.n != 0)
	case Integer:
		return strconv.AppendInt(dst, v.n, 10)
	case Float:
		return appendFloat(dst, v.Float())
	case Date:
		return appendDate(dst, v.n)
	case Timestamp:
		return appendTimestamp(dst, v.n, v.nsec)
	case Number, Decimal, String, List, JSON:
		return append(dst, v.text...)
	default:
		return dst
	}
}

// AppendJSON appends v as a JSON value: a Decimal is a number with all its
// digits, a Date and a Timestamp are strings, Null and Invalid are null.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case Null, Invalid:
		return append(dst, "null"...)
	case String:
		return AppendJSONString(dst, v.text)
	case Date, Timestamp:
		dst = append(dst, '"')
		dst = v.AppendText(dst)
		return append(dst, '"')
	default:
		return v.AppendText(dst)
	}
}

// Clone is v with a text of its own, to be kept longer than the batch that v
// came from.
func (v Value) Clone() Value {
	v.text = strings.Clone(v.text)
	return v
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends s as a JSON string. Only what JSON requires is
// escaped: quotes, backslashes and control characters. What is not UTF-8
// becomes U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0 // s[from:i] needs no escape and is not yet appended
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[from:i]...)
				dst = append(dst, "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, s[from:i]...)
			dst = appendEscape(dst, c)
			from = i + 1
		}
		i++
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// appendFloat writes the shortest digits that read back as f: plain from 1e-6
// up to 1e21, with an exponent outside of that. Negative zero is 0.
func appendFloat(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	if abs == 0 {
		return append(dst, '0')
	}
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// strconv writes at least two digits of exponent: 1e-09 is 1e-9 here.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendDate writes a day as 2006-01-02. A year outside of 0000 to 9999 has a
// sign and as many digits as it takes, as ISO 8601 has it.
func appendDate(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	switch {
	case year > 9999:
		dst = append(dst, '+')
	case year < 0:
		dst = append(dst, '-')
		year = -year
	}
	if year < 10000 {
		dst = append2(append2(dst, int(year/100)), int(year%100))
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	dst = append2(append(dst, '-'), month)
	return append2(append(dst, '-'), day)
}

func appendTimestamp(dst []byte, sec int64, nsec int32) []byte {
	days, rest := floorDiv(sec, secondsPerDay)
	dst = appendDate(dst, days)
	clock := int(rest)
	dst = append2(append(dst, 'T'), clock/3600)
	dst = append2(append(dst, ':'), clock/60%60)
	dst = append2(append(dst, ':'), clock%60)
	if nsec != 0 {
		dst = append(dst, '.')
		for unit := int32(1e8); nsec != 0; unit /= 10 {
			dst = append(dst, byte('0'+nsec/unit))
			nsec %= unit
		}
	}
	return append(dst, 'Z')
}

// append2 appends n, which is below 100, with two digits.
func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}
