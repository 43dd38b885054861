package pipeline

// schedule.go: when a mapping runs by itself. Nothing here waits: a schedule tells
// what comes after a time, so that whoever asks knows what was missed too.

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is the schedule: of a mapping.
//
// Where clocks are put forward or back, a time of day that is named, such as 02:30
// in "30 2 * * *", still comes once: one that does not exist comes as much later
// as the clocks were put forward, one that exists twice comes the first time. What
// comes every hour, "0 * * * *" or "*/15 * * * *", keeps its pace.
type Schedule struct {
	Cron string // as it is written
	Zone *time.Location

	spec  cron.Schedule
	fixed bool // it names hours of the day
}

// least is the shortest time between two runs.
const least = time.Minute

// cronFields are the parts of a cron expression.
var cronFields = []struct{ name, takes string }{
	{"minute", "0 to 59"},
	{"hour", "0 to 23"},
	{"day of the month", "1 to 31"},
	{"month", "1 to 12, or JAN to DEC"},
	{"day of the week", "0 to 6, or SUN to SAT; Sunday is 0"},
}

// ParseSchedule reads a cron expression of five fields, or one such as @daily.
// The error is for people; a hint may come with it.
func ParseSchedule(text string, zone *time.Location) (s *Schedule, problem, hint string) {
	const form = `minute hour day month weekday, as in "*/15 * * * *" or "0 2 * * MON-FRI"; or @hourly, @daily, @weekly`
	expression := strings.TrimSpace(text)
	fields := strings.Fields(expression)
	switch {
	case expression == "":
		return nil, "cron is empty", "it takes " + form
	case strings.Contains(expression, "TZ="):
		return nil, "cron holds a time zone", "say it under timezone:, as in {cron: \"0 2 * * *\", timezone: Asia/Singapore}"
	case strings.HasPrefix(expression, "@every"):
		every, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(expression, "@every")))
		if err != nil || every < least {
			return nil, fmt.Sprintf("%q is no time from one minute", expression), "write it as @every 15m, or as */15 * * * *"
		}
	case strings.HasPrefix(expression, "@"):
	case len(fields) != len(cronFields):
		return nil, fmt.Sprintf("cron has five fields, found %d", len(fields)), "they are " + form
	default:
		for i, field := range fields {
			one := []string{"*", "*", "*", "*", "*"}
			one[i] = field
			if _, err := cron.ParseStandard(strings.Join(one, " ")); err != nil {
				return nil, fmt.Sprintf("%q is no %s of a cron expression", field, cronFields[i].name), fmt.Sprintf("it takes %s; lists (1,15), ranges (1-5) and steps (*/15)", cronFields[i].takes)
			}
		}
	}
	spec, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, fmt.Sprintf("%q is no cron expression", expression), "it takes " + form
	}
	if of, ok := spec.(*cron.SpecSchedule); ok {
		of.Location = time.Local // which means: that of the time it is asked for
	}
	s = &Schedule{Cron: expression, Zone: zone, spec: spec, fixed: namesHours(expression)}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Sprintf("%q never comes", expression), "no month has that day"
	}
	return s, "", ""
}

// namesHours reports whether an expression is for certain hours of the day.
func namesHours(expression string) bool {
	switch fields := strings.Fields(expression); {
	case len(fields) == len(cronFields):
		return !strings.HasPrefix(fields[1], "*")
	default:
		return expression != "@hourly" && !strings.HasPrefix(expression, "@every")
	}
}

// String is the expression and its zone.
func (s *Schedule) String() string { return s.Cron + " (" + s.Zone.String() + ")" }

// Next is the first time after t that the mapping is due.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.In(s.Zone)
	if !s.fixed {
		return s.spec.Next(t)
	}
	// By the clock on the wall, which knows nothing of summer. It is begun early:
	// what does not exist comes later than it says.
	const early = 4 * time.Hour
	at := wall(t).Add(-early)
	for {
		if at = s.spec.Next(at); at.IsZero() {
			return at
		}
		if when := s.instant(at); when.After(t) {
			return when
		}
	}
}

// wall is what the clock on the wall shows at t, as a time in UTC.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant is when the clock on the wall first shows at. Where it never does, for
// it was put forward, it is when it would have without that.
func (s *Schedule) instant(at time.Time) time.Time {
	const day = 24 * time.Hour
	before := by(at, at.Add(-day).In(s.Zone)).In(s.Zone)
	after := by(at, at.Add(day).In(s.Zone)).In(s.Zone)
	if wall(before) != at && wall(after) == at {
		return after
	}
	return before
}

// by is the instant of a time on the wall with the offset that holds at then.
func by(at, then time.Time) time.Time {
	_, offset := then.Zone()
	return at.Add(-time.Duration(offset) * time.Second)
}

// zoneNames are those that people mean most often, for suggestions.
var zoneNames = []string{
	"UTC", "Asia/Singapore", "Asia/Kuala_Lumpur", "Asia/Jakarta", "Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Manila", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Shanghai",
	"Asia/Tokyo", "Asia/Seoul", "Asia/Kolkata", "Asia/Karachi", "Asia/Dhaka", "Asia/Colombo", "Asia/Dubai", "Asia/Riyadh", "Asia/Qatar", "Asia/Jerusalem",
	"Australia/Sydney", "Australia/Melbourne", "Australia/Brisbane", "Australia/Perth", "Australia/Adelaide", "Pacific/Auckland",
	"Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Madrid", "Europe/Paris", "Europe/Brussels", "Europe/Amsterdam", "Europe/Berlin", "Europe/Zurich", "Europe/Vienna",
	"Europe/Rome", "Europe/Copenhagen", "Europe/Oslo", "Europe/Stockholm", "Europe/Helsinki", "Europe/Warsaw", "Europe/Prague", "Europe/Budapest", "Europe/Athens", "Europe/Istanbul", "Europe/Kyiv",
	"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto", "America/Vancouver", "America/Mexico_City", "America/Bogota", "America/Sao_Paulo", "America/Argentina/Buenos_Aires",
	"Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi",
}
