// number.go: numbers are exact. A number of the record is int where it is a
// 64-bit integer, float64 where the shortest text of the float says the same
// number, and an exact decimal otherwise. Sums, differences and products of
// float64 are the float64 next to the exact result of what they print as, so
// that 0.1 + 0.2 is 0.3.

package expression

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// numeric is a JSON number as it was written.
type numeric string

// The bounds of exact decimals.
const (
	maxDigits   = 400
	maxExponent = 400
	maxBits     = 1330 // of an integer of 400 digits
)

// resolve is n as int, float64 or decimal.Decimal.
func resolve(n numeric) (any, error) {
	s := string(n)
	integer, digits := true, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c != '-' || i > 0:
			integer = false
		}
	}
	if integer {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return int(i), nil
		}
		return parseDecimal(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return parseDecimal(s)
	}
	if digits <= 15 && (f == 0 || math.Abs(f) > 1e-290) && !strings.ContainsAny(s, "eE") {
		return f + 0, nil // 15 digits always come back
	}
	d, err := parseDecimal(s)
	if err != nil {
		return nil, err
	}
	if shortest, err := parseDecimal(strconv.FormatFloat(f, 'g', -1, 64)); err == nil && shortest.Equal(d) {
		return f + 0, nil
	}
	return d, nil
}

// parseDecimal is the number s, which may have an exponent, exactly.
func parseDecimal(s string) (decimal.Decimal, error) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if len(mantissa) > maxDigits+2 || len(exponent) > 6 {
		return decimal.Decimal{}, outOfRange()
	}
	if e, err := strconv.Atoi(exponent); exponent != "" && (err != nil || e > maxExponent || e < -maxExponent) {
		return decimal.Decimal{}, outOfRange()
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, because(codeValue, "this is not a number")
	}
	return bounded(d)
}

// bounded is d where it is within what is computed with.
func bounded(d decimal.Decimal) (decimal.Decimal, error) {
	e := d.Exponent()
	if e > maxExponent || e < -2*maxExponent || d.Coefficient().BitLen() > maxBits {
		return decimal.Decimal{}, outOfRange()
	}
	return d, nil
}

func outOfRange() *fault {
	return because(codeRange, "the number has more than %d digits, or an exponent beyond %d", maxDigits, maxExponent)
}

// plainDecimal is d with all its digits and no exponent.
func plainDecimal(d decimal.Decimal) string {
	return d.StringFixed(max(0, -d.Exponent()))
}

// exactly is the number x as a decimal; x is int, float64 or a decimal.
func exactly(x any) decimal.Decimal {
	switch v := x.(type) {
	case int:
		return decimal.NewFromInt(int64(v))
	case float64:
		return decimal.NewFromFloat(v)
	default:
		return x.(decimal.Decimal)
	}
}

// toNumber resolves x where it is numeric. A value of another class than
// isNumeric is the fault of argument arg.
func toNumber(x any, arg int) (any, error) {
	switch v := x.(type) {
	case int, float64, decimal.Decimal:
		return x, nil
	case numeric:
		return resolve(v)
	case nil:
		return nil, &fault{code: codeNullValue, arg: arg, want: isNumeric}
	default:
		return nil, &fault{code: codeMismatch, arg: arg, want: isNumeric, got: classOf(x)}
	}
}

// asInteger is the number x where it has no fraction, however it is written: in
// JSON Schema 1.0 and 1e3 are integers.
func asInteger(x any) (int, bool) {
	switch v := x.(type) {
	case int:
		return v, true
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case decimal.Decimal:
		if b := v.BigInt(); v.IsInteger() && b.IsInt64() {
			return int(b.Int64()), true
		}
	}
	return 0, false
}

// twoNumbers are both operands of an operator, as numbers.
func twoNumbers(a []any) (x, y any, err error) {
	if x, err = toNumber(a[0], 0); err != nil {
		return nil, nil, err
	}
	y, err = toNumber(a[1], 1)
	return x, y, err
}

// arithmeticOp is one of + - *.
type arithmeticOp byte

// compute is x op y.
func (op arithmeticOp) compute(x, y any) (any, error) {
	i, iok := x.(int)
	j, jok := y.(int)
	if iok && jok {
		return op.integers(i, j)
	}
	f, fok := asFloat(x)
	g, gok := asFloat(y)
	if fok && gok {
		return op.floats(f, g)
	}
	return bounded(op.exact(exactly(x), exactly(y)))
}

// asFloat is x as a float64 where that loses nothing.
func asFloat(x any) (float64, bool) {
	switch v := x.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), v > -1<<53 && v < 1<<53
	default:
		return 0, false
	}
}

// integers does not wrap.
func (op arithmeticOp) integers(i, j int) (any, error) {
	var r int
	var over bool
	switch op {
	case '+':
		r = i + j
		over = (r > i) != (j > 0) && j != 0
	case '-':
		r = i - j
		over = (r < i) != (j > 0) && j != 0
	default:
		hi, lo := bits.Mul64(magnitude(i), magnitude(j))
		r = i * j
		negative := (i < 0) != (j < 0)
		over = hi != 0 || lo > 1<<63 || (lo == 1<<63 && !negative)
	}
	if over {
		return nil, because(codeRange, "the result does not fit a 64-bit integer; write decimal(…) for larger numbers")
	}
	return r, nil
}

func magnitude(i int) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

// floats is the float64 next to the exact result.
func (op arithmeticOp) floats(f, g float64) (any, error) {
	r := op.binary(f, g)
	if f == math.Trunc(f) && g == math.Trunc(g) && math.Abs(r) < 1<<53 {
		return r, nil
	}
	if math.IsInf(r, 0) {
		return nil, because(codeRange, "the result is too large")
	}
	if exact, ok := op.scaled(f, g); ok {
		return exact, nil
	}
	if spread := math.Abs(math.Log10(math.Abs(f)) - math.Log10(math.Abs(g))); op != '*' && !(spread < 40) {
		return r, nil // the smaller one does not show
	}
	return strconv.ParseFloat(op.exact(decimal.NewFromFloat(f), decimal.NewFromFloat(g)).String(), 64)
}

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// unscale is the integer n and the scale k for which f prints as n / 10^k, for
// the numbers that people write: at most 15 digits, at most nine of them behind
// the point. Such an n / 10^k is rounded once, and so is exact.
func unscale(f float64) (n float64, k int, ok bool) {
	for k := range 10 {
		n := math.Round(f * tens[k])
		if math.Abs(n) >= 1e15 {
			break
		}
		if n/tens[k] == f {
			return n, k, true
		}
	}
	return 0, 0, false
}

// scaled is f op g where that is exact in integers of their common scale.
func (op arithmeticOp) scaled(f, g float64) (float64, bool) {
	n, k, ok := unscale(f)
	if !ok {
		return 0, false
	}
	o, l, ok := unscale(g)
	if !ok {
		return 0, false
	}
	scale := k + l
	if op != '*' {
		scale = max(k, l)
		n, o = n*tens[scale-k], o*tens[scale-l]
	}
	r := op.binary(n, o)
	if math.Abs(n) >= 1<<53 || math.Abs(o) >= 1<<53 || math.Abs(r) >= 1<<53 {
		return 0, false
	}
	return r / tens[scale], true
}

func (op arithmeticOp) binary(f, g float64) float64 {
	switch op {
	case '+':
		return f + g
	case '-':
		return f - g
	default:
		return f * g
	}
}

func (op arithmeticOp) exact(x, y decimal.Decimal) decimal.Decimal {
	switch op {
	case '+':
		return x.Add(y)
	case '-':
		return x.Sub(y)
	default:
		return x.Mul(y)
	}
}

// divide is x / y, always a float64.
func divide(x, y any) (any, error) {
	g := toFloat(y)
	if g == 0 {
		return nil, because(codeRange, "division by zero")
	}
	return finite(toFloat(x) / g)
}

// toFloat is the float64 next to x.
func toFloat(x any) float64 {
	switch v := x.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	default:
		f, _ := strconv.ParseFloat(x.(decimal.Decimal).String(), 64)
		return f
	}
}

func finite(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, because(codeRange, "the result is too large, or not a number")
	}
	return f, nil
}

// compareNumbers orders two numbers exactly.
func compareNumbers(x, y any) int {
	i, iok := x.(int)
	j, jok := y.(int)
	if iok && jok {
		return order(i, j)
	}
	f, fok := asFloat(x)
	g, gok := asFloat(y)
	if fok && gok {
		return order(f, g)
	}
	return exactly(x).Cmp(exactly(y))
}

func order[T int | int64 | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// isJSONNumber reports whether s is a number as JSON writes them.
func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digitsAt(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if rest, ok := strings.CutPrefix(s, "."); ok {
		fraction := digitsAt(rest)
		if fraction == 0 {
			return false
		}
		s = rest[fraction:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return s != "" && digitsAt(s) == len(s)
	}
	return s == ""
}

// digitsAt is how many digits s begins with.
func digitsAt(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
