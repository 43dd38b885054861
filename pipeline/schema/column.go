package schema

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// Column is what the schema, as the contract of a target, says about a property
// of the row. A constant can be checked before a run with a Row of that one
// column.
type Column struct {
	Type        value.Type // unknown where the schema leaves it open; a date by its format is a date
	Nullable    bool       // null is allowed
	Required    bool       // it must be there
	Known       bool       // "properties" names it
	Forbidden   bool       // it is not named, and the schema allows no others
	Description string
	Span        diag.Span // its name in the schema file; the schema itself where it is not Known
	Enum        []string  // the texts allowed, where they are listed
	Format      string    // "email"; empty where none is checked
	MaxLength   int       // in characters; 0 is no bound
}

// Column is what the schema says about the property of that name.
func (s *Schema) Column(name string) Column {
	p := propertyOf(parts(s.root), name)
	column := Column{
		Required:  p.required,
		Known:     p.declared != nil,
		Forbidden: p.forbidden,
		Nullable:  acceptsNull(p.schemas) && !p.forbidden,
		Span:      s.Span(),
	}
	if !column.Known {
		column.Forbidden = column.Forbidden || closed(parts(s.root)) && len(p.schemas) == 0
		return column
	}
	b := &shaper{schema: s, dates: true, on: map[*jsonschema.Schema]bool{}}
	shape := b.shape(p.schemas)
	all := parts(p.schemas...)
	column.Type = shape.Type()
	column.Enum = shape.Enum
	column.Span = s.keySpan(p, name)
	column.Format = formatOf(all)
	for _, part := range all {
		if column.Description == "" {
			column.Description = part.Description
		}
		if part.MaxLength != nil && (column.MaxLength == 0 || *part.MaxLength < column.MaxLength) {
			column.MaxLength = *part.MaxLength
		}
	}
	return column
}

// acceptsNull reports whether null fits all of schemas.
func acceptsNull(schemas []*jsonschema.Schema) bool {
	for _, s := range schemas {
		if s.Validate(nil) != nil {
			return false
		}
	}
	return true
}

// Closed reports whether rows may have no other columns than Properties.
func (s *Schema) Closed() bool { return closed(parts(s.root)) }

// Properties are the names of the columns that the schema declares, in the order of
// their declaration.
func (s *Schema) Properties() []string { return s.declaredNames(parts(s.root)) }

// Required are the names of the columns that every row must have: those that are
// declared in the order of their declaration, then the others.
func (s *Schema) Required() []string {
	object := parts(s.root)
	var names []string
	for _, name := range s.Properties() {
		if propertyOf(object, name).required {
			names = append(names, name)
		}
	}
	for _, part := range object {
		for _, name := range part.Required {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
