package schema

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// RowCheck checks rows of certain columns. It may be used by many at once.
type RowCheck struct {
	columns []columnCheck
	first   *Violation         // what is wrong with every row, whatever is in it
	whole   *jsonschema.Schema // set where some rule is about the row as a whole
	schema  *Schema
}

type columnCheck struct {
	name               string
	required, nullable bool
	checks             [value.JSON + 1][]check // of what is not null, by its kind
	settled            [value.JSON + 1]bool    // kinds of which every value is right
	schemas            []*jsonschema.Schema
	deep               bool // the checks do not say all: run schemas themselves
	deepInside         bool // they do not for lists and objects
}

// Row checks rows with these columns, in this order. A null whose property is
// neither required nor nullable counts as absent.
func (s *Schema) Row(columns []string) *RowCheck {
	all := parts(s.root)
	c := &RowCheck{columns: make([]columnCheck, len(columns)), schema: s}
	for i, name := range columns {
		c.columns[i] = compileColumn(name, propertyOf(all, name))
	}
	for _, part := range all {
		if part.Types != nil && typesOf(part.Types.ToStrings())&object == 0 {
			c.first = &Violation{Column: -1, Code: "schema-type", Reason: "is an object, the schema wants " + typeNouns(part.Types.ToStrings())}
		}
		if isAboutWhole(part) {
			c.whole = s.root
		}
	}
	if c.first == nil {
		c.first = missing(s.Required(), columns)
	}
	return c
}

// CheckColumn is what is wrong with v as the property of that name, whatever
// else is in the row, or nil. It is for constants; rows have a RowCheck.
func (s *Schema) CheckColumn(name string, v value.Value) *Violation {
	c := compileColumn(name, propertyOf(parts(s.root), name))
	return c.check(v, s)
}

// missing is what is wrong with rows that cannot have a required member.
func missing(required, columns []string) *Violation {
	for _, name := range required {
		if !contains(columns, name) {
			return &Violation{Column: -1, Code: "schema-required", Reason: "has no column \"" + diag.Crop(name, 40) + "\", and the schema requires it"}
		}
	}
	return nil
}

func compileColumn(name string, p property) columnCheck {
	c := columnCheck{name: name, required: p.required, schemas: p.schemas, nullable: acceptsNull(p.schemas)}
	if p.forbidden {
		c.nullable = false
		c.rule(anything, always("schema-rule", "is not among the properties that the schema allows"))
		return c
	}
	for _, part := range parts(p.schemas...) {
		c.add(part)
	}
	for kind := value.Boolean; kind < value.JSON; kind++ {
		c.settled[kind] = fast && len(c.checks[kind]) == 0 && !c.deep && !(kind == value.List && c.deepInside)
	}
	return c
}

// isAboutWhole reports whether a part of the root has rules that more than one
// column takes part in, or that only the row as an object can answer.
func isAboutWhole(s *jsonschema.Schema) bool {
	return s.Bool != nil && !*s.Bool || s.Const != nil || s.Enum != nil ||
		isComposed(s) || s.PropertyNames != nil || s.MinProperties != nil || s.MaxProperties != nil ||
		len(s.Dependencies) > 0 || len(s.DependentRequired) > 0 || len(s.DependentSchemas) > 0 ||
		s.UnevaluatedProperties != nil
}

// isComposed reports whether s has rules whose answer depends on that of other
// schemas, beyond those that parts resolves.
func isComposed(s *jsonschema.Schema) bool {
	return len(s.AnyOf) > 0 && len(alternatives(s.AnyOf)) != 1 || len(s.OneOf) > 0 && len(alternatives(s.OneOf)) != 1 ||
		s.Not != nil || s.If != nil || s.DynamicRef != nil || s.RecursiveRef != nil
}

// Check is the first violation in the order of the columns, those of the row as
// a whole last, or nil. row has one value per column. A valid row costs no
// allocation where all its rules are compiled; Schema.Compile says which.
func (c *RowCheck) Check(row []value.Value) *Violation {
	for i := range c.columns {
		column := &c.columns[i]
		if column.settled[row[i].Kind()] {
			continue
		}
		if v := column.check(row[i], c.schema); v != nil {
			v.Column = i
			return v
		}
	}
	if c.first != nil {
		v := *c.first
		return &v
	}
	if c.whole != nil {
		return c.checkWhole(row)
	}
	return nil
}

func (c *columnCheck) check(v value.Value, s *Schema) *Violation {
	if v.Kind() == value.JSON {
		parsed, ok := value.FromJSON(v.Text())
		if !ok {
			return &Violation{Code: "schema-type", Reason: "is not JSON"}
		}
		v = parsed
	}
	switch v.Kind() {
	case value.Null:
		if c.required && !c.nullable {
			return &Violation{Code: "schema-required", Reason: isMissing}
		}
		return nil
	case value.Invalid:
		return &Violation{Code: "schema-type", Reason: "is out of reach: its path leads through what is not an object"}
	}
	if !fast && c.inPlain(v) {
		return c.checkPlain(v, s)
	}
	if broken := c.checkRules(v); broken != nil {
		return broken
	}
	inside := v.Kind() == value.List || v.Kind() == value.JSON
	if c.deep || inside && c.deepInside {
		return c.checkDeep(v, s)
	}
	return nil
}

// checkRules runs what is compiled.
func (c *columnCheck) checkRules(v value.Value) *Violation {
	for _, broken := range c.checks[v.Kind()] {
		if code, reason := broken(v); code != "" {
			return &Violation{Code: code, Reason: reason}
		}
	}
	return nil
}

// inPlain reports whether the schemas can take a value: a number of a million digits
// they cannot.
func (c *columnCheck) inPlain(v value.Value) bool {
	_, unreadable := decode(v)
	return unreadable == nil && len(c.schemas) > 0
}

// checkPlain leaves to the schemas whether a value is right; what is compiled has
// the better words for what is wrong.
func (c *columnCheck) checkPlain(v value.Value, s *Schema) *Violation {
	broken := c.checkDeep(v, s)
	if broken == nil {
		return nil
	}
	if words := c.checkRules(v); words != nil {
		return words
	}
	return broken
}

const isMissing = "is missing, and the schema requires it"

// checkDeep runs the schemas themselves on one value.
func (c *columnCheck) checkDeep(v value.Value, s *Schema) *Violation {
	decoded, violation := decode(v)
	if violation != nil {
		return violation
	}
	for _, schema := range c.schemas {
		if err := schema.Validate(decoded); err != nil {
			return s.violation(err, nil)
		}
	}
	return nil
}

// checkWhole runs the whole schema on the row.
func (c *RowCheck) checkWhole(row []value.Value) *Violation {
	object := make(map[string]any, len(row))
	names := make([]string, len(row))
	for i, v := range row {
		names[i] = c.columns[i].name
		decoded, violation := decode(v)
		if violation != nil {
			violation.Column = i
			return violation
		}
		if decoded != nil || c.columns[i].nullable {
			object[names[i]] = decoded
		}
	}
	if err := c.whole.Validate(object); err != nil {
		return c.schema.violation(err, names)
	}
	return nil
}
