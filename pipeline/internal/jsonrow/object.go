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
	at     int             // the member of place that is expected next
	next   int             // the child of node that is, where place does not know the name
	first  int             // where its names begin among those of the decoder that place does not know
	seen   uint64          // which kinds of names those are, to compare few of them
	many   map[string]bool // those names, where they are many
	needed int             // how many names it has that are never absent
}

func (d *Decoder) object(n *node, p *place, depth, i int) (int, error) {
	if depth > MaxDepth {
		return i, d.fail(i, "too-deep", fmt.Sprintf("is nested more than %d levels deep", MaxDepth))
	}
	o := object{node: n, place: p.begin(), first: len(d.names)}
	i = d.space(i + 1)
	if i < len(d.src) && d.src[i] == '}' {
		d.holdNames(&o)
		return i + 1, nil
	}
	for {
		var child *node
		var inside *place
		var err error
		if m := o.expected(d.src[i:]); m != nil {
			if i += len(m.written); i < len(d.src) && d.src[i] <= ' ' {
				i = d.space(i) // there was less of it before
			}
			if m.held {
				d.holdMember(&o, m)
			}
			child, inside = m.child, m.place
		} else if child, inside, i, err = d.member(&o, i); err != nil {
			return i, err
		}
		if i, err = d.value(child, inside, depth, i); err != nil {
			return i, err
		}
		if i >= len(d.src) || d.src[i] != ',' {
			i = d.space(i)
		}
		if i >= len(d.src) {
			return i, d.wanted(i, "a comma or }")
		}
		switch d.src[i] {
		case ',':
			i++
		case '}':
			d.holdNames(&o)
			d.names = d.names[:o.first]
			return i + 1, nil
		default:
			return i, d.wanted(i, "a comma or }")
		}
	}
}

// member reads the name of the next member and the colon behind it, and returns
// what is asked of its value, what is remembered of it, and where it begins.
func (d *Decoder) member(o *object, start int) (*node, *place, int, error) {
	i := d.space(start)
	if i >= len(d.src) || d.src[i] != '"' {
		return nil, nil, i, d.wanted(i, "a name in double quotes")
	}
	end, escaped, err := d.stringToken(i)
	if err != nil {
		return nil, nil, i, err
	}
	name := d.unescape(d.src[i+1:end-1], escaped)
	known := o.known(name)
	if known != nil && known.object == o.place.object || known == nil && d.isTwice(o, name) {
		return nil, nil, i, d.fail(i, "duplicate-name", fmt.Sprintf("has the name %q twice in one object", name))
	}
	if i = d.space(end); i >= len(d.src) || d.src[i] != ':' {
		return nil, nil, i, d.wanted(i, "a colon")
	}
	i = d.space(i + 1)
	if o.place != nil {
		o.place.missed++
	}
	if known == nil {
		known = d.learn(o, name, d.src[start:i])
	}
	if known != nil {
		known.object = o.place.object
		if known.held {
			d.holdMember(o, known)
		}
		return known.child, known.place, i, nil
	}
	d.names = append(d.names, name)
	var child *node
	if o.node != nil {
		child = o.node.find(name, &o.next)
		if o.node.claim != nil && d.holdName(o.node.claim, child, name) {
			o.needed++
		}
	}
	return child, nil, i, nil
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
