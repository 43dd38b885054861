package diag

// yamlerror.go: the YAML library's errors in the words of somebody who writes
// expressions. Most of them come from a value that should have been quoted.

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	hintQuote = "put the whole value between quotes, or behind a `|` on lines of its own"
	hintOther = "put the whole value between quotes of the other kind, or behind a `|` on lines of its own"
)

// explain is the diagnostic for an error of the YAML library.
func (s *Source) explain(err error) Diagnostic {
	if errors.Is(err, io.EOF) {
		return s.syntax(Span{File: s.file}, "the file is empty", "")
	}
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return s.syntax(Span{File: s.file}, err.Error(), "")
	}
	m := mistake{
		Source:  s,
		problem: e.Message,
		at:      s.offset(e.Mark.Line, e.Mark.Column),
		begin:   s.offset(e.ContextMark.Line, e.ContextMark.Column),
		context: e.ContextMsg,
	}
	if e.Mark.Line == 0 {
		return s.syntax(Span{File: s.file}, e.Message, "")
	}
	m.lineStart = s.lines[s.pos(m.at).Line-1]
	m.before, m.rest = string(s.text[m.lineStart:m.at]), string(s.text[m.at:s.lineEnd(m.at)])
	return m.explain()
}

// mistake is where the YAML library stopped.
type mistake struct {
	*Source
	problem, context string
	at               int // the offset where it stopped
	begin            int // the offset where the thing began that it was reading
	lineStart        int
	before, rest     string // of the line, around at
}

// here is a diagnostic for n bytes at the mistake.
func (m *mistake) here(n int, message, hint string) Diagnostic {
	return m.syntax(m.span(m.at, min(m.at+n, len(m.text))), message, hint)
}

func (m *mistake) explain() Diagnostic {
	switch p := m.problem; {
	case strings.Contains(p, "max depth"):
		return m.here(0, fmt.Sprintf("nested more than %d deep", maxYAMLDepth), "")
	case strings.Contains(p, "tab") || strings.TrimLeft(m.before, " \t") == "" && strings.Contains(m.before+m.rest[:min(1, len(m.rest))], "\t"):
		return m.tab()
	case strings.HasPrefix(p, "found unexpected end of stream"), strings.HasPrefix(p, "found unexpected document indicator"):
		return m.syntax(m.span(m.begin, m.begin+1), "this quote is never closed", "close it, or put the whole value between quotes of the other kind")
	case strings.HasPrefix(p, "found character that cannot start"):
		return m.noValue()
	case strings.HasPrefix(p, "unknown anchor"):
		return m.here(len(firstWord(m.rest)), fmt.Sprintf("YAML reads `%s` as an alias", firstWord(m.rest)), markHint("*"))
	case strings.Contains(m.context, "an anchor"), strings.Contains(m.context, "an alias"), strings.Contains(m.context, "a tag"):
		sign := string(m.text[m.begin : m.begin+1])
		return m.syntax(m.span(m.begin, m.begin+1), fmt.Sprintf("YAML reads a value that begins with `%s` as an anchor, an alias or a tag", sign), markHint(sign))
	case strings.HasPrefix(p, "mapping values are not allowed"):
		return m.secondColon()
	case strings.HasPrefix(p, "could not find expected ':'"):
		return m.noColon()
	case strings.HasPrefix(p, "did not find expected key"), strings.HasPrefix(p, "did not find expected '-'"):
		return m.behindValue()
	case strings.HasPrefix(p, "did not find expected ','"):
		return m.inFlow()
	case strings.Contains(m.context, "quoted scalar"):
		escape := m.at - (len(m.before) - max(strings.LastIndexByte(m.before, '\\'), 0))
		if strings.HasPrefix(m.rest, `\`) {
			escape = m.at
		}
		return m.syntax(m.span(escape, escape+2), "YAML knows no such escape between double quotes", "write `\\\\` for a backslash, or use single quotes, where a backslash is itself")
	default:
		return m.valueStart()
	}
}

// valueStart explains what cannot stand where a value begins.
func (m *mistake) valueStart() Diagnostic {
	switch p := m.problem; {
	case strings.HasPrefix(p, "did not find expected comment or line break"):
		return m.here(len(m.rest), fmt.Sprintf("YAML reads a value that begins with `%c` as a block, which begins on the next line", m.text[m.begin]), "put the value between quotes")
	case strings.HasPrefix(p, "block sequence entries are not allowed"):
		return m.here(1, "a list cannot begin behind its key", "begin it on the next line; a value that begins with `- ` goes between quotes")
	case strings.HasPrefix(p, "mapping keys are not allowed"):
		return m.noValue()
	case strings.HasPrefix(p, "did not find expected node content") && m.rest == "":
		return m.here(0, "the file ends inside {…} or […]", "close the bracket")
	case strings.HasPrefix(p, "did not find expected node content"):
		return m.noValue()
	default:
		return m.here(0, "this is not YAML: "+p, "")
	}
}

func (m *mistake) noValue() Diagnostic {
	sign := fmt.Sprintf("`%.1s`", m.rest)
	if sign == "```" {
		sign = "a backtick"
	}
	return m.here(1, "YAML allows no value to begin with "+sign, hintQuote)
}

func (m *mistake) tab() Diagnostic {
	indent := len(m.before+m.rest) - len(strings.TrimLeft(m.before+m.rest, " \t"))
	tab := strings.IndexByte((m.before + m.rest)[:indent], '\t')
	if tab < 0 {
		return m.here(1, "YAML allows no tab here", "use spaces")
	}
	return m.syntax(m.span(m.lineStart+tab, m.lineStart+indent), "YAML allows no tab in the indentation", "use spaces")
}

var (
	keyOnly    = regexp.MustCompile(`^\s*(- +)*("[^"]*"|'[^']*'|[^\s"'?:{[#][^:?]*)$`)
	keyNoSpace = regexp.MustCompile(`^\s*(?:- +)*[\w.-]+(:)[^\s/]`)
)

// secondColon explains `: ` where YAML cannot take it as a new key.
func (m *mistake) secondColon() Diagnostic {
	if !keyOnly.MatchString(m.before) {
		return m.here(1, "YAML reads `: ` in an unquoted value as a new key", hintQuote)
	}
	above := m.above()
	if d, ok := m.missingSpace(above); ok {
		return d
	}
	if strings.Contains(m.lineText(above), " ?") {
		return m.here(1, "YAML reads `: ` in an unquoted value as a new key", hintQuote)
	}
	key := strings.TrimLeft(m.before, " ")
	d := m.syntax(m.span(m.at-len(key), m.at), "this key is indented deeper than the one above, which has a value already", "give both the same indentation")
	d.Notes = []Note{{m.lineSpan(above), "the one above"}}
	return d
}

// above is the line, counted from 1, of the last one with text before the
// mistake's.
func (m *mistake) above() int {
	line := m.pos(m.at).Line - 1
	for line > 1 && strings.TrimSpace(m.lineText(line)) == "" {
		line--
	}
	return max(line, 1)
}

func (m *mistake) lineText(line int) string {
	start := m.offset(line, 1)
	return string(m.text[start:m.lineEnd(start)])
}

// missingSpace explains `key:value`, which YAML reads as one word.
func (m *mistake) missingSpace(line int) (Diagnostic, bool) {
	place := keyNoSpace.FindStringSubmatchIndex(m.lineText(line))
	if place == nil {
		return Diagnostic{}, false
	}
	colon := m.offset(line, 1) + place[2]
	return m.syntax(m.span(colon, colon+2), "there is no space behind the colon", "YAML needs one to see a key and its value"), true
}

// noColon explains a line that should be `key: value`.
func (m *mistake) noColon() Diagnostic {
	line := m.pos(m.begin).Line
	if d, ok := m.missingSpace(line); ok {
		return d
	}
	return m.syntax(m.lineSpan(line), "this line is not `key: value`", "indent it deeper than the key above if it belongs to that key's value")
}

// behindValue explains text where the next key should be.
func (m *mistake) behindValue() Diagnostic {
	if d, ok := m.behindQuote(); ok {
		return d
	}
	if strings.HasPrefix(m.rest, ": ") {
		return m.here(1, "YAML reads `: ` in an unquoted value as a new key", hintQuote)
	}
	if strings.TrimSpace(m.before) == "" {
		return m.here(len(firstWord(m.rest)), "the indentation of this line fits nothing above it", "give it the indentation of the lines it belongs with")
	}
	return m.here(len(m.rest), "a new key was expected here", hintQuote)
}

// behindQuote explains text behind a quote or bracket that ended a value:
// `"x" + y`.
func (m *mistake) behindQuote() (Diagnostic, bool) {
	before := strings.TrimRight(m.before, " ")
	if before == "" {
		return Diagnostic{}, false
	}
	switch end := before[len(before)-1]; end {
	case '"', '\'':
		return m.here(len(m.rest), fmt.Sprintf("YAML ends the value at the quote before this: it began with `%c`", end), hintOther), true
	case '}', ']':
		return m.here(len(m.rest), fmt.Sprintf("YAML ends the value at the bracket before this: it read it as its own %s", map[byte]string{'}': "{…}", ']': "[…]"}[end]), hintQuote), true
	}
	return Diagnostic{}, false
}

// inFlow explains what does not fit between the brackets of {…} and […].
func (m *mistake) inFlow() Diagnostic {
	in := "{…}"
	if strings.Contains(m.problem, "']'") {
		in = "[…]"
	}
	if strings.HasSuffix(m.before, "$") && strings.HasPrefix(m.rest, "{") {
		end := strings.IndexByte(m.rest, '}') + 1
		return m.syntax(m.span(m.at-1, m.at+max(end, 1)), "${…} needs quotes inside "+in, `put the whole value between quotes, as in "${TOKEN}"`)
	}
	if d, ok := m.behindQuote(); ok {
		return d
	}
	if m.pos(m.at).Line > m.pos(m.begin).Line {
		d := m.syntax(m.span(m.begin, m.begin+1), fmt.Sprintf("this `%c` is never closed", m.text[m.begin]), "")
		d.Notes = []Note{{m.span(m.at, m.at+1), "YAML got as far as here"}}
		return d
	}
	switch {
	case strings.HasPrefix(m.rest, "?"), strings.HasPrefix(m.rest, ":"), strings.HasPrefix(m.rest, "{"), strings.HasPrefix(m.rest, "["):
		return m.here(1, fmt.Sprintf("YAML allows no `%.1s` in an unquoted value inside %s", m.rest, in), "put the value between quotes")
	default:
		return m.here(len(firstWord(m.rest)), "a comma or the end of "+in+" was expected here", "put the value between quotes if this belongs to it")
	}
}

// firstWord is text up to its first space, comma or closing bracket.
func firstWord(text string) string {
	if i := strings.IndexAny(text, " \t\r\n,]}"); i >= 0 {
		return text[:i]
	}
	return text
}
