package jsonrow

// learn.go: the records of a stream have the same members in the same order,
// mostly. What stood between two values of the last ones is compared with what
// stands there now, in one go: where it is the same, no name has to be read, looked
// up, or held against those before it. Where it is not, the name is read as
// if nothing were known.

import (
	"slices"
	"strings"
)

// What a decoder remembers is bounded, for a name may be anything.
const (
	maxMembers = 128  // of the objects at one place
	maxLearned = 1000 // in all
	maxWritten = 128  // bytes of one, with the space around it
	lookAhead  = 3    // members that may be the next one: some are left out where they are null
	maxRoots   = 8    // projections
)

// place is what is remembered of the values at one place of the records.
type place struct {
	members  []member // of the objects there, in their order
	object   uint64   // the number of the object there that was begun last
	met      int      // names that were as expected
	missed   int      // and that were not; -1: nothing is expected any more
	elements *place   // of the lists there
	frames   []frame  // of the questions there, see form.go
}

// member is a member of the objects at a place.
type member struct {
	written string // as it stands before its value: the name, the colon, and space
	name    string
	child   *node  // what is asked of its value
	held    bool   // the name is one that is never absent, or not declared
	object  uint64 // the number of the object that had it last
	place   *place // what is remembered of its value
}

// begin begins an object. It returns nil where it is no use to expect its names:
// they are data, or in no order.
func (p *place) begin() *place {
	if p == nil || p.missed < 0 {
		return nil
	}
	if p.missed > maxMembers+p.met/2 {
		p.members, p.missed = nil, -1
		return nil
	}
	p.object++
	return p
}

// expected is the member that text begins with, where it is one of those that
// are expected next.
func (o *object) expected(text []byte) *member {
	if o.place == nil {
		return nil
	}
	members := o.place.members
	for i := o.at; i < len(members) && i < o.at+lookAhead; i++ {
		m := &members[i]
		if begins(text, m.written) && m.object != o.place.object {
			m.object, o.at = o.place.object, i+1
			o.place.met++
			return m
		}
	}
	return nil
}

// known is the member of that name, or nil.
func (o *object) known(name string) *member {
	if o.place == nil {
		return nil
	}
	members := o.place.members
	for k := range members {
		i := o.at + k
		if i >= len(members) {
			i -= len(members)
		}
		if members[i].name == name { // compares lengths first
			o.at = i + 1
			return &members[i]
		}
	}
	return nil
}

// learn remembers a member, behind the one that was before it, and returns it;
// nil where that would be too many.
func (d *Decoder) learn(o *object, name string, written []byte) *member {
	p := o.place
	if p == nil || len(p.members) == maxMembers || d.learned == maxLearned || len(written) > maxWritten {
		return nil
	}
	d.learned++
	m := member{written: string(written), name: strings.Clone(name), place: &place{}}
	if o.node != nil {
		m.child = o.node.find(name, &o.next)
		m.held = o.node.isHeld(m.child)
	}
	p.members = slices.Insert(p.members, o.at, m)
	o.at++
	return &p.members[o.at-1]
}

// elementsOf is the place of the elements of the lists at p.
func elementsOf(p *place) *place {
	if p == nil {
		return nil
	}
	if p.elements == nil {
		p.elements = &place{}
	}
	return p.elements
}

// root is the place of the values that are read with a projection.
type root struct {
	projection *Projection
	place      *place
}

func (d *Decoder) rootOf(p *Projection) *place {
	for i := range d.roots {
		if d.roots[i].projection == p {
			return d.roots[i].place
		}
	}
	if !fastNames || d.passing || len(d.roots) == maxRoots {
		return nil
	}
	r := root{p, &place{}}
	d.roots = append(d.roots, r)
	return r.place
}
