package diag

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// escapes are the one-letter escapes of double-quoted YAML.
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r",
	'e': "\x1b", ' ': " ", '"': `"`, '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape decodes what a backslash begins and reports whether YAML knows it.
func (w *walk) escape() bool {
	switch next := w.peek(1); next {
	case '\r', '\n':
		w.at += 2
		if next == '\r' {
			w.at++
		}
		w.at = min(w.at, len(w.text))
		w.blanks(true)
		return true
	case 'x':
		return w.code(2)
	case 'u':
		return w.code(4)
	case 'U':
		return w.code(8)
	default:
		text, ok := escapes[next]
		w.put(text, w.at, 2)
		w.at = min(w.at+2, len(w.text))
		return ok
	}
}

// code decodes a character that is given by that many hexadecimal digits.
func (w *walk) code(digits int) bool {
	if w.at+2+digits > len(w.text) {
		return false
	}
	r, err := strconv.ParseUint(string(w.text[w.at+2:w.at+2+digits]), 16, 32)
	if err != nil || r > utf8.MaxRune {
		return false
	}
	w.put(string(rune(r)), w.at, 2+digits)
	w.at += 2 + digits
	return true
}

// block decodes a literal or folded block with all line breaks at its end;
// isBlock says how many of them the block kept.
func (w *walk) block(value string, folded bool) {
	header := bytes.IndexByte(w.text[w.at:], '\n')
	if header < 0 {
		w.put("", blockHeaderEnd(w.text, w.at), 0)
		return
	}
	w.at += header + 1
	indent := blockIndent(w.text[w.at:], value)
	w.put("", w.at, 0)

	lead := -1        // the line break behind the last line of text
	wasBlank := false // that line began with a space
	var breaks []int  // those of the empty lines after it
	newline := func(at int) {
		from := w.breakStart(at)
		w.put("\n", from, at+1-from)
	}
	for {
		for w.emptyLine(indent) {
			breaks = append(breaks, w.at-1)
		}
		if !w.indented(indent) {
			break
		}
		blank := w.peek(0) == ' ' || w.peek(0) == '\t'
		switch {
		case lead < 0:
		case folded && !wasBlank && !blank:
			if len(breaks) == 0 {
				w.put(" ", w.breakStart(lead), w.at-w.breakStart(lead))
			}
		default:
			newline(lead)
		}
		for _, b := range breaks {
			newline(b)
		}
		lead, breaks, wasBlank = w.restOfLine(), breaks[:0], blank
	}
	if lead >= 0 {
		newline(lead)
	}
	for _, b := range breaks {
		newline(b)
	}
	if len(bytes.TrimLeft(w.text[w.at:], " ")) == 0 {
		w.put("\n", len(w.text), 0) // the end of the file may count as one
	}
}

// isBlock reports whether value is what block decoded, with the line breaks
// that were kept at the end.
func (w *walk) isBlock(value string) bool {
	rest, ok := strings.CutPrefix(string(w.out), value)
	return ok && strings.Trim(rest, "\n") == ""
}

// emptyLine steps over a line of at most indent spaces.
func (w *walk) emptyLine(indent int) bool {
	i := w.at
	for i < len(w.text) && w.text[i] == ' ' && i-w.at < indent {
		i++
	}
	if i+1 < len(w.text) && w.text[i] == '\r' && w.text[i+1] == '\n' {
		i++
	}
	if i >= len(w.text) || w.text[i] != '\n' {
		return false
	}
	w.at = i + 1
	return true
}

// indented steps over the indentation of a line of text.
func (w *walk) indented(indent int) bool {
	if w.at+indent >= len(w.text) {
		return false
	}
	for i := range indent {
		if w.text[w.at+i] != ' ' {
			return false
		}
	}
	w.at += indent
	return true
}

// restOfLine takes the line and is the offset of the LF that ended it, or -1
// at the end of the file.
func (w *walk) restOfLine() int {
	i := bytes.IndexByte(w.text[w.at:], '\n')
	if i < 0 {
		w.copy(len(w.text) - w.at)
		return -1
	}
	lf := w.at + i
	w.copy(w.breakStart(lf) - w.at)
	w.at = lf + 1
	return lf
}

// blockIndent is how many spaces before each line do not belong to the value of
// a block: the difference of its first line of text here and there.
func blockIndent(text []byte, value string) int {
	written, ok := firstIndent(string(text[:min(len(text), indentWindow(text))]))
	decoded, text2 := firstIndent(value)
	if !ok || !text2 || written < decoded {
		return len(text) + 1 // no line of text: all spaces are indentation
	}
	return written - decoded
}

// indentWindow is how much of text holds its first line that is not of spaces
// alone.
func indentWindow(text []byte) int {
	for i, b := range text {
		if !isSpace(b) || b == '\t' {
			return i + 1
		}
	}
	return len(text)
}

// firstIndent is the number of spaces before the first line that is not of
// spaces alone.
func firstIndent(text string) (spaces int, ok bool) {
	for _, b := range []byte(text) {
		switch b {
		case ' ':
			spaces++
		case '\n', '\r':
			spaces = 0
		default:
			return spaces, true
		}
	}
	return 0, false
}

// blockHeaderEnd is the offset behind a block's | or > and its indicators.
func blockHeaderEnd(text []byte, at int) int {
	end := at
	for end < len(text) && strings.IndexByte("|>+-0123456789", text[end]) >= 0 {
		end++
	}
	return end
}
