package rest

// sandbox_shape.go reads as much of a JSON Schema as it takes to make up
// records that are valid under it: types, properties, items, enum, const,
// examples, format, bounds, local references, and the first branch of anyOf and
// oneOf.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// shape is what a value made up for the sandbox has to be.
type shape struct {
	kinds    []string // but for null: string, integer, number, boolean, object, array; none: unknown
	nullable bool
	members  []shapeMember
	items    *shape
	values   []json.RawMessage // the only ones, or examples
	format   string
	min, max float64 // of a number
	longest  int     // characters of a text; 0: any
}

type shapeMember struct {
	name     string
	shape    *shape
	required bool
}

// maxShapeDepth is how deep records of the sandbox are.
const maxShapeDepth = 8

// keywords are those of JSON Schema that are looked at.
type keywords struct {
	Ref        string            `json:"$ref"`
	Type       json.RawMessage   `json:"type"` // a text or a list of them
	Properties json.RawMessage   `json:"properties"`
	Required   []string          `json:"required"`
	Items      json.RawMessage   `json:"items"`
	Enum       []json.RawMessage `json:"enum"`
	Examples   []json.RawMessage `json:"examples"`
	Const      json.RawMessage   `json:"const"`
	Format     string            `json:"format"`
	Minimum    *float64          `json:"minimum"`
	Maximum    *float64          `json:"maximum"`
	MaxLength  int               `json:"maxLength"`
	AnyOf      []json.RawMessage `json:"anyOf"`
	OneOf      []json.RawMessage `json:"oneOf"`
}

// parseShape reads a schema; of an empty one it is known that a record is an
// object.
func parseShape(text []byte) (*shape, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return &shape{kinds: []string{"object"}}, nil
	}
	return (&shapeReader{root: text}).shape(text, 0)
}

type shapeReader struct{ root json.RawMessage }

func (r *shapeReader) shape(text json.RawMessage, depth int) (*shape, error) {
	if t := string(bytes.TrimSpace(text)); depth > maxShapeDepth || t == "true" || t == "false" {
		return &shape{nullable: true}, nil
	}
	var k keywords
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, err
	}
	if k.Ref != "" {
		to, err := r.resolve(k.Ref)
		if err != nil {
			return nil, err
		}
		return r.shape(to, depth+1)
	}
	if branches := append(k.AnyOf, k.OneOf...); len(branches) > 0 && len(k.Type) == 0 {
		return r.shape(branches[0], depth+1)
	}
	s := &shape{format: k.Format, max: 1000, longest: k.MaxLength}
	s.setKinds(k.Type)
	s.setBounds(k.Minimum, k.Maximum)
	switch {
	case len(k.Const) > 0:
		s.values = []json.RawMessage{k.Const}
	case len(k.Enum) > 0:
		s.values = k.Enum
	default:
		s.values = k.Examples
	}
	if err := r.below(s, k, depth+1); err != nil {
		return nil, err
	}
	return s, nil
}

// below reads what is inside objects and lists.
func (r *shapeReader) below(s *shape, k keywords, depth int) error {
	if len(k.Items) > 0 {
		items, err := r.shape(k.Items, depth)
		if err != nil {
			return fmt.Errorf("items: %w", err)
		}
		s.items = items
	}
	properties, err := members(k.Properties)
	if err != nil {
		return fmt.Errorf("properties: %w", err)
	}
	for _, p := range properties {
		below, err := r.shape(p.text, depth)
		if err != nil {
			return fmt.Errorf("property %q: %w", p.name, err)
		}
		s.members = append(s.members, shapeMember{p.name, below, slices.Contains(k.Required, p.name)})
	}
	if len(s.kinds) == 0 && len(s.members) > 0 {
		s.kinds = []string{"object"}
	}
	return nil
}

func (s *shape) setKinds(text json.RawMessage) {
	var list []string
	if json.Unmarshal(text, &list) != nil {
		var one string
		if json.Unmarshal(text, &one) != nil {
			return // no type: unknown
		}
		list = []string{one}
	}
	for _, kind := range list {
		if kind == "null" {
			s.nullable = true
		} else {
			s.kinds = append(s.kinds, kind)
		}
	}
}

func (s *shape) setBounds(least, most *float64) {
	if least != nil {
		s.min = *least
		s.max = s.min + 1000
	}
	if most != nil {
		s.max = *most
		s.min = min(s.min, s.max)
	}
}

// resolve is what a reference inside the schema stands for.
func (r *shapeReader) resolve(ref string) (json.RawMessage, error) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, fmt.Errorf("$ref %q leads out of the schema", ref)
	}
	at := r.root
	for _, step := range strings.Split(pointer, "/")[1:] {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		below, err := members(at)
		if err != nil {
			return nil, fmt.Errorf("$ref %q: %w", ref, err)
		}
		i := slices.IndexFunc(below, func(m member) bool { return m.name == step })
		if i < 0 {
			return nil, fmt.Errorf("$ref %q leads nowhere", ref)
		}
		at = below[i].text
	}
	return at, nil
}

// member is one name of a JSON object.
type member struct {
	name string
	text json.RawMessage
}

// members is the members of an object in their order; none where there is no
// text.
func members(text json.RawMessage) ([]member, error) {
	if len(text) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("an object was expected")
	}
	var out []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		out = append(out, member{name.(string), value}) // in an object every other token is a name
	}
	return out, nil
}
