package parquet

// column.go turns the values of one column into what Parquet stores, with the
// levels that tell a null from an empty list and from a list that holds a null.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// column is one column of the file: one leaf, whatever its type.
type column struct {
	pipeline.Column
	index   int
	present int // definition level of a value that is not null; of a list, of one that is there

	writer  *parquet.ColumnWriter
	values  []parquet.Value // not yet given to writer; they point into the batch and into scratch
	scratch []byte          // bytes of decimals
	pending int             // bytes of the page being made
}

var errNull = errors.New("is null, where its schema says that it never is; give it a value with ??, or allow null there")

// append adds the value of one row. After an error the column is not to be used.
func (c *column) append(v *value.Value) error {
	kind := v.Kind()
	if kind == c.Type.Kind && c.appendPlain(v, kind) {
		return nil
	}
	switch {
	case kind == value.Null:
		if !c.Nullable {
			return errNull
		}
		c.add(parquet.NullValue(), 0, 0)
		return nil
	case c.Type.Kind == value.List:
		return c.appendList(*v, c.Type, 0, 0, c.present)
	}
	leaf, err := c.leaf(*v, c.Type)
	if err != nil {
		return err
	}
	c.add(leaf, 0, c.present)
	return nil
}

// appendPlain adds a value that is of the column's type already, where nothing
// can be wrong with it; it reports false where append has to look closer. Most
// values are such ones. BenchmarkWrite: half the time for a row.
func (c *column) appendPlain(v *value.Value, kind value.Kind) bool {
	switch kind {
	case value.String:
		text := v.Text()
		if !utf8.ValidString(text) {
			return false
		}
		c.put(parquet.ByteArrayValue(bytesOf(text)), 0, c.present)
		c.pending += valueCost + len(text)
		return true
	case value.Boolean:
		c.put(parquet.BooleanValue(v.Bool()), 0, c.present)
	case value.Integer:
		c.put(parquet.Int64Value(v.Int()), 0, c.present)
	case value.Date:
		days := v.Days()
		if days != int64(int32(days)) {
			return false
		}
		c.put(parquet.Int32Value(int32(days)), 0, c.present)
	case value.Decimal:
		if c.Type.Precision > 18 {
			return false
		}
		n, ok := unscaledPlain(v.Text(), c.Type.Precision, c.Type.Scale)
		if !ok {
			return false
		}
		if c.Type.Precision <= 9 {
			c.put(parquet.Int32Value(int32(n)), 0, c.present)
		} else {
			c.put(parquet.Int64Value(n), 0, c.present)
		}
	default:
		return false
	}
	c.pending += valueCost
	return true
}

// add adds a value and counts it.
func (c *column) add(v parquet.Value, repetition, definition int) {
	c.pending += valueCost
	if k := v.Kind(); k == parquet.ByteArray || k == parquet.FixedLenByteArray {
		c.pending += len(v.ByteArray())
	}
	c.put(v, repetition, definition)
}

// put adds a value. One without levels, as in a column that is never null, needs
// none set.
func (c *column) put(v parquet.Value, repetition, definition int) {
	if repetition|definition != 0 {
		v = v.Level(repetition, definition, c.index)
	}
	c.values = append(c.values, v)
}

// pass gives the library the values it does not have yet. It copies them.
func (c *column) pass() error {
	if len(c.values) == 0 {
		return nil
	}
	_, err := c.writer.WriteRowValues(c.values)
	clear(c.values) // they hold on to the batch
	c.values, c.scratch = c.values[:0], c.scratch[:0]
	return err
}

// endPage makes a page of all values since the last one.
func (c *column) endPage() error {
	if err := c.pass(); err != nil {
		return err
	}
	c.pending = 0
	return c.writer.Flush()
}

// appendList adds the items of a list that is depth lists deep. Its first item
// has the repetition level of the list, the others one of their own; present is
// the definition level of the list where it is empty.
func (c *column) appendList(v value.Value, t value.Type, depth, repetition, present int) error {
	if v.Kind() != value.List {
		_, err := value.Convert(v, t, nil)
		return err
	}
	items, err := pipeline.Elements(bytesOf(v.Text()), []string{""}, nil)
	if err != nil {
		return fmt.Errorf("is no list: %w", err)
	}
	if len(items) == 0 {
		c.add(parquet.NullValue(), repetition, present)
	}
	for i, item := range items {
		if i > 0 {
			repetition = depth + 1
		}
		if err := c.appendItem(string(item.Text), *t.Elem, depth, repetition, present+1); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return nil
}

// appendItem adds an item, where null has the definition level null.
func (c *column) appendItem(text string, t value.Type, depth, repetition, null int) error {
	item, ok := value.FromJSON(text)
	switch {
	case !ok:
		return errors.New("is not JSON")
	case item.IsNull():
		c.add(parquet.NullValue(), repetition, null)
		return nil
	case t.Kind == value.List:
		return c.appendList(item, t, depth+1, repetition, null+1)
	case t.Kind == value.JSON:
		item = value.JSONText(text)
	}
	leaf, err := c.leaf(item, t)
	if err != nil {
		return err
	}
	c.add(leaf, repetition, null+1)
	return nil
}

// leaf is a value that is neither null nor a list as a column of type t stores
// it, or the reason why that would lose something.
func (c *column) leaf(v value.Value, t value.Type) (parquet.Value, error) {
	kind := t.Kind
	if kind == value.Number {
		kind = value.Float
	}
	if v.Kind() != kind || kind == value.Decimal {
		var err error
		if v, err = value.Convert(v, t, nil); err != nil {
			return parquet.Value{}, err
		}
	}
	switch kind {
	case value.Boolean:
		return parquet.BooleanValue(v.Bool()), nil
	case value.Integer:
		return parquet.Int64Value(v.Int()), nil
	case value.Float:
		f, err := double(v)
		return parquet.DoubleValue(f), err
	case value.Decimal:
		return c.decimal(v, t.Precision), nil
	case value.Date:
		days := v.Days()
		if days != int64(int32(days)) {
			return parquet.Value{}, errors.New("is a day further away than Parquet counts")
		}
		return parquet.Int32Value(int32(days)), nil
	case value.Timestamp:
		micros, err := microseconds(v.Time())
		return parquet.Int64Value(micros), err
	default: // String, JSON
		if !utf8.ValidString(v.Text()) {
			return parquet.Value{}, errors.New("is not valid UTF-8")
		}
		return parquet.ByteArrayValue(bytesOf(v.Text())), nil
	}
}

func (c *column) decimal(v value.Value, precision int) parquet.Value {
	n := unscaled(v.Text())
	switch {
	case precision <= 9:
		return parquet.Int32Value(int32(n.lo))
	case precision <= 18:
		return parquet.Int64Value(int64(n.lo))
	}
	start := len(c.scratch)
	c.scratch = n.appendBytes(c.scratch, decimalBytes(precision))
	return parquet.FixedLenByteArrayValue(c.scratch[start:])
}

// double is v as the nearest float64. A fraction is hardly ever a float64 to the
// last digit, and nobody expects it; a whole number is expected to stay itself,
// for it may be an id.
func double(v value.Value) (float64, error) {
	switch v.Kind() {
	case value.Float:
		return v.Float(), nil
	case value.Integer:
		f := float64(v.Int())
		if f >= math.MaxInt64 || int64(f) != v.Int() {
			return 0, errInexact
		}
		return f, nil
	}
	text := v.Text()
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return 0, errors.New("is too large for a number; declare type string to keep it as text")
	case len(text) > 15 && !strings.ContainsAny(text, ".eE") && !writes(f, text):
		return 0, errInexact
	}
	return f, nil
}

// writes reports whether f is the whole number text, or what text is the
// shortest form of.
func writes(f float64, text string) bool {
	return strconv.FormatFloat(f, 'f', 0, 64) == text || strconv.FormatFloat(f, 'f', -1, 64) == text
}

var errInexact = errors.New("is a whole number with more digits than a number keeps; declare type integer, decimal(20,0) or string")

// microseconds counts from 1970. What is finer is not cut off.
func microseconds(t time.Time) (int64, error) {
	seconds := t.Unix()
	switch {
	case t.Nanosecond()%1000 != 0:
		return 0, errors.New("is finer than a microsecond, which is what Parquet timestamps keep here; round it in the mapping, or declare type string")
	case seconds < math.MinInt64/1_000_000 || seconds >= math.MaxInt64/1_000_000:
		return 0, errors.New("is a time further away than Parquet counts")
	}
	return seconds*1_000_000 + int64(t.Nanosecond()/1000), nil
}

// bytesOf is the bytes of s, not to be written to: the library takes bytes, and
// copies them before Write returns.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
