package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// json.go: a schema file as a tree that remembers where everything stands.
// JSON libraries say that a text is wrong; the author needs to know which comma.

// The bounds of one schema file. Compiling takes time with the square of the
// number of objects.
const (
	maxBytes   = 1 << 20
	maxDepth   = 64
	maxObjects = 30000 // objects and their members
)

// node is one JSON value in a file.
type node struct {
	kind    byte   // one of { [ " 0 t f n
	text    string // of a string decoded, of a number as written
	members []member
	items   []*node
	span    diag.Span
	from    int    // bytes into the text, a BOM left out …
	to      int    // … and where it ends
	target  string // of a $ref into another file: the address it goes by inside
}

type member struct {
	name  string
	key   diag.Span
	from  int // of the key, bytes into the text
	value *node
}

// get is the member of an object with that name, or nil.
func (n *node) get(name string) *node {
	if m := n.member(name); m != nil {
		return m.value
	}
	return nil
}

func (n *node) member(name string) *member {
	if n == nil {
		return nil
	}
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

// at follows the unescaped tokens of a JSON pointer.
func (n *node) at(tokens []string) *node {
	for _, token := range tokens {
		switch {
		case n == nil:
			return nil
		case n.kind == '[':
			i, ok := value.ParseNumeral(token)
			index, whole := i.Int64()
			if !ok || !whole || index < 0 || index >= int64(len(n.items)) {
				return nil
			}
			n = n.items[index]
		default:
			n = n.get(token)
		}
	}
	return n
}

// pointer splits a JSON pointer into its tokens.
func pointer(s string) []string {
	if s == "" {
		return nil
	}
	tokens := strings.Split(s, "/")[1:]
	for i, token := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return tokens
}

// decoded is n as the jsonschema module takes it.
func (n *node) decoded() any {
	switch n.kind {
	case '{':
		m := make(map[string]any, len(n.members))
		for _, mem := range n.members {
			m[mem.name] = mem.value.decoded()
		}
		return m
	case '[':
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.decoded()
		}
		return list
	case '"':
		if n.target != "" {
			return n.target
		}
		return n.text
	case '0':
		return json.Number(n.text)
	case 'n':
		return nil
	default:
		return n.kind == 't'
	}
}

// parser reads one file. After a comma too many or too few it goes on, after
// anything else it stops.
type parser struct {
	file    string
	src     string
	at      int      // byte offset
	pos     diag.Pos // of at
	objects int      // objects and members so far
	diags   diag.List
}

// parseJSON reads a file; the node is nil where it could not be read to its end.
func parseJSON(file string, src []byte) (*node, diag.List) {
	p := &parser{file: file, src: strings.TrimPrefix(string(src), "\uFEFF"), pos: diag.Pos{Line: 1, Column: 1}}
	if len(src) > maxBytes {
		p.fail(fmt.Sprintf("the schema is larger than %d KiB", maxBytes>>10), "")
		return nil, p.diags
	}
	if !utf8.ValidString(p.src) {
		for i, r := range p.src {
			if r == utf8.RuneError && !strings.HasPrefix(p.src[i:], "\uFFFD") {
				p.advance(i)
				break
			}
		}
		p.fail("the file is not UTF-8", "save it as UTF-8")
		return nil, p.diags
	}
	root := p.value(0)
	if root == nil {
		return nil, p.diags
	}
	p.space()
	if p.at < len(p.src) {
		p.fail("the schema has ended, but the file goes on with "+p.found(), "")
		return nil, p.diags
	}
	return root, p.diags
}

// fail reports what is wrong at the place the parser has come to.
func (p *parser) fail(message, hint string) {
	p.diags = p.diags.Error("schema-syntax", diag.Span{File: p.file, Start: p.pos}, message, hint)
}

// found is what stands at the place the parser has come to.
func (p *parser) found() string {
	if p.at >= len(p.src) {
		return "the end of the file"
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.at:])
	return fmt.Sprintf("%q", r)
}

// advance goes n bytes on.
func (p *parser) advance(n int) {
	for _, r := range p.src[p.at : p.at+n] {
		p.pos.Column++
		if r == '\n' {
			p.pos = diag.Pos{Line: p.pos.Line + 1, Column: 1}
		}
	}
	p.at += n
}

func (p *parser) space() {
	rest := p.src[p.at:]
	p.advance(len(rest) - len(strings.TrimLeft(rest, " \t\r\n")))
}

// peek is the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.at >= len(p.src) {
		return 0
	}
	return p.src[p.at]
}

func (p *parser) span(from diag.Pos) diag.Span {
	return diag.Span{File: p.file, Start: from, End: p.pos}
}

func (p *parser) value(depth int) *node {
	p.space()
	start, from := p.pos, p.at
	var n *node
	switch c := p.peek(); {
	case depth > maxDepth:
		p.fail(fmt.Sprintf("the schema is nested more than %d levels deep", maxDepth), "")
	case c == '{':
		n = p.object(depth)
	case c == '[':
		n = p.array(depth)
	case c == '"':
		if s, ok := p.string(); ok {
			n = &node{kind: '"', text: s}
		}
	case c == '-' || c-'0' <= 9:
		n = p.number()
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		n = p.word()
	case c == '\'':
		p.fail("a JSON string is in double quotes", "")
	case c == '/':
		p.fail("JSON has no comments", `put it into a "$comment"`)
	default:
		p.fail("a value is expected, found "+p.found(), "")
	}
	if n != nil {
		n.span, n.from, n.to = p.span(start), from, p.at
	}
	return n
}

func (p *parser) object(depth int) *node {
	if !p.count() {
		return nil
	}
	n := &node{kind: '{'}
	ok := p.list('}', func() bool {
		if !p.count() {
			return false
		}
		if p.peek() != '"' {
			p.fail("a name in double quotes is expected, found "+p.found(), "")
			return false
		}
		start, from := p.pos, p.at
		name, ok := p.string()
		if !ok {
			return false
		}
		m := member{name: name, key: p.span(start), from: from}
		p.space()
		if p.peek() != ':' {
			p.fail(fmt.Sprintf("a colon is expected after %q, found %s", name, p.found()), "")
			return false
		}
		p.advance(1)
		if m.value = p.value(depth + 1); m.value == nil {
			return false
		}
		if first := n.member(name); first != nil {
			p.diags = p.diags.Error("schema-syntax", m.key, fmt.Sprintf("%q is in this object twice", name), "keep one of them",
				diag.Note{Span: first.key, Message: "the first one is here"})
			return true
		}
		n.members = append(n.members, m)
		return true
	})
	if !ok {
		return nil
	}
	return n
}

func (p *parser) count() bool {
	if p.objects++; p.objects > maxObjects {
		p.fail(fmt.Sprintf("the schema has more than %d objects and members", maxObjects), "")
		return false
	}
	return true
}

func (p *parser) array(depth int) *node {
	n := &node{kind: '['}
	ok := p.list(']', func() bool {
		item := p.value(depth + 1)
		n.items = append(n.items, item)
		return item != nil
	})
	if !ok {
		return nil
	}
	return n
}

// list reads what stands between brackets, with commas between.
func (p *parser) list(closing byte, element func() bool) bool {
	p.advance(1)
	for n := 0; ; n++ {
		end := p.span(p.pos)
		p.space()
		var comma diag.Span
		switch c := p.peek(); {
		case n > 0 && c == ',':
			comma = p.token()
			p.space()
		case n > 0 && c != closing && c != 0 && !strings.ContainsRune(`"{[-0123456789tfn`, rune(c)):
			p.fail(fmt.Sprintf("a comma or %q is expected, found %s", closing, p.found()), "")
			return false
		case n > 0 && c != closing && c != 0:
			p.diags = p.diags.Error("schema-syntax", end, "a comma is missing here", "put a comma between the two")
		}
		switch p.peek() {
		case closing:
			if comma.Start.Line > 0 {
				p.diags = p.diags.Error("schema-syntax", comma, fmt.Sprintf("a comma stands before %q, where JSON has none", closing), "remove it")
			}
			p.advance(1)
			return true
		case 0:
			p.fail(fmt.Sprintf("the file ends where %q is expected", closing), "")
			return false
		}
		if !element() {
			return false
		}
	}
}

// token is the span of the next byte, which it goes past.
func (p *parser) token() diag.Span {
	start := p.pos
	p.advance(1)
	return p.span(start)
}

func (p *parser) string() (string, bool) {
	for i := p.at + 1; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '"':
			var s string
			if err := json.Unmarshal([]byte(p.src[p.at:i+1]), &s); err != nil {
				p.fail("the string has an escape that JSON does not know", `a backslash is written \\`)
				return "", false
			}
			p.advance(i + 1 - p.at)
			return s, true
		case c == '\\':
			i++
		case c < ' ':
			p.fail("the string is not closed before the end of its line", `close it with "`)
			return "", false
		}
	}
	p.fail("the string is not closed", `close it with "`)
	return "", false
}

func (p *parser) number() *node {
	rest := p.src[p.at:]
	text := rest[:len(rest)-len(strings.TrimLeft(rest, "+-.0123456789eE"))]
	n, ok := value.ParseNumeral(text)
	switch {
	case !ok:
		p.fail("this is not a JSON number", "")
		return nil
	case n.WholeDigits() > 400 || n.FractionDigits() > 400:
		p.fail("the number has more than 400 digits", "")
		return nil
	}
	p.advance(len(text))
	return &node{kind: '0', text: text}
}

func (p *parser) word() *node {
	rest := p.src[p.at:]
	end := strings.IndexFunc(rest, func(r rune) bool { return (r|0x20 < 'a' || r|0x20 > 'z') && r != '_' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(rest)
	}
	word := rest[:end]
	switch word {
	case "true", "false", "null":
		p.advance(end)
		return &node{kind: word[0]}
	}
	hint := "put it into double quotes"
	if near := nearest(strings.ToLower(word), []string{"true", "false", "null"}); near != "" {
		hint = "did you mean " + near + "?"
	}
	p.fail(fmt.Sprintf("%q is not JSON", diag.Crop(word, 30)), hint)
	return nil
}
