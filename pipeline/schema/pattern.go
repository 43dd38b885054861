package schema

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// pattern.go: the patterns of most schemas are a row of character classes, as in
// ^[A-Z]{2}$ or ^[^@ ]+@[^@ ]+\.[^@ ]+$. Those are matched by shifting bits, one
// step per character (Baeza-Yates and Gonnet, 1992), ten times faster than
// regexp. Characters that are not ASCII count as one, other: a pattern that tells
// them apart is left to regexp where a text has one.

// matcher is a pattern as a row of positions. State i is "positions before i
// are matched", so the last state is a match.
type matcher struct {
	class    [256]uint64 // of a byte below other, and of other: the positions that take it
	repeated uint64      // positions that may take more than one character
	optional uint64      // positions that may take none
	size     int
	fromHere bool // anchored at the start
	toEnd    bool // anchored at the end
	ascii    bool // it tells other characters apart
}

// other stands for every character that is not ASCII.
const other = utf8.RuneSelf

// newMatcher is nil where the pattern is no such row.
func newMatcher(pattern string) *matcher {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	m := &matcher{}
	row := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		row = re.Sub
	}
	if len(row) > 0 && row[0].Op == syntax.OpBeginText {
		m.fromHere, row = true, row[1:]
	}
	if n := len(row); n > 0 && row[n-1].Op == syntax.OpEndText {
		m.toEnd, row = true, row[:n-1]
	}
	for _, re := range row {
		if !m.add(re) {
			return nil
		}
	}
	return m
}

// add appends what re matches to the row.
func (m *matcher) add(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return true
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			one := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					one = append(one, f, f) // of k the Kelvin sign, too
				}
			}
			if !m.position(one, false, false) {
				return false
			}
		}
		return true
	case syntax.OpStar:
		return m.repeat(re.Sub[0], 0, -1)
	case syntax.OpPlus:
		return m.repeat(re.Sub[0], 1, -1)
	case syntax.OpQuest:
		return m.repeat(re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		return m.repeat(re.Sub[0], re.Min, re.Max)
	default:
		return m.repeat(re, 1, 1)
	}
}

// repeat appends a class that stands from least to most times; -1 is without
// end.
func (m *matcher) repeat(re *syntax.Regexp, least, most int) bool {
	class, ok := classOf(re)
	if !ok {
		return false
	}
	for i := range least {
		if !m.position(class, most < 0 && i == least-1, false) {
			return false
		}
	}
	if most < 0 && least == 0 {
		return m.position(class, true, true)
	}
	for range most - least {
		if !m.position(class, false, true) {
			return false
		}
	}
	return true
}

// classOf is the pairs of first and last character that re takes, where it
// takes one character.
func classOf(re *syntax.Regexp) ([]rune, bool) {
	switch {
	case re.Op == syntax.OpCharClass:
		return re.Rune, true
	case re.Op == syntax.OpAnyChar:
		return []rune{0, utf8.MaxRune}, true
	case re.Op == syntax.OpAnyCharNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune}, true
	case re.Op == syntax.OpLiteral && len(re.Rune) == 1 && re.Flags&syntax.FoldCase == 0:
		return []rune{re.Rune[0], re.Rune[0]}, true
	default:
		return nil, false
	}
}

func (m *matcher) position(class []rune, repeated, optional bool) bool {
	if m.size == 63 {
		return false
	}
	bit := uint64(1) << m.size
	m.size++
	others := 0 // how many characters of the class are not ASCII
	for i := 0; i+1 < len(class); i += 2 {
		for r := class[i]; r <= min(class[i+1], other-1); r++ {
			m.class[r] |= bit
		}
		others += int(max(0, class[i+1]-max(class[i], other)+1))
	}
	switch others {
	case 0:
	case utf8.MaxRune - other + 1:
		m.class[other] |= bit
	default:
		m.ascii = true
	}
	if repeated {
		m.repeated |= bit
	}
	if optional {
		m.optional |= bit
	}
	return true
}

// match reports whether s matches; known is false where regexp has to say.
func (m *matcher) match(s string) (matched, known bool) {
	if m == nil {
		return false, false
	}
	start := m.skip(1)
	state, again, end := start, start, uint64(1)<<m.size
	if m.fromHere {
		again = 0
	}
	class, repeated, optional := &m.class, m.repeated, m.optional
	for i := 0; i < len(s); i++ {
		if !m.toEnd && state&end != 0 {
			break
		}
		c := s[i]
		if c >= other {
			if m.ascii {
				return false, false
			}
			_, size := utf8.DecodeRuneInString(s[i:])
			c, i = other, i+size-1
		}
		taken := state & class[c]
		state = taken<<1 | taken&repeated
		if optional != 0 {
			state = m.skip(state)
		}
		if state |= again; state == 0 {
			return false, true
		}
	}
	return state&end != 0, true
}

// skip adds the states that are reached without a character.
func (m *matcher) skip(state uint64) uint64 {
	for next := state & m.optional; next != 0; {
		added := next << 1 &^ state
		state |= added
		next = added & m.optional
	}
	return state
}
