// answer.go: the answer to one question of a registration form. Every mapping
// has several, so that this works on the JSON text of the record and builds
// nothing but the answer.

package expression

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func answer(m *Machine, a []any) (any, error) {
	question := a[1].(string)
	switch list := a[0].(type) {
	case rawList:
		return m.answerIn(string(list), question)
	case []any:
		for _, item := range list {
			text, err := m.answerOf(item, question)
			if text != nil || err != nil {
				return text, err
			}
		}
	}
	return nil, nil
}

// Asked reports whether a question that Questions of a program names stood in
// any list that this machine looked through.
func (m *Machine) Asked(question string) bool { return m.asked[question] }

// maxAsked bounds what a machine remembers, where expressions make questions up.
const maxAsked = 1000

// stood remembers that a question was in a list.
func (m *Machine) stood(question string) {
	if m.asked[question] || len(m.asked) == maxAsked {
		return
	}
	if m.asked == nil {
		m.asked = map[string]bool{}
	}
	m.asked[question] = true
}

// answerIn looks through a list as JSON text.
func (m *Machine) answerIn(list, question string) (any, error) {
	if err := m.spend(len(list)); err != nil {
		return nil, err
	}
	s := scanner{s: list}
	if !s.take('[') {
		return nil, errJSON
	}
	if s.take(']') {
		return nil, nil
	}
	for more := true; more; {
		raw, about, err := s.pair(question)
		if err != nil {
			return nil, err
		}
		if about {
			m.stood(question)
		}
		if raw != "" && raw != "null" {
			v, err := decode(raw)
			if err != nil {
				return nil, err
			}
			return m.answerText(v)
		}
		if more, err = s.separator(']'); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// pair reads one item of the list and returns the text of its answer where it
// is an object about the question, else nothing.
func (s *scanner) pair(question string) (answer string, about bool, err error) {
	if s.peek() != '{' {
		_, err := s.raw()
		return "", false, err
	}
	s.take('{')
	if s.take('}') {
		return "", false, nil
	}
	for more := true; more; {
		name, escaped, err := s.name()
		if err != nil {
			return "", false, err
		}
		raw, err := s.raw()
		if err != nil {
			return "", false, err
		}
		switch {
		case named(name, escaped, "question"):
			about, err = asks(raw, question)
		case named(name, escaped, "answer"):
			answer = raw
		}
		if err != nil {
			return "", false, err
		}
		if more, err = s.separator('}'); err != nil {
			return "", false, err
		}
	}
	if !about {
		return "", false, nil
	}
	return answer, true, nil
}

// asks reports whether the JSON text raw is the question.
func asks(raw, question string) (bool, error) {
	if raw == "" || raw[0] != '"' {
		return false, nil
	}
	inner := raw[1 : len(raw)-1]
	if inner == question {
		return true, nil
	}
	if strings.IndexByte(inner, '\\') >= 0 {
		plain, err := unescape(inner)
		if err != nil {
			return false, err
		}
		inner = plain
	}
	return sameQuestion(inner, question), nil
}

// answerOf is the answer of an item that an expression made.
func (m *Machine) answerOf(item any, question string) (any, error) {
	if classOf(item) != isObject {
		return nil, nil
	}
	asked, err := get(m, []any{item, "question"})
	if err != nil {
		return nil, err
	}
	if s, ok := asked.(string); !ok || !sameQuestion(s, question) {
		return nil, nil
	}
	m.stood(question)
	v, err := get(m, []any{item, "answer"})
	if v == nil || err != nil {
		return nil, err
	}
	return m.answerText(v)
}

func (m *Machine) answerText(v any) (any, error) {
	if classOf(v) == isList {
		items, err := m.items(v)
		if err != nil {
			return nil, err
		}
		return m.joined(items, ", ")
	}
	return textOf(v)
}

// sameQuestion compares two questions without their case, runs of space, and
// the marks that forms put at their end.
func sameQuestion(a, b string) bool {
	a, b = strings.TrimLeftFunc(strings.TrimRightFunc(a, isMark), isBlank), strings.TrimLeftFunc(strings.TrimRightFunc(b, isMark), isBlank)
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		t, k := utf8.DecodeRuneInString(b)
		if isBlank(r) && isBlank(t) {
			a, b = strings.TrimLeftFunc(a, isBlank), strings.TrimLeftFunc(b, isBlank)
			continue
		}
		if r != t && unicode.ToLower(r) != unicode.ToLower(t) {
			return false
		}
		a, b = a[n:], b[k:]
	}
	return a == b
}

// isMark reports whether r says nothing at the end of a question.
func isMark(r rune) bool { return isBlank(r) || strings.ContainsRune("?:*？：", r) }
