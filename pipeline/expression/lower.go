// lower.go: the checked tree is made into one that expr compiles, in which
// every operator and every function is a call of ours. Two things of expr's
// stay: what decides which part runs (and, or, ??, ?:, let) and what walks a
// list. Everything that expr would do with a value (compare, add, index,
// slice) goes through reflection there, wraps integers and cuts bytes.

package expression

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// lowering makes one tree.
type lowering struct {
	src   string
	check *checker
	reads []Read
	nodes int
	lets  int
	names []alias // let x = …; and what it is called in the code
	sites map[siteKey]site
	fns   conf.FunctionsTable

	branches []Branch // with Scope.Cover
}

type alias struct{ name, code string }

// siteKey finds the call that an error comes from: its place and what is called.
type siteKey struct {
	at int // in characters, as expr counts
	fn string
}

// site is one call in the source.
type site struct {
	label string   // what is called: "lower", "+"
	args  []extent // the arguments that are a path; empty for the others
}

// errTooLarge: sharing makes the tree larger than what was written.
var errTooLarge = errors.New("the expression is too large once a ?: b and a < b < c are written out")

// lower compiles the checked tree.
func lower(src string, tree ast.Node, c *checker) (p *Program, err error) {
	l := &lowering{src: src, check: c, sites: map[siteKey]site{}, fns: conf.FunctionsTable{}}
	p = &Program{source: src, sites: l.sites}
	l.collect(p)
	if _, isPath := c.reads[tree]; isPath && len(l.rest(tree)) == 0 {
		p.bare = true
		return p, nil
	}
	defer func() {
		if r := recover(); r == any(errTooLarge) {
			p, err = nil, errTooLarge
		} else if r != nil {
			panic(r)
		}
	}()
	root := l.node(tree)
	p.branches = l.branches
	if fast && len(p.branches) == 0 { // which only the VM can follow
		p.direct = l.shortcut(tree)
	}
	config := conf.New(map[string]any{})
	config.Functions = l.fns
	p.code, err = compiler.Compile(&parser.Tree{Node: root, Source: file.NewSource(src)}, config)
	if err != nil {
		return nil, errors.New("the expression cannot be compiled")
	}
	return p, nil
}

// collect chooses the reads: every path that is written, but those of which a
// beginning is read whole as well.
func (l *lowering) collect(p *Program) {
	written := func(r Read) int {
		return slices.IndexFunc(l.reads, func(have Read) bool { return have.Local == r.Local && slices.Equal(have.Path, r.Path) })
	}
	for _, n := range l.check.order {
		if r := l.check.reads[n]; written(r) < 0 {
			l.reads = append(l.reads, r)
		}
	}
	l.reads = slices.DeleteFunc(slices.Clone(l.reads), func(r Read) bool {
		for i := 1; i < len(r.Path); i++ {
			if written(Read{Path: r.Path[:i]}) >= 0 {
				return true
			}
		}
		return false
	})
	p.reads = l.reads
	p.spans = make([]extent, len(l.reads))
	for _, n := range slices.Backward(l.check.order) {
		p.spans[l.slot(n)] = l.check.extents[n]
	}
}

// slot is the read that the path at node begins with.
func (l *lowering) slot(node ast.Node) int {
	want := l.check.reads[node]
	return slices.IndexFunc(l.reads, func(r Read) bool {
		return r.Local == want.Local && len(r.Path) <= len(want.Path) && slices.Equal(r.Path, want.Path[:len(r.Path)])
	})
}

// rest are the steps of the path at node that its read does not take.
func (l *lowering) rest(node ast.Node) []step {
	return l.check.steps[node][len(l.reads[l.slot(node)].Path):]
}

// plain is the type that every lowered node bears. Without one, expr compiles
// a reflective dereference wherever it does not know a type; none of our
// values is a pointer.
var plain = reflect.TypeFor[bool]()

// placed finishes a node: its place, its type, and its share of the budget.
func placed[N ast.Node](l *lowering, n N, at file.Location) N {
	if l.nodes++; l.nodes > maxLowered+probeNodes*len(l.branches) {
		panic(errTooLarge)
	}
	n.SetLocation(at)
	n.SetType(plain)
	return n
}

// callOf is a call of the operator op, which messages call label.
func (l *lowering) callOf(op, label string, at file.Location, originals []ast.Node, args ...ast.Node) ast.Node {
	f := operators()[op]
	if _, ok := l.fns[op]; !ok {
		l.fns[op] = &builtin.Function{Name: op, Func: f.expr(op)}
	}
	return l.emit(op, label, f.machine, at, originals, args)
}

func (l *lowering) emit(fn, label string, machine bool, at file.Location, originals, args []ast.Node) ast.Node {
	s := site{label: label, args: make([]extent, len(originals))}
	for i, o := range originals {
		if o != nil {
			s.args[i] = l.check.extents[o]
		}
	}
	l.sites[siteKey{at.From, fn}] = s
	if machine {
		args = append([]ast.Node{placed(l, &ast.IdentifierNode{Value: "$env"}, at)}, args...)
	}
	callee := placed(l, &ast.IdentifierNode{Value: fn}, at)
	return placed(l, &ast.CallNode{Callee: callee, Arguments: args}, at)
}

// node lowers one node.
func (l *lowering) node(node ast.Node) ast.Node {
	at := node.Location()
	if _, ok := l.check.reads[node]; ok {
		return l.path(node)
	}
	switch n := node.(type) {
	case *ast.NilNode:
		return placed(l, &ast.NilNode{}, at)
	case *ast.BoolNode:
		return placed(l, &ast.BoolNode{Value: n.Value}, at)
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return placed(l, &ast.ConstantNode{Value: l.literal(node)}, at)
	case *ast.IdentifierNode:
		return l.identifier(n)
	case *ast.UnaryNode:
		return l.unary(n)
	case *ast.BinaryNode:
		return l.binary(n)
	case *ast.ChainNode:
		return l.node(n.Node) // a member of null is null with or without "?"
	case *ast.MemberNode:
		return l.callOf("op:get", "[…]", at, []ast.Node{n.Node, n.Property}, l.node(n.Node), l.node(n.Property))
	case *ast.SliceNode:
		return l.callOf("op:slice", "[a:b]", at, []ast.Node{n.Node, n.From, n.To}, l.node(n.Node), l.optional(n.From, at), l.optional(n.To, at))
	case *ast.CallNode:
		return l.call(n)
	case *ast.BuiltinNode:
		return l.walker(n)
	case *ast.PointerNode:
		return placed(l, &ast.PointerNode{Name: n.Name}, at)
	case *ast.ConditionalNode:
		return l.conditional(n)
	case *ast.VariableDeclaratorNode:
		return l.let(n)
	case *ast.ArrayNode:
		return l.array(n)
	case *ast.MapNode:
		return l.object(n)
	default:
		panic(fmt.Sprintf("a %T passed the check", node))
	}
}

func (l *lowering) conditional(n *ast.ConditionalNode) ast.Node {
	return placed(l, &ast.ConditionalNode{
		Cond: l.test(n.Cond, "?"),
		Exp1: l.taken(n.Exp1, l.node(n.Exp1), "is never taken, for what is asked before it is never true"),
		Exp2: l.taken(n.Exp2, l.node(n.Exp2), "is never taken, for what is asked before it is never false"),
	}, n.Location())
}

// optional is a bound of a slice, null where it is left out.
func (l *lowering) optional(node ast.Node, at file.Location) ast.Node {
	if node == nil {
		return placed(l, &ast.NilNode{}, at)
	}
	return l.node(node)
}

// path is the load of a slot, and the members that are taken from its value.
func (l *lowering) path(node ast.Node) ast.Node {
	slot, rest := l.slot(node), l.rest(node)
	var out ast.Node = placed(l, &ast.IdentifierNode{Value: slotName(slot)}, node.Location())
	for _, s := range rest {
		at := s.node.Location()
		name := placed(l, &ast.ConstantNode{Value: s.name}, at)
		out = l.callOf("op:get", "."+s.name, at, nil, out, name)
	}
	return out
}

func (l *lowering) identifier(n *ast.IdentifierNode) ast.Node {
	for _, b := range slices.Backward(l.names) {
		if b.name == n.Value {
			return placed(l, &ast.IdentifierNode{Value: b.code}, n.Location())
		}
	}
	return placed(l, &ast.NilNode{}, n.Location())
}

func (l *lowering) let(n *ast.VariableDeclaratorNode) ast.Node {
	v, code := l.node(n.Value), l.fresh()
	l.names = append(l.names, alias{n.Name, code})
	defer func() { l.names = l.names[:len(l.names)-1] }()
	return placed(l, &ast.VariableDeclaratorNode{Name: code, Value: v, Expr: l.node(n.Expr)}, n.Location())
}

// fresh is a name for a value that no expression can write.
func (l *lowering) fresh() string {
	l.lets++
	return "let:" + strconv.Itoa(l.lets)
}

// literal is the value of a literal. A number with a fraction is taken from its
// text, so that no digit is lost on the way.
func (l *lowering) literal(node ast.Node) any {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	case *ast.FloatNode:
		loc := n.Location()
		text := strings.ReplaceAll(extent{byteOffset(l.src, loc.From), byteOffset(l.src, loc.To)}.in(l.src), "_", "")
		if v, err := resolve(numeric(text)); err == nil && isJSONNumber(text) {
			return v
		}
		return n.Value
	case *ast.BoolNode:
		return n.Value
	default:
		return nil
	}
}

// array is a list; one of literals alone is made once.
func (l *lowering) array(n *ast.ArrayNode) ast.Node {
	constant := make([]any, 0, len(n.Nodes))
	nodes := make([]ast.Node, len(n.Nodes))
	for i, item := range n.Nodes {
		if v := l.literal(item); v != nil {
			constant = append(constant, v)
		}
		nodes[i] = l.node(item)
	}
	if len(constant) == len(nodes) {
		return placed(l, &ast.ConstantNode{Value: constant}, n.Location())
	}
	return placed(l, &ast.ArrayNode{Nodes: nodes}, n.Location())
}

func (l *lowering) object(n *ast.MapNode) ast.Node {
	pairs := make([]ast.Node, len(n.Pairs))
	for i, pair := range n.Pairs {
		p := pair.(*ast.PairNode)
		var key ast.Node
		if name, ok := p.Key.(*ast.StringNode); ok {
			key = placed(l, &ast.ConstantNode{Value: name.Value}, name.Location())
		} else {
			key = l.callOf("op:key", "an object", p.Key.Location(), []ast.Node{p.Key}, l.node(p.Key))
		}
		pairs[i] = placed(l, &ast.PairNode{Key: key, Value: l.node(p.Value)}, p.Key.Location())
	}
	return placed(l, &ast.MapNode{Pairs: pairs}, n.Location())
}
