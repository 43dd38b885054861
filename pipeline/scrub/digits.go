package scrub

// digits.go: what is made of digits: ids, telephone numbers, birthdays.

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// digits is what stands for a run of digits: one of as many, with as many zeros
// before it, on the same side of what computers can tell apart.
func (s *Scrubber) digits(run string) string {
	if strings.Trim(run, "0") == "" {
		return run
	}
	if s.learning {
		s.learn(run)
		return run
	}
	if n := len(run); n >= minPhone && s.tails[run[n-phoneTail:]] {
		return s.phone(run)
	}
	return s.replacement("digits", run, func(c *choices) string {
		out := []rune(run)
		leading := true
		for i, r := range out {
			zero := zeroOf(r)
			switch {
			case leading && r == zero:
				continue
			case leading:
				out[i] = zero + rune(1+c.below(9))
				leading = false
			default:
				out[i] = zero + rune(c.below(10))
			}
		}
		return string(out)
	}, func(made string) bool { return made != run && sizeOf(made) == sizeOf(run) })
}

// zeroOf is the zero of the script of a digit.
func zeroOf(r rune) rune {
	zero := r
	for r-zero < 9 && unicode.IsDigit(zero-1) {
		zero--
	}
	return zero
}

// sizeOf says which computers can hold a number: all, those that keep it whole, or
// none, and whether a float can.
func sizeOf(run string) string {
	n, ok := new(big.Int).SetString(run, 10)
	if !ok || len(run) < 16 {
		return ""
	}
	_, accuracy := new(big.Float).SetInt(n).Float64()
	return fmt.Sprint(n.BitLen() > 53, n.IsInt64(), accuracy)
}

// A telephone number has its first digits, by which it is one of a country and of
// a kind, and its last ones, by which it is somebody's.
const (
	minPhone  = 7
	phoneTail = 6
)

// phone replaces the last digits of a telephone number, the same ones for the same
// digits in all notations. What stands behind it is an extension.
func (s *Scrubber) phone(text string) string {
	end := phoneEnd(text)
	var at []int // of the digits
	for i, r := range text[:end] {
		if r >= '0' && r <= '9' {
			at = append(at, i)
		}
	}
	if len(at) < minPhone {
		return s.parts(text, "")
	}
	at = at[len(at)-phoneTail:]
	tail := make([]byte, phoneTail)
	for i, place := range at {
		tail[i] = text[place]
	}
	made := s.tail(string(tail))
	out := []byte(text[:end])
	for i, place := range at {
		out[place] = made[i]
	}
	return string(out) + s.parts(text[end:], "")
}

// phoneEnd is where the extension of a telephone number begins.
func phoneEnd(text string) int {
	for i, r := range text {
		if (unicode.IsLetter(r) || r == '#') && digitsIn(text[:i]) >= minPhone {
			return i
		}
	}
	return len(text)
}

// tail is what stands for the last digits of a telephone number.
func (s *Scrubber) tail(digits string) string {
	if s.learning {
		s.learn(digits)
		s.tails[digits] = true
		return digits
	}
	return s.replacement("phone", digits, func(c *choices) string {
		out := []byte(digits)
		for i := range out {
			if i == 0 && out[i] >= '2' { // the numbers of many countries do not go on with 0 or 1 there
				out[i] = '2' + byte(c.below(8))
				continue
			}
			out[i] = '0' + byte(c.below(10))
		}
		return string(out)
	}, func(made string) bool { return made != digits })
}

// birthday is what stands for a date: another one of the same form, up to a good
// year before or after. One that is not in the calendar stays so.
func (s *Scrubber) birthday(text string) string {
	if s.learning {
		s.learn(text)
		return text
	}
	return s.replacement("date", text, func(c *choices) string {
		days := 30 + c.below(400)
		if c.below(2) == 0 {
			days = -days
		}
		if at, err := time.Parse(time.DateOnly, text[:min(len(text), len(time.DateOnly))]); err == nil {
			return at.AddDate(0, 0, days).Format(time.DateOnly) + text[len(time.DateOnly):]
		}
		return shortDate().ReplaceAllStringFunc(text, func(part string) string {
			switch n := len(part); {
			case n == 4:
				return s.year(part)
			case part > "12" && n == 2:
				return part
			default:
				return fmt.Sprintf("%0*d", n, 1+c.below(9))
			}
		})
	}, func(made string) bool { return made != text })
}

var shortDate = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\d{4}|\d{1,2}`) })

// year is what stands for a year.
func (s *Scrubber) year(text string) string {
	if s.learning {
		return text // not a secret by itself, and there are few
	}
	return s.replacement("year", text, func(c *choices) string {
		var year int
		_, _ = fmt.Sscan(text, &year) // four digits
		return fmt.Sprintf("%04d", year+1+c.below(6))
	}, nil)
}

// hex is what stands for a UUID or another long number in hexadecimal.
func (s *Scrubber) hex(text string) string {
	lower := strings.ToLower(text)
	if s.learning {
		s.learn(lower)
		return text
	}
	made := s.replacement("hex", lower, func(c *choices) string {
		out := []byte(lower)
		for i, b := range out {
			if b == '-' || len(out) == 36 && (i == 14 || i == 19) { // what version of a UUID it is
				continue
			}
			if b <= '9' {
				out[i] = '0' + byte(c.below(10))
			} else {
				out[i] = 'a' + byte(c.below(6))
			}
		}
		return string(out)
	}, nil)
	if text == strings.ToUpper(text) {
		return strings.ToUpper(made)
	}
	return made
}

// learn notes what has to go. A letter or a digit is nobody's.
func (s *Scrubber) learn(folded string) {
	if utf8.RuneCountInString(folded) > 1 {
		s.original[folded] = true
	}
}
