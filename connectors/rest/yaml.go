package rest

// yaml.go walks YAML strictly: every key is known, of its type and said once,
// or there is a diagnostic at its place. The YAML library's own strict mode
// knows lines only and stops at the first fault.

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
)

// maxDeclaration is the most bytes a declaration may have.
const maxDeclaration = 1 << 20

// reader collects the diagnostics of one file.
type reader struct {
	file  string
	diags diag.List
}

// load reads the one document that src is; nil where it is none.
func (r *reader) load(src []byte) *yaml.Node {
	switch {
	case len(src) > maxDeclaration:
		r.errorAt(diag.Pos{}, "too-large", fmt.Sprintf("the file has %d bytes; a connector may have 1 MiB", len(src)), "")
		return nil
	case !utf8.Valid(src):
		r.errorAt(diag.Pos{}, "yaml-syntax", "the file is not UTF-8 text", "save it as UTF-8")
		return nil
	}
	loader, err := yaml.NewLoader(strings.NewReader(string(src)))
	if err != nil {
		r.syntax(err)
		return nil
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		r.errorAt(diag.Pos{}, "yaml-syntax", "the file is empty; a connector was expected", "")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	var second yaml.Node
	switch err := loader.Load(&second); {
	case err == nil:
		r.errorAt(diag.Pos{Line: second.Line, Column: second.Column}, "yaml-syntax", "a second document begins here; a file declares one connector", "move it to a file of its own")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		r.errorAt(diag.Pos{}, "yaml-syntax", "the file is empty; a connector was expected", "")
		return nil
	}
	return doc.Content[0]
}

func (r *reader) syntax(err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		r.errorAt(diag.Pos{}, "yaml-syntax", err.Error(), "")
		return
	}
	r.errorAt(diag.Pos{Line: load.Mark.Line, Column: load.Mark.Column}, "yaml-syntax", "this is not YAML: "+load.Message, "")
}

func (r *reader) errorAt(at diag.Pos, code, message, hint string) {
	r.diags = r.diags.Error(code, diag.Span{File: r.file, Start: at}, message, hint)
}

// error is a diagnostic at a node.
func (r *reader) error(n *yaml.Node, code, message, hint string) {
	r.diags = r.diags.Error(code, r.span(n), message, hint)
}

// span is where a node stands; a scalar on one line ends where its text does.
func (r *reader) span(n *yaml.Node) diag.Span {
	s := diag.Span{File: r.file, Start: diag.Pos{Line: n.Line, Column: n.Column}}
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.Contains(n.Value, "\n") {
		return s
	}
	width := utf8.RuneCountInString(n.Value)
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		width += 2
	}
	s.End = diag.Pos{Line: n.Line, Column: n.Column + width}
	return s
}

// entry is one key of a mapping.
type entry struct {
	name       string
	key, value *yaml.Node
}

// object is a mapping whose keys were looked at.
type object struct {
	r       *reader
	at      *yaml.Node
	what    string // "the connector", "stream attendees"
	entries []entry
}

// object reads n, whose keys must be among known; no known keys means that any
// name may stand there.
func (r *reader) object(n *yaml.Node, what string, known ...string) (*object, bool) {
	o := &object{r: r, at: n, what: what}
	if n.Kind != yaml.MappingNode {
		r.wrongType(n, what, "keys and values")
		return o, false
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.wrongType(key, "a key of "+what, "a name")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			r.diags = r.diags.Error("duplicate-key", r.span(key), fmt.Sprintf("%s has %q twice", what, key.Value), "leave one out",
				diag.Note{Span: r.span(first), Message: "it stands here first"})
			continue
		}
		seen[key.Value] = key
		if len(known) > 0 && !slices.Contains(known, key.Value) {
			hint := diag.DidYouMean(key.Value, known)
			if hint == "" {
				hint = "known are " + strings.Join(known, ", ")
			}
			r.error(key, "unknown-key", fmt.Sprintf("%s has no key %q", what, key.Value), hint)
			continue
		}
		o.entries = append(o.entries, entry{key.Value, key, value})
	}
	return o, true
}

// get is the value under a key, nil where there is none.
func (o *object) get(name string) *yaml.Node {
	for _, e := range o.entries {
		if e.name == name {
			return e.value
		}
	}
	return nil
}

// missing reports that a key must be there.
func (o *object) missing(name, hint string) {
	o.r.error(o.at, "missing-key", fmt.Sprintf("%s needs %q", o.what, name), hint)
}

// need is the text under a key that must be there.
func (o *object) need(name, hint string) (string, *yaml.Node) {
	n := o.get(name)
	if n == nil {
		o.missing(name, hint)
		return "", nil
	}
	return o.r.text(n, name), n
}

// text is the text under a key, or empty.
func (o *object) text(name string) string {
	if n := o.get(name); n != nil {
		return o.r.text(n, name)
	}
	return ""
}

// count is the whole number under a key, at least min and otherwise a
// diagnostic; fallback where the key is absent.
func (o *object) count(name string, least, fallback int64) int64 {
	n := o.get(name)
	if n == nil {
		return fallback
	}
	i, ok := o.r.integer(n, name)
	if ok && i < least {
		o.r.error(n, "invalid-value", fmt.Sprintf("%s is %d; it must be at least %d", name, i, least), "")
		return fallback
	}
	return i
}

// text is a scalar that is text and not empty. A name that looks like a number
// has to be quoted, so that 007 is not 7.
func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.wrongType(n, what, "text")
		return ""
	}
	if strings.TrimSpace(n.Value) == "" {
		r.error(n, "invalid-value", what+" is empty", "")
	}
	return n.Value
}

func (r *reader) integer(n *yaml.Node, what string) (int64, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		r.wrongType(n, what, "a whole number")
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		r.error(n, "invalid-value", fmt.Sprintf("%s is %s; a whole number in plain digits was expected", what, n.Value), "")
		return 0, false
	}
	return i, true
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || (n.Value != "true" && n.Value != "false") || n.ShortTag() != "!!bool" {
		r.wrongType(n, what, "true or false")
		return false
	}
	return n.Value == "true"
}

// texts is one text or a list of them.
func (r *reader) texts(n *yaml.Node, what string) []string {
	if n.Kind != yaml.SequenceNode {
		return []string{r.text(n, what)}
	}
	if len(n.Content) == 0 {
		r.error(n, "invalid-value", what+" is an empty list", "")
	}
	var out []string
	for _, item := range n.Content {
		out = append(out, r.text(item, what))
	}
	return out
}

// word is a text out of a few.
func (r *reader) word(n *yaml.Node, what string, words ...string) string {
	s := r.text(n, what)
	if s == "" || slices.Contains(words, s) {
		return s
	}
	hint := diag.DidYouMean(s, words)
	if hint == "" {
		hint = "known are " + strings.Join(words, ", ")
	}
	r.error(n, "invalid-value", fmt.Sprintf("%s cannot be %q", what, s), hint)
	return ""
}

func (r *reader) wrongType(n *yaml.Node, what, want string) {
	var is, hint string
	switch {
	case n.Kind == yaml.MappingNode:
		is = "keys and values"
	case n.Kind == yaml.SequenceNode:
		is = "a list"
	case n.Kind == yaml.AliasNode:
		is, hint = "a YAML alias", "write it out: aliases are not taken here"
	case n.ShortTag() == "!!null":
		is = "empty"
	case n.ShortTag() == "!!bool":
		is = "true or false"
	case n.ShortTag() == "!!int" || n.ShortTag() == "!!float":
		is = "a number"
	case n.ShortTag() == "!!str":
		is = "text"
	default:
		is = "a " + strings.TrimLeft(n.ShortTag(), "!")
	}
	if want == "text" && n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" && hint == "" {
		hint = fmt.Sprintf("put it in quotes: %q", n.Value)
	}
	r.error(n, "wrong-type", fmt.Sprintf("%s is %s; expected %s", what, is, want), hint)
}
