package rest

// sandbox_people.go makes up people. Their names are those that break things:
// commas, quotes, line breaks, other scripts, what a spreadsheet would run.

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

var (
	firstNames = []string{"Ada", "Anne-Marie", "José", "Zoe\u0308", "Łukasz", "小明", "محمد", "Nguyễn", "Jean\u00a0Luc", "Bob ", "  Eve", `Robert "Bobby"`, "Siobhán", "Иван", "さくら", "👩‍🚀 Sally", "María José", "ÅSA", "thi", "Y", "Null", "François", "R&amp;B", strings.Repeat("Wolfeschlegel", 20)}
	lastNames  = []string{"Tan", "O'Brien", "Müller-Lüdenscheidt", "van der Berg, Jr.", "李", "الأحمد", "D’Souza", "Đặng", "Nakamura", "Smith; Jones", "Ng", "Tables'); DROP TABLE attendees;--", "Żółć", "Ivanov\tJr.", "e\u0301te\u0301", "Undefined", "Ó Súilleabháin", "<b>Bold</b>", "Kim", "True"}
	companies  = []string{"Acme Pte Ltd", "Smith, Jones & Co", `=HYPERLINK("https://example.com","win")`, "+65 Ventures", "-Minus GmbH", "@handle", "AT&amp;T", "株式会社サンプル", `"Quoted" Ltd`, "Line\nBreak LLC", "N/A", "-", "شركة المثال", "Naïve Café", "Ltd\u200b", "C:\\Temp\\Co", "50% Off", "=1+1"}
	jobTitles  = []string{"Engineer", "VP, Sales & Marketing", "CTO / Co-founder", "Geschäftsführerin", "社長", "Head of \"Growth\"", "PhD candidate"}
	phones     = []string{"+65 9123 4567", "91234567", "(02) 9876-5432", "+84 (0)90 123 45 67", "0065-6123-4567", "+1 212 555 0100 ext. 5", "n/a"}
	answers    = []string{"None", "Vegetarian", "Vegan, no nuts", "Halal\nno shellfish", "\"nothing\"", "无", "XL", " L ", "=SUM(A1:A9)", "Yes", "no", "Line one\r\nLine two\n\nLine four", "لا شيء", "🙂", "", "1,5", "0012"}
	words      = []string{"alpha", "beta, gamma", "\"delta\"", "déjà vu", "日本", "line\nbreak", "x"}
	zones      = []*time.Location{time.UTC, time.FixedZone("", 8*3600), time.FixedZone("", -3*3600-1800), time.FixedZone("", 5*3600+2700)}
)

// people makes the records of one list.
type people struct {
	shape *shape
	key   string
	seed  uint64

	growing   bool   // only those of revisions are there yet
	revisions []int  // how often each was changed
	version   string // the member that says when
}

func newPeople(s *shape, key string, seed uint64) *people {
	return &people{shape: s, key: key, seed: seed}
}

// record appends record number n of the list as it is now.
func (p *people) record(dst []byte, n int) []byte {
	if n < len(p.revisions) {
		return p.revised(dst, n, p.revisions[n])
	}
	return p.original(dst, n)
}

// original appends record number n as it was first, the same bytes each time.
func (p *people) original(dst []byte, n int) []byte {
	m := maker{rand: rand.New(rand.NewPCG(p.seed, uint64(n))), index: n, key: p.key}
	m.meet()
	if len(p.shape.members) == 0 && p.key != "" {
		return fmt.Appendf(dst, `{%q:%d}`, p.key, m.id())
	}
	return m.value(dst, p.shape, "", 0)
}

// listed appends what a list says of record number n: these members, or all.
func (p *people) listed(dst []byte, n int, names []string) []byte {
	if len(names) == 0 {
		return p.record(dst, n)
	}
	dst = append(dst, '{')
	empty := true
	err := pipeline.Members(p.record(nil, n), func(name, v []byte) {
		if !slices.Contains(names, string(name)) {
			return
		}
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
		dst = append(append(append(append(dst, '"'), name...), `":`...), v...)
	})
	if err != nil {
		panic(err) // it was made here
	}
	return append(dst, '}')
}

// indexOf is the number of the record with that key, among so many.
func indexOf(key string, records int) (n int, ok bool) {
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return 0, false
	}
	for _, plus := range []int64{0, farID} {
		if at := id - firstID - plus; at >= 0 && at < int64(records) && (&maker{index: int(at)}).id() == id {
			return int(at), true
		}
	}
	return 0, false
}

// maker makes one record.
type maker struct {
	rand        *rand.Rand
	index       int // of the record
	subs        int // of what was numbered below it
	key         string
	first, last string // whose record it is
	company     string
	made        time.Time
}

// meet makes the record that of another person.
func (m *maker) meet() {
	m.first, m.last, m.company = m.pick(firstNames), m.pick(lastNames), m.pick(companies)
	if m.index%3 != 0 { // two thirds are plain
		m.first, m.last = firstNames[m.rand.IntN(3)], lastNames[m.rand.IntN(2)]
	}
	m.made = m.born().Add(time.Duration(m.rand.IntN(60)) * time.Second)
}

// born is about when the record was made.
func (m *maker) born() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(m.index) * time.Minute)
}

func (m *maker) pick(list []string) string { return list[m.rand.IntN(len(list))] }

const (
	firstID = 100001
	farID   = 1 << 53 // added to some
)

// id is the key of the record. Some are larger than a float64 can tell apart.
func (m *maker) id() int64 {
	id := int64(firstID + m.index)
	if m.index%97 == 41 {
		id += farID
	}
	return id
}

// value appends a value of a shape, which stands under a name.
func (m *maker) value(dst []byte, s *shape, name string, depth int) []byte {
	if s.nullable && (len(s.kinds) == 0 || m.rand.IntN(16) == 0) {
		return append(dst, "null"...)
	}
	kind := ""
	if len(s.kinds) > 0 {
		kind = s.kinds[0]
		if len(s.kinds) > 1 && m.rand.IntN(4) == 0 {
			kind = s.kinds[m.rand.IntN(len(s.kinds))]
		}
	}
	if len(s.values) > 0 && depth > 0 {
		return append(dst, s.values[m.rand.IntN(len(s.values))]...)
	}
	switch kind {
	case "object":
		return m.object(dst, s, depth)
	case "array":
		return m.list(dst, s, depth)
	case "integer":
		return m.integer(dst, s, name, depth)
	case "number":
		return fmt.Appendf(dst, "%.2f", s.min+float64(m.rand.IntN(100))/100*min(s.max-s.min, 500))
	case "boolean":
		return strconv.AppendBool(dst, m.rand.IntN(2) == 0)
	case "string":
		return appendText(dst, m.fitted(s, name, depth))
	}
	return append(dst, "null"...) // nothing is known of it
}

func (m *maker) object(dst []byte, s *shape, depth int) []byte {
	dst = append(dst, '{')
	empty := true
	for _, member := range s.members {
		needed := member.required || depth == 0 && member.name == m.key
		if !needed && m.rand.IntN(20) == 0 {
			continue // optional names are absent now and then
		}
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
		dst = appendText(dst, member.name)
		dst = append(dst, ':')
		dst = m.value(dst, member.shape, member.name, depth+1)
	}
	return append(dst, '}')
}

// list has one element per example of what it asks, where it is a list of
// questions, and a few of other people else.
func (m *maker) list(dst []byte, s *shape, depth int) []byte {
	dst = append(dst, '[')
	if s.items == nil {
		return append(dst, ']')
	}
	who := *m // the elements are other people; the record is still this one's
	begun := false
	separate := func() {
		if begun {
			dst = append(dst, ',')
		}
		begun = true
	}
	if questions := s.items.questions(); len(questions) > 0 {
		for _, q := range questions {
			if m.rand.IntN(10) > 0 {
				separate()
				dst = m.value(dst, s.items.asking(q), "", depth+1)
			}
		}
		return append(dst, ']')
	}
	for range m.rand.IntN(5) {
		separate()
		m.meet()
		dst = m.value(dst, s.items, "", depth+1)
	}
	m.first, m.last, m.company, m.made = who.first, who.last, who.company, who.made
	return append(dst, ']')
}

// questions is the examples of a member that is called question.
func (s *shape) questions() []json.RawMessage {
	for _, m := range s.members {
		if m.name == "question" {
			return m.shape.values
		}
	}
	return nil
}

// asking is s with one question.
func (s *shape) asking(question json.RawMessage) *shape {
	asked := *s
	asked.members = slices.Clone(s.members)
	for i, m := range asked.members {
		if m.name == "question" {
			asked.members[i] = shapeMember{m.name, &shape{kinds: m.shape.kinds, values: []json.RawMessage{question}}, true}
		}
	}
	return &asked
}

func (m *maker) integer(dst []byte, s *shape, name string, depth int) []byte {
	switch {
	case depth == 1 && name == m.key:
		return strconv.AppendInt(dst, m.id(), 10)
	case name == "id" || strings.HasSuffix(name, "_id"):
		m.subs++
		return strconv.AppendInt(dst, m.id()*100+int64(m.subs%100), 10)
	}
	return strconv.AppendInt(dst, int64(s.min)+m.rand.Int64N(max(1, int64(s.max-s.min))), 10)
}

// fitted is a text of a shape, cut where it may not be so long.
func (m *maker) fitted(s *shape, name string, depth int) string {
	text := m.text(s, name, depth)
	if s.longest > 0 && utf8.RuneCountInString(text) > s.longest {
		text = string([]rune(text)[:s.longest])
	}
	return text
}

// text is a text that a format asks for or that a name suggests.
func (m *maker) text(s *shape, name string, depth int) string {
	switch s.format {
	case "date-time":
		at := m.made.Add(time.Duration(len(name)) * time.Hour).In(zones[m.rand.IntN(len(zones))])
		if m.index%5 == 0 {
			return at.Add(time.Duration(m.rand.IntN(1000)) * time.Millisecond).Format(time.RFC3339Nano)
		}
		return at.Format(time.RFC3339)
	case "date":
		return m.made.Format(time.DateOnly)
	case "email":
		return fmt.Sprintf("person%d@example.com", m.index)
	case "uri":
		return fmt.Sprintf("https://example.com/%d", m.index)
	case "uuid":
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", m.rand.Uint32(), m.index)
	}
	if depth == 1 && name == m.key {
		return strconv.FormatInt(m.id(), 10)
	}
	return m.named(name)
}

// named is what stands under a name; attendee_first_name ends in first_name.
func (m *maker) named(name string) string {
	for _, known := range []struct {
		suffix string
		text   func() string
	}{
		{"first_name", func() string { return m.first }},
		{"last_name", func() string { return m.last }},
		{"email", m.email},
		{"company", func() string { return m.company }},
		{"job_title", func() string { return m.pick(jobTitles) }},
		{"phone", func() string { return m.pick(phones) }},
		{"answer", func() string { return m.pick(answers) }},
		{"name", func() string { return m.first + " " + m.last }},
	} {
		if strings.HasSuffix(name, known.suffix) {
			return known.text()
		}
	}
	return m.pick(words)
}

// email is as people type it: with capitals, and spaces around it.
func (m *maker) email() string {
	local := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return -1
	}, diag.Crop(m.first, 40))
	if local == "" {
		local = "guest"
	}
	address := fmt.Sprintf("%s.%d@example.com", local, m.index+1)
	switch m.rand.IntN(8) {
	case 0:
		return " " + address
	case 1:
		return address + " "
	case 2:
		return strings.ToUpper(address)
	}
	return address
}

// appendText appends a JSON string.
func appendText(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a text
	}
	return append(dst, text...)
}
