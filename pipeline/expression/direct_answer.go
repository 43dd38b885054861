// direct_answer.go: the questions and answers of a record's form.

package expression

import (
	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

func (d *directing) answer(n *ast.CallNode) direct {
	list, question := d.node(n.Arguments[0]), d.node(n.Arguments[1])
	if list == nil || question == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		v, ok := list(m)
		if !ok {
			return v, false
		}
		q, ok := question(m)
		switch {
		case !ok || !m.look(q):
			return q, false
		case v.IsNull():
			return v, true
		case v.Kind() != value.List || !m.afford(len(v.Text())):
			return v, false
		}
		return m.directAnswer(v.Text(), q.Text())
	}
}

// directAnswer is answerIn for a list that is as it should be.
func (m *Machine) directAnswer(list, question string) (value.Value, bool) {
	m.watch(list)
	form := m.formOf(list)
	for i := 0; ; i++ {
		p, ok, err := form.at(i)
		if err != nil || !ok {
			return value.Value{}, err == nil
		}
		about, err := asks(p.Question, question)
		if err != nil {
			return value.Value{}, false
		}
		if !about {
			continue
		}
		m.stood(question)
		if p.Answer != "" && p.Answer != "null" {
			return m.directAnswerText(p.Answer)
		}
	}
}

// directAnswerText is an answer as text.
func (m *Machine) directAnswerText(answer string) (value.Value, bool) {
	v, ok := m.decodeValue(answer)
	switch v.Kind() {
	case value.String:
		return v, ok
	case value.Number:
		return value.Text(v.Text()), ok
	case value.Boolean:
		return value.Text(answer), ok
	case value.List:
		return m.joinedAnswer(v)
	default:
		return v, false
	}
}

// joinedAnswer is the answer to a question with several choices.
func (m *Machine) joinedAnswer(list value.Value) (value.Value, bool) {
	base := len(m.stack)
	n, ok := slotList(func(*Machine) (value.Value, bool) { return list, true })(m)
	if !ok {
		return value.Value{}, false
	}
	items := m.stack[base : base+n]
	m.stack = m.stack[:base]
	return m.joinTexts(items, ", ")
}
