package expression

import (
	"testing"

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
