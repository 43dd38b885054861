// parts.go: what the checker found out about each part of an expression, for an
// editor that asks what stands under the cursor.

package expression

import (
	"cmp"
	"slices"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// Part is a part of an expression, from byte From to To of its source.
type Part struct {
	From, To int
	Type     value.Type   // unknown where it is
	Shape    *value.Shape // in full: members, texts, where it is declared; nil: nothing is known
	Nullable bool         // it may be null where it stands
}

// Parts are the parts of p in the order of the source, the larger before what is
// within them.
func (p *Program) Parts() []Part {
	c := &checker{src: p.source, extents: p.check.extents, tokens: lexed(p.source)}
	var parts []Part
	for node, t := range p.check.types {
		if _, isPredicate := node.(*ast.PredicateNode); isPredicate {
			continue // its body says the same
		}
		at := c.wholeOf(node)
		parts = append(parts, Part{From: at.from, To: at.to, Type: t.shape.Type(), Shape: t.shape, Nullable: t.mayBeNull()})
	}
	slices.SortFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To))
	})
	return parts
}

// PartAt is the smallest part of p that the byte at offset belongs to.
func (p *Program) PartAt(offset int) (part Part, ok bool) {
	for _, have := range p.Parts() {
		if have.From <= offset && offset < have.To && (!ok || have.To-have.From <= part.To-part.From) {
			part, ok = have, true
		}
	}
	return part, ok
}
