// phone.go: telephone numbers to E.164, by the numbering plans of
// libphonenumber. That library's own packages unpack all plans of the world
// before main begins (6 ms and 2.5 MB); here they are one text, of which a line
// is looked at when the first number of its region comes. The tests hold the
// result against the library.

package expression

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"pipeline/pipeline/diag"
)

// phonePlans has a line for each region, see plan. The test writes it.
//
//go:embed phone_plans.txt
var phonePlans string

// maxPhone is how many bytes a text may have that is a telephone number.
const maxPhone = 100

func phoneFunctions() []*function {
	return []*function{
		{Function: Function{Name: "phone", Group: "people", Signature: "phone(text[, region])",
			Doc: "The telephone number in the form of E.164, +6561234567. The region, as in \"SG\", says how a number without + is meant; without a region a number needs its +. " +
				"An extension is left out; a CSV sink puts ' before the +, unless it says formulas: keep. What is no number that can be dialled is an error of the record. Null and a text of nothing but space give null.",
			Example: `phone("6123 4567", "SG")`, Result: `"+6561234567"`},
			params: []param{{name: "text", want: isText, null: true}, {name: "region", want: isText, null: true, literal: checkPhoneRegion}}, optional: 1,
			result: maybe(textual), run: phone},
	}
}

func phone(_ *Machine, a []any) (any, error) {
	s, ok := a[0].(string)
	if !ok || strings.TrimFunc(s, isBlank) == "" {
		return nil, nil
	}
	region := ""
	if len(a) > 1 && a[1] != nil {
		if region = strings.ToUpper(a[1].(string)); !phoneBook().knows(region) {
			return nil, because(codeValue, `there is no region of that name for telephone numbers; regions are two letters, such as "SG"`)
		}
	}
	number, ok := internationalNumber(s, region)
	switch {
	case ok && number == s:
		return a[0], nil
	case ok:
		return number, nil
	case region == "":
		return nil, because(codeValue, `the text is no telephone number with + and a country code; where it may be a national one, say of which region, as in phone(…, "SG")`)
	}
	return nil, because(codeValue, "the text is no telephone number of %s, nor one with + and a country code", region)
}

// checkPhoneRegion checks a region that stands in the mapping, which may be
// shown.
func checkPhoneRegion(region string) error {
	if phoneBook().knows(region) {
		return nil
	}
	message := fmt.Sprintf("there is no region %q for telephone numbers", region)
	known, ok := countryCode(region)
	if !ok {
		known = diag.Suggest(region, phoneBook().regions)
	}
	if known != "" {
		return because(codeWrongArguments, "%s; did you mean %q?", message, known)
	}
	return because(codeWrongArguments, `%s; regions are two letters, such as "SG"`, message)
}

// internationalNumber is the E.164 form of a number as people write it, if it
// is one that can be dialled.
func internationalNumber(s, region string) (string, bool) {
	digits, plus, ok := dialled(s)
	if !ok {
		return "", false
	}
	home := phoneBook().plan(region)
	var code, national string
	switch {
	case plus:
		if code, national, ok = countryPrefix(digits); !ok && home != nil { // +0065: both prefixes at once
			code, national, ok = home.split(digits)
			ok = ok && code != ""
		}
	case home == nil:
		return "", false
	default:
		code, national, ok = home.split(digits)
	}
	if !ok {
		return "", false
	}
	plan := home
	if code != "" {
		plan = phoneBook().plan(phoneBook().byCode[code][0])
	}
	if short := plan.withoutTrunk(national); plan.possible(short) {
		national = short
	}
	return "+" + plan.code + national, validIn(plan.code, national)
}

// extension is what stands behind a number to be dialled later.
var extension = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)[\s,;(\-]*(?:ext(?:n|ension)?|x|#)[\s.:]*\d{1,8}\)?$`)
})

// dialled is the digits of a number, and whether it begins with +. A text that
// holds anything but digits and what people put between them is no number.
func dialled(s string) (digits string, plus, ok bool) {
	s = strings.TrimFunc(s, isBlank)
	if len(s) > maxPhone || !utf8.ValidString(s) {
		return "", false, false
	}
	s = strings.TrimPrefix(s, "tel:")
	if strings.ContainsAny(s, "xX#tT") {
		s = extension().ReplaceAllString(s, "")
	}
	var b strings.Builder
	for _, r := range s {
		digit, isDigit := digitOf(r)
		switch {
		case isDigit:
			b.WriteByte(digit)
		case r == '+' || r == '＋':
			if plus || b.Len() > 0 {
				return "", false, false
			}
			plus = true
		case unicode.Is(unicode.Cf, r): // the marks of writing direction that address books put around numbers
		case !isBlank(r) && !unicode.Is(unicode.Pd, r) && !strings.ContainsRune("()[]./~\u2212", r):
			return "", false, false
		}
	}
	return b.String(), plus, b.Len() > 1
}

// digitOf is the ASCII digit for a decimal digit of any script.
func digitOf(r rune) (byte, bool) {
	if r < utf8.RuneSelf || !unicode.IsDigit(r) {
		return byte(r), '0' <= r && r <= '9'
	}
	zero := r
	for unicode.IsDigit(zero-1) && r-zero < 9 {
		zero--
	}
	return '0' + byte(r-zero), true
}

// countryPrefix takes the country code off the digits behind +.
func countryPrefix(digits string) (code, national string, ok bool) {
	for n := 1; n <= 3 && n < len(digits); n++ {
		if _, ok := phoneBook().byCode[digits[:n]]; ok {
			return digits[:n], digits[n:], true
		}
	}
	return "", "", false
}

// validIn reports whether any region of the country code has such a number.
func validIn(code, national string) bool {
	for _, region := range phoneBook().byCode[code] {
		plan := phoneBook().plan(region)
		switch {
		case plan.leading == nil && plan.valid(national):
			return true
		case plan.leading != nil && plan.leading.MatchString(national):
			return plan.valid(national)
		}
	}
	return false
}

// phoneIndex finds the plan of a region.
type phoneIndex struct {
	regions []string
	lines   map[string]string   // by region
	byCode  map[string][]string // regions of a country code, the main one first
	plans   sync.Map            // region to *plan, those that were needed
}

var phoneBook = sync.OnceValue(func() *phoneIndex {
	book := &phoneIndex{lines: map[string]string{}, byCode: map[string][]string{}}
	for line := range strings.Lines(phonePlans) {
		region, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		code, _, _ := strings.Cut(rest, "\t")
		if len(region) == 2 {
			book.regions = append(book.regions, region)
		}
		if code != "" {
			book.lines[region] = rest
			book.byCode[code] = append(book.byCode[code], region)
		}
	}
	return book
})

// knows reports whether there is a region of that name, in any case.
func (x *phoneIndex) knows(region string) bool {
	_, ok := x.lines[strings.ToUpper(region)]
	return ok && len(region) == 2
}

// plan is the plan of a region, nil where there is none.
func (x *phoneIndex) plan(region string) *plan {
	if known, ok := x.plans.Load(region); ok {
		return known.(*plan)
	}
	line, ok := x.lines[region]
	if !ok {
		return nil
	}
	made, _ := x.plans.LoadOrStore(strings.Clone(region), newPlan(line)) // the region may lie in a page that is used again
	return made.(*plan)
}

// plan is how the numbers of a region look.
type plan struct {
	code          string         // the country code
	international *regexp.Regexp // what is dialled before a country code there; nil: nothing
	trunk         *regexp.Regexp // what is dialled before a national number; nil: nothing
	transform     string         // what a match of trunk becomes, where it is not just left out
	leading       *regexp.Regexp // by which the region is known among those that share its code
	lengths       []int          // of numbers, sorted
	local         []int          // of numbers that can be dialled only nearby
	general       *regexp.Regexp // all numbers
	kinds         *regexp.Regexp // numbers that are of some kind: fixed, mobile, toll-free …
}

// newPlan reads a line of the plans, without its region.
func newPlan(line string) *plan {
	f := strings.Split(line, "\t")
	return &plan{code: f[0], international: prefix(f[1]), trunk: prefix(f[2]), transform: f[3], leading: prefix(f[4]),
		lengths: lengths(f[5]), local: lengths(f[6]), general: whollyMatched(f[7]), kinds: whollyMatched(f[8])}
}

func prefix(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	return regexp.MustCompile("^(?:" + pattern + ")")
}

func whollyMatched(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

func lengths(list string) []int {
	var out []int
	for _, word := range strings.Fields(list) {
		n, _ := strconv.Atoi(word) // the test has written it
		out = append(out, n)
	}
	return out
}

// split takes the country code off a number without +, if it has one behind
// what is dialled before it, or just so. The code is empty where it has none.
func (p *plan) split(digits string) (code, national string, ok bool) {
	if p.international != nil {
		if at := p.international.FindStringIndex(digits); at != nil && !strings.HasPrefix(digits[at[1]:], "0") {
			return countryPrefix(digits[at[1]:])
		}
	}
	if rest, ok := strings.CutPrefix(digits, p.code); ok {
		rest = p.withoutTrunk(rest)
		tooLong := len(p.lengths) > 0 && len(digits) > p.lengths[len(p.lengths)-1] && !slices.Contains(p.local, len(digits))
		if tooLong || !p.general.MatchString(digits) && p.general.MatchString(rest) {
			return p.code, rest, true
		}
	}
	return "", digits, true
}

// withoutTrunk is a national number without what is dialled before it, unless
// it is a number only with that.
func (p *plan) withoutTrunk(national string) string {
	if p.trunk == nil || national == "" {
		return national
	}
	at := p.trunk.FindStringSubmatchIndex(national)
	if at == nil {
		return national
	}
	short := national[at[1]:]
	if p.transform != "" && at[len(at)-2] >= 0 {
		short = p.trunk.ReplaceAllString(national, p.transform)
	}
	if p.general.MatchString(national) && !p.general.MatchString(short) {
		return national
	}
	return short
}

// possible reports whether a number may have that many digits, or more.
func (p *plan) possible(national string) bool {
	n := len(national)
	if len(p.lengths) == 0 || slices.Contains(p.local, n) {
		return false
	}
	return slices.Contains(p.lengths, n) || n > p.lengths[len(p.lengths)-1]
}

func (p *plan) valid(national string) bool {
	return p.general.MatchString(national) && p.kinds.MatchString(national)
}
