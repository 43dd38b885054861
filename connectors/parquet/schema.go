package parquet

// schema.go: what a column of a mapping is in Parquet.

import (
	"fmt"

	"github.com/parquet-go/parquet-go"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// rows is the root of a schema. parquet.Group sorts its fields by name; here
// they stand in the order of the mapping.
type rows struct {
	parquet.Group
	fields []parquet.Field
}

func (r rows) Fields() []parquet.Field { return r.fields }

func schemaOf(columns []column) *parquet.Schema {
	var root rows
	for _, c := range columns {
		node := nodeOf(c.Type)
		if c.Nullable {
			node = parquet.Optional(node)
		}
		root.fields = append(root.fields, parquet.Group{c.Name: node}.Fields()...)
	}
	return parquet.NewSchema("row", root)
}

// nodeOf is the node of a known type.
func nodeOf(t value.Type) parquet.Node {
	switch t.Kind {
	case value.Boolean:
		return parquet.Leaf(parquet.BooleanType)
	case value.Integer:
		return parquet.Leaf(parquet.Int64Type)
	case value.Float, value.Number:
		return parquet.Leaf(parquet.DoubleType)
	case value.Decimal:
		return parquet.Decimal(t.Scale, t.Precision, decimalType(t.Precision))
	case value.Date:
		return parquet.Date()
	case value.Timestamp:
		return parquet.TimestampAdjusted(parquet.Microsecond, true)
	case value.List:
		return parquet.List(parquet.Optional(nodeOf(*t.Elem)))
	case value.JSON:
		return parquet.Encoded(parquet.JSON(), &parquet.Plain)
	default:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	}
}

// decimalType is the smallest physical type for decimals of that many digits.
func decimalType(precision int) parquet.Type {
	switch {
	case precision <= 9:
		return parquet.Int32Type
	case precision <= 18:
		return parquet.Int64Type
	default:
		return parquet.FixedLenByteArrayType(decimalBytes(precision))
	}
}

// columnsOf are the columns as this sink writes them. Every one needs a type
// that is known to the last item.
func columnsOf(columns []pipeline.Column) ([]column, error) {
	out := make([]column, len(columns))
	for i, c := range columns {
		switch inner := c.Type.Innermost(); {
		case !c.Type.Known():
			return nil, fmt.Errorf("column %s has no known type; declare one: {value: …, type: string}", c.Name)
		case !inner.Known():
			return nil, fmt.Errorf("column %s is a list of items without a known type; declare one: {value: …, type: list(string)}", c.Name)
		}
		out[i] = column{Column: c, index: i}
		if c.Nullable {
			out[i].present = 1
		}
	}
	return out, nil
}

// leafPath is where the values of a column are in the schema.
func (c *column) leafPath() []string {
	path := []string{c.Name}
	for t := c.Type; t.Kind == value.List; t = *t.Elem {
		path = append(path, "list", "element")
	}
	return path
}

// isText reports whether the values of a column, or of its lists, are texts.
func (c *column) isText() bool {
	kind := c.Type.Innermost().Kind
	return kind == value.String || kind == value.JSON
}
