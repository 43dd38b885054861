// machine.go: running programs. A machine owns the VM, its environment and the
// budget of one evaluation; nothing of it is shared.

package expression

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"pipeline/pipeline/value"
)

// The bounds of one evaluation. They count work and not time, so that the same
// record always has the same result.
const (
	maxWork   = 1 << 26 // bytes looked at or made, with itemWork for an item of a list
	itemWork  = 16
	equalWork = 4       // for comparing with an item of a list
	loopWork  = 64      // for beginning to walk a list
	smallText = 256     // bytes of a result that are not counted
	largeWork = 1 << 20 // work after which the VM's own memory is given back
	maxItems  = 1 << 20 // of the lists that one evaluation makes
	machineID = "$"     // the machine in the VM's environment
)

// Machine runs programs. It belongs to one goroutine.
type Machine struct {
	// Arena holds the texts that the machine makes, where it is set: they are
	// good until its Reset. Without one they are garbage when nobody has them.
	Arena *Arena

	// Forms are the lists of the record that were taken apart already, where it
	// is set. They are asked only where NextRecord says when a record ends.
	Forms Forms

	now  time.Time
	vm   vm.VM
	env  map[string]any
	work int
	list []decoded // the lists of this evaluation that were taken apart

	often   []string        // the first questions that stood in a list
	asked   map[string]bool // the others
	form    []string        // the questions that the running program's schema lists
	fresh   []string        // questions of this record that it does not
	watched *byte           // the list that was looked through for those last

	covered map[*Program][]bool // the branches that were taken, by program
	taken   []bool              // those of the running one

	answers  form // the list that answer() looked through last
	inRecord bool // NextRecord says when the record ends that it is in

	// of the closures, see direct.go
	slots   []value.Value // of the record
	at      []int         // the slots of the program's reads
	quick   int           // what is left of directWork
	stack   []value.Value // the items of lists
	current value.Value   // #
	place   int           // #index
}

// decoded is a list taken apart, found again by the place of its text.
type decoded struct {
	text  *byte
	size  int
	items []any
}

// NewMachine makes a machine for which now() is now, to the microsecond: no sink keeps
// less, and some keep no more.
func NewMachine(now time.Time) *Machine {
	m := &Machine{now: now.Truncate(time.Microsecond), vm: vm.VM{MemoryBudget: maxItems}}
	m.env = map[string]any{machineID: m}
	return m
}

// NextRecord says that the slots from here on are of another record, whose text
// may lie where that of the last one did. A machine that is told so takes a list
// apart once for all expressions of a record.
func (m *Machine) NextRecord() {
	m.watched, m.fresh, m.inRecord = nil, m.fresh[:0], true
	m.answers.begin("")
}

// Codes of EvalErrors.
const (
	codeEval       = "expression-error" // nothing more special
	codeMismatch   = "type-mismatch"    // a value of another type than is needed
	codeValue      = "wrong-value"      // one of the right type that cannot be used: a text that is no date
	codeNullValue  = "null-value"       // null where a value is needed
	codeStringNull = "string-null"      // string(null)
	codeRange      = "number-range"     // a number too large or too long, or a division by zero
	codeTooMuch    = "expression-limit" // more work than one evaluation may do
)

// EvalError is why a record has no result. It names things by what the
// expression calls them and by their types, not by their values. From and To
// are byte offsets in the program's source.
type EvalError struct {
	Code     string
	From, To int
	Message  string
}

// Error is the message.
func (e *EvalError) Error() string { return e.Message }

// Eval runs p. The slots are the values of a whole record, and at[i] is the
// slot of p.Reads()[i]. The result may share its text with the slots. A failure
// is always an *EvalError.
func (m *Machine) Eval(p *Program, slots []value.Value, at []int) (result value.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = value.Value{}, &EvalError{Code: codeEval, To: len(p.source), Message: "the expression cannot be evaluated for this record"}
		}
	}()
	if p.bare {
		v := slots[at[0]]
		if v.Kind() == value.Invalid {
			return value.Value{}, p.invalid(0, v)
		}
		return v, nil
	}
	m.form, m.work = p.form, maxWork
	if len(p.branches) > 0 {
		m.taken = m.Covered(p)
	}
	if p.direct != nil {
		if v, ok := m.shortcut(p, slots, at); ok {
			return v, nil
		}
	}
	m.work, m.list = maxWork, m.list[:0]
	for i := range p.reads {
		v := slots[at[i]]
		if v.Kind() == value.Invalid {
			return value.Value{}, p.invalid(i, v)
		}
		x, err := load(v)
		if err != nil {
			return value.Value{}, p.unreadable(i, err)
		}
		m.env[slotName(i)] = x
	}
	out, err := m.vm.Run(p.code, m.env)
	if m.work < maxWork-largeWork {
		m.vm, m.list = vm.VM{MemoryBudget: maxItems}, nil // the VM keeps a scope of every loop it ever ran
	}
	if err != nil {
		return value.Value{}, p.evalError(err)
	}
	if err := m.spend(sizeOf(out)); err != nil {
		return value.Value{}, &EvalError{Code: codeTooMuch, To: len(p.source), Message: tooMuch().message}
	}
	result, err = store(out)
	if err != nil {
		return value.Value{}, &EvalError{Code: codeRange, To: len(p.source), Message: err.Error()}
	}
	return result, nil
}

// shortcut is the result of p, where its closures can tell.
func (m *Machine) shortcut(p *Program, slots []value.Value, at []int) (value.Value, bool) {
	for i := range p.reads {
		if !isDirect(slots[at[i]]) {
			return value.Value{}, false
		}
	}
	m.slots, m.at, m.quick, m.stack = slots, at, directWork, m.stack[:0]
	v, ok := p.direct(m)
	return v, ok && m.quick >= 0
}

// isDirect reports whether a slot is as the VM would see it: exact decimals have
// another form there, and some values are not what their kind says.
func isDirect(v value.Value) bool {
	switch v.Kind() {
	case value.Invalid, value.Decimal:
		return false
	case value.List:
		return strings.HasPrefix(v.Text(), "[")
	case value.JSON:
		return strings.HasPrefix(v.Text(), "{")
	}
	return true
}

// invalid is the error for a path that leads through something that is not an
// object.
func (p *Program) invalid(i int, v value.Value) *EvalError {
	path := strings.Join(p.reads[i].Path, ".")
	through := "a part of it"
	if len(p.reads[i].Path) == 2 {
		through = p.reads[i].Path[0]
	}
	return &EvalError{Code: codeMismatch, From: p.spans[i].from, To: p.spans[i].to,
		Message: fmt.Sprintf("%s: %s is a %s and not an object", path, through, v.Text())}
}

// unreadable is the error for a slot that is not what its kind says.
func (p *Program) unreadable(i int, err error) *EvalError {
	at := p.spans[i]
	e := &EvalError{Code: codeEval, From: at.from, To: at.to, Message: fmt.Sprintf("%s: %v", at.in(p.source), err)}
	var why *fault
	if errors.As(err, &why) {
		e.Code = why.code
	}
	return e
}

// evalError says where in the source a run failed, and why.
func (p *Program) evalError(err error) *EvalError {
	e := &EvalError{Code: codeEval, To: len(p.source), Message: "the expression cannot be evaluated for this record"}
	var at *file.Error
	if errors.As(err, &at) {
		e.From, e.To = byteOffset(p.source, at.From), byteOffset(p.source, at.To)
		if at.Message == "memory budget exceeded" {
			e.Code, e.Message = codeTooMuch, tooMuch().message
		}
	}
	var f *failed
	if !errors.As(err, &f) {
		return e
	}
	var why *fault
	if !errors.As(f.err, &why) {
		e.Message = f.err.Error()
		return e
	}
	s := p.sites[siteKey{at.From, f.fn}]
	e.Code, e.Message = why.code, why.in(s, p.source)
	if why.arg >= 0 && why.arg < len(s.args) && s.args[why.arg].to > 0 {
		e.From, e.To = s.args[why.arg].from, s.args[why.arg].to
	}
	return e
}

// failed is an error of a function, and which one it was.
type failed struct {
	fn  string
	err error
}

func (f *failed) Error() string { return f.err.Error() }

// spend takes n from the budget of this evaluation.
func (m *Machine) spend(n int) error {
	if m.work -= n; m.work < 0 {
		return tooMuch()
	}
	return nil
}

// read charges for looking at s, or for having made it.
func (m *Machine) read(s string) error {
	if len(s) <= smallText {
		return nil
	}
	return m.spend(len(s))
}

// items is the list v taken apart; v is of class isList. Asked again for the
// same text within one evaluation, it does not take it apart again.
func (m *Machine) items(v any) ([]any, error) {
	if made, ok := v.([]any); ok {
		return made, nil
	}
	text := string(v.(rawList))
	start := unsafe.StringData(text)
	for _, d := range m.list {
		if d.text == start && d.size == len(text) {
			return d.items, nil
		}
	}
	if err := m.spend(len(text)); err != nil {
		return nil, err
	}
	items, err := splitList(text)
	if err != nil {
		return nil, err
	}
	m.list = append(m.list, decoded{start, len(text), items})
	return items, nil
}

// slotNames are the names of slots in the VM's environment.
var slotNames = func() (names [32]string) {
	for i := range names {
		names[i] = "$" + strconv.Itoa(i)
	}
	return names
}()

func slotName(i int) string {
	if i < len(slotNames) {
		return slotNames[i]
	}
	return "$" + strconv.Itoa(i)
}
