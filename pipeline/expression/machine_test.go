package expression

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline/value"
)

func TestStoreKeepsEveryKind(t *testing.T) {
	day := value.Day(20_513)
	at := value.TimeOf(time.Date(2026, 3, 1, 1, 2, 3, 4, time.UTC))
	for _, v := range []value.Value{
		{}, value.Bool(true), value.Int(math.MinInt64), value.FloatOf(0.1), value.NumberText("1000.50"), value.DecimalText("10.10"),
		value.Text("Zoë"), day, at, value.ListText(`[1, 2]`), value.JSONText(`{"a": 1}`),
	} {
		p := compile(t, "a ?? b", Scope{})
		got, err := NewMachine(frozen).Eval(p, []value.Value{v, {}}, []int{0, 1})
		if err != nil || got != v {
			t.Errorf("%v became %v (%v)", v, got, err)
		}
	}
	p := compile(t, "a ?? b", Scope{})
	if got, err := NewMachine(frozen).Eval(p, []value.Value{value.JSONText(` "text" `), {}}, []int{0, 1}); err != nil || got != value.Text("text") {
		t.Errorf("json that is a text became %v (%v)", got, err)
	}
}

// Reads find their slots wherever the engine keeps them, and one machine runs
// many programs without mixing their values up.
func TestSlotsAndReuse(t *testing.T) {
	m := NewMachine(frozen)
	slots := []value.Value{value.Text("a"), value.NumberText("2"), value.Text("c")}
	first, second := compile(t, `x + y`, Scope{}), compile(t, `n + 1`, Scope{})
	for range 3 {
		if v, err := m.Eval(first, slots, []int{2, 0}); err != nil || v.Text() != "ca" {
			t.Fatalf("x + y is %v (%v)", v, err)
		}
		if v, err := m.Eval(second, slots, []int{1}); err != nil || v.Int() != 3 {
			t.Fatalf("n + 1 is %v (%v)", v, err)
		}
		if _, err := m.Eval(second, slots, []int{0}); err == nil {
			t.Fatal("text + 1 has a result")
		}
	}
}

// A program belongs to nobody: each goroutine brings its machine.
func TestProgramsAreShared(t *testing.T) {
	p := compile(t, `sum(map(list, # * 2)) + len(split(text, ","))`, Scope{})
	slots := []value.Value{value.ListText("[1, 2, 3]"), value.Text("a,b")}
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			m := NewMachine(frozen)
			for range 100 {
				if v, err := m.Eval(p, slots, []int{0, 1}); err != nil || v.Int() != 14 {
					t.Errorf("%v (%v)", v, err)
				}
			}
		})
	}
	g.Wait()
}

// What one record costs is bounded in work and memory, and by nothing that
// depends on the machine.
func TestWorkIsBounded(t *testing.T) {
	big := value.Text(strings.Repeat("x", 1<<20))
	list := value.ListText("[" + strings.Repeat("1,", 100_000) + "1]")
	tests := []string{
		`count(1..1000000, count(1..1000, # > 3) > 2)`,
		`join(map(1..100000, text), "")`,
		`map(1..100000, text + "x")`,
		`1..100000000`,
		`1..9223372036854775807`,
		`any(list, 0 in [list, #][0])`,
		`count(1..100000, text matches "y")`,
		`len(map(1..100000, map(1..100, #)))`,
		`map(1..100000, split(text, "x"))`,
		`map(1..100000, replace(text, "x", "yy"))`,
		`map(1..100000, padLeft("", 10000))`,
		`count(1..1000000, sha256(text) == "")`,
		`count(1..1000000, text == text + "")`,
	}
	for _, src := range tests {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			p := compile(t, src, Scope{})
			var slots []value.Value
			if len(p.Reads()) > 0 {
				slots = []value.Value{map[string]value.Value{"text": big, "list": list}[p.Reads()[0].Path[0]]}
			}
			_, err := NewMachine(frozen).Eval(p, slots, []int{0})
			var failure *EvalError
			if !errors.As(err, &failure) || failure.Code != codeTooMuch {
				t.Error(err)
			}
		})
	}
}

// A list is taken apart once, however often it is looked through.
func TestListIsTakenApartOnce(t *testing.T) {
	list := "[" + strings.Repeat(`"0123456789abcdef",`, 3000) + `"last"]`
	p := compile(t, `count(list, # in list)`, Scope{})
	if _, err := NewMachine(frozen).Eval(p, []value.Value{value.ListText(list)}, []int{0}); err != nil {
		t.Error(err)
	}
}

// Slots come from JSON that was checked; should it not be, nothing panics.
func TestBrokenJSONIsAnError(t *testing.T) {
	for _, text := range []string{``, `[`, `[1`, `[1,`, `{"a"`, `{"a":`, `{"a":}`, `{]`, `"\`, `["\u12"]`, `[01]`, `[tru]`, strings.Repeat("[", 1000)} {
		for _, src := range []string{`answer(x, "q") ?? len(x)`, `map(x, #)`, `x.a ?? x.b`, `len(x) + 1`, `x[0]`} {
			p := compile(t, src, Scope{})
			for _, v := range []value.Value{value.ListText(text), value.JSONText(text)} {
				slots := make([]value.Value, len(p.Reads()))
				at := make([]int, len(slots))
				for i := range slots {
					slots[i], at[i] = v, i
				}
				var failure *EvalError
				if _, err := NewMachine(frozen).Eval(p, slots, at); err != nil && !errors.As(err, &failure) {
					t.Errorf("%s over %q: %v", src, text, err)
				}
			}
		}
	}
}
