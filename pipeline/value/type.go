package value

import (
	"fmt"
	"strconv"
	"strings"
)

// Type is a declared or inferred column type. The zero Type is unknown.
type Type struct {
	Kind             Kind
	Precision, Scale int   // Decimal: digits in all, digits after the point
	Elem             *Type // List: the type of its items
}

// Unknown is the type of what nobody has said anything about.
var Unknown = Type{}

// Known reports whether anything is known about t.
func (t Type) Known() bool { return t.Kind != Null }

// String is the type as a mapping writes it.
func (t Type) String() string {
	switch t.Kind {
	case Null:
		return "unknown"
	case Decimal:
		if t.Precision == 0 { // inferred: some decimal
			return "decimal"
		}
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case List:
		if t.Elem == nil || !t.Elem.Known() {
			return "list"
		}
		return "list(" + t.Elem.String() + ")"
	default:
		return t.Kind.String()
	}
}

// Innermost is t, or for a list the type of its items, or of theirs; unknown where
// nobody knows.
func (t Type) Innermost() Type {
	for t.Kind == List {
		if t.Elem == nil {
			return Unknown
		}
		t = *t.Elem
	}
	return t
}

// Equal reports whether t and u are the same type.
func (t Type) Equal(u Type) bool { return t.String() == u.String() }

// Types are the names a mapping may give as a type, for help and suggestions.
var Types = []string{"string", "integer", "number", "boolean", "date", "timestamp", "decimal(10,2)", "list(string)", "json"}

// MaxPrecision is the most digits a decimal may have: what Parquet's 16-byte
// decimals, and every database we know of, can hold.
const MaxPrecision = 38

// ParseType reads a type as a mapping writes it, such as "date",
// "decimal(10,2)" or "list(string)".
func ParseType(s string) (Type, error) {
	t, err := parseType(s, 0)
	if err != nil {
		return Unknown, err
	}
	return t, nil
}

func parseType(s string, depth int) (Type, error) {
	name, args, hasArgs := strings.Cut(strings.TrimSpace(s), "(")
	name = strings.TrimSpace(name)
	if hasArgs {
		if !strings.HasSuffix(args, ")") {
			return Unknown, fmt.Errorf("type %q has no closing parenthesis", s)
		}
		args = strings.TrimSpace(args[:len(args)-1])
	}
	switch name {
	case "decimal":
		return parseDecimalType(s, args)
	case "list":
		if args == "" {
			return Unknown, fmt.Errorf("a list needs the type of its items, as in list(string)")
		}
		if depth > 3 {
			return Unknown, fmt.Errorf("type %q is nested too deeply", s)
		}
		elem, err := parseType(args, depth+1)
		if err != nil {
			return Unknown, err
		}
		return Type{Kind: List, Elem: &elem}, nil
	}
	kinds := map[string]Kind{"string": String, "integer": Integer, "number": Float, "boolean": Boolean, "date": Date, "timestamp": Timestamp, "json": JSON}
	kind, ok := kinds[name]
	if !ok || hasArgs {
		return Unknown, fmt.Errorf("unknown type %q", s)
	}
	return Type{Kind: kind}, nil
}

func parseDecimalType(s, args string) (Type, error) {
	p, sc, ok := strings.Cut(args, ",")
	precision, err1 := strconv.Atoi(strings.TrimSpace(p))
	scale, err2 := strconv.Atoi(strings.TrimSpace(sc))
	switch {
	case !ok || err1 != nil || err2 != nil:
		return Unknown, fmt.Errorf("type %q needs two numbers, digits in all and digits after the point, as in decimal(10,2)", s)
	case precision < 1 || precision > MaxPrecision || scale < 0 || scale > precision:
		return Unknown, fmt.Errorf("type %q: a decimal has 1 to %d digits, of which 0 to all stand after the point", s, MaxPrecision)
	}
	return Type{Kind: Decimal, Precision: precision, Scale: scale}, nil
}
