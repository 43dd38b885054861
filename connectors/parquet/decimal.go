package parquet

import (
	"encoding/binary"
	"math/bits"
)

// int128 is a whole number in two's complement, which holds the 38 digits of
// the largest decimal.
type int128 struct{ hi, lo uint64 }

// unscaled is the whole number that the digits of a decimal make without their
// point. s is plain notation of at most 38 digits, as value.Convert makes it.
func unscaled(s string) int128 {
	var n int128
	for i := range len(s) {
		if d := s[i] - '0'; d <= 9 {
			n = n.timesTenPlus(uint64(d))
		}
	}
	if s[0] == '-' {
		lo, borrow := bits.Sub64(0, n.lo, 0)
		hi, _ := bits.Sub64(0, n.hi, borrow)
		n = int128{hi, lo}
	}
	return n
}

// unscaledPlain is unscaled for a decimal of at most 18 digits, of which scale
// stand behind the point. ok is false for all that is written in another way,
// which may be a decimal of this type all the same.
func unscaledPlain(s string, precision, scale int) (n int64, ok bool) {
	digits := s
	if digits != "" && digits[0] == '-' {
		digits = digits[1:]
	}
	whole := len(digits)
	if scale > 0 {
		whole -= scale + 1
	}
	if whole < 1 || whole > precision-scale || digits[0] == '0' && whole > 1 || scale > 0 && digits[whole] != '.' {
		return 0, false
	}
	for i := range len(digits) {
		if i == whole {
			continue
		}
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, true
}

func (n int128) timesTenPlus(d uint64) int128 {
	over, lo := bits.Mul64(n.lo, 10)
	lo, carry := bits.Add64(lo, d, 0)
	return int128{n.hi*10 + over + carry, lo}
}

// appendBytes appends the last size bytes of n, the most significant first.
func (n int128) appendBytes(dst []byte, size int) []byte {
	var all [16]byte
	binary.BigEndian.PutUint64(all[:8], n.hi)
	binary.BigEndian.PutUint64(all[8:], n.lo)
	return append(dst, all[16-size:]...)
}

// decimalBytes is how many bytes hold every decimal of that many digits, sign
// included. A digit is log2(10) bits.
func decimalBytes(precision int) int {
	const bitsPerDigit = 3.3219280948873623
	return (int(float64(precision)*bitsPerDigit)+1)/8 + 1
}
