package schema

import (
	"encoding/json"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// check.go: the common keywords as closures over a value that is not null. They
// return an empty code for what is valid and build words only for what is not.

// check is one rule.
type check func(v value.Value) (code, reason string)

func always(code, reason string) check {
	return func(value.Value) (string, string) { return code, reason }
}

// rule adds a check to the kinds of values that have one of these JSON types: most
// values of a row have nothing to be asked.
func (c *columnCheck) rule(of types, broken check) {
	for kind := range c.checks {
		if typeOfKind(value.Kind(kind))&of != 0 {
			c.checks[kind] = append(c.checks[kind], broken)
		}
	}
}

// typeOfValue is the JSON type a value has where it is written as JSON.
func typeOfValue(v value.Value) types { return typeOfKind(v.Kind()) }

func typeOfKind(kind value.Kind) types {
	switch kind {
	case value.Boolean:
		return boolean
	case value.Integer:
		return whole
	case value.Float, value.Number, value.Decimal:
		return number // which of the two takes a look at the digits
	case value.String, value.Date, value.Timestamp:
		return text
	case value.List:
		return array
	case value.JSON:
		return object
	default:
		return null
	}
}

// add compiles the keywords of one part of the column's schema.
func (c *columnCheck) add(s *jsonschema.Schema) {
	if s.Bool != nil {
		if !*s.Bool {
			c.rule(anything, always("schema-rule", "is not allowed by the schema"))
		}
		return
	}
	if s.Types != nil {
		c.typed(s.Types.ToStrings())
	}
	if s.Const != nil {
		c.oneOf("schema-const", []any{*s.Const})
	}
	if s.Enum != nil {
		c.oneOf("schema-enum", s.Enum.Values)
	}
	if s.Format != nil {
		c.rule(text, formatCheck(s.Format))
	}
	if s.MinLength != nil || s.MaxLength != nil {
		c.rule(text, lengthCheck(s.MinLength, s.MaxLength))
	}
	if s.Pattern != nil {
		c.rule(text, patternCheck(s.Pattern))
	}
	c.addNumeric(s)
	c.deep = c.deep || isComposed(s)
	c.deepInside = c.deepInside || hasInside(s)
}

// hasInside reports whether s has rules for the inside of lists or objects.
func hasInside(s *jsonschema.Schema) bool {
	return s.MinItems != nil || s.MaxItems != nil || s.UniqueItems || s.Contains != nil || s.Items != nil || s.AdditionalItems != nil ||
		len(s.PrefixItems) > 0 || s.Items2020 != nil || s.UnevaluatedItems != nil ||
		len(s.Required) > 0 || len(s.Properties) > 0 || len(s.PatternProperties) > 0 || s.AdditionalProperties != nil ||
		s.PropertyNames != nil || s.MinProperties != nil || s.MaxProperties != nil ||
		len(s.Dependencies) > 0 || len(s.DependentRequired) > 0 || len(s.DependentSchemas) > 0 || s.UnevaluatedProperties != nil
}

// typed adds a check of the type, to the kinds that do not settle it by themselves.
func (c *columnCheck) typed(names []string) {
	set := typesOf(names)
	unsettled := anything &^ set
	if set&number == whole {
		unsettled |= number
	}
	c.rule(unsettled, typeCheck(names, set))
}

func typeCheck(names []string, set types) check {
	return func(v value.Value) (string, string) {
		is := typeOfValue(v)
		if is == number && set&number == whole {
			if isWhole(v) {
				return "", ""
			}
			if set == whole || set == whole|null {
				return "schema-type", "is not a whole number, and only those are allowed"
			}
			is = fraction
		}
		if is&set != 0 {
			return "", ""
		}
		return "schema-type", "is " + kindNoun(v.Kind()) + ", " + typeNouns(withoutNull(names)) + " is wanted"
	}
}

func withoutNull(names []string) []string {
	var rest []string
	for _, name := range names {
		if name != "null" || len(names) == 1 {
			rest = append(rest, name)
		}
	}
	return rest
}

// kindNoun is what messages call a value of that kind.
func kindNoun(k value.Kind) string {
	switch k {
	case value.Boolean:
		return "true or false"
	case value.Integer, value.Float, value.Number, value.Decimal:
		return "a number"
	case value.String:
		return "text"
	case value.Date:
		return "a date"
	case value.Timestamp:
		return "a time"
	case value.List:
		return "a list"
	default:
		return "an object"
	}
}

// textOf is a text value as JSON has it; ok is false for what is no text.
func textOf(v value.Value) (s string, ok bool) {
	switch v.Kind() {
	case value.String:
		return v.Text(), true
	case value.Date, value.Timestamp:
		return string(v.AppendText(nil)), true
	default:
		return "", false
	}
}

func lengthCheck(least, most *int) check {
	return func(v value.Value) (string, string) {
		s, ok := textOf(v)
		if !ok || most != nil && least == nil && len(s) <= *most {
			return "", ""
		}
		n := utf8.RuneCountInString(s)
		switch {
		case least != nil && n < *least && *least == 1:
			return "schema-length", "is empty"
		case least != nil && n < *least:
			return "schema-length", "is " + plural(n, "character") + " long, at least " + count(*least) + " needed"
		case most != nil && n > *most:
			return "schema-length", "is " + plural(n, "character") + " long, at most " + count(*most) + " allowed"
		}
		return "", ""
	}
}

func patternCheck(re jsonschema.Regexp) check {
	var quick *matcher
	if fast {
		quick = newMatcher(re.String())
	}
	reason := "does not match the pattern " + diag.Crop(re.String(), 60)
	return func(v value.Value) (string, string) {
		s, ok := textOf(v)
		if !ok {
			return "", ""
		}
		matched, known := quick.match(s)
		if !known {
			matched = re.MatchString(s)
		}
		if !matched {
			return "schema-pattern", reason
		}
		return "", ""
	}
}

// oneOf compiles an enum or a const.
func (c *columnCheck) oneOf(code string, values []any) {
	e, words := newEnum(values)
	c.deepInside = c.deepInside || e.inside
	reason := "is not " + quoted(words) + ", and nothing else is allowed"
	if len(words) == 0 {
		reason = "is there, and only null is allowed"
	}
	c.rule(anything, func(v value.Value) (string, string) {
		if e.has(v) {
			return "", ""
		}
		return code, reason
	})
}

// newEnum is the values that are listed, and how messages write each but null.
func newEnum(values []any) (e *enum, words []string) {
	e = &enum{}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			e.texts = append(e.texts, v)
			words = append(words, `"`+diag.Crop(v, 40)+`"`)
		case json.Number:
			n, _ := value.ParseNumeral(v.String())
			e.numbers = append(e.numbers, n)
			words = append(words, v.String())
		case bool:
			e.bools[b2i(v)] = true
			words = append(words, string(value.Bool(v).AppendText(nil)))
		case nil:
		default:
			e.inside = true
			words = append(words, "a list or an object of the schema's")
		}
	}
	if len(e.texts) > 8 {
		e.index = make(map[string]bool, len(e.texts))
		for _, t := range e.texts {
			e.index[t] = true
		}
	}
	return e, words
}

// enum is values to be among.
type enum struct {
	texts   []string
	index   map[string]bool // of texts, where they are many
	numbers []value.Numeral
	bools   [2]bool
	inside  bool // there are lists or objects, which the schema itself compares
}

func (e *enum) has(v value.Value) bool {
	switch typeOfValue(v) {
	case text:
		s, _ := textOf(v)
		if e.index != nil {
			return e.index[s]
		}
		return contains(e.texts, s)
	case boolean:
		return e.bools[b2i(v.Bool())]
	case whole, number:
		for _, n := range e.numbers {
			if compare(v, n) == 0 {
				return true
			}
		}
		return false
	default:
		return e.inside
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// addNumeric compiles the bounds of numbers and what they are multiples of.
func (c *columnCheck) addNumeric(s *jsonschema.Schema) {
	c.bound(s.Minimum, "is less than %, the least allowed", func(order int) bool { return order >= 0 })
	c.bound(s.ExclusiveMinimum, "is not greater than %", func(order int) bool { return order > 0 })
	c.bound(s.Maximum, "is greater than %, the most allowed", func(order int) bool { return order <= 0 })
	c.bound(s.ExclusiveMaximum, "is not less than %", func(order int) bool { return order < 0 })
	if s.MultipleOf == nil {
		return
	}
	step, words := numeralOf(s.MultipleOf)
	if _, known := step.IsMultipleOf(step); !known {
		c.deep = true
		return
	}
	reason := "is not a multiple of " + diag.Crop(words, 40)
	c.rule(number, func(v value.Value) (string, string) {
		if !isMultiple(v, step) {
			return "schema-multiple", reason
		}
		return "", ""
	})
}

// bound compiles one bound; % in words stands for it.
func (c *columnCheck) bound(limit *big.Rat, words string, ok func(order int) bool) {
	if limit == nil {
		return
	}
	n, text := numeralOf(limit)
	reason := strings.Replace(words, "%", diag.Crop(text, 40), 1)
	c.rule(number, func(v value.Value) (string, string) {
		if !ok(compare(v, n)) {
			return "schema-range", reason
		}
		return "", ""
	})
}
