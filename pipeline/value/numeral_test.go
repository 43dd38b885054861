package value

import (
	"math/big"
	"testing"
)

func FuzzNumeral(f *testing.F) {
	f.Add("1.50", "0.01")
	f.Add("-12e3", "1.2e4")
	f.Add("0", "7")
	f.Add("1000", "2500e-3")
	f.Fuzz(func(t *testing.T, a, b string) {
		n, ok1 := ParseNumeral(a)
		m, ok2 := ParseNumeral(b)
		if !ok1 || !ok2 || max(n.point, -n.point, m.point, -m.point) > 1000 {
			return
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if n.Cmp(m) != x.Cmp(y) {
			t.Fatalf("%s cmp %s is %d", a, b, n.Cmp(m))
		}
		if n.IsInteger() != x.IsInt() {
			t.Fatalf("%s is an integer: %t", a, n.IsInteger())
		}
		if i, ok := n.Int64(); ok != (x.IsInt() && x.Num().IsInt64()) || ok && i != x.Num().Int64() {
			t.Fatalf("%s is the integer %d, %t", a, i, ok)
		}
		if multiple, known := n.IsMultipleOf(m); known && multiple != new(big.Rat).Quo(x, y).IsInt() {
			t.Fatalf("%s is a multiple of %s: %t", a, b, multiple)
		}
	})
}
