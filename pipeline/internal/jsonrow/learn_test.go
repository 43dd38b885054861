package jsonrow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline/value"
)

// What a decoder remembers of the records before changes nothing of what it
// makes of one: a stream is read as its records are by decoders that see no
// other.
func TestRememberingChangesNothing(t *testing.T) {
	paths := [][]string{{"id"}, {"ticket"}, {"ticket", "no"}, {"list"}, {"status"}, {"any", "list"}}
	p := NewClaimed(paths, claimed(), "")
	p.TakeApart(3)
	p.TakeApart(5)
	rapid.Check(t, func(t *rapid.T) {
		d, slots := NewDecoder(p), make([]value.Value, len(paths))
		for _, record := range rapid.SliceOfN(recordGen(), 1, 12).Draw(t, "records") {
			alone, wanted := &Decoder{p: p, passing: true}, make([]value.Value, len(paths))
			d.Reset()
			got, want := outcome(d, record, slots), outcome(alone, record, wanted)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s: %s", record, diff)
			}
		}
	})
}

// outcome is all that there is to say of a record.
func outcome(d *Decoder, record string, slots []value.Value) []string {
	var e *Error
	if err := d.Decode([]byte(record), slots); errors.As(err, &e) {
		return []string{fmt.Sprintf("%s at %d: %s", e.Code, e.Offset, e.Reason)}
	}
	out := show(slots)
	for _, b := range d.Breaks() {
		out = append(out, fmt.Sprintf("%+v", b))
	}
	for _, v := range slots {
		pairs, _ := d.Form(v.Text())
		for _, pair := range pairs {
			out = append(out, fmt.Sprintf("%q", pair))
		}
	}
	return out
}

// recordGen makes records that are much alike, and now and then differ in what
// is easily overlooked.
func recordGen() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		g := writer{t: t, neat: rapid.Bool().Draw(t, "neat")}
		g.object(0, []string{"id", "status", "ticket", "list", "any", "new", "i", "no"})
		if g.rarely() {
			g.b.WriteString(" x")
		}
		return g.b.String()
	})
}

type writer struct {
	t    *rapid.T
	b    strings.Builder
	neat bool // nothing is out of the ordinary
}

func (g *writer) rarely() bool { return !g.neat && rapid.IntRange(0, 11).Draw(g.t, "rare") == 0 }

func (g *writer) token(s string) {
	g.b.WriteString(s)
	if g.rarely() {
		g.b.WriteString(rapid.SampledFrom([]string{" ", "\n  ", "\t", ",", "\v"}).Draw(g.t, "space"))
	}
}

func (g *writer) object(depth int, names []string) {
	g.token("{")
	written := 0
	for _, name := range names {
		if rapid.IntRange(0, 5).Draw(g.t, "absent") == 0 {
			continue
		}
		if g.rarely() {
			name = rapid.SampledFrom(names).Draw(g.t, "name") // it may be there twice
		}
		if written++; written > 1 {
			g.token(",")
		}
		if g.rarely() {
			name = fmt.Sprintf(`\u%04x%s`, name[0], name[1:])
		}
		g.token(`"` + name + `"`)
		g.token(":")
		g.value(depth+1, name)
	}
	g.token("}")
}

func (g *writer) value(depth int, name string) {
	if name == "list" && depth < 3 {
		g.form(depth)
		return
	}
	kinds := []string{"1", "-2.5e3", "null", "true", `"ok"`, `"a text of some length"`, `"caf\u00e9"`, `"Zoë"`, "[]", "{}"}
	if !g.neat {
		kinds = append(kinds, "01", `"\x"`, "\"\xff\"", `"a`, "nul", `[1,{"a":1}]`)
	}
	switch kind := rapid.SampledFrom(kinds).Draw(g.t, "value"); {
	case kind == "{}" && depth < 4 && name != "id":
		g.object(depth, []string{"no", "name", "list", "x"})
	default:
		g.token(kind)
	}
}

func (g *writer) form(depth int) {
	g.token("[")
	for i, q := range rapid.SliceOfN(rapid.SampledFrom([]string{"Diet", "Size?", `\u0051`, "Where from"}), 0, 4).Draw(g.t, "questions") {
		if i > 0 {
			g.token(",")
		}
		switch odd := g.rarely(); {
		case odd && rapid.Bool().Draw(g.t, "no pair"):
			g.value(depth+1, "element")
		case odd:
			g.object(depth+1, []string{"answer", "question", "id"})
		default:
			g.token("{")
			g.token(`"question"`)
			g.token(":")
			g.token(`"` + q + `"`)
			g.token(",")
			g.token(`"answer"`)
			g.token(":")
			g.value(depth+1, "answer")
			if g.rarely() {
				g.token(`,"question":1`)
			}
			if rapid.IntRange(0, 3).Draw(g.t, "more") == 0 {
				g.token(`,"type":"text"`)
			}
			g.token("}")
		}
	}
	g.token("]")
}

func TestFormHasAPairForEachElement(t *testing.T) {
	p := NewProjection([][]string{{"list"}, {"other"}})
	p.TakeApart(0)
	d, slots := NewDecoder(p), make([]value.Value, 2)
	q := func(question, answer string) value.Pair { return value.Pair{Question: question, Answer: answer} }
	for _, test := range []struct {
		name, list string
		want       []value.Pair
	}{
		{"a form", `[{"question":"A","answer":"1"},{"question":"B","answer":["x", 2]}]`, []value.Pair{q(`"A"`, `"1"`), q(`"B"`, `["x", 2]`)}},
		{"with other answers", `[{"question":"A","answer":null},{"question":"B","answer":{"a":[{"question":"no"}]}}]`, []value.Pair{q(`"A"`, `null`), q(`"B"`, `{"a":[{"question":"no"}]}`)}},
		{"one left out, one new", `[{"question":"B","answer":2},{"question":"C","answer":3}]`, []value.Pair{q(`"B"`, `2`), q(`"C"`, `3`)}},
		{"in another order", `[{"question":"C","answer":3},{"question":"A","answer":1}]`, []value.Pair{q(`"C"`, `3`), q(`"A"`, `1`)}},
		{"with space", "[ {\"question\" : \"A\" ,\n\"answer\" : 1 } ]", []value.Pair{q(`"A"`, `1`)}},
		{"with more members", `[{"id":7,"question":"A","answer":1,"type":"x"},{"id":7,"question":"A","answer":2,"type":"y"}]`, []value.Pair{q(`"A"`, `1`), q(`"A"`, `2`)}},
		{"halves, and what is no pair", `[{"question":"A"},{"answer":1},{},5,null,[{"question":"A","answer":1}],{"\u0071uestion":7}]`, []value.Pair{q(`"A"`, ""), q("", "1"), {}, {}, {}, {}, q("7", "")}},
		{"nothing", `[]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 3 { // it is new, and then it is known
				if err := d.Decode([]byte(`{"list": `+test.list+`, "other": [{"question":"A","answer":1}]}`), slots); err != nil {
					t.Fatal(err)
				}
				pairs, ok := d.Form(slots[0].Text())
				if diff := cmp.Diff(test.want, slices.Clip(append([]value.Pair(nil), pairs...))); ok != fastForms || fastForms && diff != "" {
					t.Error(ok, diff)
				}
				if _, ok := d.Form(slots[1].Text()); ok {
					t.Error("a list was taken apart that nobody asks")
				}
			}
		})
	}
}

// A name that is there twice is found among many, and where names are data.
func TestManyNames(t *testing.T) {
	d := NewDecoder(NewProjection([][]string{{"n7"}}))
	slots := make([]value.Value, 1)
	for round, from := range []int{0, 0, 5, 1000, 0} {
		var names []string
		for i := range 600 {
			names = append(names, fmt.Sprintf(`"n%d":%d`, from+i, i))
		}
		if err := d.Decode([]byte("{"+strings.Join(names, ",")+"}"), slots); err != nil {
			t.Fatal(round, err)
		}
		for _, again := range []int{0, 100, 128, 129, 300, 598} {
			names[599] = fmt.Sprintf(`"n%d":0`, from+again)
			var e *Error
			if err := d.Decode([]byte("{"+strings.Join(names, ",")+"}"), slots); !errors.As(err, &e) || e.Code != "duplicate-name" {
				t.Errorf("round %d, %d again: %v", round, again, err)
			}
		}
	}
	for _, r := range d.roots {
		if n := len(r.place.members); n > maxMembers {
			t.Errorf("%d names of data are remembered", n)
		}
	}
}

// A name that is there twice is found where one of the two, or both, are where
// they are expected.
func TestTwiceInAnotherOrder(t *testing.T) {
	d := NewDecoder(NewProjection([][]string{{"c"}}))
	slots := make([]value.Value, 1)
	for _, record := range []string{`{"a":1,"b":2,"c":3}`, `{"c":1,"a":2,"c":3}`, `{"a":1,"a":2}`, `{"b":1,"a":2,"b":3,"c":4}`, `{"a":1,"b":2,"c":3,"b":4}`, `{"a":1,"\u0061":2}`, `{"a":1,"new":2,"b":3,"new":4}`, `{"a":1,"c":3,"b":2}`} {
		want := (&Decoder{p: d.p, passing: true}).Decode([]byte(record), slots)
		if got := d.Decode([]byte(record), slots); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", record, got, want)
		}
	}
}

// Where names are in no order, nothing is expected of them after a while.
func TestNamesInNoOrder(t *testing.T) {
	d, slots := NewDecoder(NewProjection([][]string{{"n3"}})), make([]value.Value, 1)
	for i := range 200 {
		record := shuffled(20, i)
		if err := d.Decode([]byte(record), slots); err != nil || slots[0].Text() != "text 3" {
			t.Fatalf("%s: %v, %v", record, slots, err)
		}
	}
	for _, r := range d.roots {
		if r.place.members != nil {
			t.Errorf("%d names are still expected", len(r.place.members))
		}
	}
}

// shuffled is a record with those members, in the order of a seed.
func shuffled(members, seed int) string {
	var out []string
	for _, i := range rand.New(rand.NewPCG(1, uint64(seed))).Perm(members) {
		out = append(out, fmt.Sprintf(`"n%d":"text %d"`, i, i))
	}
	return "{" + strings.Join(out, ",") + "}"
}

// BenchmarkDecodeNames is records that are not all written alike.
func BenchmarkDecodeNames(b *testing.B) {
	alike := func(int) string { return shuffled(20, 0) }
	for name, record := range map[string]func(i int) string{
		"alike":        alike,
		"spaced":       func(i int) string { return strings.NewReplacer(":", ": ", ",", ", ").Replace(alike(i)) },
		"some missing": func(i int) string { return strings.Replace(alike(i), fmt.Sprintf(`"n%d":"text %[1]d",`, i%20), "", 1) },
		"in no order":  func(i int) string { return shuffled(20, i) },
		"data":         func(i int) string { return strings.ReplaceAll(alike(i), `"n`, fmt.Sprintf(`"%x`, i*7919)) },
	} {
		b.Run(name, func(b *testing.B) {
			var records [256][]byte
			for i := range records {
				records[i] = []byte(record(i))
			}
			d, slots := NewDecoder(NewProjection([][]string{{"n3"}})), make([]value.Value, 1)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := d.Decode(records[i%len(records)], slots); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a decoder remembers has its bounds, whatever the records are called.
func TestRememberingHasBounds(t *testing.T) {
	p := NewProjection([][]string{{"list"}})
	p.TakeApart(0)
	d, slots := NewDecoder(p), make([]value.Value, 1)
	for i := range 5000 {
		record := fmt.Sprintf(`{"a%d":{"b%d":1},"%s":2,"list":[{"question":"q%d","answer":1}]}`, i%50, i/50, strings.Repeat("long", i%50), i)
		if err := d.Decode([]byte(record), slots); err != nil {
			t.Fatal(err)
		}
	}
	if d.learned > maxLearned {
		t.Errorf("%d members are remembered", d.learned)
	}
	for _, r := range d.roots {
		for _, m := range r.place.members {
			if len(m.written) > maxWritten {
				t.Errorf("%s is remembered", m.name)
			}
			if m.name == "list" && len(m.place.elements.frames) > maxFrames {
				t.Errorf("%d questions are", len(m.place.elements.frames))
			}
		}
	}
}

// Of the values inside a record only the last one's forms are kept, and the
// record's own.
func TestFormsOfElements(t *testing.T) {
	p, each := NewProjection([][]string{{"list"}}), NewProjection([][]string{{"list"}})
	p.TakeApart(0)
	each.TakeApart(0)
	d, record, element := NewDecoder(p), make([]value.Value, 1), make([]value.Value, 1)
	if err := d.Decode([]byte(`{"list":[{"question":"Q","answer":"record"}]}`), record); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		text := fmt.Sprintf(`{"list":[{"question":"Q","answer":%d}]}`, i)
		if err := d.DecodeElement(each, []byte(text), element); err != nil {
			t.Fatal(err)
		}
		pairs, ok := d.Form(element[0].Text())
		if ok != fastForms || ok && pairs[0].Answer != fmt.Sprint(i) {
			t.Fatal(i, ok, pairs)
		}
	}
	if pairs, ok := d.Form(record[0].Text()); ok != fastForms || ok && pairs[0].Answer != `"record"` {
		t.Error(ok, pairs)
	}
	if len(d.forms) > 2 || len(d.pairs) > 2 {
		t.Errorf("%d forms and %d pairs are kept", len(d.forms), len(d.pairs))
	}
}

// The second of two records of the same form costs no memory.
func TestDecodeDoesNotAllocate(t *testing.T) {
	p := NewProjection([][]string{{"id"}, {"ticket", "name"}, {"custom_fields"}})
	p.TakeApart(2)
	d, slots, record := NewDecoder(p), make([]value.Value, 3), []byte(benchRecord(0))
	if n := testing.AllocsPerRun(100, func() {
		d.Reset()
		if err := d.Decode(record, slots); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
