package schema

import (
	"encoding/json"
	"maps"
	neturl "net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/value"
)

// tree.go: what a compiled schema says about one value, with its references,
// allOf and nullable alternatives resolved.

func unescape(fragment string) string {
	s, err := neturl.PathUnescape(fragment)
	if err != nil {
		return fragment
	}
	return s
}

func escape(token string) string {
	return neturl.PathEscape(strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1"))
}

// types is a set of JSON types. A number is a whole one or one with a fraction.
type types uint8

const (
	null types = 1 << iota
	boolean
	whole
	fraction
	text
	array
	object

	number   = whole | fraction
	anything = null | boolean | number | text | array | object
)

func typesOf(names []string) types {
	var set types
	for _, name := range names {
		switch name {
		case "null":
			set |= null
		case "boolean":
			set |= boolean
		case "integer":
			set |= whole
		case "number":
			set |= number
		case "string":
			set |= text
		case "array":
			set |= array
		case "object":
			set |= object
		}
	}
	return set
}

// typeOf is the type of a decoded JSON value.
func typeOf(v any) types {
	switch v := v.(type) {
	case nil:
		return null
	case bool:
		return boolean
	case string:
		return text
	case json.Number:
		if n, ok := value.ParseNumeral(v.String()); ok && n.IsInteger() {
			return whole
		}
		return fraction
	case []any:
		return array
	default:
		return object
	}
}

// allowed is the types that a value may have for s to allow it. It leaves out
// no type that s allows; of "not" and "if" it takes no notice.
func allowed(s *jsonschema.Schema) types {
	return allowedOnce(s, map[*jsonschema.Schema]types{})
}

// allowedOnce remembers what it found out, and takes a schema within itself to
// allow anything.
func allowedOnce(s *jsonschema.Schema, known map[*jsonschema.Schema]types) types {
	if set, ok := known[s]; ok {
		return set
	}
	known[s] = anything
	known[s] = allowedHere(s, func(s *jsonschema.Schema) types { return allowedOnce(s, known) })
	return known[s]
}

func allowedHere(s *jsonschema.Schema, within func(*jsonschema.Schema) types) types {
	set := anything
	if s.Bool != nil && !*s.Bool {
		return 0
	}
	if s.Types != nil {
		set &= typesOf(s.Types.ToStrings())
	}
	if s.Const != nil {
		set &= typeOf(*s.Const)
	}
	if s.Enum != nil {
		set &= unionOf(s.Enum.Values, typeOf)
	}
	if s.Ref != nil {
		set &= within(s.Ref)
	}
	for _, part := range s.AllOf {
		set &= within(part)
	}
	if len(s.AnyOf) > 0 {
		set &= unionOf(s.AnyOf, within)
	}
	if len(s.OneOf) > 0 {
		set &= unionOf(s.OneOf, within)
	}
	return set
}

func unionOf[T any](list []T, set func(T) types) types {
	var union types
	for _, item := range list {
		union |= set(item)
	}
	return union
}

// alternatives is those of list that a value other than null can fit.
func alternatives(list []*jsonschema.Schema) []*jsonschema.Schema {
	var rest []*jsonschema.Schema
	for _, s := range list {
		if allowed(s)&^null != 0 {
			rest = append(rest, s)
		}
	}
	return rest
}

// parts is every schema that a value other than null must fit to fit all of
// schemas: they themselves, what they refer to, their allOf, and what remains
// of an anyOf or oneOf when null is out of the question.
func parts(schemas ...*jsonschema.Schema) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	seen := map[*jsonschema.Schema]bool{}
	var add func(s *jsonschema.Schema)
	add = func(s *jsonschema.Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		list = append(list, s)
		add(s.Ref)
		for _, part := range s.AllOf {
			add(part)
		}
		for _, choice := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf} {
			if rest := alternatives(choice); len(rest) == 1 {
				add(rest[0])
			}
		}
	}
	for _, s := range schemas {
		add(s)
	}
	return list
}

// endless reports whether s refers to itself before it says anything: the
// module refuses every value then.
func endless(s *jsonschema.Schema) bool {
	done := map[*jsonschema.Schema]bool{} // false while it is being looked at
	var visit func(s *jsonschema.Schema) bool
	visit = func(s *jsonschema.Schema) bool {
		if s == nil {
			return false
		}
		if finished, ok := done[s]; ok {
			return !finished
		}
		done[s] = false
		for _, choice := range [][]*jsonschema.Schema{{s.Ref}, s.AllOf, s.AnyOf, s.OneOf} {
			if slices.ContainsFunc(choice, visit) {
				return true
			}
		}
		done[s] = true
		return false
	}
	return visit(s)
}

// property is what schemas, the parts of an object, say about its member of
// that name.
type property struct {
	schemas   []*jsonschema.Schema // all of them apply
	declared  *jsonschema.Schema   // the part whose "properties" names it first
	required  bool
	forbidden bool // no part may have it
}

func propertyOf(object []*jsonschema.Schema, name string) property {
	var p property
	for _, part := range object {
		for _, required := range part.Required {
			p.required = p.required || required == name
		}
		named := false
		if s, ok := part.Properties[name]; ok {
			named = true
			p.schemas = append(p.schemas, s)
			if p.declared == nil {
				p.declared = part
			}
		}
		for re, s := range part.PatternProperties {
			if re.MatchString(name) {
				named = true
				p.schemas = append(p.schemas, s)
			}
		}
		if named {
			continue
		}
		switch additional := part.AdditionalProperties.(type) {
		case bool:
			p.forbidden = p.forbidden || !additional
		case *jsonschema.Schema:
			p.schemas = append(p.schemas, additional)
		}
	}
	return p
}

// declaredNames is the names under "properties" of the parts, in the order of
// the files.
func (s *Schema) declaredNames(object []*jsonschema.Schema) []string {
	var names []string
	seen := map[string]bool{}
	for _, part := range object {
		if part.Properties == nil {
			continue
		}
		for _, name := range s.node(part).get("properties").names() {
			if _, ok := part.Properties[name]; ok && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// closed reports whether an object of these parts can have no other members
// than those declared.
func closed(object []*jsonschema.Schema) bool {
	for _, part := range object {
		if open, ok := part.AdditionalProperties.(bool); ok && !open && len(part.PatternProperties) == 0 {
			return true
		}
		if u := part.UnevaluatedProperties; u != nil && u.Bool != nil && !*u.Bool && !evaluatesAny(part) {
			return true
		}
	}
	return false
}

// others reports whether something is said of members that are not declared by
// their names, if only that they are welcome.
func others(object []*jsonschema.Schema) bool {
	return slices.ContainsFunc(object, func(part *jsonschema.Schema) bool {
		switch said := part.AdditionalProperties.(type) {
		case bool:
			return said
		case *jsonschema.Schema:
			return true
		}
		return len(part.PatternProperties) > 0
	})
}

// evaluatesAny reports whether s, or what may hold beside it, takes members of
// any name, so that none of them is left to be unevaluated.
func evaluatesAny(s *jsonschema.Schema) bool {
	found := false
	besides(s, func(s *jsonschema.Schema, _ bool) {
		open, isBool := s.AdditionalProperties.(bool)
		found = found || s.AdditionalProperties != nil && (!isBool || open) || len(s.PatternProperties) > 0
	})
	return found
}

// besides visits s and every schema that holds for the same value, always or
// under a condition.
func besides(s *jsonschema.Schema, visit func(s *jsonschema.Schema, conditional bool)) {
	seen := map[*jsonschema.Schema]bool{}
	var walk func(s *jsonschema.Schema, conditional bool)
	walk = func(s *jsonschema.Schema, conditional bool) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		visit(s, conditional)
		walk(s.Ref, conditional)
		for _, list := range [][]*jsonschema.Schema{{s.If, s.Then, s.Else}, dependents(s)} {
			for _, sub := range list {
				walk(sub, true)
			}
		}
		for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf} {
			for _, sub := range list {
				walk(sub, conditional)
			}
		}
	}
	walk(s, false)
}

// dependents is the schemas that hold where some name is there. Older drafts
// keep them, and lists of names, under one keyword.
func dependents(s *jsonschema.Schema) []*jsonschema.Schema {
	list := slices.Collect(maps.Values(s.DependentSchemas))
	for _, dependency := range s.Dependencies {
		switch d := dependency.(type) {
		case *jsonschema.Schema:
			list = append(list, d)
		case []string:
			list = append(list, &jsonschema.Schema{Required: d})
		}
	}
	return list
}
