// Package expression is the language of mappings: parsed by expr-lang, named,
// checked and lowered by us, run on its VM.
//
// The way of an expression is
//
//	parse (expr's parser) -> check (names, calls, types) -> lower -> VM code
//
// A name before "(" is always a function and any other name is the record's,
// so that a record may well have fields called count, date or email. Every
// operator and function is ours: lowering turns each into a call of a function
// of this package, with exact numbers, characters instead of bytes, and errors
// that say which name was null. Nothing of expr's own library is in reach, and
// neither are files, network or environment.
//
// Absent and null are the same. A member of null is null; a function or an
// operator that needs a value says so when it is given null, unless its
// documentation says what it makes of it. Numbers keep the text they were
// written with until something is computed from them.
package expression

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// The bounds of one expression. The parser and the compiler below us recurse,
// so that the first of them is what keeps a hostile text from ending the process.
const (
	maxSource  = 8 << 10 // bytes, checked before anything is parsed
	maxNodes   = 2000    // of the syntax tree
	maxLowered = 10_000  // of the tree that is compiled
	maxNesting = 3       // of functions that walk a list inside each other
	probeNodes = 4       // that a probe adds to the tree that is compiled
)

// Scope is what an expression may name.
type Scope struct {
	// Record is the shape of the record. Where it is nil or zero nothing is
	// known of the record, and every name is allowed.
	Record *value.Shape
	// Locals are the names from `let:` and `each:`, which shadow the record's.
	// A nil shape is one that nothing is known of.
	Locals map[string]*value.Shape
	// Lets are the programs of those Locals that are expressions themselves,
	// which say more than their shape.
	Lets map[string]*Program
	// Given are conditions that hold wherever the expression is worked out.
	Given []*Program
	// NullIsReject says that the author wants no result where a value is
	// missing, so that no null is a mistake.
	NullIsReject bool
	// Tables are what lookup() looks into, by name.
	Tables map[string]Table
	// Cover puts probes into the program, which Machine.Covered reads. It costs
	// time; tests of mappings set it.
	Cover bool
}

// Problem is one thing wrong with an expression. From and To are byte offsets
// in its source.
type Problem struct {
	Severity diag.Severity
	Code     string
	From, To int
	Message  string
	Hint     string
	Notes    []diag.Note
}

// Read is one thing that a program reads: a path of the record, such as
// ["ticket", "name"], or a local, such as ["full"] with Local true. A local is
// always read whole.
type Read struct {
	Path  []string
	Local bool
}

// Program is a checked expression, ready to run. It never changes, so that any
// number of machines may run it at once.
type Program struct {
	source string
	reads  []Read
	bare   bool
	shape  *value.Shape // of the result; nil: nothing is known
	code   *vm.Program
	direct direct           // nil: only the VM can
	sites  map[siteKey]site // where its calls stand, for messages
	spans  []extent         // where each read is first written

	tree   ast.Node
	check  *checker // which has seen tree; it says what the parts are
	result typed

	questions []string // that are asked with answer()
	form      []string // that the schema lists, where it does

	branches []Branch // that are probed
}

// Reads are the things the program reads, in the order in which they are first
// written. Eval takes their slots in this order.
func (p *Program) Reads() []Read { return p.reads }

// Bare reports whether the program is nothing but one read, so that its result
// is a copy of a slot.
func (p *Program) Bare() bool { return p.bare }

// Type is the type of the result as far as it is known before the run. A
// decimal whose digits are not known has precision zero.
func (p *Program) Type() value.Type { return p.shape.Type() }

// Shape is what is known of the result before the run, nil where nothing is.
func (p *Program) Shape() *value.Shape { return p.shape }

// MayBeNull reports whether the result is known to be null at times.
func (p *Program) MayBeNull() bool { return p.result.mayBeNull() }

// Literals are the constants that the expression writes and may result in.
func (p *Program) Literals() []Literal {
	if p.result.words == nil {
		return nil
	}
	return p.result.words.list
}

// Questions are the questions that the program asks with answer(list,
// "question"), as it writes them.
func (p *Program) Questions() []string { return p.questions }

// Source is the text the program was compiled from.
func (p *Program) Source() string { return p.source }

// Compile parses, checks and compiles one expression. All problems are
// returned at once, in the order of the source; the program is nil where one of
// them is an error.
func Compile(src string, scope Scope) (program *Program, problems []Problem) {
	defer func() {
		// the parser and compiler below us are other people's code
		if r := recover(); r != nil {
			program, problems = nil, []Problem{{Code: codeSyntax, To: len(src), Message: "this is not an expression that can be compiled"}}
		}
	}()
	tree, problem := parse(src)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	c := newChecker(src, scope)
	result := c.typeOf(tree)
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.From, b.From) })
	if slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Severity == diag.Error }) {
		return nil, c.problems
	}
	program, err := lower(src, tree, c)
	if err != nil {
		return nil, append(c.problems, Problem{Code: codeComplex, To: len(src), Message: err.Error(),
			Hint: "take a part of it into a name under let:"})
	}
	program.shape, program.questions, program.form = result.shape, c.questions, c.form
	program.tree, program.check, program.result = tree, c, result
	return program, c.problems
}

// The codes of problems.
const (
	codeSyntax          = "expression-syntax"
	codeTooLong         = "expression-too-long"
	codeComplex         = "expression-too-complex"
	codeUnknownName     = "unknown-name"
	codeUnknownFunction = "unknown-function"
	codeWrongArguments  = "wrong-arguments"
	codeUnknownTable    = "unknown-table"
	codeUnknownQuestion = "unknown-question"
	codeNeverEqual      = "never-equal"
	codeEnumValue       = "enum-value"
	codeDeadDefault     = "dead-default"
)

// extent is a stretch of the source in bytes.
type extent struct{ from, to int }

// in is the text of e in src.
func (e extent) in(src string) string { return src[e.from:e.to] }

// tooComplex is the bound on the size of an expression, in words.
func tooComplex() string {
	return fmt.Sprintf("the expression has more than %d parts", maxNodes)
}
