package value

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func at(s string) Value {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return TimeOf(t)
}

func TestTextForms(t *testing.T) {
	tests := []struct {
		v          Value
		text, json string
	}{
		{Value{}, "", "null"},
		{InvalidThrough("string"), "", "null"},
		{Bool(true), "true", "true"},
		{Bool(false), "false", "false"},
		{Int(0), "0", "0"},
		{Int(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{FloatOf(0), "0", "0"},
		{FloatOf(math.Copysign(0, -1)), "0", "0"},
		{FloatOf(24), "24", "24"},
		{FloatOf(0.1), "0.1", "0.1"},
		{FloatOf(1e20), "100000000000000000000", "100000000000000000000"},
		{FloatOf(1e21), "1e+21", "1e+21"},
		{FloatOf(1e-6), "0.000001", "0.000001"},
		{FloatOf(9.5e-7), "9.5e-7", "9.5e-7"},
		{FloatOf(-1e-100), "-1e-100", "-1e-100"},
		{NumberText("9007199254740993"), "9007199254740993", "9007199254740993"},
		{NumberText("1e3"), "1e3", "1e3"},
		{DecimalText("1000.50"), "1000.50", "1000.50"},
		{Text(`a "b" <&>` + "\n\x01\u2028"), `a "b" <&>` + "\n\x01\u2028", `"a \"b\" <&>\n\u0001` + "\u2028" + `"`},
		{Text("a\xffb"), "a\xffb", "\"a\uFFFDb\""},
		{Day(0), "1970-01-01", `"1970-01-01"`},
		{Day(-1), "1969-12-31", `"1969-12-31"`},
		{Day(11016), "2000-02-29", `"2000-02-29"`},
		{Day(minDay), "0000-01-01", `"0000-01-01"`},
		{Day(minDay - 1), "-0001-12-31", `"-0001-12-31"`},
		{Day(maxDay), "9999-12-31", `"9999-12-31"`},
		{Day(maxDay + 1), "+10000-01-01", `"+10000-01-01"`},
		{at("2026-01-02T03:04:05+08:00"), "2026-01-01T19:04:05Z", `"2026-01-01T19:04:05Z"`},
		{at("1969-12-31T23:59:59.5Z"), "1969-12-31T23:59:59.5Z", `"1969-12-31T23:59:59.5Z"`},
		{at("2026-01-02T03:04:05.000000001Z"), "2026-01-02T03:04:05.000000001Z", `"2026-01-02T03:04:05.000000001Z"`},
		{at("2026-01-02T03:04:05.120Z"), "2026-01-02T03:04:05.12Z", `"2026-01-02T03:04:05.12Z"`},
		{ListText(`["a",1]`), `["a",1]`, `["a",1]`},
		{JSONText(`{"a": 1}`), `{"a": 1}`, `{"a": 1}`},
	}
	for _, tt := range tests {
		if got := string(tt.v.AppendText(nil)); got != tt.text {
			t.Errorf("text of %+v: %q, want %q", tt.v, got, tt.text)
		}
		if got := string(tt.v.AppendJSON(nil)); got != tt.json {
			t.Errorf("JSON of %+v: %s, want %s", tt.v, got, tt.json)
		}
		if tt.v.kind != Invalid && !json.Valid(tt.v.AppendJSON(nil)) {
			t.Errorf("%s is not JSON", tt.v.AppendJSON(nil))
		}
	}
}

func TestDaysAreThoseOfPackageTime(t *testing.T) {
	for day := int64(minDay); day <= maxDay; day += 13 {
		tm := time.Unix(day*secondsPerDay, 0).UTC()
		if got, want := string(Day(day).AppendText(nil)), tm.Format(time.DateOnly); got != want {
			t.Fatalf("day %d: %s, want %s", day, got, want)
		}
		if got := daysTo(int64(tm.Year()), int(tm.Month()), tm.Day()); got != day {
			t.Fatalf("%s: day %d, want %d", tm.Format(time.DateOnly), got, day)
		}
	}
	for _, day := range []int64{math.MinInt64, math.MaxInt64} {
		_ = Day(day).AppendText(nil) // whatever it says, it does not panic
	}
}

func TestCloneOwnsItsText(t *testing.T) {
	page := []byte("abc")
	v := Text(string(page)).Clone()
	if v.Text() != "abc" || v.Kind() != String {
		t.Errorf("clone is %+v", v)
	}
}

func FuzzAppendJSONString(f *testing.F) {
	for _, s := range []string{"", "a", `"\`, "\x00\x1f\x7f", "é\u2028😀", "\xff\xc3", strings.Repeat("x\n", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := AppendJSONString([]byte("x"), s)[1:]
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		want := strings.ToValidUTF8(s, "\uFFFD")
		if !utf8.ValidString(s) {
			want = string([]rune(s)) // one U+FFFD for each wrong byte
		}
		if back != want {
			t.Fatalf("%q came back as %q", s, back)
		}
	})
}

func BenchmarkAppendText(b *testing.B) {
	row := []Value{Text("Zoë Müller"), Int(42), FloatOf(24.17), DecimalText("1000.50"), Day(20455), at("2026-01-02T03:04:05.12Z"), Bool(true), {}}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for _, v := range row {
			buf = v.AppendText(buf)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	row := []Value{Text(`Zoë "Z" Müller`), Int(42), FloatOf(24.17), DecimalText("1000.50"), Day(20455), at("2026-01-02T03:04:05.12Z"), Bool(true), {}}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for _, v := range row {
			buf = v.AppendJSON(buf)
		}
	}
}
