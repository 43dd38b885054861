// function.go: what a function of the language is, and the wrapper that checks
// every call in the same way, so that the functions themselves need not.

package expression

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"pipeline/pipeline/value"
)

// Function is one documented function of the language.
type Function struct {
	Name      string
	Signature string           // as it is written: "truncate(text, length)"
	Group     string           // "text", "people", "lists", "time", "numbers", "identity", "tables"
	Doc       string           // what it does, and what it makes of null where it takes null
	Example   string           // an expression that needs no record
	Result    string           // of Example, as JSON
	Tables    map[string]Table // that Example looks into; nil for most
}

// groups are the groups of functions in the order of the documentation.
var groups = []string{"text", "people", "lists", "time", "numbers", "identity", "tables"}

// Functions is the library, group by group.
func Functions() []Function {
	var out []Function
	for _, f := range allFunctions() {
		out = append(out, f.Function)
	}
	return out
}

// allFunctions is the library in the order of its documentation.
var allFunctions = sync.OnceValue(func() []*function {
	all := slices.Concat(textFunctions(), peopleFunctions(), phoneFunctions(), countryFunctions(), listFunctions(), walkers(), timeFunctions(), dateParsers(), numberFunctions(), identityFunctions(), tableFunctions())
	slices.SortStableFunc(all, func(a, b *function) int { return slices.Index(groups, a.Group) - slices.Index(groups, b.Group) })
	return all
})

// library is the library by name.
var library = sync.OnceValue(func() map[string]*function {
	byName := map[string]*function{}
	for _, f := range allFunctions() {
		byName[f.Name] = f
	}
	return byName
})

// function is a Function with what it takes and does.
type function struct {
	Function
	params   []param
	optional int                                    // how many of the last params may be left out
	variadic bool                                   // the last param may be given again
	result   typed                                  // its type, where it does not depend on the arguments
	infer    func(args []typed) typed               // its type, where it does
	run      func(m *Machine, a []any) (any, error) // nil for what walks a list, and for lookup
}

// param is one input of a function.
type param struct {
	name    string
	want    class
	null    bool                    // the function takes null
	fault   string                  // the code of the failure where it does not, if that is a special one
	items   class                   // what the items of a list have to be where they are not null; 0: anything
	literal func(text string) error // what a text in quotes must be, beyond a text
}

// param is the i-th parameter.
func (f *function) param(i int) param { return f.params[min(i, len(f.params)-1)] }

// typeOf is the type of the result for arguments of these types.
func (f *function) typeOf(args []typed) typed {
	if f.infer != nil {
		return f.infer(args)
	}
	return f.result
}

// call checks the arguments and runs f. The budget is charged for the texts
// that go in and come out, so that nothing grows or lasts without bound.
func (f *function) call(m *Machine, args []any) (any, error) {
	for i, a := range args {
		p := &f.params[min(i, len(f.params)-1)]
		if a == nil {
			if !p.null {
				return nil, &fault{code: cmp.Or(p.fault, codeNullValue), arg: i, want: p.want}
			}
		} else if got := classOf(a); p.want&got == 0 {
			return nil, &fault{code: codeMismatch, arg: i, want: p.want, got: got}
		} else if s, ok := a.(string); ok {
			if err := m.read(s); err != nil {
				return nil, err
			}
		}
	}
	out, err := f.run(m, args)
	if err != nil {
		return nil, err
	}
	if s, ok := out.(string); ok {
		return out, m.read(s)
	}
	return out, nil
}

// class is a set of kinds of values, as a function may take them.
type class uint16

const (
	isText class = 1 << iota
	isNumeric
	isBool
	isDay
	isInstant
	isList
	isObject

	isMoment = isText | isDay | isInstant
	anything = isText | isNumeric | isBool | isDay | isInstant | isList | isObject
)

var classNames = []struct {
	class class
	name  string
}{
	{isText, "text"}, {isNumeric, "a number"}, {isBool, "true or false"}, {isDay, "a date"},
	{isInstant, "a timestamp"}, {isList, "a list"}, {isObject, "an object"},
}

// String is what messages call the class: "text", "a number or a date".
func (c class) String() string {
	if c == anything {
		return "a value"
	}
	var names []string
	for _, n := range classNames {
		if c&n.class != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) < 3 {
		return strings.Join(names, " or ")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// classOf is the class of a value that is not null.
func classOf(v any) class {
	switch v.(type) {
	case string:
		return isText
	case numeric, int, float64, decimal.Decimal:
		return isNumeric
	case bool:
		return isBool
	case rawList, []any:
		return isList
	case rawObject, map[string]any:
		return isObject
	case day:
		return isDay
	case time.Time:
		return isInstant
	default:
		return 0
	}
}

// classOfKind is the class of the values of a kind.
func classOfKind(k value.Kind) class {
	switch k {
	case value.String:
		return isText
	case value.Integer, value.Float, value.Number, value.Decimal:
		return isNumeric
	case value.Boolean:
		return isBool
	case value.Date:
		return isDay
	case value.Timestamp:
		return isInstant
	case value.List:
		return isList
	case value.JSON:
		return isObject
	default:
		return anything
	}
}

// day is a calendar day: days since 1970-01-01.
type day int64

// rawList and rawObject are JSON as it was written, read only as far as
// somebody looks.
type (
	rawList   string
	rawObject string
)
