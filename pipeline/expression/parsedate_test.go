package expression

import (
	"strings"
	"testing"
)

func TestParseDate(t *testing.T) {
	const record = `{"de": "3.4.2026", "us": "04/03/2026", "long": " 3 April 2026 ", "bad": "31/02/2026", "iso": "2026-04-03", "blank": " ", "nothing": null, "layout": "%Y"}`
	const noDate, noLayout = "the text is no date of the form ", "the layout of parse_date has a day, a month and a year"
	for expr, want := range map[string]string{
		`parse_date(de, "%d.%m.%Y")`:            `"2026-04-03"`,
		`parse_date(us, "%m/%d/%Y")`:            `"2026-04-03"`,
		`parse_date(us, "%d/%m/%Y")`:            `"2026-03-04"`,
		`parse_date(long, "%d %B %Y")`:          `"2026-04-03"`,
		`parse_date("3-APR-2026", "%e-%b-%Y")`:  `"2026-04-03"`,
		`parse_date(iso, "%Y-%m-%d")`:           `"2026-04-03"`,
		`parse_date(blank, "%d/%m/%Y")`:         `null`,
		`parse_date(nothing, "%d/%m/%Y")`:       `null`,
		`parse_date(bad, "%d/%m/%Y")`:           noDate + "%d/%m/%Y",
		`parse_date(iso, "%d/%m/%Y")`:           noDate + "%d/%m/%Y",
		`parse_date("3.4." + "26", "%d.%m.%Y")`: noDate + "%d.%m.%Y",
		`parse_date(de, layout)`:                noLayout,
	} {
		v, err := evaluate(t, expr, record)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = written(v)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
	for _, layout := range []string{"", "%d/%m", "%d/%m/%y", "%d/%m/%Y %H", "%d/%d/%Y", "%b/%m/%Y", "d/m/Y", "%d/%m/%", "day %d/%m/%Y"} {
		if _, problems := Compile(`parse_date(x, "`+layout+`")`, Scope{}); len(problems) != 1 || !strings.HasPrefix(problems[0].Message, noLayout) {
			t.Errorf("%q: %+v", layout, problems)
		}
	}
}
