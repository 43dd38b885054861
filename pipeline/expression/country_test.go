package expression

import (
	"strings"
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// noCountries are regions of x/text that ISO 3166 only keeps free for others.
const noCountries = "AC CP DG TA"

// The table has the countries of the world, with the codes and the names that
// x/text gives them.
func TestCountriesOfTheWorld(t *testing.T) {
	known := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			region, err := language.ParseRegion(code)
			if err != nil || !region.IsCountry() || region.Canonicalize() != region || region.String() != code || region.ISO3() == "ZZZ" || strings.Contains(noCountries, code) {
				continue
			}
			name := display.English.Regions().Name(region)
			if name == "" { // there is no such country any more
				continue
			}
			known++
			for _, s := range []string{code, region.ISO3(), name, strings.ToLower(code), strings.ToUpper(name)} {
				if got, ok := countryCode(s); !ok || got != code {
					t.Errorf("%q: %q %v, want %s", s, got, ok, code)
				}
			}
		}
	}
	if lines := strings.Count(countryTable, "\n") - 1; known != lines || known < 249 {
		t.Errorf("the table has %d countries, and the world %d", lines, known)
	}
}

// No name stands for two countries.
func TestCountryNamesAreOfOne(t *testing.T) {
	of := map[string]string{}
	for line := range strings.Lines(countryTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		names := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for _, name := range names {
			key := countryKey(name)
			if other, ok := of[key]; ok && other != names[0] {
				t.Errorf("%q is %s and %s", name, other, names[0])
			}
			of[key] = names[0]
		}
	}
}

func TestCountryAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]string{
		"UK": "GB", "uk ": "GB", "U.K.": "GB", "Great Britain": "GB", "England": "GB", "USA": "US", "U.S.A.": "US", "United States of America": "US",
		"the netherlands": "NL", "Holland": "NL", "South Korea": "KR", "Korea, Republic of": "KR", "Viet Nam": "VN", "VIETNAM": "VN", "Hong Kong": "HK",
		"Côte d'Ivoire": "CI", "Cote d’Ivoire": "CI", "Ivory Coast": "CI", "Türkiye": "TR", "Turkey": "TR", "St. Lucia": "LC", "Saint Lucia": "LC",
		"Trinidad and Tobago": "TT", "Trinidad & Tobago": "TT", "Trinidad&Tobago": "TT", "UAE": "AE", "ksa": "SA", "Czechia": "CZ", "Czech Republic": "CZ", "Burma": "MM", "Macao": "MO",
		"Reunion": "RE", "Curacao": "CW", "Aland Islands": "AX", "Lao PDR": "LA", "Kosovo": "XK", "Eswatini": "SZ", "Congo - Kinshasa": "CD",
	} {
		if got, ok := countryCode(text); !ok || got != want {
			t.Errorf("%q: %q %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"Korea", "Congo", "Atlantis", "XX", "Singapor", "n/a", "N.A.", "-", "", "the", "Asia", "Countries by ISO", strings.Repeat("a", 500)} {
		if got, ok := countryCode(text); ok {
			t.Errorf("%q is no country, and became %s", text, got)
		}
	}
}

func TestCountryInExpressions(t *testing.T) {
	const record = `{"land": "viet nam", "bad": "Zoe's place", "blank": "", "nothing": null, "n": 65}`
	for expr, want := range map[string]string{
		`country(land)`:    `"VN"`,
		`country(blank)`:   `null`,
		`country(nothing)`: `null`,
		`country(bad)`:     `the text is no country that is known by that name; it takes an English name, or a code such as SG or SGP`,
		`country(n)`:       `n is a number, and country needs text; write string(n)`,
	} {
		v, err := evaluate(t, expr, record)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = written(v)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
}
