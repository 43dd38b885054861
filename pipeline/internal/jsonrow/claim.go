package jsonrow

// claim.go: what a schema says of a record, held against it on the way. A claim
// is no filter: what breaks it is noted, and the record is read as it is. A
// record that breaks none costs a comparison for each declared name.

import (
	"slices"
	"strings"

	"pipeline/pipeline/value"
)

// BreakKind is in which way a record breaks a claim.
type BreakKind uint8

// The kinds of breaks.
const (
	NewName  BreakKind = iota // an object has a name that is not declared
	NewValue                  // a text is none of those that are listed
	NewType                   // a value is of a type that is not declared
	Missing                   // a value is null or absent, and never should be
)

// Break is where a record breaks a claim, and what stood there. It points into
// the record.
type Break struct {
	Kind BreakKind
	Path string     // of the field, such as "ticket.name"; of NewName the object it is in
	Text string     // the new name, or the new value
	Type value.Kind // what a value of a new type is; Float: a number with a fraction
}

// claim is what is said of one value.
type claim struct {
	path  string
	kinds uint16   // which kinds it may have, a bit for each; 0: any
	whole bool     // of numbers, only integers
	never bool     // it is never null or absent
	enum  []string // the texts it may be; nil: any
	names bool     // of an object: all its names are declared
	need  int      // how many of them are never null or absent
}

// lists reports whether the texts that may stand here are listed.
func (c *claim) lists() bool { return c != nil && c.enum != nil }

// maxBreaks bounds what is noted of one record.
const maxBreaks = 64

// NewClaimed is NewProjection for records of which shape is said; nil says
// nothing. What is noted begins with prefix.
func NewClaimed(paths [][]string, shape *value.Shape, prefix string) *Projection {
	p := &Projection{root: node{slot: -1}, slots: len(paths)}
	if shape != nil {
		p.root.declare(shape, prefix, 0)
		p.root.claim.never = false // it is there
	}
	for slot, path := range paths {
		n := &p.root
		n.reads = true
		for _, name := range path {
			n = n.child(name)
			n.reads = true
		}
		n.slot = slot
	}
	return p
}

// declare adds what shape says to n and below it.
func (n *node) declare(shape *value.Shape, path string, depth int) {
	n.claim = &claim{path: path, never: shape.Kind != value.Null && !shape.Nullable}
	c := n.claim
	switch shape.Kind {
	case value.Null:
	case value.Integer, value.Float, value.Number, value.Decimal:
		c.kinds, c.whole = 1<<value.Number, shape.Kind == value.Integer
	case value.Date, value.Timestamp:
		c.kinds = 1 << value.String
	default:
		c.kinds, c.enum = 1<<shape.Kind, shape.Enum
	}
	if shape.Kind != value.JSON || depth == MaxDepth {
		return
	}
	c.names = len(shape.Fields) > 0 && !shape.Others
	for _, f := range shape.Fields {
		child := n.child(f.Name)
		child.declare(f.Shape, join(path, f.Name), depth+1)
		if child.claim.never {
			c.need++
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Breaks are the claims that the value which was decoded last breaks. They are
// overwritten by the next one.
func (d *Decoder) Breaks() []Break { return d.breaks }

func (d *Decoder) broken(b Break) {
	if len(d.breaks) < maxBreaks {
		d.breaks = append(d.breaks, b)
	}
}

// hold holds a value against what is said of it; c may be nil. text is that of a
// string or a number.
func (d *Decoder) hold(c *claim, kind value.Kind, text string) {
	switch {
	case c == nil:
	case kind == value.Null:
		if c.never {
			d.broken(Break{Kind: Missing, Path: c.path})
		}
	case c.kinds != 0 && c.kinds&(1<<kind) == 0:
		d.broken(Break{Kind: NewType, Path: c.path, Type: kind})
	case c.whole && !isWhole(text):
		d.broken(Break{Kind: NewType, Path: c.path, Type: value.Float})
	case c.enum != nil && !slices.Contains(c.enum, text):
		d.broken(Break{Kind: NewValue, Path: c.path, Text: text})
	}
}

// isWhole reports whether a JSON number has no fraction, as 1.0 has none.
func isWhole(text string) bool {
	if !strings.ContainsAny(text, ".eE") {
		return true
	}
	n, ok := value.ParseNumeral(text)
	return ok && n.IsInteger()
}

// holdName notes a name that c, the claim of its object, does not declare, and
// reports whether it is one that is never absent.
func (d *Decoder) holdName(c *claim, child *node, name string) (needed bool) {
	if child != nil && child.claim != nil {
		return child.claim.never
	}
	if c.names {
		d.broken(Break{Kind: NewName, Path: c.path, Text: name})
	}
	return false
}

// isHeld reports whether there is something to say of a name where it stands in
// an object like n.
func (n *node) isHeld(child *node) bool {
	if n.claim == nil {
		return false
	}
	declared := child != nil && child.claim != nil
	return declared && child.claim.never || !declared && n.claim.names
}

// holdMember is holdName for a member that its place knows.
func (d *Decoder) holdMember(o *object, m *member) {
	if d.holdName(o.node.claim, m.child, m.name) {
		o.needed++
	}
}

// holdNames notes the names that an object lacks, now that it ends.
func (d *Decoder) holdNames(o *object) {
	if o.node == nil || o.node.claim == nil || o.node.claim.need == o.needed {
		return
	}
	for _, child := range o.node.children {
		if c := child.claim; c != nil && c.never && !d.has(o, child.name) {
			d.broken(Break{Kind: Missing, Path: c.path})
		}
	}
}

// has reports whether an object has a member of that name.
func (d *Decoder) has(o *object, name string) bool {
	if m := o.known(name); m != nil {
		return m.object == o.place.object
	}
	return slices.Contains(d.names[o.first:], name)
}
