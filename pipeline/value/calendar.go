package value

// calendar.go: days, dates and RFC 3339 without package time, which is several
// times slower and lets through what RFC 3339 does not (a comma, one digit of
// an hour). Days are those of the proleptic Gregorian calendar.

const secondsPerDay = 86400

// The days a text form can name: 0000-01-01 and 9999-12-31.
const (
	minDay = -719528
	maxDay = 2932896
)

// civil is the date that is days after 1970-01-01. The year is counted from
// March within an era of 400 years, so that the leap day comes last
// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func civil(days int64) (year int64, month, day int) {
	era, dayOfEra := floorDiv(days+719468, 146097)
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	march := (5*dayOfYear + 2) / 153 // months since March
	day = int(dayOfYear - (153*march+2)/5 + 1)
	month = int(march) + 3
	year = yearOfEra + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// daysTo is the number of days from 1970-01-01 to a date: civil, the other way.
func daysTo(year int64, month, day int) int64 {
	march := int64(month) - 3
	if march < 0 {
		march += 12
		year--
	}
	era, yearOfEra := floorDiv(year, 400)
	dayOfYear := (153*march+2)/5 + int64(day) - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// floorDiv divides towards minus infinity, so that the remainder is never
// negative.
func floorDiv(a, b int64) (quotient, remainder int64) {
	quotient, remainder = a/b, a%b
	if remainder < 0 {
		quotient--
		remainder += b
	}
	return quotient, remainder
}

// parseDate reads the ten characters of 2006-01-02. There must be such a day.
func parseDate(s string) (days int64, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	century, ok1 := digits2(s, 0)
	years, ok2 := digits2(s, 2)
	month, ok3 := digits2(s, 5)
	day, ok4 := digits2(s, 8)
	year := century*100 + years
	if !ok1 || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysTo(int64(year), month, day), true
}

// digits2 is the number that s[i:i+2] writes.
func digits2(s string, i int) (n int, ok bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// The reasons for which a text is not an instant.
const (
	notTime     = "text is not an RFC 3339 time like 2006-01-02T15:04:05Z"
	leapSecond  = "is a leap second, which clocks and targets do not know"
	tooFine     = "is finer than a nanosecond"
	farAwayYear = "is before the year 0000 or after 9999 in UTC"
)

// parseRFC3339 reads a date-time as RFC 3339 section 5.6 has it, lower case t
// and z included. reason is empty where all is well.
func parseRFC3339(s string) (sec int64, nsec int32, reason string) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return 0, 0, notTime
	}
	days, ok := parseDate(s[:10])
	hour, ok1 := digits2(s, 11)
	minute, ok2 := digits2(s, 14)
	second, ok3 := digits2(s, 17)
	if !ok || !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return 0, 0, notTime
	}
	nsec, rest, reason := parseFraction(s[19:])
	if reason != "" {
		return 0, 0, reason
	}
	offset, ok := parseOffset(rest)
	switch {
	case !ok:
		return 0, 0, notTime
	case second == 60:
		return 0, 0, leapSecond
	}
	sec = days*secondsPerDay + int64(hour*3600+minute*60+second-offset)
	if day, _ := floorDiv(sec, secondsPerDay); day < minDay || day > maxDay {
		return 0, 0, farAwayYear
	}
	return sec, nsec, ""
}

// parseFraction reads the fraction of a second, if s begins with one, and
// returns what follows it. Zeros beyond the nanosecond say nothing and are
// read over.
func parseFraction(s string) (nsec int32, rest, reason string) {
	if s == "" || s[0] != '.' {
		return 0, s, ""
	}
	i := 1
	fine := false
	for unit := int32(1e8); i < len(s) && s[i]-'0' <= 9; i++ {
		nsec += int32(s[i]-'0') * unit
		fine = fine || unit == 0 && s[i] != '0'
		unit /= 10
	}
	switch {
	case i == 1:
		return 0, "", notTime
	case fine:
		return 0, "", tooFine
	}
	return nsec, s[i:], ""
}

// parseOffset reads what ends a time: z, or how far it is ahead of UTC.
func parseOffset(s string) (seconds int, ok bool) {
	if len(s) == 1 && s[0]|0x20 == 'z' {
		return 0, true
	}
	if len(s) != len("+07:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hour, ok1 := digits2(s, 1)
	minute, ok2 := digits2(s, 4)
	seconds = hour*3600 + minute*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, ok1 && ok2 && hour <= 23 && minute <= 59
}
