// Package value is the small typed value that travels from a record to a sink.
//
// A row is a slice of Values and a batch is one slab of rows, so a Value is
// kept small and holds no pointer but its text: strings are slices of the page
// they were read from, and whoever keeps a Value longer than its batch clones
// it.
package value

import (
	"math"
	"time"
)

// Kind says what a Value holds.
type Kind uint8

// The kinds. Null is zero, so that a cleared slab is a slab of nulls.
const (
	Null      Kind = iota // absent and null are the same to a mapping
	Invalid               // a path led through something that is not an object; Text says through what
	Boolean               // true or false
	Integer               // a 64-bit integer
	Float                 // a finite float64, the result of arithmetic
	Number                // a JSON number as it was written; nobody has asked for its type yet
	Decimal               // an exact decimal as text, with all its digits
	String                // UTF-8 text
	Date                  // a calendar day, no zone
	Timestamp             // an instant, to the nanosecond
	List                  // a JSON array as text
	JSON                  // a JSON object (or any value declared json) as text
)

var kindNames = [...]string{"null", "invalid", "boolean", "integer", "number", "number", "decimal", "string", "date", "timestamp", "list", "json"}

// String is the kind's name in mappings and messages.
func (k Kind) String() string { return kindNames[k] }

// Value is one cell. The zero Value is null.
type Value struct {
	text string // Number, Decimal, String, List, JSON: the text; Invalid: what was there instead
	n    int64  // Boolean, Integer, Float (bits), Date (days since 1970-01-01), Timestamp (seconds)
	nsec int32  // Timestamp: nanoseconds within the second
	kind Kind
}

// Of the constructors, those that take text keep it as it is: the caller has
// checked that it is what the kind says.

// Bool is a boolean value.
func Bool(b bool) Value {
	if b {
		return Value{kind: Boolean, n: 1}
	}
	return Value{kind: Boolean}
}

// Int is an integer value.
func Int(i int64) Value { return Value{kind: Integer, n: i} }

// FloatOf is a number that came out of arithmetic; f must be finite.
func FloatOf(f float64) Value { return Value{kind: Float, n: int64(math.Float64bits(f))} }

// NumberText is a JSON number as it was written.
func NumberText(s string) Value { return Value{kind: Number, text: s} }

// DecimalText is an exact decimal in plain notation: -?digits[.digits].
func DecimalText(s string) Value { return Value{kind: Decimal, text: s} }

// Text is a string.
func Text(s string) Value { return Value{kind: String, text: s} }

// ListText is a JSON array, compact or not.
func ListText(s string) Value { return Value{kind: List, text: s} }

// JSONText is any JSON value, kept as text.
func JSONText(s string) Value { return Value{kind: JSON, text: s} }

// InvalidThrough marks a path that could not be followed because a step of it
// is a through ("string", "list" …) and not an object.
func InvalidThrough(through string) Value { return Value{kind: Invalid, text: through} }

// Day is the calendar day n days after 1970-01-01.
func Day(n int64) Value { return Value{kind: Date, n: n} }

// DayOf is the calendar day that t shows in its own location.
func DayOf(t time.Time) Value {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// TimeOf is the instant t.
func TimeOf(t time.Time) Value {
	return Value{kind: Timestamp, n: t.Unix(), nsec: int32(t.Nanosecond())}
}

// Kind says what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null or absent.
func (v Value) IsNull() bool { return v.kind == Null }

// Text is the text of a String, Number, Decimal, List, JSON or Invalid value,
// and empty for the others.
func (v Value) Text() string { return v.text }

// Bool is the value of a Boolean.
func (v Value) Bool() bool { return v.n != 0 }

// Int is the value of an Integer.
func (v Value) Int() int64 { return v.n }

// Float is the value of a Float.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.n)) }

// Days is a Date as days since 1970-01-01.
func (v Value) Days() int64 { return v.n }

// Time is a Timestamp, or midnight UTC of a Date.
func (v Value) Time() time.Time {
	if v.kind == Date {
		return time.Unix(v.n*86400, 0).UTC()
	}
	return time.Unix(v.n, int64(v.nsec)).UTC()
}
