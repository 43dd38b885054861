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

// Decoder fills the slots of one record after another. It belongs to one
// goroutine.
type Decoder struct {
	p     *Projection
	src   []byte
	pos   int
	slots []value.Value
	names []string // of the objects that are open, for finding duplicates
	text  []byte   // unescaped strings; grows by chunks that are never moved

	roots   []root // what is remembered of the records, by projection
	learned int    // how many members that are

	forms []form       // the lists of this record that were taken apart
	pairs []value.Pair // of all of them

	passing bool // what it learned would be of no use

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
	d.forms, d.pairs = d.forms[:0], d.pairs[:0]
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
	if err := d.value(&p.root, d.rootOf(p), 0); err != nil {
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
	return (&Decoder{passing: true}).DecodeElement(&p, text, nil) == nil
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
// reads it. p is what is remembered of the values here, nil where that is
// nothing.
func (d *Decoder) value(n *node, p *place, depth int) error {
	if d.pos >= len(d.src) {
		return d.wanted("a value")
	}
	if n != nil && n.part != 0 {
		return d.half(n.part, p, depth)
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
		if err := d.object(n, p, depth+1); err != nil {
			return err
		}
		if n != nil && n.slot >= 0 {
			d.slots[n.slot] = value.JSONText(text(d.src[start:d.pos]))
		}
		return nil
	case c == '[':
		if err := d.array(n, p, depth+1); err != nil {
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

func (d *Decoder) array(n *node, p *place, depth int) error {
	if depth > MaxDepth {
		return d.fail("too-deep", fmt.Sprintf("is nested more than %d levels deep", MaxDepth))
	}
	if n != nil && n.element != nil {
		return d.form(n.element, elementsOf(p), depth)
	}
	d.pos++ // [
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == ']' {
		d.pos++
		return nil
	}
	inside := elementsOf(p)
	for more := true; more; {
		if err := d.value(nil, inside, depth); err != nil {
			return err
		}
		var err error
		if more, err = d.separator(); err != nil {
			return err
		}
	}
	return nil
}

// separator reads what stands behind an element of a list.
func (d *Decoder) separator() (more bool, err error) {
	d.space()
	if d.pos >= len(d.src) {
		return false, d.wanted("a comma or ]")
	}
	switch d.src[d.pos] {
	case ',':
		d.pos++
		d.space()
		return true, nil
	case ']':
		d.pos++
		return false, nil
	}
	return false, d.wanted("a comma or ]")
}

// text is b as a string, without a copy: the page outlives its values.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
