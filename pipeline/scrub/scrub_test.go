package scrub

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func scrubbed(o Options, records ...string) []string {
	o.Now = now
	s := New(o)
	for _, r := range records {
		s.Learn([]byte(r))
	}
	var out []string
	for _, r := range records {
		out = append(out, string(s.Record([]byte(r))))
	}
	return out
}

func decode(t interface{ Fatalf(string, ...any) }, record string) map[string]any {
	d := json.NewDecoder(strings.NewReader(record))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%v: %s", err, record)
	}
	return out
}

// shapeOf is a text with each letter, mark and digit replaced by its kind.
func shapeOf(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsMark(r):
			b.WriteRune(r)
		case unicode.IsDigit(r):
			b.WriteString("9")
		case unicode.IsLetter(r):
			fmt.Fprintf(&b, "<%v %v %d>", unicode.IsUpper(r), unicode.Is(scriptOf(r), r), utf8.RuneLen(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// TestShape: a value has the same shape, script and awkwardness afterwards.
func TestShape(t *testing.T) {
	for _, text := range []string{
		"Ada", "ADA", "Anne-Marie", "José", "Zoe\u0308", "Łukasz", "小明", "محمد", "Nguyễn", "Jean\u00a0Luc", "Bob ", "  Eve", `Robert "Bobby"`,
		"Siobhán", "Иван", "さくら", "👩‍🚀 Sally", "O'Brien", "D’Souza", "Ivanov\tJr.", "Smith; Jones", "김민수", "Παπαδόπουλος", "สมชาย", "आरती", "דוד",
		"=SUM(A1:A9)", "+Ventures", "-Minus GmbH", "@handle", "Ltd\u200b", "C:\\Temp\\Co", "50% Off", "Line one\r\nLine two\n\nLine four", "S1234567D", "0012",
	} {
		src, _ := json.Marshal(map[string]string{"note": text})
		got := decode(t, scrubbed(Options{}, string(src))[0])["note"].(string)
		if got == text {
			t.Errorf("%q stays", text)
		}
		if shapeOf(got) != shapeOf(text) {
			t.Errorf("%q became %q, of another shape", text, got)
		}
	}
}

// TestKinds: what a value is, it still is.
func TestKinds(t *testing.T) {
	for name, c := range map[string]struct{ record, like string }{
		"e-mail":           {`{"email": " Ada.Lovelace@Acme.com "}`, `^\{"email": " [A-Z][a-z]{2}\.[A-Z][a-z]{7}@[A-Z][a-z]{3}\.example "\}$`},
		"second level":     {`{"email": "ada@acme.co.uk"}`, `^\{"email": "[a-z]{3}@[a-z]{4}\.co\.example"\}$`},
		"nobody's domain":  {`{"email": "ada@example.com"}`, `^\{"email": "[a-z]{3}@example\.com"\}$`},
		"no e-mail":        {`{"email": "ada@@acme..com"}`, `^\{"email": "[a-z]{3}@@`},
		"phone":            {`{"phone": "+65 9123 4567"}`, `^\{"phone": "\+65 91\d\d \d{4}"\}$`},
		"extension":        {`{"phone": "+1 212 555 0100 ext. 5"}`, `^\{"phone": "\+1 212 \d{3} \d{4} [a-z]{3}\. \d"\}$`},
		"no phone":         {`{"phone": "n/a"}`, `^\{"phone": "n/a"\}$`},
		"number":           {`{"phone": 6591234567}`, `^\{"phone": 6591\d{6}\}$`},
		"id":               {`{"id": 100001}`, `^\{"id": [1-9]\d{5}\}$`},
		"beyond 2^53":      {`{"id": 9007199254740993}`, `^\{"id": 9\d{14}[13579]\}$`},
		"price":            {`{"ticket": {"price": "24.17", "total": 12345678}}`, `^\{"ticket": \{"price": "24\.17", "total": 12345678\}\}$`},
		"postal code":      {`{"postal_code": "0238"}`, `^\{"postal_code": "0[1-9]\d\d"\}$`},
		"uuid":             {`{"token": "6ba7b810-9dad-41d1-80b4-00c04fd430c8"}`, `^\{"token": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"\}$`},
		"url":              {`{"web": "https://www.acme.com:8080/in/ada"}`, `^\{"web": "https://[a-z]{3}\.[a-z]{4}\.example:8080/[a-z]{2}/[a-z]{3}"\}$`},
		"time":             {`{"created_at": "2026-03-01T09:30:00Z"}`, `^\{"created_at": "2026-03-01T09:30:00Z"\}$`},
		"birthday":         {`{"date_of_birth": "1990-05-01"}`, `^\{"date_of_birth": "19(89|90|91)-\d\d-\d\d"\}$`},
		"birthday asked":   {`{"custom": [{"question": "Born on", "answer": "31/01/1990"}]}`, `^\{"custom": \[\{"question": "Born on", "answer": "31/0\d/199\d"\}\]\}$`},
		"no day":           {`{"born": "1990-02-31"}`, `^\{"born": "199\d-0\d-31"\}$`},
		"entities":         {`{"company": "AT&amp;T"}`, `^\{"company": "[A-Z]{2}&amp;[A-Z]"\}$`},
		"tags":             {`{"name": "<b>Bold</b>"}`, `^\{"name": "<b>[A-Z][a-z]{3}</b>"\}$`},
		"words":            {`{"a": true, "b": null, "c": "Yes", "d": " N/A "}`, `^\{"a": true, "b": null, "c": "Yes", "d": " N/A "\}$`},
		"broken":           {`{"name": "Ada`, `^\{"name": "[A-Z][a-z]{2}$`},
		"twice":            {`{"name": "Ada", "name": "Bob"}`, `^\{"name": "[A-Z][a-z]{2}", "name": "[A-Z][a-z]{2}"\}$`},
		"half a surrogate": {`{"name": "Ada\ud800 Lovelace"}`, `^\{"name": "[A-Z][a-z]{2}\\ud800 [A-Z][a-z]{7}"\}$`},
		"not UTF-8":        {"{\"name\": \"Ada\xff\"}", "^\\{\"name\": \"[A-Z][a-z]{2}\xff\"\\}$"},
		"people as names":  {`{"by": {"ada@acme.com": 1}}`, `^\{"by": \{"[a-z]{3}@[a-z]{4}\.example": 1\}\}$`},
	} {
		t.Run(name, func(t *testing.T) {
			got := scrubbed(Options{Keys: []string{"id"}}, c.record)[0]
			if !matches(c.like, got) {
				t.Errorf("%s\nbecame %s", c.record, got)
			}
		})
	}
}

// matches is a regular expression over bytes, UTF-8 or not.
func matches(pattern, text string) bool {
	quote := strings.NewReplacer("\xff", "¤")
	return compiled(quote.Replace(pattern)).MatchString(quote.Replace(text))
}

// TestConsistent: what was the same is the same, wherever it stands and however
// it is written.
func TestConsistent(t *testing.T) {
	got := scrubbed(Options{},
		`{"first": "Ada", "email": "ada.LOVELACE@acme.com", "phone": "+65 9123-4567", "id": 4711}`,
		`{"note": "Lovelace, Ada; call 91234567, order 4711, ADA@ACME.COM"}`)
	a, b := decode(t, got[0]), decode(t, got[1])
	first := a["first"].(string)
	local, domain, _ := strings.Cut(a["email"].(string), "@")
	_, last, _ := strings.Cut(local, ".")
	phone := strings.NewReplacer("+65", "", " ", "", "-", "").Replace(a["phone"].(string))
	want := fmt.Sprintf("%s, %s;  %s,  %v, %s", strings.Title(strings.ToLower(last)), first, phone, a["id"], strings.ToUpper(first+"@"+domain)) //nolint:staticcheck // ASCII
	_, note, _ := strings.Cut(b["note"].(string), "; ")
	for _, word := range strings.Fields(want) {
		if !strings.Contains(b["note"].(string), word) {
			t.Errorf("%s\n%s\nhas no %s", got[0], note, word)
		}
	}
}

// TestKept: what the mapping holds records against stays, alone and in a text.
func TestKept(t *testing.T) {
	o := Options{Texts: []string{"cancelled", "VIP", "@acme.com", "Dietary requirements"}, Listed: []string{"address.country"}, Amounts: []string{"seats"}}
	record := `{"status":"Cancelled ","group":"VIP guests","email":"ada@acme.com","address":{"country":"Viet Nam"},"seats":123456,"form":[{"question":"Any wish?","answer":"none"}]}`
	got := scrubbed(o, record)[0]
	if !matches(`^\{"status":"Cancelled ","group":"VIP [a-z]{6}","email":"[a-z]{3}@acme\.com","address":\{"country":"Viet Nam"\},"seats":123456,"form":\[\{"question":"Any wish\?","answer":"none"\}\]\}$`, got) {
		t.Error(got)
	}
	both := scrubbed(o, `{"form":[{"question":"Any wish?"}]}`, record)
	if both[0] != `{"form":[{"question":"Any wish?"}]}` {
		t.Errorf("a question that nobody answered became %s", both[0])
	}
	if strings.Contains(got, "ada") || strings.Contains(got, "guests") {
		t.Error(got)
	}
}

// TestDifferent: what was different is different.
func TestDifferent(t *testing.T) {
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf(`{"id": %d}`, 100+i))
	}
	seen := map[string]bool{}
	for _, r := range scrubbed(Options{Keys: []string{"id"}}, records...) {
		seen[r] = true
	}
	if len(seen) != len(records) {
		t.Errorf("%d ids became %d", len(records), len(seen))
	}
}

// TestNothingSurvives: whatever people type, no word of four letters and no number
// of four digits of it is anywhere afterwards, and the shape stays.
func TestNothingSurvives(t *testing.T) {
	letters := []rune("abcdefghijklmnopqrstuvwxyzABCDEFXYZ äéñøłßıЖжИиαβ李王小明さくمحم김민ễ\u0308'’-.,@+=\n\t\"0123456789(/&<>")
	text := rapid.StringOfN(rapid.RuneFrom(letters), 0, 30, -1)
	rapid.Check(t, func(t *rapid.T) {
		people := rapid.SliceOfN(rapid.MapOfN(rapid.SampledFrom([]string{"name", "email", "phone", "note", "company"}), text, 1, 5), 1, 5).Draw(t, "people")
		var records []string
		for _, p := range people {
			src, _ := json.Marshal(p)
			records = append(records, string(src))
		}
		var left []map[string]any
		for i, r := range scrubbed(Options{}, records...) {
			left = append(left, decode(t, r))
			for name, was := range people[i] {
				got := left[i][name].(string)
				if !strings.Contains(was, "@") && !strings.Contains(was, "<") && shapeOf(got) != shapeOf(was) {
					t.Fatalf("%q became %q, of another shape", was, got)
				}
			}
		}
		var all []string
		for _, l := range left {
			for _, v := range l {
				all = append(all, wordsOf(v.(string))...)
			}
		}
		for _, p := range people {
			for name, was := range p {
				for _, word := range wordsOf(was) {
					if utf8.RuneCountInString(word) >= shortest && changeable(word) && !stays(was, name) {
						for _, have := range all {
							if strings.Contains(have, word) {
								t.Fatalf("%q of %q is still in %q", word, was, have)
							}
						}
					}
				}
			}
		}
	})
}

// wordsOf are the words and the runs of digits of a text, without capitals.
func wordsOf(text string) []string {
	var out []string
	for _, f := range strings.FieldsFunc(fold(text), func(r rune) bool { return !isWord(r) }) {
		out = append(out, strings.FieldsFunc(f, unicode.IsDigit)...)
		out = append(out, strings.FieldsFunc(f, func(r rune) bool { return !unicode.IsDigit(r) })...)
	}
	return out
}

// changeable reports whether there is any other word like it.
func changeable(word string) bool {
	n := 0
	for _, r := range word {
		if len(kin(r)) > 1 || r >= '1' && r <= '9' {
			n++
		}
	}
	return n >= 3
}

// stays reports whether something of a text is kept by its form: entities and
// tags, times, numbers that say how much, the first digits of a telephone number.
func stays(text, name string) bool {
	for _, m := range parts().FindAllString(text, -1) {
		if !strings.Contains(m, "@") {
			return true
		}
	}
	return name == "phone" || numeral().MatchString(strings.TrimSpace(text))
}

var compiled = regexp.MustCompile
