package diag

// locate.go: an expression is a scalar of a YAML file. Its errors are found at
// offsets of the decoded text; people edit the file, with its quotes, escapes
// and indentation. The walk decodes the scalar once more and notes where each
// byte came from.

import (
	"sort"

	"go.yaml.in/yaml/v4"
)

// Locator maps the bytes of one scalar to the file.
type Locator struct {
	source *Source
	start  int     // offset of the scalar
	value  int     // length of the decoded text
	pieces []piece // in order; empty where the walk did not arrive at the decoded text
}

// piece is a stretch of decoded text and the stretch of the file that it was
// made from: the same bytes, or others that stand for all of it (an escape, a
// line break that was folded).
type piece struct {
	value, n   int
	src, width int
	same       bool
}

// Locate prepares the places in the scalar n of the file.
func (s *Source) Locate(n *yaml.Node) *Locator {
	l := &Locator{source: s, start: s.offset(n.Line, n.Column), value: len(n.Value)}
	if w, ok := s.walk(n); ok {
		l.pieces = w.pieces
		for len(l.pieces) > 1 && l.pieces[len(l.pieces)-1].value >= l.value {
			l.pieces = l.pieces[:len(l.pieces)-1] // line breaks that a block did not keep
		}
	}
	return l
}

// Span is where the bytes [from, to) of the decoded text stand in the file.
// Where that cannot be said it is the start of the scalar.
func (l *Locator) Span(from, to int) Span {
	if len(l.pieces) == 0 {
		return l.source.span(l.start, l.start)
	}
	from = min(max(from, 0), l.value)
	to = min(max(to, 0), l.value)
	start, _ := l.at(from)
	if to <= from {
		return l.source.span(start, start)
	}
	_, end := l.at(to - 1)
	return l.source.span(start, end)
}

// at is the stretch of the file that byte i of the decoded text was made from.
func (l *Locator) at(i int) (from, to int) {
	next := sort.Search(len(l.pieces), func(k int) bool { return l.pieces[k].value > i })
	p := l.pieces[max(next-1, 0)]
	switch {
	case i >= p.value+p.n: // behind the end
		return p.src + p.width, p.src + p.width
	case p.same:
		return p.src + i - p.value, p.src + i - p.value + 1
	default:
		return p.src, p.src + p.width
	}
}

// walk decodes n once more. It reports false where that gave another text than
// the YAML library did.
func (s *Source) walk(n *yaml.Node) (*walk, bool) {
	if n.Kind != yaml.ScalarNode {
		return nil, false
	}
	w := &walk{text: s.text, at: s.offset(n.Line, n.Column)}
	switch {
	case n.Style&yaml.TaggedStyle != 0 || n.Anchor != "":
		return nil, false
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return w, w.quoted('"') && string(w.out) == n.Value
	case n.Style&yaml.SingleQuotedStyle != 0:
		return w, w.quoted('\'') && string(w.out) == n.Value
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		w.block(n.Value, n.Style&yaml.FoldedStyle != 0)
		return w, w.isBlock(n.Value)
	default:
		w.plain(len(n.Value))
		return w, string(w.out) == n.Value
	}
}

// walk is the decoding of one scalar.
type walk struct {
	text   []byte // of the file
	at     int    // what of it was read
	out    []byte // the decoded text so far
	pieces []piece
}

// copy takes n bytes as they are.
func (w *walk) copy(n int) {
	if n == 0 {
		return
	}
	if last := len(w.pieces) - 1; last >= 0 && w.pieces[last].same && w.pieces[last].src+w.pieces[last].n == w.at {
		w.pieces[last].n += n
		w.pieces[last].width += n
	} else {
		w.pieces = append(w.pieces, piece{value: len(w.out), n: n, src: w.at, width: n, same: true})
	}
	w.out = append(w.out, w.text[w.at:w.at+n]...)
	w.at += n
}

// put decodes width bytes at src as text.
func (w *walk) put(text string, src, width int) {
	w.pieces = append(w.pieces, piece{value: len(w.out), n: len(text), src: src, width: width})
	w.out = append(w.out, text...)
}

// plain decodes an unquoted scalar of n bytes.
func (w *walk) plain(n int) {
	for len(w.out) < n && w.at < len(w.text) {
		if isSpace(w.text[w.at]) {
			w.blanks(false)
			continue
		}
		i := w.at
		for i < len(w.text) && i-w.at < n-len(w.out) && !isSpace(w.text[i]) {
			i++
		}
		w.copy(i - w.at)
	}
}

// blanks decodes spaces and line breaks: spaces within a line stay; a line
// break with all spaces around it is one space, each further one a line break.
// After a line break that was escaped there is no space.
func (w *walk) blanks(escaped bool) {
	var breaks []int
	end := w.at
	for end < len(w.text) && isSpace(w.text[end]) {
		if w.text[end] == '\n' {
			breaks = append(breaks, end)
		}
		end++
	}
	switch {
	case len(breaks) == 0 && escaped:
	case len(breaks) == 0:
		w.copy(end - w.at)
	case len(breaks) == 1 && !escaped:
		from := w.breakStart(breaks[0])
		w.put(" ", from, end-from)
	default:
		if !escaped {
			breaks = breaks[1:]
		}
		for _, b := range breaks {
			w.put("\n", w.breakStart(b), b+1-w.breakStart(b))
		}
	}
	w.at = end
}

// breakStart is where the line break begins whose LF is at i.
func (w *walk) breakStart(i int) int {
	if i > 0 && w.text[i-1] == '\r' {
		return i - 1
	}
	return i
}

// quoted decodes a scalar between quotes and reports whether it ended.
func (w *walk) quoted(quote byte) bool {
	if w.at >= len(w.text) || w.text[w.at] != quote {
		return false
	}
	w.at++
	if w.at < len(w.text) && w.text[w.at] == quote && (quote == '"' || w.peek(1) != quote) {
		w.put("", w.at, 0) // empty, but its place is known
	}
	for w.at < len(w.text) {
		switch b := w.text[w.at]; {
		case isSpace(b):
			w.blanks(false)
		case b == quote && quote == '\'' && w.peek(1) == quote:
			w.put("'", w.at, 2)
			w.at += 2
		case b == quote:
			w.at++
			return true
		case b == '\\' && quote == '"':
			if !w.escape() {
				return false
			}
		default:
			i := w.at
			for i < len(w.text) && !isSpace(w.text[i]) && w.text[i] != quote && (w.text[i] != '\\' || quote != '"') {
				i++
			}
			w.copy(i - w.at)
		}
	}
	return false
}

// peek is the byte n behind the current one, or 0.
func (w *walk) peek(n int) byte {
	if w.at+n >= len(w.text) {
		return 0
	}
	return w.text[w.at+n]
}
