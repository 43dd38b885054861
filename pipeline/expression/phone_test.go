package expression

import (
	"cmp"
	"flag"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the tables that are made from the libraries")

// The plans are those of the library that the tests are built with.
func TestPhonePlansAreTheLibrarys(t *testing.T) {
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	metadata := map[string]*phonenumbers.PhoneMetadata{}
	for _, m := range collection.GetMetadata() {
		metadata[m.GetId()+strconv.Itoa(int(m.GetCountryCode()))] = m
	}
	var b strings.Builder
	b.WriteString("# Numbering plans of libphonenumber (Apache License 2.0), written by go test ./pipeline/expression -run PhonePlans -update\n")
	for _, code := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedCallingCodes())) {
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			writePlan(&b, region, code, metadata[region+strconv.Itoa(code)])
		}
	}
	if *update {
		if err := os.WriteFile("phone_plans.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b.String() != phonePlans {
		t.Error("phone_plans.txt is out of date: go test ./pipeline/expression -run PhonePlans -update")
	}
}

func writePlan(b *strings.Builder, region string, code int, m *phonenumbers.PhoneMetadata) {
	if region == "001" {
		region += strconv.Itoa(code) // no country's: one plan for each code
	}
	kinds := []*phonenumbers.PhoneNumberDesc{m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
		m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail()}
	var patterns []string
	for _, kind := range kinds {
		if p := kind.GetNationalNumberPattern(); p != "" && !slices.Contains(patterns, p) {
			patterns = append(patterns, p)
		}
	}
	general := m.GetGeneralDesc()
	fields := []string{region, strconv.Itoa(code), m.GetInternationalPrefix(), m.GetNationalPrefixForParsing(),
		strings.ReplaceAll(m.GetNationalPrefixTransformRule(), "$1", "${1}"), m.GetLeadingDigits(),
		words(general.GetPossibleLength()), words(general.GetPossibleLengthLocalOnly()), general.GetNationalNumberPattern(), strings.Join(patterns, "|")}
	b.WriteString(strings.Join(fields, "\t") + "\n")
}

func words(numbers []int32) string {
	var out []string
	for _, n := range numbers {
		out = append(out, strconv.Itoa(int(n)))
	}
	return strings.Join(out, " ")
}

// libraryNumber is what the library makes of a number.
func libraryNumber(s, region string) (string, bool) {
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

// The library and we agree on an example of each kind in each region, in all
// the ways in which it may be written.
func TestPhoneExamplesOfTheWorld(t *testing.T) {
	regions := slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))
	if len(regions) < 200 {
		t.Fatalf("%d regions", len(regions))
	}
	for _, region := range regions {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			for _, form := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL} {
				agree(t, phonenumbers.Format(example, form), region)
			}
			agree(t, strings.TrimPrefix(phonenumbers.Format(example, phonenumbers.E164), "+"), region)
		}
	}
}

func agree(t interface{ Errorf(string, ...any) }, s, region string) {
	want, wantOK := libraryNumber(s, region)
	got, ok := internationalNumber(s, region)
	if ok != wantOK || (ok && got != want) {
		t.Errorf("%q in %s: %q %v, the library says %q %v", s, region, got, ok, want, wantOK)
	}
}

func TestPhoneAgreesWithTheLibrary(t *testing.T) {
	regions := slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))
	rapid.Check(t, func(t *rapid.T) {
		region := rapid.SampledFrom(regions).Draw(t, "region")
		s := rapid.StringMatching(`(\+|00|011|)[ ]?[0-9]{2,16}`).Draw(t, "number")
		if rapid.Bool().Draw(t, "near an example") {
			example := cmp.Or(phonenumbers.GetExampleNumberForType(region, rapid.SampledFrom([]phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE}).Draw(t, "kind")), phonenumbers.GetExampleNumber(region))
			digits := []byte(phonenumbers.Format(example, rapid.SampledFrom([]phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.NATIONAL, phonenumbers.INTERNATIONAL}).Draw(t, "form")))
			digits[len(digits)-1-rapid.IntRange(0, min(4, len(digits)-2)).Draw(t, "at")] = '0' + byte(rapid.IntRange(0, 9).Draw(t, "digit"))
			s = string(digits)
		}
		if strings.ContainsAny(s, "*") { // dialled from some phones, and of no number
			t.Skip()
		}
		agree(t, s, region)
	})
}

func TestPhoneAsPeopleWriteIt(t *testing.T) {
	for _, c := range []struct{ text, region, want string }{
		{"6123 4567", "SG", "+6561234567"},
		{" +65 6123-4567 ", "", "+6561234567"},
		{"(65) 6123 4567", "sg", "+6561234567"},
		{"0065 6123 4567", "DE", "+6561234567"},
		{"+44 (0)20 7946 0958", "SG", "+442079460958"},
		{"020 7946 0958", "GB", "+442079460958"},
		{"+1 (415) 555‑2671 ext. 12", "SG", "+14155552671"},
		{"415.555.2671 x12", "US", "+14155552671"},
		{"＋６５ ６１２３ ４５６７", "DE", "+6561234567"},
		{"٠٥٠ ١٢٣ ٤٥٦٧", "AE", "+971501234567"},
		{"+39 06 698 12345", "SG", "+390669812345"},
		{"tel:+6561234567", "", "+6561234567"},
		{"\u202a+65 6123 4567\u202c", "", "+6561234567"},
		{"+800 1234 5678", "", "+80012345678"},
	} {
		if got, ok := internationalNumber(c.text, strings.ToUpper(c.region)); !ok || got != c.want {
			t.Errorf("%q in %q: %q %v, want %q", c.text, c.region, got, ok, c.want)
		}
	}
	for _, text := range []string{"6123 456", "none", "n/a", "6123 4567 or 6123 4568", "+999 1234 5678", "+", "61234567890123456789", "6123+4567", strings.Repeat("1", 5000), "\xff123"} {
		if got, ok := internationalNumber(text, "SG"); ok {
			t.Errorf("%q is no number, and became %q", text, got)
		}
	}
}

// What is no number is an error of the record, whose message does not hold it.
func TestPhoneInExpressions(t *testing.T) {
	const record = `{"mobile": "6123 4567", "abroad": "+44 20 7946 0958", "bad": "call 6123 4567", "blank": " ", "nothing": null, "region": "SG", "odd": "Singapore"}`
	for _, c := range []struct{ expr, want string }{
		{`phone(mobile, "SG")`, `"+6561234567"`},
		{`phone(mobile, region)`, `"+6561234567"`},
		{`phone(mobile, country(odd))`, `"+6561234567"`},
		{`phone(abroad)`, `"+442079460958"`},
		{`phone(abroad, gone)`, `"+442079460958"`},
		{`phone(blank, "SG")`, `null`},
		{`phone(nothing, "SG")`, `null`},
		{`phone(bad, "SG")`, `the text is no telephone number of SG, nor one with + and a country code`},
		{`phone(mobile)`, `the text is no telephone number with + and a country code; where it may be a national one, say of which region, as in phone(…, "SG")`},
		{`phone(mobile, odd)`, `there is no region of that name for telephone numbers; regions are two letters, such as "SG"`},
	} {
		v, err := evaluate(t, c.expr, record)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = written(v)
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expr, got, c.want)
		}
	}
}

// A region in quotes is checked before the run.
func TestPhoneRegionIsChecked(t *testing.T) {
	for src, want := range map[string]string{
		`phone(x, "UK")`:        `there is no region "UK" for telephone numbers; did you mean "GB"?`,
		`phone(x, "Singapore")`: `there is no region "Singapore" for telephone numbers; did you mean "SG"?`,
		`phone(x, "+65")`:       `there is no region "+65" for telephone numbers; regions are two letters, such as "SG"`,
	} {
		_, problems := Compile(src, Scope{})
		if len(problems) != 1 || problems[0].Message != want {
			t.Errorf("%s: %+v", src, problems)
		}
	}
	if _, problems := Compile(`phone(x, "sg")`, Scope{}); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
}

// A plan is read when the first number of its region comes, and not before.
func BenchmarkPhone(b *testing.B) {
	for b.Loop() {
		if _, ok := internationalNumber("6123 4567", "SG"); !ok {
			b.Fatal("no number")
		}
	}
}
