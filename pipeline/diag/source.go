package diag

// source.go: a YAML file and its places. The YAML library gives the line and
// column at which a node starts; people want to see all of it.

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Source is a YAML file with an index of its lines. Nodes given to it come from
// ParseYAML over the same file.
type Source struct {
	file  string
	text  []byte // without the byte order mark
	lines []int  // where each line begins
}

// NewSource indexes src, which must not change afterwards.
func NewSource(file string, src []byte) *Source {
	s := &Source{file: file, text: withoutBOM(src), lines: []int{0}}
	for at := 0; ; {
		i := bytes.IndexByte(s.text[at:], '\n')
		if i < 0 {
			return s
		}
		at += i + 1
		s.lines = append(s.lines, at)
	}
}

func withoutBOM(src []byte) []byte { return bytes.TrimPrefix(src, []byte("\ufeff")) }

// NodeSpan is the span of n as it is written, as far as it stands on its first
// line: all of a key or a scalar there, the first line of a collection.
func (s *Source) NodeSpan(n *yaml.Node) Span {
	start := s.offset(n.Line, n.Column)
	return s.span(start, min(s.end(n), s.lineEnd(start)))
}

// CutByComment is the span of a comment that was most likely meant to be part
// of the expression before it: in `find(x, # == 1)` YAML reads `find(x,`. It
// reports false for a scalar that is complete.
func (s *Source) CutByComment(n *yaml.Node) (Span, bool) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 || !unfinished(n.Value) {
		return Span{}, false
	}
	w, ok := s.walk(n)
	if !ok {
		return Span{}, false
	}
	at := w.at
	for at < len(s.text) && isSpace(s.text[at]) {
		at++
	}
	if at == w.at || at == len(s.text) || s.text[at] != '#' {
		return Span{}, false
	}
	return s.span(at, s.lineEnd(at)), true
}

// unfinished reports whether an expression goes on behind its end: a bracket
// or quote is open, or an operator waits for its right side.
func unfinished(expression string) bool {
	var quote rune
	open, escaped := 0, false
	for _, r := range expression {
		switch {
		case escaped:
			escaped = false
		case quote != 0 && r == '\\' && quote != '`':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'' || r == '`':
			quote = r
		case strings.ContainsRune("([{", r):
			open++
		case strings.ContainsRune(")]}", r):
			open--
		}
	}
	if quote != 0 || open > 0 {
		return true
	}
	words := strings.Fields(expression)
	if len(words) < 2 {
		return false
	}
	switch last := words[len(words)-1]; last {
	case "and", "or", "not", "in", "matches", "contains", "startsWith", "endsWith":
		return true
	default:
		return strings.ContainsRune("+-*/%^&|<>=!?:,.", rune(last[len(last)-1]))
	}
}

// end is the offset behind n, or behind what of n starts on its first line.
func (s *Source) end(n *yaml.Node) int {
	start := s.offset(n.Line, n.Column)
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			return blockHeaderEnd(s.text, start)
		}
		if w, ok := s.walk(n); ok {
			return w.at
		}
	case yaml.AliasNode:
		return start + len("*") + len(n.Value)
	case yaml.SequenceNode, yaml.MappingNode, yaml.DocumentNode:
		at := start
		if n.Style&yaml.FlowStyle != 0 {
			at++
		}
		for _, c := range n.Content {
			if c.Line == n.Line {
				at = max(at, s.end(c))
			}
		}
		if n.Style&yaml.FlowStyle != 0 {
			at = s.closing(at)
		}
		return at
	}
	return start
}

// closing is the offset behind the bracket that closes a flow collection whose
// last element ends at at, or the end of that line.
func (s *Source) closing(at int) int {
	for i := at; i < len(s.text); i++ {
		switch s.text[i] {
		case ']', '}':
			return i + 1
		case ' ', '\t', ',', ':':
		default:
			return s.lineEnd(at)
		}
	}
	return at
}

// offset is where the character at that line and column begins, at most the end
// of its line.
func (s *Source) offset(line, column int) int {
	if line < 1 {
		return 0
	}
	if line > len(s.lines) {
		return len(s.text)
	}
	at, end := s.lines[line-1], len(s.text)
	if line < len(s.lines) {
		end = s.lines[line] - 1
	}
	for ; column > 1 && at < end; column-- {
		_, n := utf8.DecodeRune(s.text[at:end])
		at += n
	}
	return at
}

// lineEnd is the offset behind the last visible character of the line that
// holds the offset at.
func (s *Source) lineEnd(at int) int {
	end := len(s.text)
	if i := bytes.IndexByte(s.text[at:], '\n'); i >= 0 {
		end = at + i
	}
	for end > at && isSpace(s.text[end-1]) {
		end--
	}
	return end
}

// pos is the place of the character that the byte at that offset belongs to.
func (s *Source) pos(offset int) Pos {
	line := sort.SearchInts(s.lines, offset+1)
	begin := s.lines[line-1]
	for offset > begin && offset < len(s.text) && !utf8.RuneStart(s.text[offset]) {
		offset--
	}
	return Pos{Line: line, Column: utf8.RuneCount(s.text[begin:offset]) + 1}
}

// Span is where the bytes [from, to) stand, of a text that need not be YAML.
func (s *Source) Span(from, to int) Span { return s.span(from, to) }

// span is the characters of the bytes [from, to); where there are none, its
// end is left open.
func (s *Source) span(from, to int) Span {
	span := Span{File: s.file, Start: s.pos(from)}
	if to <= from {
		return span
	}
	for to < len(s.text) && !utf8.RuneStart(s.text[to]) {
		to++
	}
	span.End = s.pos(to)
	return span
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
