// narrow.go: what a condition says of the values it looks at. Behind
// "email != null and …" the address is there; after "type == "vip" ? …" so is
// the type. What is said is kept by the key of a part, so that a call that is
// written twice is known by itself as a path is: there is nothing in an
// expression that gives two results in one record.

package expression

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// fact is what is certain of a part beyond its type.
type fact struct {
	there bool     // it is not null
	least int      // how many items it has
	not   []string // the texts that it is not
}

// facts are what holds in a place, by the key of the part.
type facts struct {
	of    map[string]fact
	never bool // the place is never reached
}

// both is what holds where a and b do.
func (a facts) both(b facts) facts {
	if len(b.of) == 0 {
		return facts{a.of, a.never || b.never}
	}
	out := facts{of: make(map[string]fact, len(a.of)+len(b.of)), never: a.never || b.never}
	for _, from := range []facts{a, b} {
		for k, f := range from.of {
			have := out.of[k]
			out.of[k] = fact{have.there || f.there, max(have.least, f.least), append(slices.Clip(have.not), f.not...)}
		}
	}
	return out
}

// either is what holds where a or b does.
func (a facts) either(b facts) facts {
	switch {
	case a.never:
		return b
	case b.never:
		return a
	}
	out := facts{of: map[string]fact{}}
	for k, f := range a.of {
		g, ok := b.of[k]
		if !ok {
			continue
		}
		not := slices.DeleteFunc(slices.Clone(f.not), func(s string) bool { return !slices.Contains(g.not, s) })
		out.of[k] = fact{f.there && g.there, min(f.least, g.least), not}
	}
	return out
}

// add notes f of the part with that key, and that what it is read from is there.
func (a *facts) add(key string, f fact) {
	if a.of == nil {
		a.of = map[string]fact{}
	}
	have := a.of[key]
	a.of[key] = fact{have.there || f.there, max(have.least, f.least), append(have.not, f.not...)}
	if !f.there {
		return
	}
	for i := strings.LastIndexByte(key, 0); i > 0; i = strings.LastIndexByte(key[:i], 0) {
		have := a.of[key[:i]]
		have.there = true
		a.of[key[:i]] = have
	}
}

// outside are the facts of the record and of the names under let:, which hold
// in other expressions too.
func (a facts) outside() facts {
	out := facts{of: map[string]fact{}, never: a.never}
	for k, f := range a.of {
		if isOutside(k) {
			out.of[k] = f
		}
	}
	return out
}

// isOutside reports whether a key speaks of no item of a list.
func isOutside(key string) bool { return !strings.Contains(key, itemKey) }

// given is f while visit visits.
func (c *checker) given(f facts, visit func()) {
	c.known = append(c.known, f)
	visit()
	c.known = c.known[:len(c.known)-1]
}

// factOf is all that is known of the part with that key.
func (c *checker) factOf(key string) (all fact) {
	for _, f := range c.known {
		if f.never { // nobody comes here, so that anything may be said
			all.there = true
		}
		if found, ok := f.of[key]; ok {
			all = fact{all.there || found.there, max(all.least, found.least), append(all.not, found.not...)}
		}
	}
	return all
}

// narrowed is t, the type of node, with what is known where it stands.
func (c *checker) narrowed(node ast.Node, t typed) typed {
	if len(c.known) == 0 || t.shape == nil || !t.shape.Nullable && t.shape.Enum == nil && t.shape.Kind != value.List {
		return t
	}
	key := c.keyOf(node)
	if key == "" {
		return t
	}
	f := c.factOf(key)
	t.shape = f.narrow(t.shape)
	if t.shape.Nullable && c.contradicts(node) {
		return t.there()
	}
	return t
}

// narrow is s of what f is said of.
func (f fact) narrow(s *value.Shape) *value.Shape {
	if !f.there && f.least == 0 && f.not == nil {
		return s
	}
	out := *s
	out.Nullable = s.Nullable && !f.there
	out.Least = max(s.Least, f.least)
	if s.Enum != nil && f.not != nil {
		out.Enum = slices.DeleteFunc(slices.Clone(s.Enum), func(text string) bool { return slices.Contains(f.not, text) })
	}
	return &out
}

// itemKey begins the key of an item of a list that is being walked.
const itemKey = "\x01#"

// maxKey is how long a key becomes; longer parts are not remembered.
const maxKey = 1000

// keyOf is what node is known by: the same for parts that have the same result.
// It is empty for what is not remembered.
func (c *checker) keyOf(node ast.Node) string {
	if key, ok := c.keys[node]; ok {
		return key
	}
	k := keyer{c: c, inner: map[int]int{}}
	k.write(node)
	key := k.b.String()
	if k.failed || len(key) > maxKey {
		key = ""
	}
	c.keys[node] = key
	return key
}

// keyer writes one key.
type keyer struct {
	c      *checker
	b      strings.Builder
	inner  map[int]int // the lists that are walked within the part, by their order
	failed bool
}

func (k *keyer) write(node ast.Node) {
	if k.b.Len() > maxKey {
		k.failed = true
		return
	}
	if r, ok := k.c.reads[node]; ok {
		k.path(node, r)
		return
	}
	switch n := node.(type) {
	case *ast.NilNode:
		k.b.WriteString("null")
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		k.b.WriteString(n.String())
	case *ast.IdentifierNode:
		if b, ok := k.c.bound[n]; ok {
			k.write(b)
			return
		}
		k.failed = n.Value != "null"
		k.b.WriteString("null")
	case *ast.PointerNode:
		k.pointer(n)
	case *ast.ChainNode:
		k.write(n.Node)
	case *ast.MemberNode:
		k.member(n)
	case *ast.UnaryNode:
		k.group(n.Operator, n.Node)
	case *ast.BinaryNode:
		k.group(n.Operator, n.Left, n.Right)
	case *ast.ConditionalNode:
		k.group("?", n.Cond, n.Exp1, n.Exp2)
	case *ast.SliceNode:
		k.group("[:]", n.Node, n.From, n.To)
	case *ast.ArrayNode:
		k.group("[]", n.Nodes...)
	case *ast.CallNode:
		name, ok := n.Callee.(*ast.IdentifierNode)
		k.failed = k.failed || !ok
		if ok {
			k.group(name.Value+"()", n.Arguments...)
		}
	case *ast.BuiltinNode:
		k.inner[k.c.walkers[n]] = len(k.inner) + 1
		k.group(n.Name+"()", n.Arguments...)
	case *ast.PredicateNode:
		k.write(n.Node)
	default:
		k.failed = true
	}
}

func (k *keyer) path(node ast.Node, r Read) {
	sigil := "r"
	if r.Local {
		sigil = "l"
	}
	k.b.WriteString(sigil)
	for i, s := range k.c.steps[node] {
		if i > 0 {
			k.b.WriteByte(0)
		}
		k.b.WriteString(s.name)
	}
}

func (k *keyer) pointer(n *ast.PointerNode) {
	walker := k.c.pointers[n]
	if i, ok := k.inner[walker]; ok {
		k.b.WriteString("#" + n.Name + strconv.Itoa(i))
		return
	}
	k.b.WriteString(itemKey + n.Name + strconv.Itoa(walker))
}

func (k *keyer) member(n *ast.MemberNode) {
	k.write(n.Node)
	k.b.WriteByte(0)
	if name, ok := n.Property.(*ast.StringNode); ok {
		k.b.WriteString(name.Value)
		return
	}
	k.b.WriteByte('[')
	k.write(n.Property)
	k.b.WriteByte(']')
}

func (k *keyer) group(name string, parts ...ast.Node) {
	k.b.WriteString("(" + name)
	for _, p := range parts {
		k.b.WriteByte(' ')
		if p != nil {
			k.write(p)
		}
	}
	k.b.WriteByte(')')
}
