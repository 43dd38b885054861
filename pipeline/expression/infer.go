// infer.go: what is known of a part of an expression, and of what is one of two
// parts.

package expression

import (
	"slices"

	"pipeline/pipeline/value"
)

// typed is what is known of a part of an expression.
type typed struct {
	shape  *value.Shape // nil: nothing
	null   bool         // it is the literal null
	unsure bool         // the shape does not say whether it may be null
	words  *literals    // the literals that it may be, and nothing else where only is set
}

// literals are what an expression itself writes and may result in.
type literals struct {
	list []Literal
	only bool // it can be nothing else
}

// Literal is a constant that an expression may result in, and where it stands.
type Literal struct {
	Value    value.Value
	From, To int
}

var (
	unknown  = typed{}
	textual  = typed{shape: &value.Shape{Kind: value.String}}
	integral = typed{shape: &value.Shape{Kind: value.Integer}}
	numeral  = typed{shape: &value.Shape{Kind: value.Float}}
	exact    = typed{shape: &value.Shape{Kind: value.Decimal}}
	logical  = typed{shape: &value.Shape{Kind: value.Boolean}}
	anyList  = typed{shape: &value.Shape{Kind: value.List}}
)

// noItem is the item of a list without any: of no kind at all. Nullable it is
// what is always null.
var noItem = &value.Shape{Mixed: []value.Kind{}}

// isNothing reports whether a value of shape s can be nothing but null.
func isNothing(s *value.Shape) bool { return s != nil && s.Mixed != nil && len(s.Mixed) == 0 }

// someNumber is a number of a kind that is not known.
var someNumber = typed{shape: &value.Shape{Mixed: []value.Kind{value.Integer, value.Float, value.Decimal}}}

// kind is the kind of t, Null where it is not known.
func (t typed) kind() value.Kind {
	if t.shape == nil {
		return value.Null
	}
	return t.shape.Kind
}

// class is the classes that t may have where it is not null; anything where
// that is not known.
func (t typed) class() class { return classOfShape(t.shape) }

// mayBeNull reports whether t is known to be null at times.
func (t typed) mayBeNull() bool { return t.null || t.shape != nil && t.shape.Nullable }

// neverNull reports whether t is known never to be null.
func (t typed) neverNull() bool {
	return !t.mayBeNull() && !t.unsure && (known(t.shape) || t.shape != nil && len(t.shape.Mixed) > 0)
}

// known reports whether the kind of the shape s is.
func known(s *value.Shape) bool { return s != nil && s.Kind != value.Null }

// classOfShape is the classes of the values of a shape.
func classOfShape(s *value.Shape) class {
	switch {
	case s == nil:
		return anything
	case len(s.Mixed) == 0:
		return classOfKind(s.Kind)
	}
	var c class
	for _, k := range s.Mixed {
		c |= classOfKind(k)
	}
	return c
}

// least is how many items a list, or characters a text, has at least.
func (t typed) least() int {
	if t.shape == nil {
		return 0
	}
	return t.shape.Least
}

// listOf is a list of t.
func listOf(t typed) typed {
	shape := *anyList.shape
	shape.Elem = t.shape
	return typed{shape: &shape}
}

// maybe is t or null.
func maybe(t typed) typed { return typed{shape: nullable(t.shape)} }

// orNull is the type of what stays null: t, and null where the first input is.
func orNull(t typed) func(args []typed) typed {
	return func(args []typed) typed {
		switch in := args[0]; {
		case in.mayBeNull():
			return maybe(t)
		case !in.neverNull():
			return typed{shape: t.shape, unsure: true}
		}
		return t
	}
}

// nullable is s, allowed to be null.
func nullable(s *value.Shape) *value.Shape {
	if s == nil {
		return &value.Shape{Nullable: true}
	}
	if s.Nullable {
		return s
	}
	out := *s
	out.Nullable = true
	return &out
}

// certain is s without null.
func certain(s *value.Shape) *value.Shape {
	if s == nil || !s.Nullable {
		return s
	}
	out := *s
	out.Nullable = false
	return &out
}

// operatorType is the type of left op right as far as it is certain.
func operatorType(op string, left, right typed) typed {
	switch op {
	case "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches", "and", "&&", "or", "||":
		return logical
	case "??":
		return coalesced(left, right)
	case "+":
		if left.kind() == value.String || right.kind() == value.String {
			return joined(left, right)
		}
		return arithmetic(left, right)
	case "-", "*":
		if t := arithmetic(left, right); t != unknown {
			return t
		}
		return someNumber
	case "/", "**", "^":
		return numeral
	case "%":
		return integral
	case "..":
		return listOf(integral)
	default:
		return unknown
	}
}

// joined is the type of two texts joined.
func joined(left, right typed) typed {
	t := typed{shape: &value.Shape{Kind: value.String, Least: left.least() + right.least()}}
	if left.words == nil || right.words == nil || !left.words.only || !right.words.only || len(left.words.list)*len(right.words.list) > maxWords {
		return t
	}
	both := &literals{only: true}
	for _, l := range left.words.list {
		for _, r := range right.words.list {
			text := l.Value.Text() + r.Value.Text()
			both.list = append(both.list, Literal{Value: value.Text(text), From: min(l.From, r.From), To: max(l.To, r.To)})
			t.shape.Enum = append(t.shape.Enum, text)
		}
	}
	t.words = both
	return t
}

// maxWords is how many joined literals are followed.
const maxWords = 32

// arithmetic is the type of a sum, a difference or a product.
func arithmetic(left, right typed) typed {
	switch l, r := left.kind(), right.kind(); {
	case l == value.Integer && r == value.Integer:
		return integral
	case l == value.Decimal && isNumber(r), r == value.Decimal && isNumber(l):
		return exact
	case isNumber(l) && isNumber(r):
		return numeral
	case left.class() == isNumeric || right.class() == isNumeric:
		return someNumber
	default:
		return unknown
	}
}

func isNumber(k value.Kind) bool {
	return k == value.Integer || k == value.Float || k == value.Number || k == value.Decimal
}

// numberOnly is t as a number.
func numberOnly(t typed) typed {
	if isNumber(t.kind()) {
		return typed{shape: &value.Shape{Kind: t.kind()}}
	}
	return someNumber
}

// coalesced is the type of left ?? right: null only where right is.
func coalesced(left, right typed) typed {
	switch {
	case left.null:
		return right
	case left.neverNull():
		return left
	}
	t := merge(typed{shape: certain(left.shape), words: left.words}, right)
	t.unsure = right.unsure || right.shape == nil && !right.null
	return t
}

// merge is the type of what is either a or b.
func merge(a, b typed) typed {
	t := typed{unsure: a.unsure || b.unsure}
	switch {
	case a.null && b.null:
		return a
	case a.null:
		t.shape, t.words = nullable(b.shape), b.words
	case b.null:
		t.shape, t.words = nullable(a.shape), a.words
	default:
		t.shape = mergeShapes(a.shape, b.shape)
		t.words = mergeWords(a.words, b.words)
	}
	return t
}

func mergeWords(a, b *literals) *literals {
	if a == nil && b == nil {
		return nil
	}
	both := &literals{only: a != nil && b != nil && a.only && b.only}
	for _, w := range []*literals{a, b} {
		if w != nil && len(both.list) < maxWords {
			both.list = append(both.list, w.list...)
		}
	}
	return both
}

// mergeShapes is the shape of what has one of two.
func mergeShapes(a, b *value.Shape) *value.Shape {
	switch {
	case a == b:
		return a
	case isNothing(b):
		return orNullable(a, b.Nullable)
	case isNothing(a):
		return orNullable(b, a.Nullable)
	}
	null := a != nil && a.Nullable || b != nil && b.Nullable
	out := &value.Shape{Nullable: null}
	ka, kb := typed{shape: a}.kind(), typed{shape: b}.kind()
	switch {
	case a == nil || b == nil:
	case ka == value.Null || kb == value.Null:
		out.Mixed = mixed(a, b)
	case ka == value.String && kb == value.String:
		out.Kind, out.Least = value.String, min(a.Least, b.Least)
		if a.Format == b.Format {
			out.Format = a.Format
		}
		if a.Enum != nil && b.Enum != nil {
			out.Enum = union(a.Enum, b.Enum)
		}
	case ka == value.List && kb == value.List:
		out.Kind, out.Least, out.Elem = value.List, min(a.Least, b.Least), mergeShapes(a.Elem, b.Elem)
	case ka == value.JSON && kb == value.JSON:
		out = mergeObjects(a, b, null)
	case ka == kb:
		out.Kind = ka
	case isNumber(ka) && isNumber(kb):
		out.Kind = arithmetic(typed{shape: a}, typed{shape: b}).kind()
	default:
		out.Mixed = mixed(a, b)
	}
	if out.Kind == value.Null && out.Mixed == nil && !null {
		return nil
	}
	return out
}

// orNullable is s, allowed to be null where null says so.
func orNullable(s *value.Shape, null bool) *value.Shape {
	if null {
		return nullable(s)
	}
	return s
}

// mixed are the kinds of two shapes, nil where one of them is not known.
func mixed(a, b *value.Shape) []value.Kind {
	var kinds []value.Kind
	for _, s := range []*value.Shape{a, b} {
		switch {
		case s.Kind != value.Null:
			kinds = append(kinds, s.Kind)
		case s.Mixed != nil:
			kinds = append(kinds, s.Mixed...)
		default:
			return nil
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// mergeObjects is an object with the members of both; what one of them does not
// have may be absent.
func mergeObjects(a, b *value.Shape, null bool) *value.Shape {
	out := &value.Shape{Kind: value.JSON, Nullable: null, Open: a.Open || b.Open, Doc: a.Doc, Span: a.Span}
	switch {
	case a.Elem != nil && b.Elem != nil:
		out.Elem = mergeShapes(a.Elem, b.Elem)
	case a.Elem != nil && !b.Open:
		out.Elem = nullable(a.Elem)
	case b.Elem != nil && !a.Open:
		out.Elem = nullable(b.Elem)
	}
	if a.Matching != nil || b.Matching != nil { // it is a name; of which of them is not followed
		out.Matching = func(name string) *value.Shape { return eitherMatching(name, a, b) }
	}
	for _, f := range a.Fields {
		out.Fields = append(out.Fields, value.Field{Name: f.Name, Shape: eitherField(f, b)})
	}
	for _, f := range b.Fields {
		if _, ok := a.Field(f.Name); !ok {
			out.Fields = append(out.Fields, value.Field{Name: f.Name, Shape: eitherField(f, a)})
		}
	}
	return out
}

// eitherMatching is a member of one of two objects by a pattern.
func eitherMatching(name string, objects ...*value.Shape) *value.Shape {
	for _, o := range objects {
		if _, ok := o.Member(name); ok {
			return &value.Shape{Nullable: true}
		}
	}
	return nil
}

// eitherField is the member f of an object that may be the other one.
func eitherField(f value.Field, object *value.Shape) *value.Shape {
	s := f.Shape
	other, both := object.Field(f.Name)
	var merged *value.Shape
	switch {
	case both:
		merged = mergeShapes(s, other)
	case object.Elem != nil:
		merged = mergeShapes(s, nullable(object.Elem))
	case object.Open:
		merged = &value.Shape{Nullable: true}
	default:
		merged = nullable(s)
	}
	if merged == nil {
		merged = &value.Shape{}
	}
	if s != nil && merged.Span.File == "" && merged != s {
		named := *merged
		named.Doc, named.Span = s.Doc, s.Span
		merged = &named
	}
	return merged
}
