package schema

import "regexp/syntax"

// pattern.go: the patterns of most schemas are a row of character classes, as in
// ^[A-Z]{2}$ or ^[^@ ]+@[^@ ]+\.[^@ ]+$. Those are matched by shifting bits, one
// step per character (Baeza-Yates and Gonnet, 1992), ten times faster than
// regexp. Whatever is not ASCII, in pattern or text, is left to regexp.

// matcher is a pattern as a row of positions. State i is "positions before i
// are matched", so the last state is a match.
type matcher struct {
	class    [128]uint64 // of a character: the positions that take it
	repeated uint64      // positions that may take more than one character
	optional uint64      // positions that may take none
	size     int
	fromHere bool // anchored at the start
	toEnd    bool // anchored at the end
}

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
			if re.Flags&syntax.FoldCase != 0 && r >= 128 {
				return false
			}
			if re.Flags&syntax.FoldCase != 0 && (r|0x20) >= 'a' && (r|0x20) <= 'z' {
				one = []rune{r &^ 0x20, r &^ 0x20, r | 0x20, r | 0x20}
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
		return []rune{0, 127}, true
	case re.Op == syntax.OpAnyCharNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, 127}, true
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
	for i := 0; i+1 < len(class); i += 2 {
		for r := class[i]; r <= min(class[i+1], 127); r++ {
			m.class[r] |= bit
		}
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
	end := uint64(1) << m.size
	state := start
	for i := range len(s) {
		c := s[i]
		if c >= 128 {
			return false, false
		}
		if !m.toEnd && state&end != 0 {
			break
		}
		taken := state & m.class[c]
		state = m.skip(taken<<1 | taken&m.repeated)
		if !m.fromHere {
			state |= start
		}
		if state == 0 {
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
