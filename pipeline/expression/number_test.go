package expression

import (
	"math"
	"strconv"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// A number is what its text says, or it is refused: never another one.
func TestResolveIsExact(t *testing.T) {
	tests := []struct {
		text string
		want any
	}{
		{"0", 0}, {"-0", 0}, {"42", 42}, {"9223372036854775807", math.MaxInt64}, {"-9223372036854775808", math.MinInt64},
		{"9223372036854775808", decimal.RequireFromString("9223372036854775808")},
		{"1.0", 1.0}, {"1e2", 100.0}, {"0.1", 0.1}, {"1000.50", 1000.5}, {"-0.0", 0.0}, {"1E-2", 0.01},
		{"0.12345678901234566", 0.12345678901234566},
		{"0.123456789012345678", decimal.RequireFromString("0.123456789012345678")},
		{"9007199254740993.0", decimal.RequireFromString("9007199254740993.0")},
		{"1e400", decimal.RequireFromString("1e400")}, {"1e-400", decimal.RequireFromString("1e-400")},
	}
	for _, tt := range tests {
		got, err := resolve(numeric(tt.text))
		if d, ok := tt.want.(decimal.Decimal); ok {
			if g, isDecimal := got.(decimal.Decimal); err != nil || !isDecimal || !g.Equal(d) {
				t.Errorf("%s: %v (%T, %v)", tt.text, got, got, err)
			}
		} else if got != tt.want || err != nil {
			t.Errorf("%s: %v (%T, %v), want %v", tt.text, got, got, err, tt.want)
		}
	}
	for _, text := range []string{"1e401", "1e-401", "1e99999999999", "1" + string(make([]byte, 500))} {
		if got, err := resolve(numeric(text)); err == nil {
			t.Errorf("%.20s: %v", text, got)
		}
	}
}

// What people write, added, subtracted or multiplied, is the float64 next to
// the exact result.
func TestFloatsAreNextToTheExactResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(label string) float64 {
			if rapid.Bool().Draw(t, label+" any") {
				return rapid.Float64Range(-1e20, 1e20).Draw(t, label)
			}
			n := rapid.Int64Range(-1e12, 1e12).Draw(t, label)
			return float64(n) / tens[rapid.IntRange(0, 6).Draw(t, label+" scale")]
		}
		f, g := number("f"), number("g")
		op := rapid.SampledFrom([]arithmeticOp{'+', '-', '*'}).Draw(t, "op")
		got, err := op.floats(f, g)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := strconv.ParseFloat(op.exact(decimal.NewFromFloat(f), decimal.NewFromFloat(g)).String(), 64)
		if got != want {
			t.Fatalf("%v %c %v is %v, want %v", f, op, g, got, want)
		}
	})
}

func TestIntegersNeverWrap(t *testing.T) {
	edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 32, -1 << 31}))
	rapid.Check(t, func(t *rapid.T) {
		i, j := edge.Draw(t, "i"), edge.Draw(t, "j")
		op := rapid.SampledFrom([]arithmeticOp{'+', '-', '*'}).Draw(t, "op")
		got, err := op.integers(int(i), int(j))
		want := op.exact(decimal.NewFromInt(i), decimal.NewFromInt(j)).BigInt()
		if want.IsInt64() != (err == nil) || err == nil && int64(got.(int)) != want.Int64() {
			t.Fatalf("%d %c %d is %v (%v), want %v", i, op, j, got, err, want)
		}
	})
}

func TestIsJSONNumber(t *testing.T) {
	for _, s := range []string{"0", "-0", "10", "1.5", "1e6", "1E+6", "-1.25e-3"} {
		if !isJSONNumber(s) {
			t.Errorf("%s is one", s)
		}
	}
	for _, s := range []string{"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1 ", " 1", "0x1", "NaN", "Infinity", "1_000", "1,5"} {
		if isJSONNumber(s) {
			t.Errorf("%s is none", s)
		}
	}
}
