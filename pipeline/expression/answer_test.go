package expression

import (
	"strings"
	"testing"
	"unsafe"

	"pipeline/pipeline/value"
)

func TestSameQuestion(t *testing.T) {
	for _, q := range [][2]string{
		{"Company", "company"}, {"Company?", "Company *"}, {"  What is\u00a0 your name ?", "what is your name"},
		{"GRÖẞE:", "größe"}, {"职位？", "职位"}, {"", " ?"},
	} {
		if !sameQuestion(q[0], q[1]) {
			t.Errorf("%q and %q differ", q[0], q[1])
		}
	}
	for _, q := range [][2]string{{"Company", "Company name"}, {"A B", "AB"}, {"a?b", "ab"}, {"", "x"}} {
		if sameQuestion(q[0], q[1]) || sameQuestion(q[1], q[0]) {
			t.Errorf("%q and %q are the same", q[0], q[1])
		}
	}
}

// The JSON text of a list and a list that an expression made give the same.
func TestAnswerOfTextAndOfList(t *testing.T) {
	list := value.ListText(` [ {"answer" : "early" , "question":"\u0051uestion?"}, 5, null, {}, {"question": "Q2", "answer": {"b": [1, 2]}},
		{"question": "twice", "answer": null}, {"question": "twice", "answer": 1000.50}, {"question": 7, "answer": "x"} ] `)
	tests := []struct{ question, want string }{
		{"question", `"early"`}, {"q2", `"{\"b\":[1,2]}"`}, {"twice", `"1000.50"`}, {"7", `null`}, {"none", `null`},
	}
	raw, made := compile(t, `answer(list, question)`, Scope{}), compile(t, `answer(filter(list, true), question)`, Scope{})
	for _, tt := range tests {
		for _, p := range []*Program{raw, made} {
			v, err := NewMachine(frozen).Eval(p, []value.Value{list, value.Text(tt.question)}, []int{0, 1})
			if err != nil || written(v) != tt.want {
				t.Errorf("%s, %q: %s (%v), want %s", p.Source(), tt.question, written(v), err, tt.want)
			}
		}
	}
}

// taken is a list that was taken apart when the record was read.
type taken struct {
	list  string
	pairs []value.Pair
}

func (f taken) Form(list string) ([]value.Pair, bool) {
	return f.pairs, unsafe.StringData(f.list) == unsafe.StringData(list)
}

// A list that was taken apart when the record was read gives the answers that its
// text gives.
func TestAnswerOfForm(t *testing.T) {
	list := value.ListText(`[{"question":"A?","answer":"\u0041\n"},{"question":"\u0042","answer":null},{"question":"b","answer":["x",2]},{"question":"C","answer":2.50},5,{"question":"D","answer":{"e":1}},{"answer":1},{"question":"F"}]`)
	form := taken{list.Text(), []value.Pair{
		{Question: `"A?"`, Answer: `"\u0041\n"`}, {Question: `"\u0042"`, Answer: "null"}, {Question: `"b"`, Answer: `["x",2]`},
		{Question: `"C"`, Answer: "2.50"}, {}, {Question: `"D"`, Answer: `{"e":1}`}, {Answer: "1"}, {Question: `"F"`},
	}}
	for question, want := range map[string]string{"a": `"A\n"`, "B": `"x, 2"`, "c?": `"2.50"`, "D": `"{\"e\":1}"`, "F": "null", "": "null", "G": "null"} {
		closures := compile(t, `answer(list, question)`, Scope{})
		vm := *closures
		vm.direct = nil
		slots := []value.Value{list, value.Text(question)}
		for name, p := range map[string]*Program{"closures": closures, "VM": &vm} {
			for _, forms := range []Forms{nil, form} {
				m := NewMachine(frozen)
				m.Forms = forms
				m.NextRecord()
				v, err := m.Eval(p, slots, []int{0, 1})
				if got := written(v); err != nil || got != want {
					t.Errorf("%s, %q, taken apart: %v: %s (%v), want %s", name, question, forms != nil, got, err, want)
				}
			}
		}
	}
}

// A list that was taken apart is not read again, and is not trusted where nobody
// says when a record ends.
func TestFormIsOfTheRecord(t *testing.T) {
	list := value.ListText(`[{"question":"A","answer":"old"}]`)
	p := compile(t, `answer(list, "A")`, Scope{})
	m := NewMachine(frozen)
	m.Forms = taken{list.Text(), []value.Pair{{Question: `"A"`, Answer: `"new"`}}}
	for _, want := range []string{`"old"`, `"new"`} {
		if v, err := m.Eval(p, []value.Value{list}, []int{0}); err != nil || written(v) != want {
			t.Errorf("%s (%v), want %s", written(v), err, want)
		}
		m.NextRecord()
	}
}

// BenchmarkAnswers is two answers of a form of eight questions, taken apart when
// the record was read and not.
func BenchmarkAnswers(b *testing.B) {
	var text strings.Builder
	form := taken{}
	for i, q := range []string{"Job function", "Dietary requirements", "How did you hear about this event?", "Interests", "T-shirt size", "Which sessions do you want to attend?", "Special requests", "I agree"} {
		text.WriteString(string("[,"[min(i, 1)]) + `{"question":"` + q + `","answer":"Some answer, of a kind\n"}`)
		form.pairs = append(form.pairs, value.Pair{Question: `"` + q + `"`, Answer: `"Some answer, of a kind\n"`})
	}
	list := value.ListText(text.String() + "]")
	form.list = list.Text()
	programs := []*Program{compile(b, `answer(list, "Dietary requirements") ?? ""`, Scope{}), compile(b, `answer(list, "Interests")`, Scope{})}
	for name, forms := range map[string]Forms{"taken apart": form, "text": nil} {
		b.Run(name, func(b *testing.B) {
			var arena Arena
			m := NewMachine(frozen)
			m.Arena, m.Forms = &arena, forms
			slots, at := []value.Value{list}, []int{0}
			b.ReportAllocs()
			for b.Loop() {
				arena.Reset()
				m.NextRecord()
				for _, p := range programs {
					if _, err := m.Eval(p, slots, at); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func TestEmail(t *testing.T) {
	tests := map[string]string{
		" Zoe@Example.ORG\u00a0": "zoe@example.org", "a.b+c@x-y.co.uk": "a.b+c@x-y.co.uk", "ü@münchen.de": "ü@münchen.de", "o'neill@x.ie": "o'neill@x.ie",
		"": "", "zoe": "", "zoe@": "", "@x.org": "", "zoe@localhost": "", "a@b@c.org": "", "a b@c.org": "", ".a@c.org": "", "a..b@c.org": "",
		"a@-c.org": "", "a@c..org": "", "a@c.org.": "", "a@1.2.3.4": "", "Zoe <zoe@x.org>": "", "mailto:zoe@x.org": "", "n/a": "",
	}
	p := compile(t, `email(x) ?? ""`, Scope{})
	for in, want := range tests {
		v, err := NewMachine(frozen).Eval(p, []value.Value{value.Text(in)}, []int{0})
		if err != nil || v.Text() != want {
			t.Errorf("%q: %q (%v), want %q", in, v.Text(), err, want)
		}
	}
}
