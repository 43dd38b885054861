package expression

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"pipeline/pipeline/value"
)

// sameWays evaluates p with its closures and without, which must not differ: in
// the value, in the error, and in what the machine learned about questions.
func sameWays(t interface{ Fatalf(string, ...any) }, p *Program, slots []value.Value) (direct bool) {
	at := make([]int, len(p.Reads()))
	for i := range at {
		at[i] = i
	}
	vm := *p
	vm.direct = nil
	slow := NewMachine(frozen)
	want, wantErr := slow.Eval(&vm, slots, at)
	fast := NewMachine(frozen)
	fast.Arena = &Arena{}
	for range 2 { // the second time with what the first has left behind
		got, err := fast.Eval(p, slots, at)
		if got != want || fmt.Sprintf("%#v", err) != fmt.Sprintf("%#v", wantErr) {
			t.Fatalf("%s over %v:\nclosures %#v (%#v)\nVM       %#v (%#v)", p.source, slots, got, err, want, wantErr)
		}
		if fmt.Sprint(fast.fresh) != fmt.Sprint(slow.fresh) {
			t.Fatalf("%s over %v: the closures found the new questions %v, the VM %v", p.source, slots, fast.fresh, slow.fresh)
		}
		fast.NextRecord()
	}
	if fmt.Sprint(fast.asked) != fmt.Sprint(slow.asked) {
		t.Fatalf("%s over %v: the closures saw the questions %v, the VM %v", p.source, slots, fast.asked, slow.asked)
	}
	if p.direct == nil || wantErr != nil {
		return false
	}
	_, direct = fast.shortcut(p, slots, at)
	return direct
}

// someValue is a value of a record, plain or odd.
var someValue = rapid.Custom(func(t *rapid.T) value.Value {
	text := rapid.SampledFrom([]string{"", " Zoë\u00a0", "ada@Example.org ", "VIP", "vip", "a, b,,c", "2026-03-01", "2026-03-01T23:30:00+08:00", "2026-03-01 10:00",
		"24.17", "-0", "SG", "ǅ İ ß K", "ȺȺȺȺ", "zoë.MÜLLER@EXAMPLE.org\t", strings.Repeat("long ", 80), "x", "a@b", "’o'NEILL anne-marie"})
	number := rapid.SampledFrom([]string{"0", "-0", "1", "-7", "24.17", "0.1", "0.2", "1e3", "9007199254740993", "123456789012345678901", "1.50", "2147483648", "-2147483648", "999999999999999.9", "1e-7", "0.000000000000001"})
	switch rapid.IntRange(0, 14).Draw(t, "kind") {
	case 0, 1:
		return value.Value{}
	case 2:
		return value.Bool(rapid.Bool().Draw(t, "bool"))
	case 3:
		return value.Int(rapid.SampledFrom([]int64{0, 1, -3, 1 << 31, -1 << 63, 1<<63 - 1}).Draw(t, "int"))
	case 4:
		return value.FloatOf(rapid.SampledFrom([]float64{0, 0.1, -2.5, 1e15, 1e300, 24.17}).Draw(t, "float"))
	case 5, 6:
		return value.NumberText(number.Draw(t, "number"))
	case 7:
		return value.DecimalText(rapid.SampledFrom([]string{"1.50", "0", "-3"}).Draw(t, "decimal"))
	case 8:
		return value.Day(rapid.Int64Range(0, 3).Draw(t, "day"))
	case 9:
		return value.TimeOf(frozen)
	case 10:
		return value.ListText(rapid.SampledFrom([]string{`[]`, `["a", " b ", null]`, `[1, 2.50, true]`, `[{"question": "Q?", "answer": "yes"}, {"question": "Diet", "answer": ["a", "b"]}]`,
			`[{"question": "  DIET: ", "answer": null}, {"question": "diet", "answer": 7}, 3, {}, {"question": "Shoe size"}]`, `[{"a": "x", "b": {"c": 1}}, {"a": null}, {"\u0061": "y"}]`, `["a\u00e9\n", "", "[x"]`}).Draw(t, "list"))
	case 11:
		return value.JSONText(rapid.SampledFrom([]string{`{}`, `{"a": 1, "b": "x"}`}).Draw(t, "object"))
	case 12:
		return value.InvalidThrough("string")
	default:
		return value.Text(text.Draw(t, "text"))
	}
})

// someSource is an expression over a, b and c, mostly of what the closures know.
func someSource(t *rapid.T, depth int) string {
	leaf := rapid.SampledFrom([]string{"a", "b", "c", "d.e", `"VIP"`, `"x, y"`, `""`, "0", "1", "24.17", "0.1", "true", "null", "-3", `","`})
	if depth == 0 {
		return leaf.Draw(t, "leaf")
	}
	x := func() string { return someSource(t, depth-1) }
	list := func() string {
		return rapid.SampledFrom([]string{"a", "b", `split(` + x() + `, ",")`, `map(` + x() + `, trim(#))`, `filter(` + x() + `, # != "b")`,
			`map(split(` + x() + `, ","), # + "!")`, `map(` + x() + `, .a)`, `["a", "b"]`}).Draw(t, "list")
	}
	switch rapid.IntRange(0, 13).Draw(t, "form") {
	case 0, 1:
		return leaf.Draw(t, "leaf")
	case 2:
		return rapid.SampledFrom([]string{"trim", "lower", "upper", "title", "squash", "string", "email", "number", "date", "timestamp", "len", "integer", "slug"}).Draw(t, "f") + "(" + x() + ")"
	case 3, 4:
		op := rapid.SampledFrom([]string{"+", "-", "*", "==", "!=", "<", "<=", ">", ">=", "contains", "startsWith", "endsWith", "/", "%"}).Draw(t, "op")
		return "(" + x() + " " + op + " " + x() + ")"
	case 5:
		return "((" + x() + ") ?? (" + x() + "))"
	case 6:
		return "(" + x() + " ? " + x() + " : " + x() + ")"
	case 7:
		return "(" + x() + rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "logic") + x() + ")"
	case 8:
		return "not (" + x() + ")"
	case 9:
		return "answer(" + x() + ", " + rapid.SampledFrom([]string{`"Q"`, `"diet?"`, x()}).Draw(t, "q") + ")"
	case 10:
		return "join(" + list() + ", " + rapid.SampledFrom([]string{`"|"`, x()}).Draw(t, "sep") + ")"
	case 11:
		return rapid.SampledFrom([]string{"any", "all", "none", "find", "count", "filter"}).Draw(t, "walker") + "(" + list() + ", " +
			rapid.SampledFrom([]string{`# == "a"`, `.question == "Diet"`, `#index > 0`, `.a != null`, x()}).Draw(t, "body") + ")"
	case 12:
		return rapid.SampledFrom([]string{"first", "last", "count", "uniq"}).Draw(t, "f") + "(" + list() + ")"
	default:
		return rapid.SampledFrom([]string{
			x() + ` matches "^[A-Z]"`, x() + ` in ["VIP", "x", 1]`, `truncate(` + x() + `, 2)`, `date(` + x() + `, "Asia/Singapore")`,
			`find(` + list() + `, .question == "Diet")?.answer`, `lookup("t", ` + x() + `)`, `find(a, .a == "x").b.c`,
		}).Draw(t, "more")
	}
}

var shortScope = Scope{Record: &value.Shape{Kind: value.JSON, Open: true, Fields: []value.Field{{Name: "a", Shape: &value.Shape{Kind: value.List, Elem: &value.Shape{
	Kind: value.JSON, Open: true, Fields: []value.Field{{Name: "question", Shape: &value.Shape{Kind: value.String, Enum: []string{"Q", "diet"}}}}}}}}},
	Tables: map[string]Table{"t": {"SG": "Singapore", "vip": "VIP"}}}

// TestClosuresAreTheVM: whatever the expression and the record, the closures give
// what the VM gives.
func TestClosuresAreTheVM(t *testing.T) {
	needsClosures(t)
	direct, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		src := someSource(t, 3)
		p, _ := Compile(src, shortScope)
		if p == nil {
			return
		}
		for range 4 {
			slots := rapid.SliceOfN(someValue, len(p.Reads()), len(p.Reads())).Draw(t, "slots")
			all++
			if sameWays(t, p, slots) {
				direct++
			}
		}
	})
	t.Logf("%d of %d evaluations were the closures'", direct, all)
	if direct*5 < all {
		t.Errorf("the closures answered %d of %d evaluations: the test shows little", direct, all)
	}
}

// needsClosures skips a test of the closures where there are none.
func needsClosures(t *testing.T) {
	if !fast {
		t.Skip("all is the VM's here")
	}
}

// TestMappingsTakeTheShortcut: what mappings usually write does not need the VM.
func TestMappingsTakeTheShortcut(t *testing.T) {
	needsClosures(t)
	for _, src := range append([]string{
		`trim(first + " " + type)`, `status != "cancelled"`, `ticket.group == "VIP" ? true : false`, `lower(trim(email ?? ""))`,
		`join(map(split(answer(custom_fields, "Interests") ?? "", ","), trim(#)), "|")`, `squash((first ?? "") + " " + (type ?? ""))`,
		`country in ["SG", "MY"] or amount > 10`, `-1 * amount`,
	}, fields...) {
		if p := compile(t, src, Scope{}); p.direct == nil && !p.bare {
			t.Errorf("%s has no closures", src)
		}
	}
}

// FuzzClosures: the same for any text and any values.
func FuzzClosures(f *testing.F) {
	for i, s := range append(seeds, fields...) {
		f.Add(s, `[{"question": "Q", "answer": "Zoë"}, 1e400, null]`, uint32(i*7919))
	}
	f.Fuzz(func(t *testing.T, src, text string, kinds uint32) {
		p, _ := Compile(src, shortScope)
		if p == nil || p.direct == nil || !utf8.ValidString(text) {
			return
		}
		slots := make([]value.Value, len(p.Reads()))
		for i := range slots {
			slots[i] = []value.Value{{}, value.Bool(true), value.Int(int64(kinds) - 5), value.NumberText("24.17"), value.Text(text), value.Text("Q"),
				value.ListText(text), value.JSONText(text), value.Day(int64(kinds))}[kinds%9]
			kinds /= 9
		}
		sameWays(t, p, slots)
	})
}

func TestArenaKeepsTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &Arena{}
		for range 3 {
			var want, got []string
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 6000), 0, 60).Draw(t, "sizes") {
				text := strings.Repeat(string(rune('a'+len(want)%26)), n)
				want = append(want, text)
				got = append(got, a.text(append(a.room(n), text...)))
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("text %d was overwritten", i)
				}
			}
			a.Reset()
		}
	})
}
