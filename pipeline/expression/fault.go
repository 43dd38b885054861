// fault.go: why a function or an operator has no result, and how that is said.

package expression

import "fmt"

// fault is why a call failed. The function knows which argument it was; the
// program knows what the expression calls it.
type fault struct {
	code      string
	arg       int    // whose fault it is, counted from 0; -1: nobody's
	want, got class  // what was needed and what was there
	message   string // in full; else it is made of the above
}

// Error is the message of a fault that nobody has placed.
func (f *fault) Error() string { return f.in(site{}, "") }

// in is what f says of the call s.
func (f *fault) in(s site, src string) string {
	if f.message != "" {
		return f.message
	}
	arg := ""
	if f.arg >= 0 && f.arg < len(s.args) && s.args[f.arg].to > 0 {
		arg = s.args[f.arg].in(src)
	}
	switch f.code {
	case codeStringNull, codeNullValue:
		return f.null(s.label, arg)
	default:
		return f.mismatch(s.label, arg)
	}
}

func (f *fault) null(label, arg string) string {
	instead := map[class]string{isText: `""`, anything: `""`, isNumeric: "0", isList: "[]", isBool: "false"}[f.want]
	if arg == "" {
		text := fmt.Sprintf("%s needs %s, and is given null", label, f.want)
		if instead != "" {
			text += "; write … ?? " + instead
		}
		return text
	}
	text := fmt.Sprintf("%s is null, and %s needs %s", arg, label, f.want)
	if instead != "" {
		text += fmt.Sprintf("; write %s ?? %s", arg, instead)
	}
	return text
}

func (f *fault) mismatch(label, arg string) string {
	got := "something else"
	if f.got != 0 {
		got = f.got.String()
	}
	text := fmt.Sprintf("%s needs %s, and is given %s", label, f.want, got)
	if arg != "" {
		text = fmt.Sprintf("%s is %s, and %s needs %s", arg, got, label, f.want)
	}
	if f.want == isText && f.got&(isNumeric|isBool|isDay|isInstant) != 0 {
		if arg == "" {
			arg = "…"
		}
		text += fmt.Sprintf("; write string(%s)", arg)
	}
	if f.want == isNumeric && f.got == isText {
		if arg == "" {
			arg = "…"
		}
		text += fmt.Sprintf("; write number(%s)", arg)
	}
	return text
}

// because is a fault with its own words.
func because(code, format string, args ...any) *fault {
	return &fault{code: code, arg: -1, message: fmt.Sprintf(format, args...)}
}

// tooMuch is the fault of an expression that does more than it may.
func tooMuch() *fault {
	return because(codeTooMuch, "the expression does too much work for one record")
}
