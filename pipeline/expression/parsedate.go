// parsedate.go: dates in the forms of countries and forms. 03/04/2026 is March
// in one country and April in another, so the mapping has to say which.

package expression

import (
	"strings"
	"time"

	"pipeline/pipeline/value"
)

func dateParsers() []*function {
	aDate := typed{shape: &value.Shape{Kind: value.Date}}
	return []*function{
		{Function: Function{Name: "parse_date", Group: "time", Signature: "parse_date(text, layout)",
			Doc: "The calendar day of a text in the form of the layout, which is strftime's: " + dateLayoutDoc + ", and signs and spaces between them. " +
				"Day and month may have one digit or two. A text of another form is an error of the record. Null and a text of nothing but space give null.",
			Example: `parse_date("31/12/1990", "%d/%m/%Y")`, Result: `"1990-12-31"`},
			params: []param{{name: "text", want: isText, null: true}, {name: "layout", want: isText, literal: checkDateLayout}}, result: maybe(aDate), run: parseDate},
	}
}

const dateLayoutDoc = "%d day, %m month in digits, %b or %B month in letters, %Y year in four digits"

// dateDirective is how Go writes what a directive of strftime reads.
type dateDirective struct{ layout, part string }

// dateDirectives are what a date is read by. A year of two digits is not among
// them: whose century it is, the text does not say.
var dateDirectives = map[byte]dateDirective{
	'd': {"2", "day"}, 'e': {"2", "day"}, 'm': {"1", "month"}, 'b': {"Jan", "month"}, 'B': {"January", "month"}, 'Y': {"2006", "year"},
}

// dateLayout is Go's layout for one of strftime's that has a day, a month and a
// year, each once.
func dateLayout(layout string) (string, error) {
	var b strings.Builder
	parts := map[string]bool{}
	for i := 0; i < len(layout); i++ {
		if strings.IndexByte(" -/.,", layout[i]) >= 0 {
			b.WriteByte(layout[i])
			continue
		}
		var d dateDirective
		if i++; layout[i-1] == '%' && i < len(layout) {
			d = dateDirectives[layout[i]]
		}
		if d.part == "" || parts[d.part] {
			return "", badDateLayout()
		}
		parts[d.part] = true
		b.WriteString(d.layout)
	}
	if len(parts) < 3 {
		return "", badDateLayout()
	}
	return b.String(), nil
}

func badDateLayout() error {
	return because(codeWrongArguments, "the layout of parse_date has a day, a month and a year, each once: %s; and spaces or - / . , between them", dateLayoutDoc)
}

func checkDateLayout(layout string) error {
	_, err := dateLayout(layout)
	return err
}

func parseDate(_ *Machine, a []any) (any, error) {
	s, ok := a[0].(string)
	if s = strings.TrimFunc(s, isBlank); !ok || s == "" {
		return nil, nil
	}
	layout, err := dateLayout(a[1].(string))
	if err != nil {
		return nil, err
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return nil, because(codeValue, "the text is no date of the form %s", a[1])
	}
	return day(value.DayOf(t).Days()), nil
}
