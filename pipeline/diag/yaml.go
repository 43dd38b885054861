package diag

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The bounds of a YAML file.
const (
	maxYAML      = 1 << 20 // bytes
	maxYAMLDepth = 64      // lists and mappings inside each other
)

// ParseYAML reads the one document of a YAML file. What is wrong with the file
// as YAML is in the list, with the code "yaml-syntax" ("duplicate-key" for a key
// that is there twice); the YAML library stops at the first mistake of syntax.
// Anchors, aliases and tags are refused. The node is nil where the list has
// errors that leave nothing to go on with.
func ParseYAML(file string, src []byte) (*yaml.Node, List) {
	s := NewSource(file, src)
	if d, ok := s.unreadable(); ok {
		return nil, List{d}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(s.text))
	if err != nil {
		return nil, List{s.syntax(Span{File: file}, err.Error(), "")}
	}
	doc := new(yaml.Node)
	if err := loader.Load(doc); err != nil {
		return nil, List{s.explain(err)}
	}
	if root := doc.Content; len(root) == 1 && root[0].Kind == yaml.ScalarNode && root[0].Tag == "!!null" && root[0].Value == "" {
		return nil, List{s.explain(io.EOF)}
	}
	second := new(yaml.Node)
	switch err := loader.Load(second); {
	case err == nil:
		return nil, List{s.syntax(s.lineSpan(second.Line), "a second document begins here", "keep one document per file: `---` and `...` separate documents")}
	case !errors.Is(err, io.EOF):
		return nil, List{s.explain(err)}
	}
	v := visitor{source: s, usable: true}
	v.visit(doc, 0)
	if !v.usable {
		return nil, v.diags
	}
	return doc, v.diags
}

// syntax is the diagnostic for a file that is not YAML as we read it.
func (s *Source) syntax(at Span, message, hint string) Diagnostic {
	return Diagnostic{Code: "yaml-syntax", Span: at, Message: message, Hint: hint}
}

// lineSpan is the text of a line.
func (s *Source) lineSpan(line int) Span {
	start := s.offset(line, 1)
	end := s.lineEnd(start)
	for start < end && isSpace(s.text[start]) {
		start++
	}
	return s.span(start, end)
}

// unreadable is what is wrong with the file before it is looked at as YAML.
func (s *Source) unreadable() (Diagnostic, bool) {
	if len(s.text) > maxYAML {
		return s.syntax(Span{File: s.file}, fmt.Sprintf("the file is %d bytes long", len(s.text)), "a YAML file may have at most 1 MiB here; keep data in files of its own"), true
	}
	if bytes.HasPrefix(s.text, []byte("\xff\xfe")) || bytes.HasPrefix(s.text, []byte("\xfe\xff")) {
		return s.syntax(Span{File: s.file}, "the file is in UTF-16", "save it as UTF-8"), true
	}
	for at := 0; at < len(s.text); {
		r, n := rune(s.text[at]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(s.text[at:])
		}
		at += n
		if r >= ' ' && r < utf8.RuneSelf || r == '\n' || r == '\t' {
			continue
		}
		place := s.span(at-n, at)
		switch {
		case r == utf8.RuneError && n == 1:
			return s.syntax(place, fmt.Sprintf("byte 0x%02X is not UTF-8", s.text[at-1]), "save the file as UTF-8"), true
		case r == '\r' && at < len(s.text) && s.text[at] == '\n':
		case r == '\r':
			return s.syntax(place, "a carriage return without a line feed", "save the file with the line ends LF or CR LF"), true
		case r < ' ', r == 0xfffe, r == 0xffff:
			return s.syntax(place, fmt.Sprintf("control character %U", r), "remove it, or write it as an escape in double quotes"), true
		case r == 0x85, r == 0x2028, r == 0x2029:
			return s.syntax(place, fmt.Sprintf("invisible line separator %U", r), "YAML counts it as the end of a line and editors do not: remove it, or write it as an escape in double quotes"), true
		}
	}
	return Diagnostic{}, false
}

// visitor looks for what YAML allows and we do not.
type visitor struct {
	source *Source
	diags  List
	usable bool // something sensible can be said about the rest
}

func (v *visitor) visit(n *yaml.Node, depth int) {
	if depth > maxYAMLDepth {
		if v.usable {
			v.report(n, fmt.Sprintf("nested more than %d deep", maxYAMLDepth), "")
		}
		v.usable = false
		return
	}
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		s := v.source
		v.mark(n, "a tag", firstWord(string(s.text[s.offset(n.Line, n.Column):])))
	case n.Anchor != "":
		v.mark(n, "an anchor", "&"+n.Anchor)
	case n.Kind == yaml.AliasNode:
		v.mark(n, "an alias", "*"+n.Value)
		v.usable = false
	}
	if n.Kind == yaml.MappingNode {
		v.twice(n)
	}
	if n.Style&yaml.FlowStyle != 0 {
		v.cutByComma(n)
	}
	for _, c := range n.Content {
		v.visit(c, depth+1)
	}
}

func (v *visitor) report(n *yaml.Node, message, hint string) {
	v.diags = append(v.diags, v.source.syntax(v.source.NodeSpan(n), message, hint))
}

// mark reports an anchor, an alias or a tag: most of them were meant to be an
// expression.
func (v *visitor) mark(n *yaml.Node, what, text string) {
	start := v.source.offset(n.Line, n.Column)
	at := v.source.span(start, min(start+len(text), len(v.source.text)))
	v.diags = append(v.diags, v.source.syntax(at, fmt.Sprintf("YAML reads `%s` as %s", text, what), markHint(text[:min(1, len(text))])))
}

// markHint says what to do about a value that begins with an anchor, an alias
// or a tag.
func markHint(sign string) string {
	switch sign {
	case "!":
		return "put the value between quotes, or write `not …` for `!…`"
	default:
		return "put the value between quotes; anchors and aliases are not used here: `let:` names an expression, `extends:` shares a file"
	}
}

// twice reports keys that a mapping has more than once: YAML forbids that, and
// the first one would be lost.
func (v *visitor) twice(n *yaml.Node) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if before, ok := first[key.Value]; ok {
			v.diags = v.diags.Error("duplicate-key", v.source.NodeSpan(key), fmt.Sprintf("the key %q is here twice", key.Value), "",
				Note{v.source.NodeSpan(before), "the first one"})
			continue
		}
		first[key.Value] = key
	}
}

// cutByComma reports an unquoted call inside {…} or […]: YAML ends it at its
// first comma.
func (v *visitor) cutByComma(n *yaml.Node) {
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode && c.Style == 0 && openCall(c.Value) {
			v.report(c, "YAML ends this value at the comma", "put the value between quotes: inside {…} and […] a comma begins the next entry")
			return
		}
	}
}

func openCall(text string) bool {
	open := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			open++
		case ')':
			open--
		}
	}
	return open > 0
}
