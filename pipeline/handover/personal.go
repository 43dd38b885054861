package handover

// personal.go: which columns hold data of people, as far as names and formats tell.

import (
	"regexp"
	"strings"
	"sync"
	"unicode"

	"pipeline/pipeline"
)

// Personal is a column that holds data of people.
type Personal struct {
	Column, Kind string
	Special      bool // it may tell of health, belief or origin, which laws protect more
}

// personalKinds are found in names: words of a name, lower case, each followed by a
// space.
var personalKinds = sync.OnceValue(func() []personalKind {
	return []personalKind{
		{regexp.MustCompile(`\b(diet|dietary|allerg\w*|meal|halal|kosher|food) `), "dietary needs: may tell of health or belief", true},
		{regexp.MustCompile(`\b(health|medical|disabilit\w*|accessibility|wheelchair|vaccin\w*|religion|faith|ethnicity|race|union|orientation) `), "health, belief or origin", true},
		{regexp.MustCompile(`\b(passport|nric|ssn|nin|visa|licence|license) |\b(national|identity|tax) (id|card|number) `), "number of an identity document", true},
		{regexp.MustCompile(`\b(e ?mail|mail) `), "email address", false},
		{regexp.MustCompile(`\b(phone|mobile|tel|telephone|cell|whatsapp|fax|msisdn) `), "telephone number", false},
		{regexp.MustCompile(`\b(first|last|full|given|family|middle|maiden|nick|sur|person|attendee|guest|contact|customer|speaker|badge|display|holder) name |^name $|\b(surname|fullname|firstname|lastname|salutation) `), "name", false},
		{regexp.MustCompile(`\b(birth|dob|birthday|birthdate|age) `), "date of birth or age", false},
		{regexp.MustCompile(`\b(gender|sex|pronouns?|nationality|citizenship) `), "gender or nationality", false},
		{regexp.MustCompile(`\b(attendee|person|user|member|guest|contact|customer|registration|order) (id|number|code|ref) |\b(ip|device) (address )?`), "identifier of a person or their registration", false},
		{regexp.MustCompile(`\b(street|postcode|postal|zip|city|address) `), "postal address", false},
		{regexp.MustCompile(`\b(photo|picture|avatar|image|face) `), "picture", false},
		{regexp.MustCompile(`\b(linkedin|twitter|instagram|facebook|wechat|telegram) `), "account of a social network", false},
		{regexp.MustCompile(`\b(company|organi[sz]ation|employer|job|position|designation|role) `), "employer or position", false},
		{regexp.MustCompile(`\bcountry `), "country", false},
		{regexp.MustCompile(`\b(check(ed)? in|attended|attendance) `), "attendance", false},
	}
})

type personalKind struct {
	names   *regexp.Regexp
	kind    string
	special bool
}

// personalOf are the columns that look as if they held data of people: by their
// name, by the format that the target asks for, by the names of what they are made
// of, or because they are answers to questions of a form.
func personalOf(o pipeline.Outline, fields []pipeline.FieldInfo) []Personal {
	var out []Personal
	for i, f := range fields {
		names := []string{f.Name}
		if strings.Contains(f.Target.Format, "email") {
			names = append(names, "email")
		}
		for _, r := range o.Fields[i].Reads {
			names = append(names, r.Path)
		}
		found, ok := kindOf(names)
		if !ok && strings.Contains(o.Fields[i].Expression, "answer(") {
			found, ok = Personal{Kind: "answer to a question of the form"}, true
		}
		if ok && strings.Contains(o.Fields[i].Expression, "hmac(") {
			found.Kind = "pseudonym, made from: " + found.Kind
		}
		if ok {
			found.Column = f.Name
			out = append(out, found)
		}
	}
	return out
}

// kindOf is the kind of data of the first name that tells one.
func kindOf(names []string) (Personal, bool) {
	for _, name := range names {
		text := wordsOf(name)
		for _, k := range personalKinds() {
			if k.names.MatchString(text) {
				return Personal{Kind: k.kind, Special: k.special}, true
			}
		}
	}
	return Personal{}, false
}

// wordsOf takes a name such as firstName or e-mail apart: "first name ", "e mail ".
func wordsOf(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b.WriteByte(' ')
		case unicode.IsUpper(r) && lower:
			b.WriteByte(' ')
			fallthrough
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		lower = unicode.IsLower(r)
	}
	return strings.Join(strings.Fields(b.String()), " ") + " "
}
