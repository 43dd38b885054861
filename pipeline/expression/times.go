// times.go: functions of dates and timestamps. A date is a calendar day and has
// no zone; a timestamp is an instant. A text is taken for what it says: without
// an offset it is no instant until a zone is given. Forms such as 03/04/2026,
// which two countries read in two ways, are not guessed at.

package expression

import (
	"strings"
	"time"

	"pipeline/pipeline/value"
)

func timeFunctions() []*function {
	moment := param{name: "value", want: isMoment}
	maybeMoment := param{name: "value", want: isMoment, null: true}
	zone := param{name: "zone", want: isText, literal: checkZone}
	aDate, anInstant := typed{shape: &value.Shape{Kind: value.Date}}, typed{shape: &value.Shape{Kind: value.Timestamp}}
	part := func(name, doc, result string, of func(t time.Time) int) *function {
		return &function{Function: Function{Name: name, Group: "time", Signature: name + "(value)", Doc: doc, Example: name + `("2026-03-01")`, Result: result},
			params: []param{moment}, result: integral, run: func(_ *Machine, a []any) (any, error) {
				when, err := momentOf(a[0])
				return of(when.t), err
			}}
	}
	return []*function{
		{Function: Function{Name: "date", Group: "time", Signature: "date(value[, zone])", Doc: "The calendar day of a date, a timestamp or a text such as 2026-03-01, 2026-03-01 14:30 or RFC 3339. " +
			"An instant has the day that its text shows, or the day in the zone where one is given. Null stays null.",
			Example: `date("2026-02-28T23:30:00Z", "Asia/Singapore")`, Result: `"2026-03-01"`}, params: []param{maybeMoment, zone}, optional: 1, infer: orNull(aDate), run: toDate},
		{Function: Function{Name: "timestamp", Group: "time", Signature: "timestamp(value[, zone])", Doc: "The instant of a text in RFC 3339. A text without an offset, or a date, is the time in the zone, which must then be given. Null stays null.",
			Example: `timestamp("2026-03-01 09:30", "Asia/Singapore")`, Result: `"2026-03-01T01:30:00Z"`}, params: []param{maybeMoment, zone}, optional: 1, infer: orNull(anInstant), run: toTimestamp},
		{Function: Function{Name: "in_zone", Group: "time", Signature: "in_zone(timestamp, zone)", Doc: "The same instant, shown by date, format, year, month and day as the clocks of the zone show it.",
			Example: `format(in_zone("2026-02-28T23:30:00Z", "Asia/Singapore"), "%H:%M")`, Result: `"07:30"`},
			params: []param{{name: "timestamp", want: isInstant | isText}, zone}, result: anInstant, run: inZone},
		{Function: Function{Name: "format", Group: "time", Signature: "format(value, layout)", Doc: "A date or a timestamp as text. The layout is strftime's: " + layoutDoc + ".",
			Example: `format("2026-03-01T09:05:00Z", "%d %B %Y, %I:%M %p")`, Result: `"01 March 2026, 09:05 AM"`},
			params: []param{moment, {name: "layout", want: isText, literal: checkLayout}}, result: textual, run: format},
		{Function: Function{Name: "now", Group: "time", Signature: "now()", Doc: "When the run began: the same instant in every record of a run.",
			Example: `now()`, Result: `"2026-03-01T09:30:00Z"`}, result: anInstant, run: func(m *Machine, _ []any) (any, error) { return m.now, nil }},
		part("year", "The year of a date, a timestamp or its text.", `2026`, time.Time.Year),
		part("month", "The month, 1 to 12.", `3`, func(t time.Time) int { return int(t.Month()) }),
		part("day", "The day of the month, 1 to 31.", `1`, time.Time.Day),
	}
}

// moment is a point in a calendar, with what its text left open.
type moment struct {
	t       time.Time
	dayOnly bool // it has no time of day
	local   bool // it has no zone: t is in UTC and means the clock of somewhere
}

// momentOf is the moment that a value of class isMoment stands for.
func momentOf(x any) (moment, error) {
	switch v := x.(type) {
	case day:
		return moment{t: time.Unix(int64(v)*86400, 0).UTC(), dayOnly: true, local: true}, nil
	case time.Time:
		return moment{t: v}, nil
	default:
		return parseMoment(x.(string))
	}
}

// localLayouts are the forms of a moment without an offset, zonedLayouts those
// with one that are not RFC 3339 to the letter.
var (
	localLayouts = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}
	zonedLayouts = []string{"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05-0700",
		"2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00"}
)

func parseMoment(s string) (moment, error) {
	s = strings.TrimFunc(s, isBlank)
	if len(s) == len(time.DateOnly) {
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return moment{t: t, dayOnly: true, local: true}, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, strings.ToUpper(s)); err == nil {
		return moment{t: t}, nil
	}
	utc, isUTC := strings.CutSuffix(s, " UTC")
	for _, layout := range localLayouts {
		if t, err := time.Parse(layout, utc); err == nil {
			return moment{t: t, local: !isUTC}, nil
		}
	}
	for _, layout := range zonedLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return moment{t: t}, nil
		}
	}
	return moment{}, because(codeValue, "the text is no date or time such as 2026-03-01 or 2026-03-01T14:30:00+08:00")
}

// at is the instant of m, whose clock is that of the zone where m has none.
func (m moment) at(zone *time.Location) time.Time {
	if !m.local {
		return m.t
	}
	y, mon, d := m.t.Date()
	return time.Date(y, mon, d, m.t.Hour(), m.t.Minute(), m.t.Second(), m.t.Nanosecond(), zone)
}

func toDate(_ *Machine, a []any) (any, error) {
	if _, isDate := a[0].(day); isDate || a[0] == nil {
		return a[0], nil
	}
	when, err := momentOf(a[0])
	if err != nil {
		return nil, err
	}
	if len(a) > 1 && !when.local {
		zone, err := loadZone(a[1].(string))
		if err != nil {
			return nil, err
		}
		when.t = when.t.In(zone)
	}
	return day(value.DayOf(when.t).Days()), nil
}

func toTimestamp(_ *Machine, a []any) (any, error) {
	if a[0] == nil {
		return nil, nil
	}
	when, err := momentOf(a[0])
	if err != nil || !when.local {
		return when.t, err
	}
	if len(a) < 2 {
		return nil, because(codeValue, `timestamp is given a time without an offset; say where, as in timestamp(…, "Asia/Singapore")`)
	}
	zone, err := loadZone(a[1].(string))
	if err != nil {
		return nil, err
	}
	return when.at(zone), nil
}

func inZone(_ *Machine, a []any) (any, error) {
	when, err := momentOf(a[0])
	if err != nil {
		return nil, err
	}
	if when.local {
		return nil, because(codeValue, "in_zone is given a time without an offset; write timestamp(…, zone)")
	}
	zone, err := loadZone(a[1].(string))
	if err != nil {
		return nil, err
	}
	return when.t.In(zone), nil
}
