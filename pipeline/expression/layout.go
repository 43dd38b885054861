// layout.go: strftime, because the people who write mappings know %d/%m/%Y from
// their spreadsheet, their database and Python, and Go's reference time from
// nowhere.

package expression

import (
	"fmt"
	"strings"
	"time"
)

const layoutDoc = "%Y %y year, %m %B %b month, %d %e day, %j day of the year, %A %a weekday, %H %I %M %S %p time, %f milliseconds, %z %Z zone, %F %T ISO date and time, %% a percent sign"

// directives are Go's layouts for strftime's letters.
var directives = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'B': "January", 'b': "Jan", 'd': "02", 'e': "2", 'j': "002", 'A': "Monday", 'a': "Mon",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'z': "-07:00", 'Z': "MST", 'F': time.DateOnly, 'T': time.TimeOnly,
}

// ofDay are the directives that a date without a time has.
const ofDay = "YymBbdejAaF%"

// checkLayout checks a layout that is written in the mapping.
func checkLayout(layout string) error {
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			continue
		}
		if i++; i == len(layout) {
			return because(codeValue, "the layout ends within a directive; write %%%% for a percent sign")
		}
		if c := layout[i]; c != '%' && c != 'f' && directives[c] == "" {
			return because(codeValue, "unknown directive %%%c; there is %s", rune(c), layoutDoc)
		}
	}
	if !strings.Contains(layout, "%") {
		return because(codeValue, "the layout has no directive; write one such as %%d/%%m/%%Y")
	}
	return nil
}

func format(m *Machine, a []any) (any, error) {
	when, err := momentOf(a[0])
	if err != nil {
		return nil, err
	}
	layout := a[1].(string)
	if err := checkLayout(layout); err != nil {
		return nil, err
	}
	if err := m.spend(len(layout)); err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(layout)+16)
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			out = append(out, layout[i])
			continue
		}
		i++
		c := layout[i]
		if when.dayOnly && !strings.ContainsRune(ofDay, rune(c)) {
			return nil, because(codeValue, "a date has no time of day for %%%c", rune(c))
		}
		if when.local && (c == 'z' || c == 'Z') {
			return nil, because(codeValue, "a time without an offset has no zone for %%%c", rune(c))
		}
		switch c {
		case '%':
			out = append(out, '%')
		case 'f':
			out = fmt.Appendf(out, "%03d", when.t.Nanosecond()/1e6)
		default:
			out = when.t.AppendFormat(out, directives[c])
		}
	}
	return string(out), nil
}
