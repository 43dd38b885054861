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

	"pipeline/pipeline/value"
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
func (m *Machine) Asked(question string) bool {
	return slices.Contains(m.often, question) || m.asked[question]
}

// What a machine remembers of questions is bounded, where expressions make them
// up.
const (
	maxOften = 8 // that are compared, which is quicker than a map
	maxAsked = 1000
)

// stood remembers that a question was in a list.
func (m *Machine) stood(question string) {
	switch {
	case m.Asked(question) || len(m.asked) == maxAsked:
	case len(m.often) < maxOften:
		m.often = append(m.often, strings.Clone(question)) // it may stand in an Arena
	case m.asked == nil:
		m.asked = map[string]bool{strings.Clone(question): true}
	default:
		m.asked[strings.Clone(question)] = true
	}
}

// answerIn looks through a list as JSON text.
func (m *Machine) answerIn(list, question string) (any, error) {
	m.watch(list)
	if err := m.spend(len(list)); err != nil {
		return nil, err
	}
	form := m.formOf(list)
	for i := 0; ; i++ {
		p, ok, err := form.at(i)
		if err != nil || !ok {
			return nil, err
		}
		about, err := asks(p.Question, question)
		if err != nil {
			return nil, err
		}
		if !about {
			continue
		}
		m.stood(question)
		if p.Answer == "" || p.Answer == "null" {
			continue
		}
		v, err := decode(p.Answer)
		if err != nil {
			return nil, err
		}
		return m.answerText(v)
	}
}

// Forms has lists of the record that were taken apart when it was read.
type Forms interface {
	// Form is the pairs of a list, one for each of its elements, and empty for
	// those that are no object. The list is found by the place of its text; ok
	// is false where it was not taken apart.
	Form(list string) (pairs []value.Pair, ok bool)
}

// form is a list of questions with their answers, taken apart as far as anybody
// looked: the answers of a record are looked for in one and the same list.
type form struct {
	list  string
	scan  scanner
	pairs []value.Pair
	own   []value.Pair // what pairs are, where they were taken apart here
	whole bool         // all of the list is in pairs
}

// formOf is the list taken apart, or the one that was last, where that is it. It
// is found again by the place of its text, which may hold another text where
// nobody says when a record ends.
func (m *Machine) formOf(list string) *form {
	f := &m.answers
	if m.inRecord && unsafe.StringData(f.list) == unsafe.StringData(list) && len(f.list) == len(list) {
		return f
	}
	f.begin(list)
	if m.inRecord && m.Forms != nil {
		if pairs, ok := m.Forms.Form(list); ok {
			f.pairs, f.whole = pairs, true
		}
	}
	return f
}

func (f *form) begin(list string) {
	*f = form{list: list, scan: scanner{s: list}, own: f.own[:0]}
}

// at is the pair with that index; ok is false behind the last one.
func (f *form) at(i int) (p value.Pair, ok bool, err error) {
	for i >= len(f.pairs) {
		if f.whole {
			return value.Pair{}, false, nil
		}
		if err := f.next(); err != nil {
			f.begin("") // nobody goes on from here
			return value.Pair{}, false, err
		}
	}
	return f.pairs[i], true, nil
}

// next takes one more pair off the list.
func (f *form) next() (err error) {
	if len(f.pairs) == 0 {
		if !f.scan.take('[') {
			return errJSON
		}
		if f.whole = f.scan.take(']'); f.whole {
			return nil
		}
	}
	p, err := f.scan.pair()
	if err != nil {
		return err
	}
	f.own = append(f.own, p)
	f.pairs = f.own
	more, err := f.scan.separator(']')
	f.whole = !more
	return err
}

// pair reads one item of the list and returns the texts of its question and its
// answer.
func (s *scanner) pair() (p value.Pair, err error) {
	if s.peek() != '{' {
		_, err := s.raw()
		return p, err
	}
	s.take('{')
	if s.take('}') {
		return p, nil
	}
	for more := true; more; {
		name, escaped, err := s.name()
		if err != nil {
			return p, err
		}
		raw, err := s.raw()
		if err != nil {
			return p, err
		}
		switch {
		case named(name, escaped, "question"):
			p.Question = raw
		case named(name, escaped, "answer"):
			p.Answer = raw
		}
		if more, err = s.separator('}'); err != nil {
			return p, err
		}
	}
	return p, nil
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
	if m.spend(len(list)) != nil {
		return // said by who asks the list
	}
	form, next := m.formOf(list), 0 // forms keep their order, mostly
	for i := 0; len(m.fresh) < maxNew; i++ {
		p, ok, err := form.at(i)
		if err != nil || !ok {
			return
		}
		if len(p.Question) < 2 || p.Question[0] != '"' {
			continue
		}
		if next = following(m.form, p.Question[1:len(p.Question)-1], next); next == 0 {
			m.unlisted(p.Question)
		}
	}
}

// unlisted notes a question, as JSON text, that the form does not have to the
// letter, where it does not have it at all.
func (m *Machine) unlisted(question string) {
	for _, known := range m.form {
		if same, err := asks(question, known); same || err != nil {
			return
		}
	}
	text, err := unescape(question[1 : len(question)-1])
	if err == nil && !slices.Contains(m.fresh, text) {
		m.fresh = append(m.fresh, strings.Clone(text))
	}
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
	if inner != "" && question != "" && beginApart(inner[0], question[0]) {
		return false, nil
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

// beginApart reports whether two questions that begin with those bytes are
// surely not the same: most of a form's are not the one that is looked for.
func beginApart(a, b byte) bool {
	return isLetterOrDigit(a) && isLetterOrDigit(b) && a|' ' != b|' '
}

func isLetterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
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
