package jsonrow

// scalar.go: the tokens that are neither texts nor brackets.

func (d *Decoder) literal(i int, word string) (int, error) {
	if len(d.src)-i < len(word) || string(d.src[i:i+len(word)]) != word {
		return i, d.wanted(i, "a value")
	}
	return i + len(word), nil
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (d *Decoder) number(i int) (int, error) {
	src := d.src
	if src[i] == '-' {
		i++
	}
	start := i
	switch {
	case i < len(src) && src[i] == '0':
		i++
	default:
		if i = digits(src, i); i == start {
			return i, d.wanted(i, "a digit")
		}
	}
	if i < len(src) && src[i] == '.' {
		start = i + 1
		if i = digits(src, start); i == start {
			return i, d.wanted(i, "a digit")
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		start = i
		if i = digits(src, start); i == start {
			return i, d.wanted(i, "a digit")
		}
	}
	return i, nil
}

// digits is the end of the digits that begin at i.
func digits(src []byte, i int) int {
	for i < len(src) && src[i]-'0' <= 9 {
		i++
	}
	return i
}
