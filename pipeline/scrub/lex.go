package scrub

// lex.go: a record as a row of tokens. It is read as it comes, not as it should
// be: a record that is broken has people in it as well.

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// The kinds of tokens. All else is tokenOther.
const (
	tokenOther = iota // brackets, commas, spaces
	tokenKey
	tokenString
	tokenNumber
	tokenWord // true, false, null
)

// token is a stretch of a record.
type token struct {
	kind   int
	text   []byte
	path   string // of a value: "ticket.name"; elements of a list have that of the list
	name   string // the last name of path
	object int    // which of the objects it is a member of
}

// frame is an object or a list that is open.
type frame struct {
	object bool
	number int
	path   string // of what is in it, but for the name
	name   string // of the member that is read
	value  bool   // a value comes next, not a name
}

// lexer takes a record apart.
type lexer struct {
	src     []byte
	at      int
	stack   []frame
	objects int
	tokens  []token
}

func lex(src []byte) []token {
	l := &lexer{src: src}
	for l.at < len(l.src) {
		l.next()
	}
	return l.tokens
}

func (l *lexer) next() {
	switch c := l.src[l.at]; {
	case c == '{' || c == '[':
		l.open(c == '{')
	case c == '}' || c == ']':
		l.emit(tokenOther, 1)
		if len(l.stack) > 0 {
			l.stack = l.stack[:len(l.stack)-1]
		}
	case c == ':':
		l.emit(tokenOther, 1)
		l.top().value = true
	case c == ',':
		l.emit(tokenOther, 1)
		l.top().value = false
	case c == '"':
		l.quoted()
	case bytes.IndexByte([]byte(" \t\r\n"), c) >= 0:
		l.emit(tokenOther, 1)
	default:
		l.plain()
	}
}

// top is the innermost object or list; of a record that is none, a list.
func (l *lexer) top() *frame {
	if len(l.stack) == 0 {
		return &frame{}
	}
	return &l.stack[len(l.stack)-1]
}

func (l *lexer) open(object bool) {
	f := frame{object: object, path: l.path(), number: l.top().number}
	if object {
		l.objects++
		f.number = l.objects
	} else {
		f.name = "" // its elements go by its own path
	}
	l.emit(tokenOther, 1)
	l.stack = append(l.stack, f)
}

// path is that of the value that comes next.
func (l *lexer) path() string {
	f := l.top()
	return strings.Trim(f.path+"."+f.name, ".")
}

func (l *lexer) emit(kind, size int) {
	path := l.path()
	t := token{kind: kind, text: l.src[l.at : l.at+size], path: path, name: path[strings.LastIndexByte(path, '.')+1:], object: l.top().number}
	l.at += size
	l.tokens = append(l.tokens, t)
}

// quoted reads a string: the name of a member, or a value.
func (l *lexer) quoted() {
	end := l.at + 1
	for end < len(l.src) && l.src[end] != '"' {
		if l.src[end] == '\\' {
			end++
		}
		end++
	}
	size := min(end+1, len(l.src)) - l.at
	f := l.top()
	if !f.object || f.value {
		l.emit(tokenString, size)
		return
	}
	if name, _, ok := unquote(l.src[l.at : l.at+size]); ok {
		f.name = name
	}
	l.emit(tokenKey, size)
}

// plain reads a number, a word, or what is neither.
func (l *lexer) plain() {
	size := bytes.IndexAny(l.src[l.at:], "{}[]:,\" \t\r\n")
	if size < 0 {
		size = len(l.src) - l.at
	}
	text := l.src[l.at : l.at+size]
	switch string(text) {
	case "true", "false", "null":
		l.emit(tokenWord, size)
	default:
		l.emit(tokenNumber, size)
	}
}

// unquote is the text of a JSON string; ok is false where it is none.
func unquote(quoted []byte) (text string, escaped, ok bool) {
	if len(quoted) < 2 || quoted[len(quoted)-1] != '"' {
		return "", false, false
	}
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), false, true
	}
	if !utf8.Valid(inner) || json.Unmarshal(quoted, &text) != nil || strings.ContainsRune(text, utf8.RuneError) {
		return "", true, false
	}
	return text, true, true
}

var escape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|.)|"`) })

// betweenEscapes replaces what stands between the escapes of a text that cannot
// be unquoted.
func betweenEscapes(text string, replace func(string) string) string {
	var b strings.Builder
	from := 0
	for _, at := range escape().FindAllStringIndex(text, -1) {
		b.WriteString(replace(text[from:at[0]]))
		b.WriteString(text[at[0]:at[1]])
		from = at[1]
	}
	b.WriteString(replace(text[from:]))
	return b.String()
}

// context is what the members of an object say of each other.
type context struct {
	members   map[int]map[string]bool
	asked     map[string]bool // paths of questions in any record
	questions map[int]string  // what is asked, where an object is question and answer
}

// The names by which forms call what they ask, and what is answered.
var (
	asking    = map[string]bool{"question": true, "question_text": true, "label": true, "field_label": true, "field_name": true}
	answering = map[string]bool{"answer": true, "answers": true, "value": true, "values": true, "response": true}
)

func (s *Scrubber) newContext(tokens []token) *context {
	c := &context{members: map[int]map[string]bool{}, questions: map[int]string{}, asked: s.asked}
	for _, t := range tokens {
		if t.kind != tokenKey {
			continue
		}
		if c.members[t.object] == nil {
			c.members[t.object] = map[string]bool{}
		}
		c.members[t.object][t.name] = true
	}
	for _, t := range tokens {
		if text, _, ok := unquote(t.text); ok && t.kind == tokenString && c.asks(&t) {
			c.questions[t.object] = text
		}
	}
	return c
}

// asks reports whether a value is the text of a question.
func (c *context) asks(t *token) bool {
	if !asking[t.name] {
		return false
	}
	for name := range c.members[t.object] {
		if answering[name] {
			c.asked[t.path] = true
		}
	}
	return c.asked[t.path] // also where nobody answered
}

// hint is what a value is called: by the question that it answers, else by its name.
func (c *context) hint(t *token) string {
	if question, ok := c.questions[t.object]; ok && answering[t.name] {
		return question
	}
	return t.name
}
