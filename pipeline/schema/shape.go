package schema

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// maxShapes is how many shapes one schema may unfold to: references that are
// used again and again are unfolded each time.
const maxShapes = 20000

// Shape is the schema as expressions see a record. Text that is a date or a
// time by its format is still text in a record, so its kind is String and the
// format stands in Doc. An object that says nothing of other members is open.
// Where a schema contains itself, the inner one is unknown.
func (s *Schema) Shape() *value.Shape {
	b := &shaper{schema: s, on: map[*jsonschema.Schema]bool{}}
	shape := b.within(object, []*jsonschema.Schema{s.root})
	shape.Span = s.Span()
	if m := s.files[0].root.member("properties"); m != nil {
		shape.Span = m.key // nearer to what is looked for
	}
	if title := s.root.Title; title != "" {
		shape.Doc = article(title) + title
	}
	return shape
}

func article(noun string) string {
	if strings.ContainsRune("AEIOUaeiou", rune(noun[0])) {
		return "An "
	}
	return "A "
}

// shaper unfolds a schema.
type shaper struct {
	schema *Schema
	dates  bool // formats say the kind: for what a target takes
	on     map[*jsonschema.Schema]bool
	made   int
}

// shape is what a value that fits all of schemas looks like. Its Span is the
// caller's to set.
func (b *shaper) shape(schemas []*jsonschema.Schema) *value.Shape {
	return b.within(anything, schemas)
}

// within is shape of a value that has one of the types in set.
func (b *shaper) within(set types, schemas []*jsonschema.Schema) *value.Shape {
	for _, s := range schemas {
		set &= allowed(s)
	}
	all := parts(schemas...)
	if set == anything {
		set = implied(all)
	}
	// a schema that names no type does not say that null is one of them
	shape := &value.Shape{Nullable: set&null != 0 && set != anything, Doc: doc(all)}
	b.made++
	for _, part := range all {
		if b.on[part] || b.made > maxShapes {
			shape.Open = true
			return shape
		}
	}
	for _, part := range all {
		b.on[part] = true
	}
	defer func() {
		for _, part := range all {
			delete(b.on, part)
		}
	}()
	shape.Kind = kindOf(set)
	switch shape.Kind {
	case value.Null:
		shape.Mixed = scalarsOf(set)
	case value.JSON:
		shape.Fields = b.fields(all, b.schema.declaredNames(all))
		shape.Open, shape.Others = !closed(all), others(all)
		b.addChoices(shape, all)
		b.addNames(shape, all)
	case value.List:
		shape.Elem, shape.Least = b.elem(all), leastOf(all, func(s *jsonschema.Schema) *int { return s.MinItems })
	case value.String:
		shape.Enum, shape.Format = enumOf(all), formatOf(all)
		shape.Least = leastOf(all, func(s *jsonschema.Schema) *int { return s.MinLength })
		if b.dates {
			shape.Kind = dateKind(all)
		}
	}
	return shape
}

// implied is the type of a value whose schema names none: what has properties
// is meant to be an object.
func implied(all []*jsonschema.Schema) types {
	for _, part := range all {
		switch {
		case len(part.Properties) > 0:
			return object
		case part.Items != nil || part.Items2020 != nil:
			return array
		}
	}
	return anything
}

func kindOf(set types) value.Kind {
	switch set &^ null {
	case boolean:
		return value.Boolean
	case whole:
		return value.Integer
	case number, fraction:
		return value.Float
	case text:
		return value.String
	case array:
		return value.List
	case object:
		return value.JSON
	default:
		return value.Null
	}
}

// scalarsOf is the kinds of a value that may be one of several scalars, which
// string(…) makes one of. Of lists and objects among them nothing is said: there
// is no way to ask which of them a value is.
func scalarsOf(set types) []value.Kind {
	if set&(array|object) != 0 {
		return nil
	}
	var kinds []value.Kind
	for _, t := range []types{boolean, set & number, text} {
		if set&t != 0 {
			kinds = append(kinds, kindOf(t))
		}
	}
	return kinds
}

func dateKind(all []*jsonschema.Schema) value.Kind {
	switch formatOf(all) {
	case "date":
		return value.Date
	case "date-time":
		return value.Timestamp
	default:
		return value.String
	}
}

// leastOf is the greatest of a bound that several parts may set.
func leastOf(all []*jsonschema.Schema, bound func(*jsonschema.Schema) *int) int {
	most := 0
	for _, part := range all {
		if n := bound(part); n != nil {
			most = max(most, *n)
		}
	}
	return most
}

func formatOf(all []*jsonschema.Schema) string {
	for _, part := range all {
		if part.Format != nil {
			return part.Format.Name
		}
	}
	return ""
}

// doc is the first description, or title, and the format.
func doc(all []*jsonschema.Schema) string {
	var text string
	for _, part := range all {
		if text = part.Description; text != "" {
			break
		}
		if text = part.Title; text != "" {
			break
		}
	}
	format := formatOf(all)
	switch {
	case format == "":
		return text
	case text == "":
		return format
	default:
		return text + " (" + format + ")"
	}
}

// enumOf is the texts that a string may be, in their order; nil where they are
// not listed.
func enumOf(all []*jsonschema.Schema) []string {
	for _, part := range all {
		var values []any
		switch {
		case part.Const != nil:
			values = []any{*part.Const}
		case part.Enum != nil:
			values = part.Enum.Values
		}
		var texts []string
		for _, v := range values {
			if s, ok := v.(string); ok {
				texts = append(texts, s)
			}
		}
		if texts != nil {
			return texts
		}
	}
	return nil
}

func (b *shaper) fields(all []*jsonschema.Schema, names []string) []value.Field {
	var fields []value.Field
	for _, name := range names {
		p := propertyOf(all, name)
		shape := b.shape(p.schemas)
		shape.Nullable = shape.Nullable || !p.required
		shape.Span = b.schema.keySpan(p, name)
		fields = append(fields, value.Field{Name: name, Shape: shape})
	}
	return fields
}

// keySpan is where a property is declared; zero where it is not.
func (s *Schema) keySpan(p property, name string) (span diag.Span) {
	if p.declared == nil {
		return span
	}
	if m := s.node(p.declared).get("properties").member(name); m != nil {
		span = m.key
	}
	return span
}

// addChoices adds the members of an object that only some of its alternatives
// have, or that they see differently.
func (b *shaper) addChoices(shape *value.Shape, all []*jsonschema.Schema) {
	for _, part := range all {
		for _, choice := range [][]*jsonschema.Schema{part.AnyOf, part.OneOf} {
			choice = alternatives(choice)
			if len(choice) < 2 {
				continue // what is left of it is a part
			}
			open := false
			var seen []*value.Shape
			for _, s := range choice {
				branch := b.shape([]*jsonschema.Schema{s})
				open = open || branch.Open || branch.Kind != value.JSON
				seen = append(seen, branch)
			}
			shape.Open = shape.Open && open
			for _, branch := range seen {
				mergeFields(shape, branch, seen)
			}
		}
	}
}

// mergeFields adds the fields of one alternative that shape does not have yet.
func mergeFields(shape, branch *value.Shape, branches []*value.Shape) {
	for _, f := range branch.Fields {
		if _, ok := shape.Field(f.Name); ok {
			continue
		}
		merged := *f.Shape
		for _, other := range branches {
			seen, ok := other.Field(f.Name)
			switch {
			case !ok:
				merged.Nullable = true
			case scalar(seen) && scalar(&merged) && seen.Kind != merged.Kind:
				merged = value.Shape{Nullable: merged.Nullable || seen.Nullable, Mixed: kindsOf(&merged, seen), Doc: merged.Doc, Span: merged.Span}
			case seen.Kind != merged.Kind || seen.Kind == value.JSON && seen != f.Shape || seen.Kind == value.List && seen != f.Shape:
				merged = value.Shape{Nullable: merged.Nullable || seen.Nullable, Open: true, Doc: merged.Doc, Span: merged.Span}
			default:
				merged.Nullable = merged.Nullable || seen.Nullable
				if seen != f.Shape {
					merged.Enum, merged.Least = nil, 0
				}
			}
		}
		shape.Fields = append(shape.Fields, value.Field{Name: f.Name, Shape: &merged})
	}
}

// scalar reports whether the kinds of a shape are known, and scalars.
func scalar(s *value.Shape) bool {
	return s.Mixed != nil || s.Kind != value.Null && s.Kind != value.List && s.Kind != value.JSON
}

// kindsOf is the kinds that one of two scalars may have.
func kindsOf(a, b *value.Shape) []value.Kind {
	kinds := slices.Concat(a.Mixed, b.Mixed)
	for _, s := range []*value.Shape{a, b} {
		if s.Mixed == nil {
			kinds = append(kinds, s.Kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// elem is the shape of a list's items; nil where nothing is said.
func (b *shaper) elem(all []*jsonschema.Schema) *value.Shape {
	var schemas []*jsonschema.Schema
	for _, part := range all {
		if len(part.PrefixItems) > 0 {
			return nil
		}
		if part.Items2020 != nil {
			schemas = append(schemas, part.Items2020)
		}
		if items, ok := part.Items.(*jsonschema.Schema); ok {
			schemas = append(schemas, items)
		}
	}
	if schemas == nil {
		return nil
	}
	shape := b.shape(schemas)
	if n := b.schema.node(schemas[0]); n != nil {
		shape.Span = n.span
	}
	return shape
}
