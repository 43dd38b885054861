package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pipeline/pipeline"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// The next times, each from the one before; in the zone of the schedule.
func TestScheduleNext(t *testing.T) {
	const berlin, newYork, singapore, lordHowe = "Europe/Berlin", "America/New_York", "Asia/Singapore", "Australia/Lord_Howe"
	for name, tt := range map[string]struct{ cron, zone, from, want string }{
		"every quarter":             {"*/15 * * * *", "UTC", "2026-03-01T09:07:03Z", "09:15 09:30 09:45 10:00"},
		"at that very time":         {"0 2 * * *", "UTC", "2026-03-01T02:00:00Z", "2nd 02:00, 3rd 02:00"},
		"by a clock elsewhere":      {"0 2 * * *", singapore, "2026-03-01T09:00:00Z", "2nd 02:00, 3rd 02:00"},
		"weekdays":                  {"30 18 * * MON-FRI", "UTC", "2026-03-06T19:00:00Z", "9th 18:30, 10th 18:30"},
		"two days that are or":      {"0 0 13 * FRI", "UTC", "2026-03-01T00:00:00Z", "6th 00:00, 13th 00:00, 20th 00:00"},
		"a leap day":                {"0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29 00:00"},
		"every so often":            {"@every 20m", "UTC", "2026-03-01T09:07:00Z", "09:27 09:47"},
		"hourly":                    {"@hourly", "UTC", "2026-03-01T09:07:00Z", "10:00 11:00"},
		"daily":                     {"@daily", berlin, "2026-03-28T12:00:00Z", "29th 00:00, 30th 00:00"},
		"does not exist":            {"30 2 * * *", berlin, "2026-03-28T12:00:00Z", "29th 03:30, 30th 02:30"},
		"does not exist, just then": {"30 2 * * *", berlin, "2026-03-29T01:10:00Z", "29th 03:30, 30th 02:30"},
		"exists twice":              {"30 2 * * *", berlin, "2026-10-24T12:00:00Z", "25th 02:30 CEST, 26th 02:30 CET"},
		"exists twice, between":     {"30 2 * * *", berlin, "2026-10-25T01:10:00Z", "26th 02:30 CET"},
		"New York, spring":          {"30 2 * * *", newYork, "2026-03-07T12:00:00Z", "8th 03:30, 9th 02:30"},
		"New York, autumn":          {"30 1 * * *", newYork, "2026-10-31T12:00:00Z", "1st 01:30 EDT, 2nd 01:30 EST"},
		"half an hour, spring":      {"15 2 * * *", lordHowe, "2026-10-03T01:00:00Z", "4th 02:45, 5th 02:15"},
		"a pace, spring":            {"*/30 * * * *", berlin, "2026-03-29T00:10:00Z", "01:30 03:00 03:30"},
		"a pace, autumn":            {"*/30 * * * *", berlin, "2026-10-25T00:10:00Z", "02:30 02:00 02:30 03:00"},
		"some hours, spring":        {"0 1-3 * * *", berlin, "2026-03-28T23:30:00Z", "29th 01:00, 29th 03:00, 30th 01:00"},
	} {
		t.Run(name, func(t *testing.T) {
			s, problem, hint := pipeline.ParseSchedule(tt.cron, zone(t, tt.zone))
			if problem != "" {
				t.Fatal(problem, hint)
			}
			at, err := time.Parse(time.RFC3339, tt.from)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Split(tt.want, ", ")
			if len(words) == 1 && !strings.Contains(tt.want, "-") && !strings.Contains(tt.want, "th ") {
				words = strings.Fields(tt.want)
			}
			for _, want := range words {
				at = s.Next(at)
				if got := shownAs(at.In(s.Zone), want); got != want {
					t.Fatalf("next is %s, want %s", got, want)
				}
			}
		})
	}
}

// shownAs is a time in the form of another one.
func shownAs(at time.Time, form string) string {
	layout := "15:04"
	switch {
	case strings.Contains(form, "-"):
		layout = "2006-01-02 15:04"
	case strings.Contains(form, " "):
		layout = "2" + strings.Trim(strings.Fields(form)[0], "0123456789") + " 15:04"
	}
	if strings.HasSuffix(form, "T") {
		layout += " MST"
	}
	return at.Format(layout)
}

// What is due comes after the time that was asked about, is the earliest such
// time, and on the wall shows what the expression says, but in the hour that was
// left out.
func TestScheduleLaws(t *testing.T) {
	zones := []*time.Location{zone(t, "UTC"), zone(t, "Asia/Singapore"), zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe"), zone(t, "Africa/Cairo")}
	crons := []string{"30 2 * * *", "0 0 * * *", "15 1,2,3 * * *", "*/7 * * * *", "0 */2 * * *", "45 23 * * SUN", "@every 90m"}
	rapid.Check(t, func(t *rapid.T) {
		cron := rapid.SampledFrom(crons).Draw(t, "cron")
		s, problem, _ := pipeline.ParseSchedule(cron, rapid.SampledFrom(zones).Draw(t, "zone"))
		if problem != "" {
			t.Fatal(problem)
		}
		from := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "from"), 0)
		next := s.Next(from)
		if !next.After(from) || next.Sub(from) > 8*24*time.Hour {
			t.Fatalf("after %v comes %v", from, next)
		}
		if strings.HasPrefix(cron, "@every") {
			return
		}
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(from))-1).Draw(t, "between")))
		if again := s.Next(between); !again.Equal(next) {
			t.Fatalf("after %v comes %v, but from %v in between %v", from, next, between, again)
		}
	})
}

func TestWrongSchedules(t *testing.T) {
	for cron, want := range map[string]string{
		"":                         "cron is empty: it takes minute hour day month weekday",
		"61 * * * *":               `"61" is no minute of a cron expression: it takes 0 to 59`,
		"* 24 * * *":               `"24" is no hour of a cron expression: it takes 0 to 23`,
		"* * 0 * *":                `"0" is no day of the month of a cron expression: it takes 1 to 31`,
		"* * * JANUARY *":          `"JANUARY" is no month of a cron expression: it takes 1 to 12, or JAN to DEC`,
		"* * * * 7":                `"7" is no day of the week of a cron expression: it takes 0 to 6, or SUN to SAT; Sunday is 0`,
		"*/0 * * * *":              `"*/0" is no minute`,
		"5-1 * * * *":              `"5-1" is no minute`,
		"* * * *":                  "cron has five fields, found 4",
		"0 0 * * * *":              "cron has five fields, found 6",
		"0 0 30 2 *":               `"0 0 30 2 *" never comes: no month has that day`,
		"@every 30s":               `"@every 30s" is no time from one minute: write it as @every 15m`,
		"@every":                   `"@every" is no time from one minute`,
		"@sometimes":               `"@sometimes" is no cron expression`,
		"TZ=Asia/Tokyo 0 * * * *":  "cron holds a time zone: say it under timezone:",
		"TZ=":                      "cron holds a time zone",
		"CRON_TZ=UTC 0 * * * *":    "cron holds a time zone",
		strings.Repeat("1,", 9999): "cron has five fields, found 1",
	} {
		_, problem, hint := pipeline.ParseSchedule(cron, time.UTC)
		if got := problem + ": " + hint; !strings.HasPrefix(got, want) {
			t.Errorf("%.40q: %s, want %s", cron, got, want)
		}
	}
}
