package schema

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/value"
)

// shape_names.go: the names of an object that its schema knows without a
// declaration under "properties".

// addNames adds the names that the schema speaks of elsewhere, those that fit a
// pattern, and what the members of an object are that has any names.
func (b *shaper) addNames(shape *value.Shape, all []*jsonschema.Schema) {
	var names []string
	for _, name := range mentioned(all) {
		if _, ok := shape.Field(name); !ok && !propertyOf(all, name).forbidden {
			names = append(names, name)
		}
	}
	shape.Fields = append(shape.Fields, b.fields(all, names)...)
	if slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return len(s.PatternProperties) > 0 }) {
		shape.Matching = func(name string) *value.Shape { return b.matching(all, name) }
		return
	}
	if len(shape.Fields) > 0 || b.dates {
		return
	}
	for _, part := range all {
		if additional, ok := part.AdditionalProperties.(*jsonschema.Schema); ok {
			shape.Elem = b.shape([]*jsonschema.Schema{additional})
			return
		}
	}
}

// matching is the shape of a member whose name fits a pattern; nil where it
// fits none.
func (b *shaper) matching(all []*jsonschema.Schema, name string) *value.Shape {
	for _, part := range all {
		for pattern := range part.PatternProperties {
			if !pattern.MatchString(name) {
				continue
			}
			p := propertyOf(all, name)
			shape := b.shape(p.schemas)
			shape.Nullable = shape.Nullable || !p.required
			return shape
		}
	}
	return nil
}

// mentioned is the names that the parts of an object require, or have under a
// condition. What they are is not said: it depends on the condition.
func mentioned(all []*jsonschema.Schema) []string {
	var names []string
	for _, part := range all {
		besides(part, func(s *jsonschema.Schema, conditional bool) {
			names = append(names, s.Required...)
			if conditional {
				names = slices.AppendSeq(names, maps.Keys(s.Properties))
			}
			for name, required := range s.DependentRequired {
				names = append(append(names, name), required...)
			}
			names = slices.AppendSeq(names, maps.Keys(s.DependentSchemas))
			names = slices.AppendSeq(names, maps.Keys(s.Dependencies))
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}
