package schema

// sample_text.go: which texts of a sample may be listed in a schema, and what
// format they have.

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/value"
)

// When the texts of a place are listed: there were enough of them, few different
// ones, and each of those often.
const (
	enoughTexts   = 20
	fewValues     = 12
	often         = 5 // texts for each value, on average
	maxValue      = 40
	maxQuestions  = 100
	maxQuestion   = 300
	enoughFormats = 5 // texts, for a format to be no coincidence
)

const questionName = "question"

// textSample is what was seen of the texts of one place.
type textSample struct {
	name    string // the member that they are
	count   int
	values  []string // the different ones, as they first came; nil where they may not be listed
	times   []int    // how often each came
	closed  bool     // they may not be listed
	formats []string // those that all of them have
}

func newTexts(name string) *textSample {
	return &textSample{name: name, formats: knownFormats, closed: isPersonal(name)}
}

func (t *textSample) add(s string) {
	t.count++
	t.formats = slices.DeleteFunc(slices.Clone(t.formats), func(f string) bool { return !hasFormat(s, f) })
	t.note(s, 1)
}

func (t *textSample) note(s string, times int) {
	if t.closed {
		return
	}
	if i := slices.Index(t.values, s); i >= 0 {
		t.times[i] += times
		return
	}
	most, length := t.bounds()
	if len(t.values) == most || !isWord(s, length) {
		t.closed, t.values, t.times = true, nil, nil
		return
	}
	t.values, t.times = append(t.values, strings.Clone(s)), append(t.times, times)
}

// bounds is how many values there may be to be listed, and how long.
func (t *textSample) bounds() (values, characters int) {
	if t.name == questionName {
		return maxQuestions, maxQuestion
	}
	return fewValues, maxValue
}

func (t *textSample) merge(other *textSample) {
	t.count += other.count
	t.formats = slices.DeleteFunc(slices.Clone(t.formats), func(f string) bool { return !slices.Contains(other.formats, f) })
	t.closed = t.closed || other.closed
	for i, s := range other.values {
		t.note(s, other.times[i])
	}
	if t.closed {
		t.values, t.times = nil, nil
	}
}

// enum is the values that a schema lists, in the order of the alphabet; nil: it
// lists none. A "name" is listed where its parent is a thing.
func (t *textSample) enum(parent string) []string {
	if t.closed || t.count < enoughTexts || len(t.values) < 2 || t.count < often*len(t.values) || slices.Min(t.times) < 2 || slices.ContainsFunc(t.values, isNumeral) {
		return nil
	}
	if t.name == "name" && !isThing(parent) {
		return nil
	}
	return slices.Sorted(slices.Values(t.values))
}

func isNumeral(s string) bool {
	_, ok := value.ParseNumeral(s)
	return ok
}

func isThing(name string) bool {
	words := wordsOf(name)
	return len(words) > 0 && slices.Contains(things, strings.TrimSuffix(words[len(words)-1], "s"))
}

// questions are those of a form, in the order in which they first came; nil:
// they are not listed.
func (t *textSample) questions() []string { return t.values }

// format is the format that all texts have, or empty.
func (t *textSample) format() string {
	if t.count < enoughFormats || len(t.formats) == 0 {
		return ""
	}
	return t.formats[0]
}

// isWord reports whether a value may stand in a schema: a short text that is no
// address, number or link of a person.
func isWord(s string, most int) bool {
	if s == "" || utf8.RuneCountInString(s) > most || strings.Contains(s, "://") {
		return s == ""
	}
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
		if r == '@' || !unicode.IsPrint(r) {
			return false
		}
	}
	return digits <= 6 || most == maxQuestion
}

// personal are the words in the names of members whose texts are people's own,
// however few they are.
var personal = []string{
	"first", "last", "given", "family", "middle", "surname", "forename", "nickname", "full", "initials", "person", "people", "attendee", "guest", "contact", "owner", "buyer", "user", "username", "login",
	"email", "mail", "phone", "mobile", "tel", "telephone", "fax", "whatsapp", "address", "street", "zip", "postcode", "postal", "city", "town", "suburb",
	"country", "birth", "birthday", "birthdate", "dob", "age", "gender", "sex", "nationality", "religion", "passport", "nric", "ssn", "id", "uuid", "guid", "uid", "token", "password", "secret", "key", "hash", "barcode", "qr", "code",
	"company", "organisation", "organization", "employer", "job", "position", "bio", "about", "comment", "comments", "note", "notes", "message", "remark", "remarks", "description", "answer", "diet", "dietary", "allergy", "allergies", "medical", "health", "accessibility",
	"ip", "url", "link", "website", "photo", "image", "avatar", "linkedin", "twitter", "facebook", "instagram", "iban", "card", "account",
}

// things are what a "name" may name without being a person's.
var things = []string{"ticket", "event", "category", "type", "group", "status", "session", "product", "plan", "tier", "track", "stage", "venue", "room", "workshop", "package", "level", "currency"}

// isPersonal reports whether the texts of a member are never listed, for what it
// is called. A "name" depends on whose it is: of a thing, as in ticket_name.
func isPersonal(member string) bool {
	words := wordsOf(member)
	for i, w := range words {
		if slices.Contains(personal, w) {
			return true
		}
		if w == "name" && len(words) > 1 && (i == 0 || !slices.Contains(things, words[i-1])) {
			return true
		}
	}
	return false
}

// wordsOf are the words of a name in lower case: first_name, firstName and First
// name are the same two.
func wordsOf(name string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words, word = append(words, strings.ToLower(string(word))), nil
		}
	}
	lower := false
	for _, r := range name {
		if !unicode.IsLetter(r) || unicode.IsUpper(r) && lower {
			end()
		}
		if unicode.IsLetter(r) {
			word = append(word, r)
		}
		lower = unicode.IsLower(r)
	}
	end()
	return words
}

// knownFormats are the formats that a sample finds.
var knownFormats = []string{"date-time", "date", "email", "uri"}

// moduleFormats are they as the jsonschema module has them.
var moduleFormats = sync.OnceValue(func() map[string]*jsonschema.Format {
	formats := map[string]*jsonschema.Format{}
	for _, name := range knownFormats {
		s, diags := Compile(name, fmt.Appendf(nil, `{"format": %q}`, name), nil)
		if diags.HasErrors() {
			panic(diags) // they are our own
		}
		formats[name] = s.root.Format
	}
	return formats
})

// hasFormat reports whether the jsonschema module would say so.
func hasFormat(s, format string) bool {
	if format == "uri" && !strings.Contains(s, "://") {
		return false // urn:x is one, and so is "Note: this"
	}
	return quickFormat(format)(s) || moduleFormats()[format].Validate(s) == nil
}
