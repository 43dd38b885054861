package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// Violation is why a row breaks its schema. It never holds a value of the row,
// nor a name that the schema does not say itself.
type Violation struct {
	Column int    // index of the column; -1: the row as a whole
	Code   string // schema-type, -enum, -const, -pattern, -format, -length, -range, -multiple, -required, -items or -rule
	Reason string // what is wrong, to be read behind the column's name: "is text, a number is wanted"
}

// decode is a value as the jsonschema module takes it.
func decode(v value.Value) (any, *Violation) {
	switch v.Kind() {
	case value.Null, value.Invalid:
		return nil, nil
	case value.Boolean:
		return v.Bool(), nil
	case value.Integer, value.Float, value.Number, value.Decimal:
		text := string(v.AppendText(nil))
		return json.Number(text), tooLong(text)
	case value.String, value.Date, value.Timestamp:
		return string(v.AppendText(nil)), nil
	default:
		decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(v.Text()))
		if err != nil {
			return nil, &Violation{Code: "schema-type", Reason: "is not JSON"}
		}
		return decoded, tooLongInside(decoded)
	}
}

// tooLong refuses a number that the jsonschema module would write out with so
// many digits that it costs seconds, or that it cannot compare at all.
func tooLong(text string) *Violation {
	n, ok := value.ParseNumeral(text)
	if ok && n.WholeDigits() < 5000 && n.FractionDigits() < 5000 {
		return nil
	}
	return &Violation{Code: "schema-range", Reason: "is a number of more than 5000 digits, which no rule is checked for"}
}

func tooLongInside(v any) *Violation {
	switch v := v.(type) {
	case json.Number:
		return tooLong(v.String())
	case []any:
		for _, item := range v {
			if violation := tooLongInside(item); violation != nil {
				return violation
			}
		}
	case map[string]any:
		for _, item := range v {
			if violation := tooLongInside(item); violation != nil {
				return violation
			}
		}
	}
	return nil
}

// violation is the first of what the jsonschema module found, in an order that
// is always the same. columns are the names of the row's members where the row
// was validated, and nil where one value was.
func (s *Schema) violation(err error, columns []string) *Violation {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return &Violation{Column: -1, Code: "schema-rule", Reason: "breaks the schema"}
	}
	var list []Violation
	for _, leaf := range leaves(invalid, nil) {
		list = append(list, s.leafViolation(leaf, columns))
	}
	first := slices.MinFunc(list, func(a, b Violation) int {
		last := len(columns) // the row as a whole comes after its columns
		at := func(v Violation) int {
			if v.Column < 0 {
				return last
			}
			return v.Column
		}
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Code, b.Code))
	})
	return &first
}

func (s *Schema) leafViolation(leaf *jsonschema.ValidationError, columns []string) Violation {
	path := leaf.InstanceLocation
	v := Violation{Column: -1}
	v.Code, v.Reason = describe(leaf)
	if required, ok := leaf.ErrorKind.(*kind.Required); ok && columns != nil && len(path) == 0 {
		if i := slices.Index(columns, required.Missing[0]); i >= 0 {
			return Violation{Column: i, Code: v.Code, Reason: isMissing}
		}
	}
	if columns != nil && len(path) > 0 {
		v.Column = slices.Index(columns, path[0])
		path = path[1:]
	}
	if len(path) > 0 {
		v.Code, v.Reason = "schema-items", s.place(path)+" "+v.Reason
	}
	return v
}

// place is a path within a value. A name that the schema does not say may be a
// person's, and is left out.
func (s *Schema) place(path []string) string {
	var b strings.Builder
	for _, token := range path {
		switch n, ok := value.ParseNumeral(token); {
		case ok && n.IsInteger() && len(token) < 7:
			fmt.Fprintf(&b, "[%s]", token)
		case s.names[token]:
			b.WriteString("." + diag.Crop(token, 40))
		default:
			b.WriteString(".…")
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

// leaves are the errors that have no more particular one below them.
// Alternatives are leaves: which of them was meant is anyone's guess.
func leaves(err *jsonschema.ValidationError, list []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch err.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Contains, *kind.MinContains, *kind.MaxContains, *kind.PropertyNames:
		return append(list, err)
	}
	if len(err.Causes) == 0 {
		return append(list, err)
	}
	for _, cause := range err.Causes {
		list = leaves(cause, list)
	}
	return list
}

// describe puts an error of the jsonschema module into our words.
func describe(err *jsonschema.ValidationError) (code, reason string) {
	switch k := err.ErrorKind.(type) {
	case *kind.Type:
		return "schema-type", "is " + typeNoun(k.Got) + ", " + typeNouns(k.Want) + " is wanted"
	case *kind.Enum:
		return "schema-enum", "is none of the values that the schema lists"
	case *kind.Const:
		return "schema-const", "is not the one value that the schema allows"
	case *kind.Format:
		return "schema-format", "is not " + formatNoun(k.Want)
	case *kind.Pattern:
		return "schema-pattern", "does not match the pattern " + diag.Crop(k.Want, 60)
	case *kind.MinLength:
		return "schema-length", fmt.Sprintf("is %s long, at least %s needed", plural(k.Got, "character"), count(k.Want))
	case *kind.MaxLength:
		return "schema-length", fmt.Sprintf("is %s long, at most %s allowed", plural(k.Got, "character"), count(k.Want))
	case *kind.Required:
		return "schema-required", "has no " + quotedNames(k.Missing) + ", and the schema requires it"
	case *kind.Dependency:
		return "schema-rule", fmt.Sprintf("has %q and so must have %s", diag.Crop(k.Prop, 40), quotedNames(k.Missing))
	case *kind.DependentRequired:
		return "schema-rule", fmt.Sprintf("has %q and so must have %s", diag.Crop(k.Prop, 40), quotedNames(k.Missing))
	case *kind.AdditionalProperties:
		return "schema-rule", "has " + plural(len(k.Properties), "member") + " that the schema does not allow"
	case *kind.AnyOf:
		return "schema-rule", "fits none of the alternatives that the schema lists"
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return "schema-rule", "fits none of the alternatives that the schema lists"
		}
		return "schema-rule", "fits more than one of the alternatives that the schema lists"
	case *kind.Not:
		return "schema-rule", "is what the schema excludes"
	}
	return describeNumber(err)
}

func describeNumber(err *jsonschema.ValidationError) (code, reason string) {
	switch k := err.ErrorKind.(type) {
	case *kind.Minimum:
		_, limit := numeralOf(k.Want)
		return "schema-range", "is less than " + diag.Crop(limit, 40) + ", the least allowed"
	case *kind.Maximum:
		_, limit := numeralOf(k.Want)
		return "schema-range", "is greater than " + diag.Crop(limit, 40) + ", the most allowed"
	case *kind.ExclusiveMinimum:
		_, limit := numeralOf(k.Want)
		return "schema-range", "is not greater than " + diag.Crop(limit, 40)
	case *kind.ExclusiveMaximum:
		_, limit := numeralOf(k.Want)
		return "schema-range", "is not less than " + diag.Crop(limit, 40)
	case *kind.MultipleOf:
		_, step := numeralOf(k.Want)
		return "schema-multiple", "is not a multiple of " + diag.Crop(step, 40)
	case *kind.MinItems:
		return "schema-items", fmt.Sprintf("has %s, at least %s needed", plural(k.Got, "item"), count(k.Want))
	case *kind.MaxItems:
		return "schema-items", fmt.Sprintf("has %s, at most %s allowed", plural(k.Got, "item"), count(k.Want))
	case *kind.AdditionalItems:
		return "schema-items", fmt.Sprintf("has %s too many", plural(k.Count, "item"))
	case *kind.UniqueItems:
		return "schema-items", "has the same item twice"
	case *kind.Contains, *kind.MinContains:
		return "schema-items", "has too few of the items that the schema asks for"
	case *kind.MaxContains:
		return "schema-items", "has too many of the items that the schema counts"
	case *kind.MinProperties:
		return "schema-items", fmt.Sprintf("has %s, at least %s needed", plural(k.Got, "member"), count(k.Want))
	case *kind.MaxProperties:
		return "schema-items", fmt.Sprintf("has %s, at most %s allowed", plural(k.Got, "member"), count(k.Want))
	case *kind.PropertyNames:
		return "schema-items", "has a member whose name the schema does not allow"
	case *kind.FalseSchema:
		return "schema-rule", "is not allowed by the schema"
	case *kind.RefCycle:
		return "schema-rule", "cannot be checked: the schema refers to itself without end"
	default:
		return "schema-rule", "breaks a rule of the schema"
	}
}

// quotedNames lists names that the schema says.
func quotedNames(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = fmt.Sprintf("%q", diag.Crop(name, 40))
	}
	return strings.ReplaceAll(quoted(words), " or ", " and ")
}
