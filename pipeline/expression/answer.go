// answer.go: the answer to one question of a registration form. Every mapping
// has several, so that this works on the JSON text of the record and builds
// nothing but the answer.

package expression

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
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
	m.watch(list)
	var found any
	err := m.pairs(list, func(asked, answer string) (bool, error) {
		about, err := asks(asked, question)
		if err != nil || !about {
			return true, err
		}
		m.stood(question)
		if answer == "" || answer == "null" {
			return true, nil
		}
		v, err := decode(answer)
		if err == nil {
			found, err = m.answerText(v)
		}
		return false, err
	})
	return found, err
}

// pairs yields question and answer of each item of a list, as JSON text, empty
// where there is none, until yield says that it has enough.
func (m *Machine) pairs(list string, yield func(question, answer string) (more bool, err error)) error {
	if err := m.spend(len(list)); err != nil {
		return err
	}
	s := scanner{s: list}
	if !s.take('[') {
		return errJSON
	}
	if s.take(']') {
		return nil
	}
	for more := true; more; {
		question, answer, err := s.pair()
		if err != nil {
			return err
		}
		if more, err = yield(question, answer); err != nil || !more {
			return err
		}
		if more, err = s.separator(']'); err != nil {
			return err
		}
	}
	return nil
}

// pair reads one item of the list and returns the texts of its question and its
// answer.
func (s *scanner) pair() (question, answer string, err error) {
	if s.peek() != '{' {
		_, err := s.raw()
		return "", "", err
	}
	s.take('{')
	if s.take('}') {
		return "", "", nil
	}
	for more := true; more; {
		name, escaped, err := s.name()
		if err != nil {
			return "", "", err
		}
		raw, err := s.raw()
		if err != nil {
			return "", "", err
		}
		switch {
		case named(name, escaped, "question"):
			question = raw
		case named(name, escaped, "answer"):
			answer = raw
		}
		if more, err = s.separator('}'); err != nil {
			return "", "", err
		}
	}
	return question, answer, nil
}

// maxNew is how many new questions a machine remembers of a record.
const maxNew = 20

// NewQuestions are questions that stood in the record, as far as it was looked
// at, though the schema, which lists the questions of the form, does not have
// them. They are overwritten by those of the next one.
func (m *Machine) NewQuestions() []string { return m.fresh }

// watch looks for questions that the form of the running program does not have;
// once for each list, though many expressions ask it.
func (m *Machine) watch(list string) {
	if len(m.form) == 0 || len(m.fresh) == maxNew || unsafe.StringData(list) == m.watched {
		return
	}
	m.watched = unsafe.StringData(list)
	next := 0                                                  // forms keep their order, mostly
	_ = m.pairs(list, func(question, _ string) (bool, error) { // what is wrong with the list is said by who asks it
		if len(question) < 2 || question[0] != '"' {
			return true, nil
		}
		if next = following(m.form, question[1:len(question)-1], next); next > 0 {
			return true, nil
		}
		for _, known := range m.form {
			if same, err := asks(question, known); same || err != nil {
				return true, err
			}
		}
		text, err := unescape(question[1 : len(question)-1])
		if err == nil && !slices.Contains(m.fresh, text) {
			m.fresh = append(m.fresh, strings.Clone(text))
		}
		return len(m.fresh) < maxNew, err
	})
}

// following is the place behind that of question in form, looked for from a place
// on and then from the start; 0 where it is not there to the letter.
func following(form []string, question string, from int) int {
	for i := from; i < len(form); i++ {
		if form[i] == question {
			return i + 1
		}
	}
	for i := range min(from, len(form)) {
		if form[i] == question {
			return i + 1
		}
	}
	return 0
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
