// convert.go: between the values of a record and those of the VM.
//
//	null  bool  int  float64  numeric  decimal.Decimal  string  day  time.Time
//	rawList  rawObject  []any  map[string]any
//
// are all there is. A number of the record stays numeric, its text, until
// something is computed from it; lists and objects stay raw until somebody
// looks inside.

package expression

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"pipeline/pipeline/value"
)

// load is a slot as the VM sees it.
func load(v value.Value) (any, error) {
	switch v.Kind() {
	case value.Null:
		return nil, nil
	case value.Boolean:
		return v.Bool(), nil
	case value.Integer:
		return int(v.Int()), nil
	case value.Float:
		return v.Float(), nil
	case value.Number:
		return numeric(v.Text()), nil
	case value.Decimal:
		return parseDecimal(v.Text())
	case value.String:
		return v.Text(), nil
	case value.Date:
		return day(v.Days()), nil
	case value.Timestamp:
		return v.Time(), nil
	case value.List, value.JSON:
		return decode(v.Text())
	default:
		return nil, errors.New("a value of no known kind")
	}
}

// store is a result of the VM as a value of the row.
func store(x any) (value.Value, error) {
	switch v := x.(type) {
	case nil:
		return value.Value{}, nil
	case bool:
		return value.Bool(v), nil
	case int:
		return value.Int(int64(v)), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return value.Value{}, errors.New("the result is not a number that can be written")
		}
		return value.FloatOf(v + 0), nil // -0 is 0
	case numeric:
		return value.NumberText(string(v)), nil
	case decimal.Decimal:
		return value.DecimalText(plainDecimal(v)), nil
	case string:
		return value.Text(strings.ToValidUTF8(v, "\uFFFD")), nil
	case day:
		return value.Day(int64(v)), nil
	case time.Time:
		return value.TimeOf(v), nil
	case rawList:
		return value.ListText(string(v)), nil
	case rawObject:
		return value.JSONText(string(v)), nil
	case []any:
		return value.ListText(string(appendJSON(nil, v))), nil
	case map[string]any:
		return value.JSONText(string(appendJSON(nil, v))), nil
	default:
		return value.Value{}, errors.New("the result is of no type that a row can hold")
	}
}
