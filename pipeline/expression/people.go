// people.go: functions for what people type about themselves.

package expression

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func peopleFunctions() []*function {
	return []*function{
		{Function: Function{Name: "email", Group: "people", Signature: "email(text)",
			Doc: "The e-mail address, trimmed and in lower case. Null where the text is no plausible address: " +
				"one @, before it up to 64 bytes without space, quotes, brackets or a dot at an end or twice, " +
				"after it a domain of at least two labels that does not end in digits; 254 bytes in all. Null stays null.",
			Example: `email(" Zoe@Example.ORG ")`, Result: `"zoe@example.org"`},
			params: []param{{name: "text", want: isText, null: true}}, result: maybe(textual), run: email},
	}
}

func email(_ *Machine, a []any) (any, error) {
	s, ok := a[0].(string)
	if !ok {
		return nil, nil
	}
	address := strings.ToLower(strings.TrimFunc(s, isBlank))
	local, domain, ok := strings.Cut(address, "@")
	if !ok || len(address) > 254 || !plausibleLocal(local) || !plausibleDomain(domain) {
		return nil, nil
	}
	if address == s {
		return a[0], nil
	}
	return address, nil
}

func plausibleLocal(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return isBlank(r) || unicode.IsControl(r) || r == utf8.RuneError || strings.ContainsRune(`"(),:;<>[\]`, r)
	})
}

func plausibleDomain(s string) bool {
	labels := 0
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return false
			}
		}
		labels++
		last = label
	}
	return labels > 1 && len(last) > 1 && strings.ContainsFunc(last, unicode.IsLetter)
}
