package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ConvertError is why a value does not convert. It never holds the value: that
// may be personal, and those who may show it have it anyway.
type ConvertError struct {
	From   Kind
	To     Type
	Reason string // "has 3 digits after the point, decimal(10,2) keeps 2"
}

// Error is the reason, and what was to become what.
func (e *ConvertError) Error() string {
	return fmt.Sprintf("%s to %s: %s", e.From, e.To, e.Reason)
}

// Convert makes v a value of type t where nothing is lost by it. Null stays
// null, and an unknown t changes nothing. zone is where a Timestamp is looked
// at to find its day; nil is UTC.
//
// A number column takes every kind of number as it is. A List converts item by
// item and becomes compact JSON. The error is a *ConvertError.
func Convert(v Value, t Type, zone *time.Location) (Value, error) {
	if v.kind == Null || !t.Known() {
		return v, nil
	}
	converted, reason := convert(v, t, zone)
	if reason != "" {
		return Value{}, &ConvertError{From: v.kind, To: t, Reason: reason}
	}
	return converted, nil
}

// convert is Convert of what is not null to a known type; a reason that is not
// empty says why not.
func convert(v Value, t Type, zone *time.Location) (Value, string) {
	if v.kind == Invalid {
		return Value{}, "is out of reach: its path leads through what is not an object (" + v.text + ")"
	}
	switch t.Kind {
	case String:
		return toString(v)
	case Integer:
		return toInteger(v)
	case Float, Number:
		return toNumber(v)
	case Boolean:
		return toBoolean(v)
	case Decimal:
		return toDecimal(v, t)
	case Date:
		return toDate(v, zone)
	case Timestamp:
		return toTimestamp(v)
	case List:
		return toList(v, t, zone)
	case JSON:
		return toJSON(v)
	default:
		return Value{}, "has no type to become"
	}
}

// nouns are what messages call a value of each kind.
var nouns = [...]string{"nothing", "nothing", "true or false", "a number", "a number", "a number", "a number", "text", "a date", "a time", "a list", "JSON"}

// isNot is the reason for a kind from which no way leads to what was wanted.
func isNot(v Value, wanted string) (Value, string) {
	return Value{}, "is " + nouns[v.kind] + ", " + wanted + " is wanted"
}

func toString(v Value) (Value, string) {
	switch v.kind {
	case String:
		return v, ""
	case Number, Decimal:
		return Text(v.text), ""
	case Boolean, Integer, Float, Date, Timestamp:
		return Text(textOf(v)), ""
	default:
		return isNot(v, "text")
	}
}

func textOf(v Value) string {
	var buf [40]byte
	return string(v.AppendText(buf[:0]))
}

const notInteger = "text is not a whole number like 42, without spaces, plus or leading zeros"

func toInteger(v Value) (Value, string) {
	switch v.kind {
	case Integer:
		return v, ""
	case Float:
		return integerOf(v.Float())
	case String:
		if !plainInteger(v.text) {
			return Value{}, notInteger
		}
	case Number, Decimal:
	default:
		return isNot(v, "a whole number")
	}
	n, ok := scanNumeral(v.text)
	if !ok {
		return Value{}, "is not a number"
	}
	i, ok := n.Int64()
	switch {
	case ok:
		return Int(i), ""
	case !n.IsInteger():
		return Value{}, "has digits after the point, a whole number is wanted"
	default:
		return Value{}, "is too large for an integer of 64 bits"
	}
}

func integerOf(f float64) (Value, string) {
	switch {
	case math.Trunc(f) != f:
		return Value{}, "has digits after the point, a whole number is wanted"
	case math.Abs(f) > 1<<53:
		return Value{}, "is beyond 2^53, where a calculated number is no longer exact"
	default:
		return Int(int64(f)), ""
	}
}

// plainInteger reports whether s is -?(0|[1-9][0-9]*).
func plainInteger(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	digits, rest := leadingDigits(s)
	return digits != "" && rest == "" && (len(digits) == 1 || digits[0] != '0')
}

const notNumber = "text is not a number like 24.17"

func toNumber(v Value) (Value, string) {
	switch v.kind {
	case Integer, Float, Number, Decimal:
		return v, ""
	case String:
		if _, ok := ParseNumeral(v.text); !ok {
			return Value{}, notNumber
		}
		return NumberText(v.text), ""
	default:
		return isNot(v, "a number")
	}
}

func toBoolean(v Value) (Value, string) {
	switch {
	case v.kind == Boolean:
		return v, ""
	case v.kind != String:
		return isNot(v, "true or false")
	case v.text == "true":
		return Bool(true), ""
	case v.text == "false":
		return Bool(false), ""
	default:
		return Value{}, "text is neither true nor false"
	}
}

func toDecimal(v Value, t Type) (Value, string) {
	var n Numeral
	var ok bool
	text := v.text
	switch v.kind {
	case Number, Decimal:
		n, ok = scanNumeral(text)
	case Integer, Float:
		text = textOf(v)
		n, ok = scanNumeral(text)
	case String:
		if n, ok = ParseNumeral(text); !ok {
			return Value{}, notNumber
		}
	default:
		return isNot(v, "a number")
	}
	if !ok {
		return Value{}, "is not a number"
	}
	if d := n.FractionDigits(); d > int64(t.Scale) {
		return Value{}, fmt.Sprintf("has %s after the point, %s keeps %d", digits(d), t, t.Scale)
	}
	if d := n.WholeDigits(); d > int64(t.Precision-t.Scale) {
		return Value{}, fmt.Sprintf("has %s before the point, %s has room for %d", digits(d), t, t.Precision-t.Scale)
	}
	if n.isPlain(t.Scale) {
		return DecimalText(text), ""
	}
	var buf [MaxPrecision + 3]byte // sign, leading zero, point
	return DecimalText(string(n.appendDecimal(buf[:0], t.Scale))), ""
}

func digits(n int64) string {
	if n == 1 {
		return "1 digit"
	}
	return strconv.FormatInt(n, 10) + " digits"
}

func toDate(v Value, zone *time.Location) (Value, string) {
	switch v.kind {
	case Date:
		return v, ""
	case Timestamp:
		return dayIn(zone, v.n, v.nsec)
	case String:
	default:
		return isNot(v, "a date")
	}
	if days, ok := parseDate(v.text); ok {
		return Day(days), ""
	}
	sec, nsec, reason := parseRFC3339(v.text)
	if reason == notTime {
		return Value{}, "text is not a date like 2006-01-02 or an RFC 3339 time"
	}
	if reason != "" {
		return Value{}, reason
	}
	return dayIn(zone, sec, nsec)
}

// dayIn is the day that an instant falls on in zone.
func dayIn(zone *time.Location, sec int64, nsec int32) (Value, string) {
	if zone != nil && zone != time.UTC {
		_, offset := time.Unix(sec, int64(nsec)).In(zone).Zone()
		sec += int64(offset)
	}
	days, _ := floorDiv(sec, secondsPerDay)
	return Day(days), ""
}

func toTimestamp(v Value) (Value, string) {
	switch v.kind {
	case Timestamp:
		return v, ""
	case Date:
		return Value{}, "is a day without a time"
	case String:
	default:
		return isNot(v, "a time")
	}
	if _, ok := parseDate(v.text); ok {
		return Value{}, "is a day without a time"
	}
	sec, nsec, reason := parseRFC3339(v.text)
	if reason != "" {
		return Value{}, reason
	}
	return Value{kind: Timestamp, n: sec, nsec: nsec}, ""
}

func toList(v Value, t Type, zone *time.Location) (Value, string) {
	if v.kind != List {
		return isNot(v, "a list")
	}
	it, ok := openList(v.text)
	if !ok {
		return Value{}, "is not a JSON array"
	}
	if len(it.rest)+2 == len(v.text) && isListOf(it, t.Elem) {
		return v, ""
	}
	out := append(make([]byte, 0, len(v.text)+16), '[')
	for i := 1; !it.done; i++ {
		if i > 1 {
			out = append(out, ',')
		}
		var reason string
		if out, reason = appendItem(out, it.next(), t.Elem, zone); reason != "" {
			return Value{}, fmt.Sprintf("item %d %s", i, reason)
		}
	}
	out = append(out, ']')
	return ListText(string(out)), ""
}

// isListOf reports whether the items are compact and of a simple type t as they
// stand, which is most lists.
func isListOf(it items, t *Type) bool {
	for !it.done {
		if t == nil || !isItemOf(it.next(), t.Kind) {
			return false
		}
	}
	return true
}

func isItemOf(text string, kind Kind) bool {
	switch kind {
	case String:
		end := len(text) - 1
		return end > 0 && text[0] == '"' && strings.IndexByte(text, '\\') < 0 && strings.IndexByte(text[1:], '"') == end-1
	case Integer:
		_, reason := toInteger(Text(text))
		return reason == ""
	case Float:
		_, ok := ParseNumeral(text)
		return ok
	default:
		return false
	}
}

// appendItem appends the item of a list as type t, which may be nil or unknown.
func appendItem(dst []byte, text string, t *Type, zone *time.Location) ([]byte, string) {
	item, ok := FromJSON(text)
	switch {
	case !ok:
		return dst, "is not JSON"
	case item.kind == Null:
		return append(dst, "null"...), ""
	case t == nil || !t.Known() || t.Kind == JSON:
		return appendCompact(dst, text), ""
	}
	item, reason := convert(item, *t, zone)
	return item.AppendJSON(dst), reason
}

func toJSON(v Value) (Value, string) {
	switch v.kind {
	case JSON:
		return v, ""
	case List:
		return JSONText(v.text), ""
	default:
		return JSONText(string(v.AppendJSON(nil))), ""
	}
}
