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
	"sync"
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
	slots []value.Value
	names []string // of the objects that are open, for finding duplicates
	text  []byte   // unescaped strings; grows by chunks that are never moved

	roots   []root // what is remembered of the records, by projection
	learned int    // how many members that are

	forms  []form       // the lists of this record that were taken apart
	pairs  []value.Pair // of all of them
	answer int          // where the answer of the last one begins, 0: it has none
	levels []level      // of the values of this record

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
	d.forms, d.pairs, d.levels = d.forms[:0], d.pairs[:0], d.levels[:0]
	if err := d.DecodeElement(d.p, src, slots); err != nil {
		return err
	}
	if i := d.space(0); src[i] != '{' {
		return d.fail(i, "not-an-object", "is JSON, but not an object")
	}
	return nil
}

// DecodeElement is Decode for any one JSON value, such as an element of a list
// in a record, and for a projection of its own.
func (d *Decoder) DecodeElement(p *Projection, src []byte, slots []value.Value) error {
	clear(slots)
	d.breaks = d.breaks[:0]
	d.src, d.slots, d.names = src, slots, d.names[:0]
	d.enter(p)
	i := d.space(0)
	if i == len(src) {
		return d.fail(i, "json-syntax", "is empty, a JSON object is wanted")
	}
	i, err := d.value(&p.root, d.rootOf(p), 0, i)
	if err != nil {
		return err
	}
	if i = d.space(i); i < len(src) {
		return d.fail(i, "json-syntax", "goes on after the end of its JSON value")
	}
	return nil
}

// validator reads nothing of a text.
type validator struct {
	p Projection
	d Decoder
}

// validators are those that nobody uses at the moment: BenchmarkAppendReject has 0
// allocations, it was 5.
var validators = sync.Pool{New: func() any {
	v := &validator{d: Decoder{passing: true}}
	v.p.root.slot = -1
	return v
}}

// Valid reports whether text is one JSON value that the scanner takes.
func Valid(text []byte) bool {
	v := validators.Get().(*validator)
	err := v.d.DecodeElement(&v.p, text, nil)
	v.d.Reset()
	v.d.src = nil // and nothing else may hold on to the text
	clear(v.d.names[:cap(v.d.names)])
	validators.Put(v)
	return err == nil
}

func (d *Decoder) fail(at int, code, reason string) error {
	return &Error{Code: code, Reason: reason, Offset: at}
}

func (d *Decoder) wanted(at int, what string) error {
	if at >= len(d.src) {
		return d.fail(at, "json-syntax", "ends where "+what+" is wanted")
	}
	return d.fail(at, "json-syntax", fmt.Sprintf("is not JSON: %s is wanted at byte %d", what, at+1))
}

// What follows reads something that begins at i, and returns where it ends.

func (d *Decoder) space(i int) int {
	src := d.src
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\t' || src[i] == '\r') {
		i++
	}
	return i
}

// value reads one value and puts it where n wants it; n is nil where nobody
// reads it. p is what is remembered of the values here, nil where that is
// nothing.
func (d *Decoder) value(n *node, p *place, depth, i int) (int, error) {
	if i >= len(d.src) {
		return i, d.wanted(i, "a value")
	}
	if n != nil && n.part != 0 {
		return d.half(n.part, p, depth, i)
	}
	start := i
	var v value.Value
	var err error
	switch c := d.src[i]; {
	case c == '"':
		end, escaped, err := d.stringToken(i)
		if err != nil || n == nil {
			return end, err
		}
		if !n.reads && !n.claim.lists() {
			d.hold(n.claim, value.String, "")
			return end, nil
		}
		v, i = value.Text(d.unescape(d.src[i+1:end-1], escaped)), end
	case c == '{':
		if n != nil {
			d.hold(n.claim, value.JSON, "")
		}
		if i, err = d.object(n, p, depth+1, i); err != nil {
			return i, err
		}
		if n != nil && n.slot >= 0 {
			d.slots[n.slot] = value.JSONText(text(d.src[start:i]))
		}
		return i, nil
	case c == '[':
		if i, err = d.array(n, p, depth+1, i); err != nil {
			return i, err
		}
		v = value.ListText(text(d.src[start:i]))
	case c == '-' || c-'0' <= 9:
		if i, err = d.number(i); err != nil {
			return i, err
		}
		v = value.NumberText(text(d.src[start:i]))
	case c == 't':
		v = value.Bool(true)
		if i, err = d.literal(i, "true"); err != nil {
			return i, err
		}
	case c == 'f':
		v = value.Bool(false)
		if i, err = d.literal(i, "false"); err != nil {
			return i, err
		}
	case c == 'n':
		if n != nil {
			d.hold(n.claim, value.Null, "")
		}
		return d.literal(i, "null")
	default:
		return i, d.wanted(i, "a value")
	}
	if n == nil {
		return i, nil
	}
	if n.claim != nil {
		d.hold(n.claim, v.Kind(), v.Text())
	}
	if n.reads {
		d.put(n, v)
	}
	return i, nil
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

func (d *Decoder) array(n *node, p *place, depth, i int) (int, error) {
	if depth > MaxDepth {
		return i, d.fail(i, "too-deep", fmt.Sprintf("is nested more than %d levels deep", MaxDepth))
	}
	if n != nil && n.element != nil {
		return d.form(n.element, elementsOf(p), depth, i)
	}
	i = d.space(i + 1)
	if i < len(d.src) && d.src[i] == ']' {
		return i + 1, nil
	}
	inside := elementsOf(p)
	for more := true; more; {
		var err error
		if i, err = d.value(nil, inside, depth, i); err != nil {
			return i, err
		}
		if i, more, err = d.separator(i); err != nil {
			return i, err
		}
	}
	return i, nil
}

// separator reads what stands behind an element of a list.
func (d *Decoder) separator(i int) (end int, more bool, err error) {
	i = d.space(i)
	if i >= len(d.src) {
		return i, false, d.wanted(i, "a comma or ]")
	}
	switch d.src[i] {
	case ',':
		return d.space(i + 1), true, nil
	case ']':
		return i + 1, false, nil
	}
	return i, false, d.wanted(i, "a comma or ]")
}

// text is b as a string, without a copy: the page outlives its values.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
