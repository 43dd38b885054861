package value

import "pipeline/pipeline/diag"

// Shape is what is known of a value in a record before any record was read: a
// JSON Schema as far as expressions need it. The zero Shape knows nothing.
type Shape struct {
	Kind     Kind    // Null: unknown; JSON: an object with Fields; List: an array of Elem; else a scalar
	Nullable bool    // it may be null, or absent
	Fields   []Field // of an object, in the order of its declaration
	Open     bool    // an object may have names that Fields does not list
	Others   bool    // what such other names are is said too, so that they are nothing new
	// Matching is the shape of an object's member by a name that Fields does not
	// list and a pattern fits, nil where none does; it is nil where there are no
	// patterns.
	Matching func(name string) *Shape
	Elem     *Shape   // of a list; of an object that an expression makes: of all members that Fields does not list; nil is unknown
	Enum     []string // the texts that a string may have, where they are listed
	Format   string   // of a string: "date-time", "email"; empty: none is said
	Least    int      // how many characters a string, or items a list, has at least
	Mixed    []Kind   // the kinds it may have where an expression mixes some; Kind is Null then
	Doc      string
	Span     diag.Span // where it is declared; zero where it is not
}

// Field is one name of an object.
type Field struct {
	Name  string
	Shape *Shape
}

// Field is the shape of the member of that name.
func (s *Shape) Field(name string) (*Shape, bool) {
	if s == nil {
		return nil, false
	}
	for _, f := range s.Fields {
		if f.Name == name {
			return f.Shape, true
		}
	}
	return nil, false
}

// Member is the shape of what an object has under a name, listed or by a
// pattern.
func (s *Shape) Member(name string) (*Shape, bool) {
	if shape, ok := s.Field(name); ok || s == nil || s.Matching == nil {
		return shape, ok
	}
	shape := s.Matching(name)
	return shape, shape != nil
}

// Names are the names of an object's members, in the order of declaration.
func (s *Shape) Names() []string {
	if s == nil {
		return nil
	}
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

// Type is the column type of a value of this shape, unknown where it is.
func (s *Shape) Type() Type {
	if s == nil {
		return Unknown
	}
	t := Type{Kind: s.Kind}
	if s.Kind == List && s.Elem != nil {
		elem := s.Elem.Type()
		t.Elem = &elem
	}
	return t
}
