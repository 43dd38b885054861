package jsonrow

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// plain marks the bytes that mean themselves inside a string: printable ASCII
// but for the quote and the backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// The same eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// notPlain has the highest bit set of the first byte of w that is not plain, and
// no bit below it. Of bytes up to 0x7f, those below 0x20 and the quote, 0x22, are
// the ones that are below 0x21 when their second bit is turned over; taking that
// away leaves them with the highest bit set.
func notPlain(w uint64) uint64 {
	quote, slant := (w^ones*0x02)-ones*0x21, (w^ones*'\\')-ones
	return (quote | slant | w) & highs
}

// quoteOrSlant has the highest bit set of the first byte of w that is one of the
// two, and no bit below it.
func quoteOrSlant(w uint64) uint64 {
	quote, slant := w^ones*'"', w^ones*'\\'
	return ((quote-ones)&^quote | (slant-ones)&^slant) & highs
}

// stringToken reads a string, and reports whether there are escapes in it.
func (d *Decoder) stringToken(i int) (end int, escaped bool, err error) {
	src := d.src
	i++
	for {
		for fastTexts && i+8 <= len(src) {
			if end := notPlain(binary.LittleEndian.Uint64(src[i:])); end != 0 {
				i += bits.TrailingZeros64(end) / 8
				break
			}
			i += 8
		}
		for i < len(src) && plain[src[i]] {
			i++
		}
		if i >= len(src) {
			return i, false, d.wanted(i, "a closing quote")
		}
		switch c := src[i]; {
		case c == '"':
			return i + 1, escaped, nil
		case c == '\\':
			escaped = true
			n := escapeLength(src[i:])
			if n == 0 {
				return i, false, d.badEscape(i)
			}
			i += n
		case c < 0x20:
			return i, false, d.fail(i, "json-syntax", "has an unescaped control character inside a text")
		default:
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n <= 1 {
				return i, false, d.fail(i, "invalid-utf8", "is not valid UTF-8")
			}
			i += n
		}
	}
}

func (d *Decoder) badEscape(i int) error {
	if r, ok := hex4(d.src[i:]); ok && isSurrogate(r) {
		return d.fail(i, "invalid-utf8", `has half of a surrogate pair (\ud800 to \udfff) in a text`)
	}
	return d.fail(i, "json-syntax", "has an unknown escape sequence in a text")
}

// escapeLength is the length of the escape sequence that b begins with, both
// halves of a surrogate pair counted, or 0 where it is none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	}
	r, ok := hex4(b)
	switch {
	case !ok:
		return 0
	case !isSurrogate(r):
		return 6
	case r >= 0xdc00 || len(b) < 12:
		return 0
	}
	if low, ok := hex4(b[6:]); !ok || low < 0xdc00 || low > 0xdfff {
		return 0
	}
	return 12
}

func isSurrogate(r rune) bool { return r >= 0xd800 && r <= 0xdfff }

// hex4 is the number in \uXXXX at the start of b.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case (c|0x20)-'a' <= 5:
			r = r<<4 | rune((c|0x20)-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescape is the text that raw stands for. Without escapes that is raw itself;
// with them it is written to memory of the decoder, a chunk of which is never
// moved while strings point into it.
func (d *Decoder) unescape(raw []byte, escaped bool) string {
	if !escaped {
		return text(raw)
	}
	if cap(d.text)-len(d.text) < len(raw) {
		d.text = make([]byte, 0, max(16<<10, len(raw)))
	}
	start := len(d.text)
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			n = len(raw) - i
		}
		d.text = append(d.text, raw[i:i+n]...)
		if i += n; i < len(raw) {
			i += d.escape(raw[i:])
		}
	}
	return text(d.text[start:])
}

// escape appends what the escape sequence at the start of b stands for.
func (d *Decoder) escape(b []byte) int {
	switch b[1] {
	case 'b':
		d.text = append(d.text, '\b')
	case 'f':
		d.text = append(d.text, '\f')
	case 'n':
		d.text = append(d.text, '\n')
	case 'r':
		d.text = append(d.text, '\r')
	case 't':
		d.text = append(d.text, '\t')
	case 'u':
		r, _ := hex4(b)
		n := 6
		if isSurrogate(r) {
			low, _ := hex4(b[6:])
			r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
			n = 12
		}
		d.text = utf8.AppendRune(d.text, r)
		return n
	default: // " \ /
		d.text = append(d.text, b[1])
	}
	return 2
}
