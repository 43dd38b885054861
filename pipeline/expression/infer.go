// infer.go: the types of operators.

package expression

import "pipeline/pipeline/value"

// operatorType is the type of left op right as far as it is certain.
func operatorType(op string, left, right typed) typed {
	switch op {
	case "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "and", "&&", "or", "||":
		return logical
	case "??":
		return coalesced(left, right)
	case "+":
		if left.kind() == value.String && right.kind() == value.String {
			return typed{shape: textual.shape, claimed: left.claimed && right.claimed}
		}
		return arithmetic(left, right)
	case "-", "*":
		return arithmetic(left, right)
	case "/", "**", "^":
		return numeral
	case "%":
		return integral
	case "..":
		return typed{shape: &value.Shape{Kind: value.List, Elem: integral.shape}}
	default:
		return unknown
	}
}

// arithmetic is the type of a sum, a difference or a product.
func arithmetic(left, right typed) typed {
	claimed := left.claimed || right.claimed
	switch l, r := left.kind(), right.kind(); {
	case l == value.Integer && r == value.Integer:
		return typed{shape: integral.shape, claimed: claimed}
	case l == value.Decimal && isNumber(r), r == value.Decimal && isNumber(l):
		return typed{shape: exact.shape, claimed: claimed}
	case isNumber(l) && isNumber(r):
		return typed{shape: numeral.shape, claimed: claimed}
	default:
		return unknown
	}
}

func isNumber(k value.Kind) bool {
	return k == value.Integer || k == value.Float || k == value.Number || k == value.Decimal
}

// numberOnly is t where it is a number, and unknown otherwise.
func numberOnly(t typed) typed {
	if isNumber(t.kind()) {
		return t
	}
	return unknown
}

// coalesced is the type of left ?? right: null only where right is.
func coalesced(left, right typed) typed {
	if right.null {
		return left
	}
	t := merge(left, right)
	if t.shape == nil || !t.shape.Nullable || right.shape == nil || right.shape.Nullable {
		return t
	}
	shape := *t.shape
	shape.Nullable = false
	return typed{shape: &shape, claimed: t.claimed}
}

// merge is the type of what is either a or b.
func merge(a, b typed) typed {
	switch {
	case a.null && b.null:
		return a
	case a.null:
		return typed{shape: nullable(b.shape), claimed: true}
	case b.null:
		return typed{shape: nullable(a.shape), claimed: true}
	}
	claimed := a.claimed || b.claimed
	switch l, r := a.kind(), b.kind(); {
	case l == value.Null || r == value.Null:
		return unknown
	case l == r && l != value.JSON && l != value.List:
		shape := a.shape
		if b.shape.Nullable {
			shape = nullable(shape)
		}
		if l == value.String && (len(a.shape.Enum) > 0 || len(b.shape.Enum) > 0) {
			open := *shape
			open.Enum = nil
			shape = &open
		}
		return typed{shape: shape, claimed: claimed}
	case l == value.List && r == value.List:
		return mergeLists(a, b, claimed)
	case l == value.JSON && r == value.JSON:
		return typed{shape: &value.Shape{Kind: value.JSON, Open: true, Nullable: a.shape.Nullable || b.shape.Nullable}, claimed: claimed}
	case isNumber(l) && isNumber(r):
		t := arithmetic(a, b)
		if a.shape.Nullable || b.shape.Nullable {
			t.shape = nullable(t.shape)
		}
		return t
	default:
		return unknown
	}
}

// mergeLists is a list of what either list holds. An empty literal list takes
// the other's items.
func mergeLists(a, b typed, claimed bool) typed {
	if a.shape == b.shape || (b.shape.Elem == nil && !b.claimed) {
		return a
	}
	elem := merge(typed{shape: a.shape.Elem}, typed{shape: b.shape.Elem})
	return typed{shape: &value.Shape{Kind: value.List, Elem: elem.shape, Nullable: a.shape.Nullable || b.shape.Nullable}, claimed: claimed}
}

// nullable is s, allowed to be null.
func nullable(s *value.Shape) *value.Shape {
	if s == nil || s.Nullable {
		return s
	}
	out := *s
	out.Nullable = true
	return &out
}
