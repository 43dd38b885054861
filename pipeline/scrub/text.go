package scrub

// text.go: texts of any kind, taken apart into what is replaced on its own.

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The parts of a text that are more than words and digits.
var (
	isoTime = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?`)
	})
	phoneNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\+?\(?\d[\d ().\-/]{4,}\d`) })
	parts       = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?P<stays>&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});|</?[a-zA-Z][a-zA-Z0-9]{0,9}|%[0-9A-Fa-f]{2}|\b\d{1,2}:\d{2}(?::\d{2})?\b)` +
			`|(?P<url>(?i:https?)://[^\s"'<>]+)` +
			`|(?P<email>[^\s@<>"(),;:\[\]]+@[^\s@<>"(),;:\[\]]+)` +
			`|(?P<hex>\b(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,})\b)` +
			`|(?P<time>` + isoTime().String() + `)` +
			`|(?P<date>\b\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d{2}\b)` +
			`|(?P<phone>` + phoneNumber().String() + `)`)
	})
)

// text is what stands for a text.
func (s *Scrubber) text(text string) string { return s.textUnder(text, "") }

// textUnder is what stands for a text under a name or question. What the mapping
// names stays within it.
func (s *Scrubber) textUnder(text, hint string) string {
	lower := fold(text)
	if len(lower) != len(text) {
		return s.parts(text, hint) // places in one are not those in the other
	}
	for _, phrase := range s.phrases {
		for from := 0; ; {
			i := strings.Index(lower[from:], phrase)
			if i < 0 {
				break
			}
			at := from + i
			end := at + len(phrase)
			if standsAlone(text, at, end) {
				return s.textUnder(text[:at], hint) + text[at:end] + s.textUnder(text[end:], hint)
			}
			from = end
		}
	}
	return s.parts(text, hint)
}

// standsAlone reports whether no word goes on before or behind a part.
func standsAlone(text string, from, to int) bool {
	joined := func(a, b rune) bool { return isWord(a) && isWord(b) }
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	first, _ := utf8.DecodeRuneInString(text[from:])
	last, _ := utf8.DecodeLastRuneInString(text[:to])
	behind, _ := utf8.DecodeRuneInString(text[to:])
	return !(from > 0 && joined(before, first)) && !(to < len(text) && joined(last, behind))
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

// parts replaces the parts of a text.
func (s *Scrubber) parts(text, hint string) string {
	var b strings.Builder
	from := 0
	names := parts().SubexpNames()
	for _, m := range parts().FindAllStringSubmatchIndex(text, -1) {
		for i := 1; i < len(names); i++ {
			if m[2*i] >= 0 {
				b.WriteString(s.words(text[from:m[0]]))
				b.WriteString(s.part(names[i], text[m[0]:m[1]], hint))
				break
			}
		}
		from = m[1]
	}
	b.WriteString(s.words(text[from:]))
	return b.String()
}

// part is what stands for one part.
func (s *Scrubber) part(kind, text, hint string) string {
	if digitsIn(text) == len(text) {
		return s.digits(text)
	}
	switch kind {
	case "stays":
		return text
	case "url":
		return s.url(text)
	case "email":
		local, domain, _ := strings.Cut(text, "@")
		return s.words(local) + "@" + s.domain(domain)
	case "hex":
		return s.hex(text)
	case "time", "date":
		if s.personal(text, hint) {
			return s.birthday(text)
		}
		return text
	case "phone":
		if digitsIn(text) >= minPhone {
			return s.phone(text)
		}
	}
	return s.words(text)
}

// words replaces each word and each run of digits.
func (s *Scrubber) words(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsLetter(r):
			word := prefix(text[i:], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) })
			b.WriteString(s.word(word))
			i += len(word)
		case unicode.IsDigit(r):
			run := prefix(text[i:], unicode.IsDigit)
			b.WriteString(s.digits(run))
			i += len(run)
		default:
			b.WriteString(text[i : i+size])
			i += size
		}
	}
	return b.String()
}

func prefix(text string, is func(rune) bool) string {
	if end := strings.IndexFunc(text, func(r rune) bool { return !is(r) }); end >= 0 {
		return text[:end]
	}
	return text
}

// url replaces host and path of an address.
func (s *Scrubber) url(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	host := prefix(rest, func(r rune) bool { return !strings.ContainsRune("/?#", r) })
	name, port, hasPort := strings.Cut(host, ":")
	out := scheme + "://" + s.domain(name)
	if hasPort {
		out += ":" + port
	}
	return out + s.parts(rest[len(host):], "")
}

// reserved are the domains that are nobody's, by RFC 2606.
var reserved = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost)$`)
})

// secondLevel are labels that say what kind of domain stands below them.
var secondLevel = set([]string{"co", "com", "org", "net", "ac", "edu", "gov", "go", "or", "ne"})

// domain replaces a domain by one of as many labels below example, which is
// nobody's. One that is no domain is none afterwards.
func (s *Scrubber) domain(domain string) string {
	if reserved().MatchString(domain) {
		if labels := strings.Split(domain, "."); len(labels) <= 2 {
			return domain
		}
	}
	labels := strings.Split(domain, ".")
	last := len(labels) - 1
	for i, label := range labels {
		switch top := labels[last]; {
		case i == last && last > 0 && isTop(label):
			labels[i] = "example"
			if label == strings.ToUpper(label) {
				labels[i] = "EXAMPLE"
			}
		case i == last-1 && last > 1 && secondLevel[strings.ToLower(label)] && isTop(top):
		case strings.HasPrefix(strings.ToLower(label), "xn--"):
			labels[i] = "xn--bcher-kva" // bücher
		default:
			labels[i] = s.words(label)
		}
	}
	return strings.Join(labels, ".")
}

// isTop reports whether a label can be the last one of a domain.
func isTop(label string) bool {
	return utf8.RuneCountInString(label) >= 2 && strings.IndexFunc(label, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
}

// personal reports whether a date is one of a person's life: it is asked for as
// such, or long ago.
func (s *Scrubber) personal(text, hint string) bool {
	var year int
	if at := yearIn().FindString(text); at != "" {
		_, _ = fmt.Sscan(at, &year) // four digits
	}
	return s.hinted("birth", hint) || year <= s.birthYear
}

var yearIn = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\d{4}`) })
