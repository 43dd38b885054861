package value

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
)

func typeNamed(t testing.TB, s string) Type {
	t.Helper()
	if s == "list(unknown)" {
		return Type{Kind: List}
	}
	typ, err := ParseType(s)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func TestConvert(t *testing.T) {
	singapore, err := time.LoadLocation("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	text := Text
	number := NumberText
	list := ListText
	tests := []struct {
		v    Value
		to   string
		zone *time.Location
		want Value
	}{
		{Value{}, "decimal(10,2)", nil, Value{}},
		{Value{}, "list(string)", nil, Value{}},

		{text("a"), "string", nil, text("a")},
		{text(""), "string", nil, text("")},
		{number("1.50"), "string", nil, text("1.50")},
		{Int(-7), "string", nil, text("-7")},
		{FloatOf(0.5), "string", nil, text("0.5")},
		{Bool(true), "string", nil, text("true")},
		{DecimalText("1.50"), "string", nil, text("1.50")},
		{Day(0), "string", nil, text("1970-01-01")},
		{at("2026-01-02T03:04:05Z"), "string", nil, text("2026-01-02T03:04:05Z")},

		{Int(5), "integer", nil, Int(5)},
		{number("2"), "integer", nil, Int(2)},
		{number("2.0"), "integer", nil, Int(2)},
		{number("-0"), "integer", nil, Int(0)},
		{number("1e3"), "integer", nil, Int(1000)},
		{number("1200e-2"), "integer", nil, Int(12)},
		{number("0e999999999999"), "integer", nil, Int(0)},
		{number("9223372036854775807"), "integer", nil, Int(math.MaxInt64)},
		{number("-9223372036854775808"), "integer", nil, Int(math.MinInt64)},
		{number("9007199254740993"), "integer", nil, Int(9007199254740993)},
		{FloatOf(1 << 53), "integer", nil, Int(1 << 53)},
		{DecimalText("12.00"), "integer", nil, Int(12)},
		{text("0"), "integer", nil, Int(0)},
		{text("-42"), "integer", nil, Int(-42)},
		{text("-0"), "integer", nil, Int(0)},

		{Int(5), "number", nil, Int(5)},
		{number("1e3"), "number", nil, number("1e3")},
		{FloatOf(0.1), "number", nil, FloatOf(0.1)},
		{DecimalText("1.50"), "number", nil, DecimalText("1.50")},
		{text("-1.5E+3"), "number", nil, number("-1.5E+3")},

		{Bool(false), "boolean", nil, Bool(false)},
		{text("true"), "boolean", nil, Bool(true)},
		{text("false"), "boolean", nil, Bool(false)},

		{number("24.17"), "decimal(10,2)", nil, DecimalText("24.17")},
		{number("24"), "decimal(10,2)", nil, DecimalText("24.00")},
		{number("24.1"), "decimal(10,2)", nil, DecimalText("24.10")},
		{number("24.170"), "decimal(10,2)", nil, DecimalText("24.17")},
		{number("-0.00"), "decimal(10,2)", nil, DecimalText("0.00")},
		{number("0"), "decimal(2,2)", nil, DecimalText("0.00")},
		{number("0.25"), "decimal(2,2)", nil, DecimalText("0.25")},
		{number("1e0"), "decimal(4,0)", nil, DecimalText("1")},
		{number("1e-2"), "decimal(4,2)", nil, DecimalText("0.01")},
		{number("12.5e3"), "decimal(10,2)", nil, DecimalText("12500.00")},
		{number("1250000e-6"), "decimal(10,2)", nil, DecimalText("1.25")},
		{Int(-5), "decimal(3,1)", nil, DecimalText("-5.0")},
		{FloatOf(0.1), "decimal(3,1)", nil, DecimalText("0.1")},
		{FloatOf(1e-6), "decimal(10,6)", nil, DecimalText("0.000001")},
		{DecimalText("007.5"), "decimal(3,2)", nil, DecimalText("7.50")},
		{text("1000.50"), "decimal(10,2)", nil, DecimalText("1000.50")},
		{text(strings.Repeat("9", 38)), "decimal(38,0)", nil, DecimalText(strings.Repeat("9", 38))},

		{Day(3), "date", nil, Day(3)},
		{text("2024-02-29"), "date", nil, Day(19782)},
		{text("0000-01-01"), "date", nil, Day(minDay)},
		{text("1970-01-01T23:30:00Z"), "date", nil, Day(0)},
		{text("1970-01-01T23:30:00Z"), "date", singapore, Day(1)},
		{text("1970-01-02T00:30:00+08:00"), "date", nil, Day(0)},
		{at("2026-01-01T16:00:00Z"), "date", singapore, Day(20455)},
		{at("2026-01-01T15:59:59.9Z"), "date", singapore, Day(20454)},
		{at("1980-01-01T16:15:00Z"), "date", singapore, Day(3652)}, // +07:30 in 1980

		{at("2026-01-02T03:04:05Z"), "timestamp", nil, at("2026-01-02T03:04:05Z")},
		{text("2026-01-02T03:04:05Z"), "timestamp", nil, at("2026-01-02T03:04:05Z")},
		{text("2026-01-02t03:04:05z"), "timestamp", nil, at("2026-01-02T03:04:05Z")},
		{text("2026-01-02T03:04:05.123456789-07:30"), "timestamp", nil, at("2026-01-02T03:04:05.123456789-07:30")},
		{text("2026-01-02T03:04:05.1000000000Z"), "timestamp", nil, at("2026-01-02T03:04:05.1Z")},
		{text("2026-01-02T03:04:05-00:00"), "timestamp", nil, at("2026-01-02T03:04:05Z")},

		{list(`["a","b"]`), "list(string)", nil, list(`["a","b"]`)},
		{list(` [ "a" , null, 1.50 , true ] `), "list(string)", nil, list(`["a",null,"1.50","true"]`)},
		{list(`[]`), "list(date)", nil, list(`[]`)},
		{list(`[ ]`), "list(date)", nil, list(`[]`)},
		{list(`["\u00e9,]\"", "x"]`), "list(string)", nil, list(`["é,]\"","x"]`)},
		{list(`["1.0", 2e1]`), "list(number)", nil, list(`[1.0,2e1]`)},
		{list(`["2024-02-29"]`), "list(date)", nil, list(`["2024-02-29"]`)},
		{list(`[1, "2.5"]`), "list(decimal(5,2))", nil, list(`[1.00,2.50]`)},
		{list(`[[1, 2], [ ], null]`), "list(list(integer))", nil, list(`[[1,2],[],null]`)},
		{list(`[{"a": "b, c"}, 1 ]`), "list(json)", nil, list(`[{"a":"b, c"},1]`)},
		{list(`[ "a", [1, 2] ]`), "list(unknown)", nil, list(`["a",[1,2]]`)},

		{JSONText(`{"a": 1}`), "json", nil, JSONText(`{"a": 1}`)},
		{list(`[1]`), "json", nil, JSONText(`[1]`)},
		{text(`"`), "json", nil, JSONText(`"\""`)},
		{Day(0), "json", nil, JSONText(`"1970-01-01"`)},
		{DecimalText("1.50"), "json", nil, JSONText(`1.50`)},
	}
	for _, tt := range tests {
		typ := typeNamed(t, tt.to)
		got, err := Convert(tt.v, typ, tt.zone)
		if err != nil {
			t.Errorf("%s %q to %s: %v", tt.v.Kind(), tt.v.AppendText(nil), tt.to, err)
		} else if got != tt.want {
			t.Errorf("%s %q to %s: %+v, want %+v", tt.v.Kind(), tt.v.AppendText(nil), tt.to, got, tt.want)
		}
	}
	if got, err := Convert(text("a"), Unknown, nil); err != nil || got != text("a") {
		t.Errorf("to unknown: %+v, %v", got, err)
	}
}

func TestConvertRefuses(t *testing.T) {
	text := Text
	number := NumberText
	tests := []struct {
		v      Value
		to     string
		reason string
	}{
		{ListText(`[]`), "string", "is a list, text is wanted"},
		{JSONText(`{}`), "string", "is JSON, text is wanted"},
		{InvalidThrough("string"), "string", "is out of reach: its path leads through what is not an object (string)"},

		{number("2.5"), "integer", "has digits after the point, a whole number is wanted"},
		{number("1e-999999999"), "integer", "has digits after the point, a whole number is wanted"},
		{number("1e999999999"), "integer", "is too large for an integer of 64 bits"},
		{number("9223372036854775808"), "integer", "is too large for an integer of 64 bits"},
		{FloatOf(0.5), "integer", "has digits after the point, a whole number is wanted"},
		{FloatOf(1<<53 + 2), "integer", "is beyond 2^53, where a calculated number is no longer exact"},
		{FloatOf(math.Inf(1)), "integer", "is beyond 2^53, where a calculated number is no longer exact"},
		{text("+1"), "integer", notInteger},
		{text(" 1"), "integer", notInteger},
		{text("01"), "integer", notInteger},
		{text("1.0"), "integer", notInteger},
		{text(""), "integer", notInteger},
		{text("-"), "integer", notInteger},
		{text("9223372036854775808"), "integer", "is too large for an integer of 64 bits"},
		{Bool(true), "integer", "is true or false, a whole number is wanted"},

		{text("1."), "number", notNumber},
		{text(".5"), "number", notNumber},
		{text("0x10"), "number", notNumber},
		{text("NaN"), "number", notNumber},
		{text("Infinity"), "number", notNumber},
		{text("1e"), "number", notNumber},
		{text("1,5"), "number", notNumber},
		{text("١"), "number", notNumber},
		{Day(0), "number", "is a date, a number is wanted"},

		{text("TRUE"), "boolean", "text is neither true nor false"},
		{Int(1), "boolean", "is a number, true or false is wanted"},

		{number("1.234"), "decimal(10,2)", "has 3 digits after the point, decimal(10,2) keeps 2"},
		{number("123456789"), "decimal(10,2)", "has 9 digits before the point, decimal(10,2) has room for 8"},
		{number("0.1"), "decimal(3,0)", "has 1 digit after the point, decimal(3,0) keeps 0"},
		{number("1"), "decimal(2,2)", "has 1 digit before the point, decimal(2,2) has room for 0"},
		{number("1e999999999"), "decimal(10,2)", "has 1000000000 digits before the point, decimal(10,2) has room for 8"},
		{number("1e-999999999"), "decimal(10,2)", "has 999999999 digits after the point, decimal(10,2) keeps 2"},
		{FloatOf(0.30000000000000004), "decimal(10,2)", "has 17 digits after the point, decimal(10,2) keeps 2"},
		{text("1,000"), "decimal(10,2)", notNumber},
		{text("01.00"), "decimal(10,2)", notNumber},
		{FloatOf(math.NaN()), "decimal(10,2)", "is not a number"},
		{ListText(`[]`), "decimal(10,2)", "is a list, a number is wanted"},

		{text("2025-02-30"), "date", "text is not a date like 2006-01-02 or an RFC 3339 time"},
		{text("2025-02-29"), "date", "text is not a date like 2006-01-02 or an RFC 3339 time"},
		{text("2025-13-01"), "date", "text is not a date like 2006-01-02 or an RFC 3339 time"},
		{text("2025-1-1"), "date", "text is not a date like 2006-01-02 or an RFC 3339 time"},
		{text("02/01/2025"), "date", "text is not a date like 2006-01-02 or an RFC 3339 time"},
		{text(""), "date", "text is not a date like 2006-01-02 or an RFC 3339 time"},
		{Int(20250101), "date", "is a number, a date is wanted"},

		{text("2026-01-02"), "timestamp", "is a day without a time"},
		{Day(0), "timestamp", "is a day without a time"},
		{text("2026-01-02 03:04:05Z"), "timestamp", notTime},
		{text("2026-01-02T03:04:05"), "timestamp", notTime},
		{text("2026-01-02T24:00:00Z"), "timestamp", notTime},
		{text("2026-02-30T03:04:05Z"), "timestamp", notTime},
		{text("2026-01-02T03:04:05,5Z"), "timestamp", notTime},
		{text("2026-01-02T03:04:05.Z"), "timestamp", notTime},
		{text("2026-01-02T03:04:05+24:00"), "timestamp", notTime},
		{text("2026-01-02T03:04:05+0800"), "timestamp", notTime},
		{text("2026-01-02T03:04:05Zx"), "timestamp", notTime},
		{text("2016-12-31T23:59:60Z"), "timestamp", leapSecond},
		{text("2026-01-02T03:04:05.1234567891Z"), "timestamp", tooFine},
		{text("0000-01-01T00:00:00+01:00"), "timestamp", farAwayYear},
		{text("9999-12-31T23:59:59-01:00"), "timestamp", farAwayYear},

		{text("a"), "list(string)", "is text, a list is wanted"},
		{ListText(`["a", {}]`), "list(string)", "item 2 is JSON, text is wanted"},
		{ListText(`[1, 2.5]`), "list(integer)", "item 2 has digits after the point, a whole number is wanted"},
		{ListText(`[[1],["x"]]`), "list(list(integer))", "item 2 item 1 " + notInteger},
		{ListText(`[9223372036854775808]`), "list(integer)", "item 1 is too large for an integer of 64 bits"},
		{ListText(`[1,]`), "list(integer)", "item 2 is not JSON"},
		{ListText(`nonsense`), "list(integer)", "is not a JSON array"},
	}
	for _, tt := range tests {
		typ := typeNamed(t, tt.to)
		got, err := Convert(tt.v, typ, nil)
		var refused *ConvertError
		if !errors.As(err, &refused) {
			t.Errorf("%s %q to %s: %+v, want an error", tt.v.Kind(), tt.v.Text(), tt.to, got)
			continue
		}
		if refused.Reason != tt.reason || refused.From != tt.v.Kind() || !refused.To.Equal(typ) || got != (Value{}) {
			t.Errorf("%s %q to %s:\n got %q\nwant %q", tt.v.Kind(), tt.v.Text(), tt.to, refused.Reason, tt.reason)
		}
	}
	_, err := Convert(Bool(true), Type{Kind: Integer}, nil)
	if got, want := err.Error(), "boolean to integer: is true or false, a whole number is wanted"; got != want {
		t.Errorf("error says %q, want %q", got, want)
	}
}

var fuzzTypes = []string{"string", "integer", "number", "boolean", "date", "timestamp", "decimal(10,2)", "decimal(38,10)", "decimal(2,2)", "list(string)", "list(integer)", "list(date)", "list(list(decimal(4,1)))", "json"}

func FuzzConvert(f *testing.F) {
	for _, s := range []string{"", "1", "-0.00", "1e3", "1e999999999", "2025-02-30", "2026-01-02T03:04:05.5+08:00", "true", `["a",[1],{"b":"\"]"}]`, `[[1.5,"2"]]`, "[", `["\`, "00", "٣"} {
		f.Add(s, int64(len(s)))
	}
	f.Fuzz(func(t *testing.T, s string, n int64) {
		values := []Value{Text(s), ListText(s), JSONText(s), Int(n), Day(n % maxDay), FloatOf(float64(n) / 1000), Bool(n > 0), InvalidThrough("list")}
		if _, ok := ParseNumeral(s); ok {
			values = append(values, NumberText(s))
		}
		if parsed, ok := FromJSON(s); ok {
			values = append(values, parsed)
		}
		for _, v := range values {
			for _, name := range fuzzTypes {
				checkConvert(t, v, typeNamed(t, name))
			}
		}
	})
}

func checkConvert(t *testing.T, v Value, typ Type) {
	t.Helper()
	got, err := Convert(v, typ, nil)
	if err != nil {
		return
	}
	if v.IsNull() {
		if !got.IsNull() {
			t.Fatalf("null became %+v", got)
		}
		return
	}
	numeric := got.kind == Integer || got.kind == Number || got.kind == Decimal
	if got.kind != typ.Kind && !(typ.Kind == Float && numeric) {
		t.Fatalf("%+v to %s is %+v", v, typ, got)
	}
	again, err := Convert(got, typ, nil)
	if err != nil || again != got {
		t.Fatalf("%+v to %s is %+v, and once more %+v, %v", v, typ, got, again, err)
	}
	if typ.Kind == Decimal {
		text := string(v.AppendText(nil))
		if n, ok := scanNumeral(text); !ok || n.point > 1000 || n.point < -1000 {
			return // too much for big.Rat
		}
		want, ok1 := new(big.Rat).SetString(text)
		have, ok2 := new(big.Rat).SetString(got.Text())
		if !ok1 || !ok2 || want.Cmp(have) != 0 {
			t.Fatalf("%s became %s", text, got.Text())
		}
	}
}

func TestFastPathsDoNotAllocate(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	for _, tt := range []struct {
		v  Value
		to string
	}{
		{Text("a"), "string"},
		{NumberText("12"), "integer"},
		{Text("12"), "integer"},
		{NumberText("24.17"), "decimal(10,2)"},
		{Text("2026-01-02"), "date"},
		{Text("2026-01-02T03:04:05.5+08:00"), "date"},
		{Text("2026-01-02T03:04:05.5+08:00"), "timestamp"},
		{ListText(`["a","b"]`), "list(string)"},
	} {
		typ := typeNamed(t, tt.to)
		if n := testing.AllocsPerRun(100, func() { _, _ = Convert(tt.v, typ, zone) }); n != 0 {
			t.Errorf("%q to %s: %v allocations", tt.v.Text(), tt.to, n)
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	for _, bb := range []struct {
		name string
		v    Value
		to   string
	}{
		{"integer", NumberText("9007199254740993"), "integer"},
		{"decimal", NumberText("24.17"), "decimal(10,2)"},
		{"decimal padded", NumberText("24.1"), "decimal(10,2)"},
		{"timestamp", Text("2026-01-02T03:04:05.123+08:00"), "timestamp"},
		{"date", Text("2026-01-02T03:04:05.123+08:00"), "date"},
		{"list", ListText(`["vip","speaker","press"]`), "list(string)"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			typ := typeNamed(b, bb.to)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Convert(bb.v, typ, nil)
			}
		})
	}
}
