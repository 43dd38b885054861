// numbers.go: functions of numbers, exact as far as the numbers are.

package expression

import (
	"math"
	"strconv"

	"github.com/shopspring/decimal"
)

// maxScale is the most digits after the point that are asked for.
const maxScale = 100

func numberFunctions() []*function {
	number := param{name: "number", want: isNumeric}
	convertible := param{name: "value", want: isNumeric | isText, null: true}
	comparable := param{name: "value", want: ordered}
	digits := param{name: "digits", want: isNumeric}
	return []*function{
		{Function: Function{Name: "number", Group: "numbers", Signature: "number(value)", Doc: "The number that a text writes, in the form of JSON: 24.17, -3, 1e6. Another text is an error. Null stays null.",
			Example: `number("24.17")`, Result: `24.17`}, params: []param{convertible}, infer: orNull(numeral), run: toNumeric},
		{Function: Function{Name: "integer", Group: "numbers", Signature: "integer(value)", Doc: "The number, or the number that a text writes, where it is a 64-bit integer; 42.0 is 42, and 42.5 is an error. Null stays null.",
			Example: `integer("42")`, Result: `42`}, params: []param{convertible}, infer: orNull(integral), run: toInteger},
		{Function: Function{Name: "decimal", Group: "numbers", Signature: "decimal(value[, scale])", Doc: "The number, or the number that a text writes, as an exact decimal, with scale digits after the point where scale is given. Digits that would be lost are an error: use round. Null stays null.",
			Example: `decimal("1000.5", 2) + decimal("0.01")`, Result: `1000.51`}, params: []param{convertible, {name: "scale", want: isNumeric}}, optional: 1, infer: orNull(exact), run: toDecimal},
		{Function: Function{Name: "round", Group: "numbers", Signature: "round(number[, digits])", Doc: "The number rounded to digits after the point, halves away from zero, by its decimal digits. Without digits it is an integer.",
			Example: `round(2.345, 2)`, Result: `2.35`}, params: []param{number, digits}, optional: 1, infer: roundType, run: round},
		{Function: Function{Name: "floor", Group: "numbers", Signature: "floor(number)", Doc: "The greatest integer that is not greater.",
			Example: `floor(-2.5)`, Result: `-3`}, params: []param{number}, result: integral, run: toWhole(decimal.Decimal.Floor)},
		{Function: Function{Name: "ceil", Group: "numbers", Signature: "ceil(number)", Doc: "The least integer that is not less.",
			Example: `ceil(2.1)`, Result: `3`}, params: []param{number}, result: integral, run: toWhole(decimal.Decimal.Ceil)},
		{Function: Function{Name: "abs", Group: "numbers", Signature: "abs(number)", Doc: "The number without its sign.",
			Example: `abs(-2.5)`, Result: `2.5`}, params: []param{number}, infer: firstNumber, run: abs},
		{Function: Function{Name: "min", Group: "numbers", Signature: "min(value, value…)", Doc: "The least of its inputs, which are all numbers, all texts, all dates or all timestamps.",
			Example: `min(3, 1.5, 2)`, Result: `1.5`}, params: []param{comparable, comparable}, variadic: true, infer: mergedType, run: extreme(-1)},
		{Function: Function{Name: "max", Group: "numbers", Signature: "max(value, value…)", Doc: "The greatest of its inputs, which are all numbers, all texts, all dates or all timestamps.",
			Example: `max(date("2026-01-31"), date("2026-02-01"))`, Result: `"2026-02-01"`}, params: []param{comparable, comparable}, variadic: true, infer: mergedType, run: extreme(1)},
	}
}

func firstNumber(args []typed) typed { return numberOnly(args[0]) }

func mergedType(args []typed) typed {
	t := args[0]
	for _, a := range args[1:] {
		t = merge(t, a)
	}
	t.shape, t.words = certain(t.shape), nil
	return t
}

func roundType(args []typed) typed {
	if len(args) == 1 {
		return integral
	}
	return numberOnly(args[0])
}

// fromText is the number that a text writes, or a number as it is.
func fromText(x any, fn string) (any, error) {
	s, ok := x.(string)
	if !ok {
		return x, nil
	}
	if !isJSONNumber(s) {
		return nil, because(codeValue, "%s is given a text that is not a number", fn)
	}
	return numeric(s), nil
}

func toNumeric(_ *Machine, a []any) (any, error) { return fromText(a[0], "number") }

func toInteger(_ *Machine, a []any) (any, error) {
	x, err := fromText(a[0], "integer")
	if x == nil || err != nil {
		return nil, err
	}
	if x, err = toNumber(x, 0); err != nil {
		return nil, err
	}
	if i, ok := x.(int); ok {
		return i, nil
	}
	d := exactly(x)
	if !d.IsInteger() {
		return nil, because(codeValue, "integer is given a number with a fraction; write round(…)")
	}
	return int64Of(d)
}

func int64Of(d decimal.Decimal) (any, error) {
	if b := d.BigInt(); b.IsInt64() {
		return int(b.Int64()), nil
	}
	return nil, because(codeRange, "the number does not fit a 64-bit integer")
}

func toDecimal(_ *Machine, a []any) (any, error) {
	x, err := fromText(a[0], "decimal")
	if x == nil || err != nil {
		return nil, err
	}
	var d decimal.Decimal
	if n, ok := x.(numeric); ok {
		d, err = parseDecimal(string(n)) // with its zeros: 1000.50
	} else {
		d = exactly(x)
	}
	if err != nil || len(a) < 2 {
		return d, err
	}
	scale, err := scaleOf(a, "decimal")
	if err != nil {
		return nil, err
	}
	scaled := d.Round(int32(scale))
	if !scaled.Equal(d) {
		return nil, because(codeValue, "decimal is given a number with more than %s after the point; write round(…, %d)", counted(scale, "digit"), scale)
	}
	return withScale(scaled, scale)
}

// withScale is d with exactly scale digits after the point.
func withScale(d decimal.Decimal, scale int) (any, error) {
	fixed, err := decimal.NewFromString(d.StringFixed(int32(scale)))
	if err != nil {
		return nil, outOfRange()
	}
	return bounded(fixed)
}

func scaleOf(a []any, fn string) (int, error) {
	n, err := whole(a, 1, "the number of digits for "+fn)
	if err == nil && n > maxScale {
		return 0, because(codeRange, "%s takes at most %d digits", fn, maxScale)
	}
	return n, err
}

func round(_ *Machine, a []any) (any, error) {
	x, err := toNumber(a[0], 0)
	if err != nil {
		return nil, err
	}
	if len(a) < 2 {
		if _, ok := x.(int); ok {
			return x, nil
		}
		return int64Of(exactly(x).Round(0))
	}
	scale, err := scaleOf(a, "round")
	if err != nil {
		return nil, err
	}
	switch v := x.(type) {
	case int:
		return v, nil
	case float64:
		if math.Abs(v) >= 1<<53 {
			return v, nil
		}
		return strconv.ParseFloat(exactly(v).Round(int32(scale)).String(), 64)
	default:
		return withScale(exactly(x).Round(int32(scale)), scale)
	}
}

func toWhole(f func(decimal.Decimal) decimal.Decimal) func(*Machine, []any) (any, error) {
	return func(_ *Machine, a []any) (any, error) {
		x, err := toNumber(a[0], 0)
		if err != nil {
			return nil, err
		}
		if _, ok := x.(int); ok {
			return x, nil
		}
		return int64Of(f(exactly(x)))
	}
}

func abs(m *Machine, a []any) (any, error) {
	x, err := toNumber(a[0], 0)
	if err != nil {
		return nil, err
	}
	if compareNumbers(x, 0) < 0 {
		return negate(m, []any{x})
	}
	return a[0], nil
}

// extreme is the least (-1) or the greatest (1) of the arguments, as it was given.
func extreme(sign int) func(*Machine, []any) (any, error) {
	return func(_ *Machine, a []any) (any, error) {
		best := a[0]
		for i, x := range a[1:] {
			if classOf(x) != classOf(a[0]) {
				return nil, wrong(i+1, x, classOf(a[0]))
			}
			c, err := compare(x, best)
			if err != nil {
				return nil, err
			}
			if c*sign > 0 {
				best = x
			}
		}
		return best, nil
	}
}
