// text.go: functions of text. They count characters and never bytes.

package expression

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxPadded is how long padLeft makes a text.
const maxPadded = 10_000

func textFunctions() []*function {
	text := param{name: "text", want: isText}
	count := param{name: "length", want: isNumeric}
	return []*function{
		{Function: Function{Name: "trim", Group: "text", Signature: "trim(text)", Doc: "The text without space at its ends, of any kind: also no-break and zero-width spaces.",
			Example: `trim("  Zoë\u00a0")`, Result: `"Zoë"`}, params: []param{text}, result: textual, run: trim},
		{Function: Function{Name: "lower", Group: "text", Signature: "lower(text)", Doc: "The text in lower case.",
			Example: `lower("ZOË")`, Result: `"zoë"`}, params: []param{text}, result: textual, run: mapped(strings.ToLower)},
		{Function: Function{Name: "upper", Group: "text", Signature: "upper(text)", Doc: "The text in upper case.",
			Example: `upper("Zoë")`, Result: `"ZOË"`}, params: []param{text}, result: textual, run: mapped(strings.ToUpper)},
		{Function: Function{Name: "title", Group: "text", Signature: "title(text)", Doc: "Each word with a capital and the rest in lower case. A word also begins behind a hyphen, and behind an apostrophe that follows a single letter.",
			Example: `title("anne-marie o'NEILL")`, Result: `"Anne-Marie O'Neill"`}, params: []param{text}, result: textual, run: mapped(title)},
		{Function: Function{Name: "slug", Group: "text", Signature: "slug(text)", Doc: "The text for an address or a file name: lower case, Latin letters without accents, letters and digits joined by hyphens. Other scripts stay as they are.",
			Example: `slug("Crème brûlée & Co.")`, Result: `"creme-brulee-co"`}, params: []param{text}, result: textual, run: mapped(slug)},
		{Function: Function{Name: "squash", Group: "text", Signature: "squash(text)", Doc: "The text trimmed, and each run of space and line breaks within it as one space.",
			Example: `squash(" 12  Long\n Street ")`, Result: `"12 Long Street"`}, params: []param{text}, result: textual, run: mapped(squash)},
		{Function: Function{Name: "truncate", Group: "text", Signature: "truncate(text, length)", Doc: "The first characters of the text, at most length of them.",
			Example: `truncate("Zoë Ångström", 5)`, Result: `"Zoë Å"`}, params: []param{text, count}, result: textual, run: truncate},
		{Function: Function{Name: "replace", Group: "text", Signature: "replace(text, old, new)", Doc: "The text with every old replaced by new.",
			Example: `replace("+65 6123 4567", " ", "")`, Result: `"+6561234567"`},
			params: []param{text, {name: "old", want: isText, literal: notEmpty("what replace looks for")}, {name: "new", want: isText}}, result: textual, run: replace},
		{Function: Function{Name: "split", Group: "text", Signature: "split(text, separator)", Doc: "The parts of the text between the separators, as a list.",
			Example: `split("a, b", ", ")`, Result: `["a","b"]`},
			params: []param{text, {name: "separator", want: isText, literal: notEmpty("the separator of split")}}, result: listOfLeast(textual, 1), run: split},
		{Function: Function{Name: "padLeft", Group: "text", Signature: "padLeft(text, length[, fill])", Doc: "The text filled at its beginning up to length characters, with spaces or with fill, which is one character.",
			Example: `padLeft("42", 5, "0")`, Result: `"00042"`}, params: []param{text, count, {name: "fill", want: isText}}, optional: 1, result: textual, run: padLeft},
		{Function: Function{Name: "string", Group: "text", Signature: "string(value)", Doc: "The value as text: a number as it was written, a date as 2006-01-02, a timestamp as RFC 3339 in UTC, a list or an object as JSON. Null has no text: write string(id ?? \"\").",
			Example: `string(number("1000.50"))`, Result: `"1000.50"`}, params: []param{{name: "value", want: anything, fault: codeStringNull}}, result: textual,
			run: func(m *Machine, a []any) (any, error) {
				if _, ok := a[0].(string); ok {
					return a[0], nil
				}
				if err := m.spend(sizeOf(a[0])); err != nil {
					return nil, err
				}
				return textOf(a[0])
			}},
		{Function: Function{Name: "len", Group: "text", Signature: "len(value)", Doc: "How many characters a text, items a list or members an object has.",
			Example: `len("Zoë")`, Result: `3`}, params: []param{{name: "value", want: isText | isList | isObject}}, result: integral, run: length},
	}
}

// listOfLeast is a list of at least n of t.
func listOfLeast(t typed, n int) typed {
	list := listOf(t)
	list.shape.Least = n
	return list
}

// notEmpty checks a literal that must not be empty.
func notEmpty(what string) func(string) error {
	return func(s string) error {
		if s == "" {
			return because(codeWrongArguments, "%s is empty", what)
		}
		return nil
	}
}

// mapped is a function from text to text. A text that stays as it is is not
// boxed anew.
func mapped(f func(string) string) func(*Machine, []any) (any, error) {
	return func(_ *Machine, a []any) (any, error) {
		s := a[0].(string)
		if t := f(s); t != s {
			return t, nil
		}
		return a[0], nil
	}
}

// isBlank reports whether r is space of any kind, seen or not.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == '\u200b' || r == '\u2060' || r == '\ufeff'
}

func trim(_ *Machine, a []any) (any, error) {
	s := a[0].(string)
	if t := strings.TrimFunc(s, isBlank); len(t) != len(s) {
		return t, nil
	}
	return a[0], nil
}

func title(s string) string {
	var b strings.Builder
	letters, begins := 0, true
	for _, r := range s {
		if begins {
			b.WriteRune(unicode.ToTitle(r))
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		switch {
		case r == '\'' || r == '’':
			begins = letters == 1
			letters = 0
		case isBlank(r) || r == '-':
			begins, letters = true, 0
		default:
			begins = begins && !unicode.IsLetter(r) && !unicode.IsDigit(r)
			letters++
		}
	}
	return b.String()
}

// latin are letters that decomposition does not take apart.
var latin = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "þ", "th", "ł", "l", "ı", "i")

func slug(s string) string {
	var b strings.Builder
	gap, base := false, rune(0)
	for _, r := range norm.NFD.String(latin.Replace(strings.ToLower(s))) {
		switch {
		case unicode.Is(unicode.Mn, r):
			if base != 0 && !unicode.Is(unicode.Latin, base) {
				b.WriteRune(r) // part of the letter in many scripts
			}
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			gap, base = false, r
		case r == '\'' || r == '’':
			base = 0
		default:
			gap, base = true, 0
		}
	}
	return norm.NFC.String(b.String())
}

func squash(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.TrimFunc(s, isBlank) {
		if isBlank(r) {
			gap = true
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// whole is argument i as an integer of at least 0.
func whole(a []any, i int, what string) (int, error) {
	x, err := toNumber(a[i], i)
	if err != nil {
		return 0, err
	}
	n, ok := asInteger(x)
	if !ok || n < 0 {
		return 0, because(codeValue, "%s is an integer from 0 up", what)
	}
	return n, nil
}

func truncate(_ *Machine, a []any) (any, error) {
	n, err := whole(a, 1, "the length for truncate")
	if err != nil {
		return nil, err
	}
	s := a[0].(string)
	if len(s) <= n {
		return a[0], nil
	}
	return sliceText(s, nil, &n), nil
}

func replace(m *Machine, a []any) (any, error) {
	s, old, with := a[0].(string), a[1].(string), a[2].(string)
	if old == "" {
		return nil, because(codeValue, "what replace looks for is empty")
	}
	n := strings.Count(s, old)
	if n == 0 {
		return a[0], nil
	}
	if err := m.spend(len(s) + n*len(with)); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s, old, with), nil
}

func split(m *Machine, a []any) (any, error) {
	s, separator := a[0].(string), a[1].(string)
	if separator == "" {
		return nil, because(codeValue, "the separator of split is empty")
	}
	if err := m.spend(itemWork * (strings.Count(s, separator) + 1)); err != nil {
		return nil, err
	}
	parts := strings.Split(s, separator)
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out, nil
}

func padLeft(_ *Machine, a []any) (any, error) {
	n, err := whole(a, 1, "the length for padLeft")
	if err != nil {
		return nil, err
	}
	fill := " "
	if len(a) > 2 {
		fill = a[2].(string)
	}
	if n > maxPadded || utf8.RuneCountInString(fill) != 1 {
		return nil, because(codeValue, "padLeft fills up to %d characters, with a single one", maxPadded)
	}
	s := a[0].(string)
	return strings.Repeat(fill, max(0, n-utf8.RuneCountInString(s))) + s, nil
}

func length(m *Machine, a []any) (any, error) {
	switch v := a[0].(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case rawObject, map[string]any:
		members, err := m.members(v)
		return len(members), err
	default:
		items, err := m.items(v)
		return len(items), err
	}
}
