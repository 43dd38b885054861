package jsonrow

// projection.go: the paths that are read, as a tree of names.

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
	element  *node  // of a list that is taken apart: its elements, see form.go
	part     part   // of a pair, what the value is
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
