package parquet

// holds.go tells which rows can be stored before any is written: one that cannot be is
// a matter of its record. It is asked for every row, so that what is certain to be right
// is not looked at, and what hardly ever is wrong is looked at in passing.

import (
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// holder makes the check of rows, which is that of the writer: a value that is not
// plainly right is added to a column that nobody writes.
func holder(columns []pipeline.Column) func([]value.Value) (int, error) {
	all, _ := columnsOf(columns) // what is wrong with the columns themselves, open says
	var asked []column
	for _, c := range all {
		if !c.certain() {
			asked = append(asked, c)
		}
	}
	return func(row []value.Value) (int, error) {
		for i := range asked {
			if err := asked[i].holds(&row[asked[i].index]); err != nil {
				return asked[i].index, err
			}
		}
		return 0, nil
	}
}

// certain reports whether a column stores whatever it is given: its values were
// converted to a type that Parquet keeps as it is.
func (c *column) certain() bool {
	switch c.Type.Innermost().Kind {
	case value.String, value.JSON, value.Integer, value.Boolean, value.Decimal:
		return c.Converted
	}
	return false
}

// holds is why the value of one row cannot be stored.
func (c *column) holds(v *value.Value) error {
	if v.Kind() == value.Null && c.Nullable || c.plain(v) {
		return nil
	}
	err := c.append(v)
	c.values, c.scratch, c.pending = c.values[:0], c.scratch[:0], 0
	return err
}

// plain reports whether a value is of the column's type and plainly right. Without it
// the check is half of what it costs to write a row.
func (c *column) plain(v *value.Value) bool {
	kind := v.Kind()
	switch c.Type.Kind {
	case value.String, value.Integer, value.Boolean:
		return kind == c.Type.Kind
	case value.Date:
		return kind == value.Date && v.Days() == int64(int32(v.Days()))
	case value.Timestamp:
		if kind != value.Timestamp {
			return false
		}
		_, err := microseconds(v.Time())
		return err == nil
	case value.Number:
		return kind == value.Float || kind == value.Number && plainNumber(v.Text())
	}
	return false
}

// plainNumber reports whether a number is plainly no whole number with more digits, and
// none that is larger, than a float64 keeps.
func plainNumber(text string) bool {
	return strings.IndexByte(text, 'e') < 0 && strings.IndexByte(text, 'E') < 0 &&
		(len(text) <= 15 || len(text) <= 100 && strings.IndexByte(text, '.') >= 0)
}
