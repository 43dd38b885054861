// Package jsonrow turns the JSON text of a record into slots: the values of
// just the paths that a mapping reads, in one strict pass.
//
// It has its own scanner, because this is where a record's time goes. What the
// scanner takes for JSON is held against jsontext by a fuzz test: it refuses
// duplicate names, invalid UTF-8, lone surrogates, and all that RFC 8259 does
// not allow. Nothing is built that no mapping asked for: text is a slice of the
// record, numbers keep their digits, and lists and objects stay text.
package jsonrow

import (
	"fmt"
	"unsafe"

	"pipeline/pipeline/value"
)

// MaxDepth is how deeply the values of a record may be nested.
const MaxDepth = 64

// Error says why a text is not a record.
type Error struct {
	Code   string // a reject code: json-syntax, duplicate-name, invalid-utf8, too-deep, not-an-object
	Reason string
	Offset int // bytes into the text
}

func (e *Error) Error() string { return e.Reason }

// Projection is the set of paths that are read from each record.
type Projection struct {
	root  node
	slots int
}

// node is one name on the way of a path, or one that a schema declares.
type node struct {
	name     string
	slot     int // where the value goes; -1 where only something inside it is read
	children []*node
	reads    bool   // the value goes into a slot, or something inside it does
	claim    *claim // what the schema says of the value; nil: nothing
}

// NewProjection reads path i into slot i. A path is a list of member names.
func NewProjection(paths [][]string) *Projection { return NewClaimed(paths, nil, "") }

// Slots is how many slots a record fills.
func (p *Projection) Slots() int { return p.slots }

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	c := &node{name: name, slot: -1}
	n.children = append(n.children, c)
	return c
}

// find is the child with that name, or nil. next is where the search begins:
// behind the name that was found last, for records have their names in the order
// of their schema, mostly.
func (n *node) find(name string, next *int) *node {
	from := *next
	for i := from; i < len(n.children); i++ {
		if n.children[i].name == name { // compares lengths first
			*next = i + 1
			return n.children[i]
		}
	}
	for i := range from {
		if n.children[i].name == name {
			*next = i + 1
			return n.children[i]
		}
	}
	return nil
}

// Decoder fills the slots of one record after another. It belongs to one
// goroutine.
type Decoder struct {
	p     *Projection
	src   []byte
	pos   int
	slots []value.Value
	names []string // of the objects that are open, for finding duplicates
	text  []byte   // unescaped strings; grows by chunks that are never moved

	breaks []Break // of the claims, by the value that was decoded last
}

// NewDecoder reads what p asks for.
func NewDecoder(p *Projection) *Decoder { return &Decoder{p: p} }

// Reset lets the memory of all strings that were unescaped so far be used
// again.
func (d *Decoder) Reset() { d.text = d.text[:0] }

// Decode fills slots from the record in src, which is an object. The values
// point into src and into memory of the decoder, and hold until Reset. The error
// is an *Error.
func (d *Decoder) Decode(src []byte, slots []value.Value) error {
	if err := d.DecodeElement(d.p, src, slots); err != nil {
		return err
	}
	d.pos = 0
	if d.space(); d.src[d.pos] != '{' {
		return d.fail("not-an-object", "is JSON, but not an object")
	}
	return nil
}

// DecodeElement is Decode for any one JSON value, such as an element of a list
// in a record, and for a projection of its own.
func (d *Decoder) DecodeElement(p *Projection, src []byte, slots []value.Value) error {
	clear(slots)
	d.breaks = d.breaks[:0]
	d.src, d.pos, d.slots, d.names = src, 0, slots, d.names[:0]
	d.space()
	if d.pos == len(d.src) {
		return d.fail("json-syntax", "is empty, a JSON object is wanted")
	}
	if err := d.value(&p.root, 0); err != nil {
		return err
	}
	d.space()
	if d.pos < len(d.src) {
		return d.fail("json-syntax", "goes on after the end of its JSON value")
	}
	return nil
}

// Valid reports whether text is one JSON value that the scanner takes.
func Valid(text []byte) bool {
	var p Projection
	p.root.slot = -1
	return NewDecoder(&p).DecodeElement(&p, text, nil) == nil
}

func (d *Decoder) fail(code, reason string) error {
	return &Error{Code: code, Reason: reason, Offset: d.pos}
}

func (d *Decoder) wanted(what string) error {
	if d.pos >= len(d.src) {
		return d.fail("json-syntax", "ends where "+what+" is wanted")
	}
	return d.fail("json-syntax", fmt.Sprintf("is not JSON: %s is wanted at byte %d", what, d.pos+1))
}

func (d *Decoder) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\n', '\t', '\r':
			d.pos++
		default:
			return
		}
	}
}

// value reads one value and puts it where n wants it; n is nil where nobody
// reads it.
func (d *Decoder) value(n *node, depth int) error {
	if d.pos >= len(d.src) {
		return d.wanted("a value")
	}
	start := d.pos
	var v value.Value
	switch c := d.src[d.pos]; {
	case c == '"':
		raw, escaped, err := d.stringToken()
		if err != nil {
			return err
		}
		switch {
		case n == nil:
			return nil
		case !n.reads && !n.claim.lists():
			d.hold(n.claim, value.String, "")
			return nil
		}
		v = value.Text(d.unescape(raw, escaped))
	case c == '{':
		if n != nil {
			d.hold(n.claim, value.JSON, "")
		}
		if err := d.object(n, depth+1); err != nil {
			return err
		}
		if n != nil && n.slot >= 0 {
			d.slots[n.slot] = value.JSONText(text(d.src[start:d.pos]))
		}
		return nil
	case c == '[':
		if err := d.array(depth + 1); err != nil {
			return err
		}
		v = value.ListText(text(d.src[start:d.pos]))
	case c == '-' || c-'0' <= 9:
		if err := d.number(); err != nil {
			return err
		}
		v = value.NumberText(text(d.src[start:d.pos]))
	case c == 't':
		v = value.Bool(true)
		if err := d.literal("true"); err != nil {
			return err
		}
	case c == 'f':
		v = value.Bool(false)
		if err := d.literal("false"); err != nil {
			return err
		}
	case c == 'n':
		if n != nil {
			d.hold(n.claim, value.Null, "")
		}
		return d.literal("null")
	default:
		return d.wanted("a value")
	}
	if n != nil {
		d.hold(n.claim, v.Kind(), v.Text())
		if n.reads {
			d.put(n, v)
		}
	}
	return nil
}

// put stores a scalar or a list, and marks every path that leads through it.
func (d *Decoder) put(n *node, v value.Value) {
	if n.slot >= 0 {
		d.slots[n.slot] = v
	}
	if len(n.children) > 0 {
		d.block(n, through(v.Kind()))
	}
}

func (d *Decoder) block(n *node, through string) {
	for _, c := range n.children {
		if c.slot >= 0 {
			d.slots[c.slot] = value.InvalidThrough(through)
		}
		d.block(c, through)
	}
}

// through names what stood where an object was expected.
func through(k value.Kind) string {
	if k == value.String {
		return "text"
	}
	return k.String()
}

func (d *Decoder) object(n *node, depth int) error {
	if depth > MaxDepth {
		return d.fail("too-deep", fmt.Sprintf("is nested more than %d levels deep", MaxDepth))
	}
	d.pos++ // {
	first := len(d.names)
	var seen uint64 // which kinds of names there were, to compare few of them
	next, needed := 0, 0
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == '}' {
		d.pos++
		d.holdNames(n, first, needed)
		return nil
	}
	for {
		if d.pos >= len(d.src) || d.src[d.pos] != '"' {
			return d.wanted("a name in double quotes")
		}
		name, err := d.name(first, &seen)
		if err != nil {
			return err
		}
		d.space()
		if d.pos >= len(d.src) || d.src[d.pos] != ':' {
			return d.wanted("a colon")
		}
		d.pos++
		d.space()
		var child *node
		if n != nil {
			child = n.find(name, &next)
			if n.claim != nil && d.holdName(n.claim, child, name) {
				needed++
			}
		}
		if err := d.value(child, depth); err != nil {
			return err
		}
		d.space()
		if d.pos >= len(d.src) {
			return d.wanted("a comma or }")
		}
		switch d.src[d.pos] {
		case ',':
			d.pos++
			d.space()
		case '}':
			d.pos++
			d.holdNames(n, first, needed)
			d.names = d.names[:first]
			return nil
		default:
			return d.wanted("a comma or }")
		}
	}
}

// name reads a member's name, which must not be among those since first.
func (d *Decoder) name(first int, seen *uint64) (string, error) {
	start := d.pos
	raw, escaped, err := d.stringToken()
	if err != nil {
		return "", err
	}
	name := d.unescape(raw, escaped)
	bit := uint64(1)
	if len(name) > 0 {
		bit <<= (uint(len(name))*7 + uint(name[0]) + uint(name[len(name)-1])*3) & 63
	}
	if *seen&bit != 0 {
		for _, other := range d.names[first:] {
			if other == name {
				d.pos = start
				return "", d.fail("duplicate-name", fmt.Sprintf("has the name %q twice in one object", name))
			}
		}
	}
	*seen |= bit
	d.names = append(d.names, name)
	return name, nil
}

func (d *Decoder) array(depth int) error {
	if depth > MaxDepth {
		return d.fail("too-deep", fmt.Sprintf("is nested more than %d levels deep", MaxDepth))
	}
	d.pos++ // [
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == ']' {
		d.pos++
		return nil
	}
	for {
		if err := d.value(nil, depth); err != nil {
			return err
		}
		d.space()
		if d.pos >= len(d.src) {
			return d.wanted("a comma or ]")
		}
		switch d.src[d.pos] {
		case ',':
			d.pos++
			d.space()
		case ']':
			d.pos++
			return nil
		default:
			return d.wanted("a comma or ]")
		}
	}
}

// text is b as a string, without a copy: the page outlives its values.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
