package scrub

// value.go: what a value is, from its look, its name and its question, and so
// what becomes of it.

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// hints are words in the names of fields, and in questions, that say what stands
// under them.
var hints = sync.OnceValue(func() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"phone":  regexp.MustCompile(`(?i)phone|mobile|whats ?app|\btel\b|_tel\b|\bfax|_fax`),
		"birth":  regexp.MustCompile(`(?i)birth|\bdob\b|_dob\b|\bborn\b`),
		"id":     regexp.MustCompile(`(?i)(^|[^a-z])(id|uuid|guid|ref|number|no)$|[a-z]I[Dd]$|reference|barcode|passport|nric|\bssn\b|zip|post(al)? ?_?code|postal|iban|account|licen[cs]e`),
		"amount": regexp.MustCompile(`(?i)price|amount|total|cost|(^|_)fee|paid|quantity|qty|count|balance|tax|discount|rate$|percent|score|duration`),
	}
})

func (s *Scrubber) hinted(kind, hint string) bool { return hints()[kind].MatchString(hint) }

// nothing are the words by which people say that there is nothing to say. They
// are no names, and what reads them may trip over them.
var nothing = map[string]bool{
	"n/a": true, "na": true, "none": true, "null": true, "nil": true, "undefined": true, "unknown": true, "true": true, "false": true,
	"yes": true, "no": true, "y": true, "n": true, "nan": true, "tbd": true, "tbc": true,
}

// value is what stands for a text under a path.
func (s *Scrubber) value(text string, t *token, about *context) string {
	trimmed := strings.TrimSpace(text)
	hint := about.hint(t)
	switch folded := fold(trimmed); {
	case trimmed == "":
		return text
	case about.asks(t):
		s.kept(t, "questions")
		return text
	case s.texts[folded]:
		s.kept(t, "what the mapping or a schema names")
		return text
	case nothing[folded]:
		s.kept(t, "words for nothing")
		return text
	case s.listed[t.path] && !strings.Contains(text, "@") && digitsIn(text) < 5:
		s.kept(t, "what is looked up")
		return text
	case s.isTime(trimmed, hint):
		s.kept(t, "times")
		return text
	case s.isAmount(trimmed, t, hint):
		s.kept(t, "amounts")
		return text
	}
	s.field(t).Replaced = true
	if s.hinted("phone", hint) {
		return s.phone(text)
	}
	return s.textUnder(text, hint)
}

// number is what stands for a number, or for what stands in the place of one.
func (s *Scrubber) number(text string, t *token, about *context) string {
	hint := about.hint(t)
	if s.isAmount(text, t, hint) {
		s.kept(t, "amounts")
		return text
	}
	s.field(t).Replaced = true
	switch {
	case s.hinted("phone", hint):
		return s.phone(text)
	case s.hinted("birth", hint) && len(text) == 4 && digitsIn(text) == 4:
		return s.year(text)
	}
	return s.words(text)
}

var numeral = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[+-]?(\d+)([.,]\d+)?([eE][+-]?\d+)?$`)
})

// longID is how many digits a number has that is taken for an id, or for a part of
// an address, unless its name says that it is an amount.
const longID = 5

// isAmount reports whether a text is a number that says how much.
func (s *Scrubber) isAmount(text string, t *token, hint string) bool {
	m := numeral().FindStringSubmatch(text)
	switch {
	case m == nil || s.keys[t.name] || s.hinted("phone", hint) || s.hinted("birth", hint):
		return false
	case s.amounts[t.path] || s.hinted("amount", hint):
		return true
	case s.hinted("id", hint):
		return false
	}
	return m[2] != "" || m[3] != "" || len(m[1]) < longID && !strings.HasPrefix(m[1], "0") || m[1] == "0"
}

// isTime reports whether a text is a time, and none that is of a person.
func (s *Scrubber) isTime(text, hint string) bool {
	at := isoTime().FindStringIndex(text)
	return at != nil && at[0] == 0 && at[1] == len(text) && !s.personal(text, hint)
}

func digitsIn(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// fold is a text without the difference of capitals.
func fold(text string) string { return strings.Map(unicode.ToLower, text) }

// isPhrase reports whether a text is looked for within others: a letter or two are
// in many.
func isPhrase(folded string) bool {
	return utf8.RuneCountInString(folded) >= 3 && strings.IndexFunc(folded, unicode.IsLetter) >= 0
}
