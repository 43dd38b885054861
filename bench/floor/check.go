package main

// check.go: the contract of bench/w1.schema.json, and dates.

import "time"

// isDigits is ^[0-9]+$.
func isDigits(s []byte) bool {
	for _, c := range s {
		if c-'0' > 9 {
			return false
		}
	}
	return len(s) > 0
}

// isEmail is ^[^@\s]+@[^@\s]+\.[^@\s]+$.
func isEmail(s []byte) bool {
	at, dot := -1, -1
	for i, c := range s {
		switch c {
		case '@':
			if at >= 0 {
				return false
			}
			at = i
		case '.':
			if at >= 0 && i > at+1 && i < len(s)-1 {
				dot = i
			}
		case ' ', '\t', '\n', '\f', '\r':
			return false
		}
	}
	return at > 0 && dot > 0
}

// isAmount reports whether s is a number as JSON has it, and not below zero.
func isAmount(s []byte) bool {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	zero := isZero(s[:whole])
	s = s[whole:]
	if len(s) > 0 && s[0] == '.' {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		zero = zero && isZero(s[1:1+n])
		s = s[1+n:]
	}
	if len(s) > 0 && s[0]|0x20 == 'e' {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		if n == 0 {
			return false
		}
		s = s[n:]
	}
	return len(s) == 0 && (zero || !negative)
}

func digits(s []byte) (n int) {
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	return n
}

func isZero(digits []byte) bool {
	for _, c := range digits {
		if c != '0' {
			return false
		}
	}
	return true
}

const secondsPerDay = 86400

// instant reads an RFC 3339 time as seconds since 1970.
func instant(s []byte) (seconds int64, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year := int(pairAt(s, 0))*100 + int(pairAt(s, 2))
	month, day := int(pairAt(s, 5)), int(pairAt(s, 8))
	hour, minute, second := pairAt(s, 11), pairAt(s, 14), pairAt(s, 17)
	if year > 9999 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	i := 19
	if s[i] == '.' {
		n := digits(s[i+1:])
		if n == 0 {
			return 0, false
		}
		i += 1 + n
	}
	seconds = daysTo(year, month, day)*secondsPerDay + int64(hour*3600+minute*60+second)
	switch zone := s[i:]; {
	case len(zone) == 1 && zone[0] == 'Z':
		return seconds, true
	case len(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':':
		hour, minute := pairAt(zone, 1), pairAt(zone, 4)
		ahead := int64(hour*3600 + minute*60)
		if zone[0] == '-' {
			ahead = -ahead
		}
		return seconds - ahead, hour <= 23 && minute <= 59
	}
	return 0, false
}

// pairAt is the number that the two digits at i write, or a much larger one.
func pairAt(s []byte, i int) uint32 {
	tens, units := s[i]-'0', s[i+1]-'0'
	if tens > 9 || units > 9 {
		return 1 << 20
	}
	return uint32(tens)*10 + uint32(units)
}

func daysIn(year, month int) int {
	if month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0) {
		return 28
	}
	return int(monthDays[month])
}

var monthDays = [13]uint8{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysTo is the number of days from 1970-01-01 to a date, and civil the date
// that is so many days after it. Years begin in March here, so that the leap day
// is their last one (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func daysTo(year, month, day int) int64 {
	year += 400 // so that nothing is negative
	if month < 3 {
		year, month = year-1, month+12
	}
	era, yearOfEra := year/400, year%400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return int64(era*146097+yearOfEra*365+yearOfEra/4-yearOfEra/100+dayOfYear) - 719468 - 146097
}

func civil(days int64) (year, month, day uint64) {
	d := uint64(days + 719468 + 146097)
	era, dayOfEra := d/146097, d%146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	march := (5*dayOfYear + 2) / 153
	year, month, day = yearOfEra+era*400-400, march+3, dayOfYear-(153*march+2)/5+1
	if month > 12 {
		return year + 1, month - 12, day
	}
	return year, month, day
}

func appendDate(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	return append(dst, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// zone is a time zone that remembers how far it was ahead of UTC in the stretch
// of time that was asked for last.
type zone struct {
	location *time.Location
	from, to int64 // in seconds since 1970
	ahead    int64 // of UTC, in seconds
}

func singapore() zone {
	location, err := time.LoadLocation("Asia/Singapore")
	if err != nil {
		panic(err) // there is no time zone database on this machine
	}
	return zone{location: location}
}

// day is the day on which an instant falls, since 1970-01-01.
func (z *zone) day(seconds int64) int64 {
	if seconds < z.from || seconds >= z.to {
		z.look(seconds)
	}
	local := seconds + z.ahead
	day := local / secondsPerDay
	if local%secondsPerDay < 0 {
		day--
	}
	return day
}

func (z *zone) look(seconds int64) {
	t := time.Unix(seconds, 0).In(z.location)
	_, ahead := t.Zone()
	start, end := t.ZoneBounds()
	z.ahead, z.from, z.to = int64(ahead), -1<<62, 1<<62
	if !start.IsZero() {
		z.from = start.Unix()
	}
	if !end.IsZero() {
		z.to = end.Unix()
	}
}
