package jsonrow

// object.go: the members of an object, none of which may stand there twice.

import (
	"fmt"
	"slices"
)

// object is one that is being read.
type object struct {
	node   *node           // nil: nobody reads anything of it
	place  *place          // nil: nothing is remembered of the objects here
	at     int             // the member of place, or the child of node, that is expected next
	first  int             // where its names begin among those of the decoder that place does not know
	seen   uint64          // which kinds of names those are, to compare few of them
	many   map[string]bool // those names, where they are many
	needed int             // how many names it has that are never absent
}

func (d *Decoder) object(n *node, p *place, depth int) error {
	if depth > MaxDepth {
		return d.fail("too-deep", fmt.Sprintf("is nested more than %d levels deep", MaxDepth))
	}
	o := object{node: n, place: p.begin(), first: len(d.names)}
	d.pos++ // {
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == '}' {
		d.pos++
		d.holdNames(&o)
		return nil
	}
	for {
		var child *node
		var inside *place
		if m := o.expected(d.src[d.pos:]); m != nil {
			d.pos += len(m.written)
			if m.claimed {
				d.holdMember(&o, m)
			}
			child, inside = m.child, m.place
		} else {
			var err error
			if child, inside, err = d.member(&o); err != nil {
				return err
			}
		}
		if err := d.value(child, inside, depth); err != nil {
			return err
		}
		if d.pos >= len(d.src) || d.src[d.pos] != ',' {
			d.space()
		}
		if d.pos >= len(d.src) {
			return d.wanted("a comma or }")
		}
		switch d.src[d.pos] {
		case ',':
			d.pos++
		case '}':
			d.pos++
			d.holdNames(&o)
			d.names = d.names[:o.first]
			return nil
		default:
			return d.wanted("a comma or }")
		}
	}
}

// member reads the name of the next member and the colon behind it, and returns
// what is asked of its value and what is remembered of it.
func (d *Decoder) member(o *object) (*node, *place, error) {
	start := d.pos
	d.space()
	if d.pos >= len(d.src) || d.src[d.pos] != '"' {
		return nil, nil, d.wanted("a name in double quotes")
	}
	begin := d.pos
	raw, escaped, err := d.stringToken()
	if err != nil {
		return nil, nil, err
	}
	name := d.unescape(raw, escaped)
	known := o.known(name)
	if known != nil && known.object == o.place.object || known == nil && d.isTwice(o, name) {
		d.pos = begin
		return nil, nil, d.fail("duplicate-name", fmt.Sprintf("has the name %q twice in one object", name))
	}
	d.space()
	if d.pos >= len(d.src) || d.src[d.pos] != ':' {
		return nil, nil, d.wanted("a colon")
	}
	d.pos++
	d.space()
	if known == nil {
		known = d.learn(o, name, d.src[start:d.pos])
	}
	if known != nil {
		known.object = o.place.object
		if known.claimed {
			d.holdMember(o, known)
		}
		return known.child, known.place, nil
	}
	d.names = append(d.names, name)
	var child *node
	if o.node != nil {
		child = o.node.find(name, &o.at)
		if o.node.claim != nil && d.holdName(o.node.claim, child, name) {
			o.needed++
		}
	}
	return child, nil, nil
}

// manyNames is how many names of an object are compared one by one.
const manyNames = 256

// isTwice reports whether the object has a name already, of those that its place
// does not know.
func (d *Decoder) isTwice(o *object, name string) bool {
	bit := uint64(1)
	if len(name) > 0 {
		bit <<= (uint(len(name))*7 + uint(name[0]) + uint(name[len(name)-1])*3) & 63
	}
	had := o.seen&bit != 0
	o.seen |= bit
	others := d.names[o.first:]
	if len(others) < manyNames {
		return had && slices.Contains(others, name)
	}
	if o.many == nil {
		o.many = make(map[string]bool, 2*manyNames)
		for _, other := range others {
			o.many[other] = true
		}
	}
	if o.many[name] {
		return true
	}
	o.many[name] = true
	return false
}
