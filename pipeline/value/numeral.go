package value

import (
	"cmp"
	"math/bits"
)

// Numeral is a decimal number taken apart but not computed: what is asked of it
// is exact, and 1e999999999 costs no more than 1.
type Numeral struct {
	whole, frac string // the digits as written, before and after the point
	negative    bool
	padded      bool // leading zeros, which JSON does not have
	scientific  bool // it was written with an exponent

	// Over the digits of whole and frac together: the significant ones are
	// [first, last), and the point stands after the first point of them, the
	// exponent counted in. Zero has first == last.
	first, last, point int64
}

// ParseNumeral takes a number apart that is written as JSON has it: no plus, no
// leading zeros, digits on both sides of a point.
func ParseNumeral(s string) (Numeral, bool) {
	n, ok := scanNumeral(s)
	return n, ok && !n.padded
}

// scanNumeral is ParseNumeral that lets leading zeros pass.
func scanNumeral(s string) (n Numeral, ok bool) {
	if s != "" && s[0] == '-' {
		n.negative, s = true, s[1:]
	}
	n.whole, s = leadingDigits(s)
	if n.whole == "" {
		return Numeral{}, false
	}
	n.padded = len(n.whole) > 1 && n.whole[0] == '0'
	if s != "" && s[0] == '.' {
		n.frac, s = leadingDigits(s[1:])
		if n.frac == "" {
			return Numeral{}, false
		}
	}
	n.scientific = s != ""
	exponent, ok := parseExponent(s)
	if !ok {
		return Numeral{}, false
	}
	n.point = int64(len(n.whole)) + exponent
	n.last = int64(len(n.whole) + len(n.frac))
	for n.first < n.last && n.digit(n.first) == '0' {
		n.first++
	}
	for n.first < n.last && n.digit(n.last-1) == '0' {
		n.last--
	}
	return n, true
}

func leadingDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return s[:i], s[i:]
}

// maxExponent is where exponents stop being told apart: far beyond what any
// text can have digits for.
const maxExponent = 1e15

// parseExponent reads an exponent with its e, or nothing, to the end of s.
func parseExponent(s string) (exponent int64, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0]|0x20 != 'e' {
		return 0, false
	}
	s = s[1:]
	negative := false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	digits, rest := leadingDigits(s)
	if digits == "" || rest != "" {
		return 0, false
	}
	for i := range len(digits) {
		exponent = min(exponent*10+int64(digits[i]-'0'), maxExponent)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// digit is digit i of whole and frac together, 0 beyond them.
func (n Numeral) digit(i int64) byte {
	switch whole := int64(len(n.whole)); {
	case i < whole:
		return n.whole[i]
	case i < whole+int64(len(n.frac)):
		return n.frac[i-whole]
	default:
		return '0'
	}
}

// IsZero reports whether n is zero.
func (n Numeral) IsZero() bool { return n.first == n.last }

// WholeDigits is how many digits n needs before the point, at least; zero for
// what is below 1.
func (n Numeral) WholeDigits() int64 {
	if n.IsZero() {
		return 0
	}
	return max(n.point-n.first, 0)
}

// FractionDigits is how many digits n needs after the point, at least.
func (n Numeral) FractionDigits() int64 {
	if n.IsZero() {
		return 0
	}
	return max(n.last-n.point, 0)
}

// IsInteger reports whether n is a whole number: 2, 2.0 and 1e3 are.
func (n Numeral) IsInteger() bool { return n.FractionDigits() == 0 }

// Int64 is n as an integer, if it is one that 64 bits hold.
func (n Numeral) Int64() (int64, bool) {
	if n.IsZero() {
		return 0, true
	}
	if !n.IsInteger() || n.point-n.first > 19 {
		return 0, false
	}
	var u uint64
	for i := n.first; i < n.point; i++ {
		u = u*10 + uint64(n.digit(i)-'0') // at most 19 digits: below 1e19, no overflow
	}
	switch {
	case n.negative && u <= 1<<63:
		return -int64(u), true
	case !n.negative && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}

// Cmp is -1, 0 or +1 as n is less than, equal to or greater than m.
func (n Numeral) Cmp(m Numeral) int {
	sign := n.sign()
	if other := m.sign(); sign != other || sign == 0 {
		return cmp.Compare(sign, other)
	}
	if c := cmp.Compare(n.point-n.first, m.point-m.first); c != 0 {
		return c * sign
	}
	for i := range max(n.last-n.first, m.last-m.first) {
		if c := cmp.Compare(n.digit(n.first+i), m.digit(m.first+i)); c != 0 {
			return c * sign
		}
	}
	return 0
}

func (n Numeral) sign() int {
	switch {
	case n.IsZero():
		return 0
	case n.negative:
		return -1
	default:
		return 1
	}
}

// IsMultipleOf reports whether n is a whole multiple of m. It knows only for an
// m of at most 18 significant digits that is not zero.
func (n Numeral) IsMultipleOf(m Numeral) (multiple, known bool) {
	if m.IsZero() || m.last-m.first > 18 {
		return false, false
	}
	if n.IsZero() {
		return true, true
	}
	// n is D·10^q and m is B·10^t, neither D nor B ending in a zero. Where q < t,
	// D would have to be a multiple of ten, which it is not.
	shift := (n.point - n.last) - (m.point - m.last)
	if shift < 0 {
		return false, true
	}
	b := m.mod(1e18)
	return mulMod(n.mod(b), powMod(10, uint64(shift), b), b) == 0, true
}

// mod is the significant digits of n, read as an integer, modulo b.
func (n Numeral) mod(b uint64) uint64 {
	var r uint64
	for i := n.first; i < n.last; i++ {
		r = (r*10 + uint64(n.digit(i)-'0')) % b // r < 1e18: no overflow
	}
	return r
}

func mulMod(x, y, m uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return bits.Rem64(hi, lo, m)
}

func powMod(base, exponent, m uint64) uint64 {
	result := 1 % m
	for base %= m; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result = mulMod(result, base, m)
		}
		base = mulMod(base, base, m)
	}
	return result
}

// appendDecimal writes n with exactly scale digits after the point; it must
// need no more. Zero has no sign.
func (n Numeral) appendDecimal(dst []byte, scale int) []byte {
	if n.IsZero() {
		n = Numeral{whole: "0", point: 1}
	}
	if n.negative {
		dst = append(dst, '-')
	}
	if n.point <= n.first {
		dst = append(dst, '0')
	}
	for i := n.first; i < n.point; i++ {
		dst = append(dst, n.digitOrZero(i))
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for i := n.point; i < n.point+int64(scale); i++ {
		dst = append(dst, n.digitOrZero(i))
	}
	return dst
}

// digitOrZero is digit i where it is significant, else 0; i may be negative.
func (n Numeral) digitOrZero(i int64) byte {
	if i < n.first || i >= n.last {
		return '0'
	}
	return n.digit(i)
}

// isPlain reports whether n is written just as appendDecimal would.
func (n Numeral) isPlain(scale int) bool {
	return len(n.frac) == scale && !n.scientific && !n.padded && !(n.negative && n.IsZero())
}
