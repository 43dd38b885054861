package expression

// The law of the checker: what passes it has, in every record that its schema
// allows, no failure for a null or a wrong type, and a result that is what the
// checker says it is.

import (
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// compiled is src where the checker lets it pass.
func compiled(src string, scope Scope) *Program {
	p, problems := Compile(src, scope)
	if slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == diag.Error }) {
		return nil
	}
	return p
}

// run evaluates p, whose names under let: have those values.
func run(t *rapid.T, p *Program, record string, locals map[string]value.Value) (value.Value, error) {
	var slots []value.Value
	var at []int
	for i, r := range p.Reads() {
		v, isLocal := locals[r.Path[0]]
		if !r.Local || !isLocal {
			v = slotOf(fatal{t}, record, r.Path)
		}
		slots, at = append(slots, v), append(at, i)
	}
	return NewMachine(frozen).Eval(p, slots, at)
}

// fatal is a rapid test as a helper wants it.
type fatal struct{ t *rapid.T }

func (f fatal) Helper()                           {}
func (f fatal) Fatalf(format string, args ...any) { f.t.Fatalf(format, args...) }

// checkFailure fails where err is one that the checker should have foreseen.
func checkFailure(t *rapid.T, src, record string, err error) {
	var failure *EvalError
	if !errors.As(err, &failure) {
		return
	}
	if slices.Contains([]string{codeMismatch, codeNullValue, codeStringNull, codeEval}, failure.Code) {
		t.Fatalf("%s\nover %s\npassed the check and failed: %s: %s at `%s`", src, record, failure.Code, failure.Message, src[failure.From:failure.To])
	}
}

// checkResult fails where a result is not what the checker says of it.
func checkResult(t *rapid.T, src, record string, p *Program, v value.Value) {
	r := p.result
	if v.IsNull() {
		if r.neverNull() {
			t.Fatalf("%s\nover %s\nis null, and is said never to be", src, record)
		}
		return
	}
	x, err := load(v)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	if class := r.class(); classOf(x)&class == 0 || r.null {
		t.Fatalf("%s\nover %s\nis %s, and is said to be %s", src, record, written(v), class)
	}
	if r.shape == nil {
		return
	}
	if s, ok := x.(string); ok && r.shape.Kind == value.String && (utf8.RuneCountInString(s) < r.least() || r.shape.Enum != nil && !slices.Contains(r.shape.Enum, s)) {
		t.Fatalf("%s\nover %s\nis %q, and is said to be one of %q with at least %d characters", src, record, s, r.shape.Enum, r.least())
	}
	if classOf(x) == isList {
		m := NewMachine(frozen)
		m.work = maxWork
		if items, _ := m.items(x); len(items) < r.least() {
			t.Fatalf("%s\nover %s\nis %s, and is said to have at least %d items", src, record, written(v), r.least())
		}
	}
}

func TestWhatPassesHasNoTypeOrNullFailure(t *testing.T) {
	var passed, all atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		root := &prop{kind: aRecord, fields: drawProps(t, 3)}
		whole := root.schema()
		whole["$defs"] = map[string]any{"nothing": map[string]any{"type": "null"}}
		source, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		s, diags := schema.Compile("s.json", source, nil)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", source, diags)
		}
		var records []string
		for range 12 {
			record, _ := json.Marshal(root.value(t))
			records = append(records, string(record))
		}
		w := &writer{t: t, props: reach("", root)[1:], depth: 3}
		scope := Scope{Record: s.Shape(), Tables: map[string]Table{"t": {"a": "A"}}}
		for range 25 {
			all.Add(1)
			if lawHolds(t, w, scope, records) {
				passed.Add(1)
			}
		}
	})
	if passed.Load()*10 < all.Load() {
		t.Errorf("%d of %d expressions passed the check; the generator has to write more that do", passed.Load(), all.Load())
	}
	t.Logf("%d of %d expressions passed the check", passed.Load(), all.Load())
}

// lawHolds writes an expression, sometimes with a name under let: and a where:,
// and runs it over the records; it reports whether the expression passed.
func lawHolds(t *rapid.T, w *writer, scope Scope, records []string) bool {
	before := w.props
	defer func() { w.props = before }()
	var local, where *Program
	if oneIn(t, 3) {
		if local = compiled(w.pick(w.text, w.truth, w.list, w.anyPath), scope); local != nil {
			scope.Locals, scope.Lets = map[string]*value.Shape{"local": local.Shape()}, map[string]*Program{"local": local}
			w.props = append(slices.Clone(w.props), readable{"local", &prop{kind: rapid.SampledFrom([]kind{aText, aBool, aList}).Draw(t, "local")}})
		}
	}
	if oneIn(t, 3) {
		if where = compiled(w.truth(), scope); where != nil && where.Type().Kind == value.Boolean && !where.MayBeNull() {
			scope.Given = []*Program{where}
		}
	}
	src := w.pick(w.text, w.number, w.truth, w.moment, w.list, w.object, w.anything)
	p := compiled(src, scope)
	if p == nil {
		return false
	}
	for _, record := range records {
		said := src
		locals := map[string]value.Value{}
		if local != nil {
			v, err := run(t, local, record, nil)
			checkFailure(t, local.Source(), record, err)
			if err != nil {
				continue
			}
			checkResult(t, local.Source(), record, local, v)
			locals["local"] = v
			said += "\nwith local = " + local.Source()
		}
		if scope.Given != nil {
			v, err := run(t, where, record, locals)
			checkFailure(t, where.Source(), record, err)
			if err != nil || !v.Bool() {
				continue
			}
			said += "\nwhere " + where.Source()
		}
		v, err := run(t, p, record, locals)
		if err != nil {
			checkFailure(t, said, record, err)
			continue
		}
		checkResult(t, said, record, p, v)
	}
	return true
}
