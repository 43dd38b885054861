// Package scrub takes the people out of records, so that these can be kept as
// test cases: names, addresses, telephone numbers, ids and free text are replaced
// by others of the same shape, script and awkwardness.
//
// The unit is the word, not the field. Each word is replaced by one of as many
// letters of the same script, with the same accents and capitals, and so is each
// run of digits; what stands between them stays. The same word has the same
// replacement wherever it stands, so that a name in an e-mail address is still that
// of the person, and two texts that were the same still are. What is wrong with a
// value is still wrong with it.
//
// Replacements are drawn with a key that is made for one Scrubber and never
// leaves it: there is no way back, and no two cases have the same people.
package scrub

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline/value"
)

// Options say what stays as it is.
type Options struct {
	// Texts are those that a mapping or a schema writes. A value that is one of
	// them stays, whatever its case, and so does one within a longer text.
	Texts []string
	// Listed are paths of values that have to be on a list of the mapping's, such
	// as countries. They stay, unless they look like a person's.
	Listed []string
	// Amounts are paths of numbers that are computed with. They stay.
	Amounts []string
	// Keys are the names of members that tell records apart. They are replaced.
	Keys []string

	Now time.Time // dates of more than ten years before are taken for birthdays
}

// Field is what became of the values of one path.
type Field struct {
	Path     string
	Replaced bool   // at least one was
	Kept     string // why others were kept; empty: none was
}

// Scrubber replaces the people of the records of one case. It belongs to one
// goroutine.
type Scrubber struct {
	texts     map[string]bool // folded
	phrases   []string        // of texts: those looked for within others
	listed    map[string]bool
	amounts   map[string]bool
	keys      map[string]bool
	birthYear int // of dates up to this one

	key      []byte
	learning bool
	original map[string]bool   // words and runs of digits that have to go, folded
	tails    map[string]bool   // of telephone numbers
	asked    map[string]bool   // paths of questions
	memo     map[string]string // replacements, by kind and original
	used     map[string]bool   // replacements, by kind
	fields   map[string]*Field
}

// New makes a Scrubber with a key of its own.
func New(o Options) *Scrubber {
	s := &Scrubber{
		texts: map[string]bool{}, listed: set(o.Listed), amounts: set(o.Amounts), keys: set(o.Keys),
		birthYear: o.Now.Year() - 10, key: make([]byte, 32),
		original: map[string]bool{}, tails: map[string]bool{}, asked: map[string]bool{}, memo: map[string]string{}, used: map[string]bool{}, fields: map[string]*Field{},
	}
	for _, text := range o.Texts {
		folded := fold(strings.TrimSpace(text))
		s.texts[folded] = true
		if isPhrase(folded) {
			s.phrases = append(s.phrases, folded)
		}
	}
	// the longest first: one may begin with another
	slices.SortFunc(s.phrases, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	_, _ = rand.Read(s.key) // never fails
	return s
}

func set(list []string) map[string]bool {
	out := map[string]bool{}
	for _, text := range list {
		out[text] = true
	}
	return out
}

// Learn is given every record before the first one is replaced: what is a person's
// in one of them must not be what replaces another's.
func (s *Scrubber) Learn(record []byte) {
	s.learning = true
	s.Record(record)
	s.learning = false
	clear(s.fields)
}

// Record is the record with its people replaced. Its form stays: what is no JSON
// is none afterwards, for the same reason.
func (s *Scrubber) Record(record []byte) []byte {
	tokens := lex(record)
	about := s.newContext(tokens)
	out := make([]byte, 0, len(record))
	for i := range tokens {
		out = s.token(out, &tokens[i], about)
	}
	return out
}

// Fields are what became of each path, in the order of their names.
func (s *Scrubber) Fields() []Field {
	var out []Field
	for _, path := range slices.Sorted(maps.Keys(s.fields)) {
		out = append(out, *s.fields[path])
	}
	return out
}

// token appends what stands for a token.
func (s *Scrubber) token(dst []byte, t *token, about *context) []byte {
	switch t.kind {
	case tokenKey:
		if strings.Contains(string(t.text), "@") { // a list of people by their addresses
			return s.quoted(dst, t.text, func(text string) string { return s.text(text) })
		}
	case tokenNumber:
		return append(dst, s.number(string(t.text), t, about)...)
	case tokenString:
		return s.quoted(dst, t.text, func(text string) string { return s.value(text, t, about) })
	}
	return append(dst, t.text...)
}

// quoted appends a JSON string with what replace makes of its text.
func (s *Scrubber) quoted(dst, quoted []byte, replace func(string) string) []byte {
	text, escaped, ok := unquote(quoted)
	switch {
	case !ok: // piece by piece, and what is wrong with it stays
		return append(dst, betweenEscapes(string(quoted), replace)...)
	case escaped:
		return value.AppendJSONString(dst, replace(text))
	}
	dst = append(dst, '"')
	dst = append(dst, replace(text)...)
	return append(dst, '"')
}

// kept notes that a value of a path stayed as it was.
func (s *Scrubber) kept(t *token, why string) { s.field(t).Kept = why }

func (s *Scrubber) field(t *token) *Field {
	f := s.fields[t.path]
	if f == nil {
		f = &Field{Path: t.path}
		s.fields[t.path] = f
	}
	return f
}

// choices are numbers drawn for a text, the same ones each time.
type choices struct {
	mac  []byte
	at   int
	seed func(block int) []byte
}

// draw begins the numbers for a text of a kind; another try has other ones.
func (s *Scrubber) draw(kind, text string, try int) *choices {
	return &choices{seed: func(block int) []byte {
		h := hmac.New(sha256.New, s.key)
		h.Write([]byte(kind))
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(try)<<32|uint64(block)))
		h.Write([]byte(text))
		return h.Sum(nil)
	}}
}

// below is the next number below n.
func (c *choices) below(n int) int {
	if c.at%16 == 0 {
		c.mac = c.seed(c.at / 16)
	}
	i := c.at % 16 * 2
	c.at++
	return int(binary.BigEndian.Uint16(c.mac[i:])) % n
}

// tries is how often a replacement is drawn again that is somebody else's.
const tries = 200

// replacement is what stands for a text of a kind, always the same. It is drawn
// until it is no original and stands for no other text, as far as there are such.
func (s *Scrubber) replacement(kind, text string, make func(*choices) string, good func(string) bool) string {
	id := kind + " " + text
	if have, ok := s.memo[id]; ok {
		return have
	}
	best := ""
	for try := range tries {
		made := make(s.draw(kind, text, try))
		if best == "" {
			best = made
		}
		if !s.used[kind+" "+made] && !s.isOriginal(made) && (good == nil || good(made)) {
			best = made
			break
		}
	}
	s.memo[id], s.used[kind+" "+best] = best, true
	return best
}

// shortest is the length in characters from which a text is recognised within
// another.
const shortest = 4

// isOriginal reports whether a text is or has in it what has to go.
func (s *Scrubber) isOriginal(text string) bool {
	if s.original[text] {
		return true
	}
	letters := []rune(text)
	for size := shortest; size < len(letters); size++ {
		for from := 0; from+size <= len(letters); from++ {
			if s.original[string(letters[from:from+size])] {
				return true
			}
		}
	}
	return false
}
