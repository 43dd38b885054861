// country.go: countries to their codes of ISO 3166. The names are those of
// CLDR and what people write besides; what two countries are called ("Korea",
// "Congo") is neither.

package expression

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// countryTable has a line for each country: alpha-2, alpha-3, names. Kosovo is
// in it, whose XK is not of ISO but what everybody uses.
//
//go:embed countries.txt
var countryTable string

func countryFunctions() []*function {
	return []*function{
		{Function: Function{Name: "country", Group: "people", Signature: "country(text)",
			Doc: "The two-letter code (ISO 3166) of a country, from its English name, from its two or three letters, or from what people write: UK, South Korea, Viet Nam. " +
				"Case, accents and dots do not matter. What is no country is an error of the record; lookup() is for other spellings. Null and a text of nothing but space give null.",
			Example: `country("South Korea")`, Result: `"KR"`},
			params: []param{{name: "text", want: isText, null: true}}, result: maybe(textual), run: country},
	}
}

func country(_ *Machine, a []any) (any, error) {
	s, ok := a[0].(string)
	if !ok || strings.TrimFunc(s, isBlank) == "" {
		return nil, nil
	}
	code, ok := countryCode(s)
	switch {
	case !ok:
		return nil, because(codeValue, "the text is no country that is known by that name; it takes an English name, or a code such as SG or SGP")
	case code == s:
		return a[0], nil
	}
	return code, nil
}

// maxCountry is how many bytes a text may have that names a country.
const maxCountry = 100

// countryCode is the alpha-2 code of what a text calls a country.
func countryCode(s string) (string, bool) {
	if len(s) > maxCountry {
		return "", false
	}
	code, ok := countryIndex()[countryKey(s)]
	return code, ok
}

// countryIndex is the codes by what countryKey makes of names and codes.
var countryIndex = sync.OnceValue(func() map[string]string {
	index := map[string]string{}
	for line := range strings.Lines(countryTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		names := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for _, name := range names {
			index[countryKey(name)] = names[0]
		}
	}
	return index
})

// countryKey is a name without what people write in different ways: case,
// accents, dots, spaces, "the", "and", "St.". What has no more letters than a
// code has to be written like one: n/a is not Namibia.
func countryKey(s string) string {
	if key := countryName(s); len(key) > 3 {
		return key
	}
	return strings.ToLower(strings.TrimFunc(s, isBlank))
}

func countryName(s string) string {
	letters := func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r) || r == '.' || r == '\'' || r == '’':
			return -1
		case unicode.IsLetter(r):
			return unicode.ToLower(r)
		case r == '&':
			return r
		}
		return ' '
	}
	var b strings.Builder
	for word := range strings.FieldsSeq(strings.Map(letters, latin.Replace(norm.NFD.String(strings.ReplaceAll(s, "&", " & "))))) {
		switch word {
		case "the", "and", "&":
		case "st":
			b.WriteString("saint")
		default:
			b.WriteString(word)
		}
	}
	return b.String()
}
