package expression

import (
	"errors"
	"testing"
	"unicode/utf8"

	"pipeline/pipeline/value"
)

var seeds = []string{
	`lower(trim(email))`, `ticket?.name ?? "x"`, `answer(custom_fields, "Q")`, `map(list, ({a: #, b: #index}))`, `sum(list, .x)`,
	`$env["First name"][0:3]`, `a ? b : c`, `1 < a <= 3`, `let x = a; x + 1`, `sortBy(a, .b, "desc")`, `-a ** 2 % 3`, `a matches "^x"`,
	`format(timestamp(a, "Asia/Singapore"), "%d %B")`, `"Zoë`, `((((`, `a = b`, `email | trim()`, `count(count)`, `if a { b } else { c }`,
	`[1, 2.50, "x"] == list`, `a not in b`, `round(decimal(a), 2) + 1e300 * a`, `a[b][c].d`, `#`, `{(a): b}`, `uniq(a) ?? compact(b)`,
	`b"x"`, `/* c */ a // d`, `1_000.5 + 0x1F`, `a?.[b]`, `"\u{1F600}"[0:1]`, `groupBy(a, #)`, `string(1..3)`, `a ?: b`,
}

// FuzzCompile: nothing panics, and every problem lies inside the source, on
// the borders of characters.
func FuzzCompile(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, src string, open bool) {
		p, problems := Compile(src, Scope{Record: attendee(open)})
		if p == nil && len(problems) == 0 {
			t.Fatal("neither a program nor a problem")
		}
		for _, problem := range problems {
			if problem.From < 0 || problem.From > problem.To || problem.To > len(src) {
				t.Fatalf("%+v is outside of %q", problem, src)
			}
			if utf8.ValidString(src) && !utf8.ValidString(src[problem.From:problem.To]) {
				t.Fatalf("%+v cuts a character of %q", problem, src)
			}
			if problem.Message == "" || problem.Code == "" {
				t.Fatalf("%+v says nothing", problem)
			}
		}
	})
}

// FuzzEval: no expression over no slots panics, what it makes is text that can be
// written, and probes change nothing.
func FuzzEval(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, `{"a": ["Zoë", 1e400, null]}`, uint32(i*7919))
	}
	f.Fuzz(func(t *testing.T, src, text string, kinds uint32) {
		p, _ := Compile(src, Scope{})
		if p == nil || !utf8.ValidString(text) {
			return
		}
		kind := func() value.Value {
			defer func() { kinds /= 9 }()
			switch kinds % 9 {
			case 0:
				return value.Value{}
			case 1:
				return value.Bool(true)
			case 2:
				return value.Int(int64(kinds) - 5)
			case 3:
				return value.NumberText(text)
			case 4:
				return value.Text(text)
			case 5:
				return value.ListText(text)
			case 6:
				return value.JSONText(text)
			case 7:
				return value.Day(int64(kinds))
			default:
				return value.DecimalText(text)
			}
		}
		slots, at := make([]value.Value, len(p.Reads())), make([]int, len(p.Reads()))
		for i := range slots {
			slots[i], at[i] = kind(), i
		}
		m := NewMachine(frozen)
		v, err := m.Eval(p, slots, at)
		again, errAgain := m.Eval(p, slots, at)
		if v != again || (err == nil) != (errAgain == nil) {
			t.Fatalf("%s: first %v (%v), then %v (%v)", src, v, err, again, errAgain)
		}
		covered, _ := Compile(src, Scope{Cover: true})
		if covered == nil {
			t.Fatalf("%s: does not compile with probes", src)
		}
		probed, errProbed := NewMachine(frozen).Eval(covered, slots, at)
		if v != probed || (err == nil) != (errProbed == nil) {
			t.Fatalf("%s: %v (%v), and with probes %v (%v)", src, v, err, probed, errProbed)
		}
		var failure *EvalError
		if err != nil && (!errors.As(err, &failure) || failure.From > failure.To || failure.To > len(src) || failure.Message == "") {
			t.Fatalf("%s: %#v", src, err)
		}
		if !utf8.ValidString(v.Text()) {
			t.Fatalf("%s: %q is not UTF-8", src, v.Text())
		}
	})
}
