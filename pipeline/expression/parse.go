// parse.go: expr's parser speaks of tokens and brackets to people who know
// parsers; here its findings become sentences about what somebody typed.

package expression

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// parse reads src. Of expr's library only what walks a list is parsed as such;
// every other call stays a call for us to resolve.
func parse(src string) (ast.Node, *Problem) {
	switch {
	case len(src) > maxSource:
		return nil, &Problem{Code: codeTooLong, To: len(src),
			Message: fmt.Sprintf("the expression is %d bytes long; at most %d are allowed", len(src), maxSource),
			Hint:    "take a part of it into a name under let:"}
	case !utf8.ValidString(src):
		return nil, &Problem{Code: codeSyntax, To: len(src), Message: "the expression is not UTF-8 text"}
	case strings.TrimSpace(src) == "":
		return nil, &Problem{Code: codeSyntax, To: len(src), Message: "the expression is empty"}
	}
	config := conf.CreateNew()
	config.MaxNodes = maxNodes
	for _, f := range builtin.Builtins {
		config.Disabled[f.Name] = true
	}
	tree, err := parser.ParseWithConfig(src, config)
	if err != nil {
		p := syntaxProblem(src, err)
		return nil, &p
	}
	return tree.Node, nil
}

// syntaxProblem says in plain words what the parser stumbled over.
func syntaxProblem(src string, err error) Problem {
	var at *file.Error
	if !errors.As(err, &at) {
		return Problem{Code: codeSyntax, To: len(src), Message: "this is not an expression"}
	}
	p := Problem{Code: codeSyntax, From: byteOffset(src, at.From), To: byteOffset(src, at.To)}
	tokens, lexErr := lexer.Lex(file.NewSource(src))
	if lexErr != nil {
		return lexicalProblem(src, p, at.Message)
	}
	if strings.Contains(at.Message, "exceeds maximum allowed nodes") {
		return Problem{Code: codeComplex, To: len(src), Message: tooComplex(), Hint: "take a part of it into a name under let:"}
	}
	if open, bad := brackets(tokens); bad != nil && bad.Location.From <= at.From {
		return bracketProblem(src, p, open, bad)
	} else if open != nil && (bad != nil || strings.Contains(at.Message, "EOF")) {
		return spanned(src, p, open.Location, fmt.Sprintf("%q is never closed", open.Value), fmt.Sprintf("add %q", closing[open.Value]))
	}
	return tokenProblem(src, p, tokens, at)
}

// lexicalProblem is a problem within one token.
func lexicalProblem(src string, p Problem, message string) Problem {
	switch {
	case strings.Contains(message, "literal not terminated"):
		p.From, p.To = openQuote(src), len(src)
		p.Message, p.Hint = "a text is not closed", fmt.Sprintf("add %s at its end", src[p.From:p.From+1])
	case strings.Contains(message, "unclosed comment"):
		p.From, p.To, p.Message, p.Hint = strings.LastIndex(src, "/*"), len(src), "a comment is not closed", "add */"
	case strings.Contains(message, "escape"), strings.Contains(message, "unescape"):
		p.Message, p.Hint = `unknown escape in a text`, `write \\ for a backslash`
	case strings.HasPrefix(message, "unrecognized character"):
		p.Message = fmt.Sprintf("unexpected character %q", src[p.From:p.To])
	case strings.HasPrefix(message, "bad number"):
		p.Message, p.Hint = "a number runs into a letter", "a name begins with a letter or _; one that does not is read as $env[\"…\"]"
	default:
		p.Message = "this is not an expression"
	}
	return p
}

// openQuote is the offset of the quote that begins the last text of src, which
// the lexer found not to be closed.
func openQuote(src string) int {
	start, quote := 0, byte(0)
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			start, quote = i, c
		case quote != 0 && quote != '`' && c == '\\':
			i++
		case c == quote:
			quote = 0
		case quote != 0 && quote != '`' && c == '\n':
			return start
		}
	}
	return start
}

var closing = map[string]string{"(": ")", "[": "]", "{": "}"}

// brackets finds the innermost bracket that is open where the tokens end or
// stop matching, and the closing bracket that matches nothing.
func brackets(tokens []lexer.Token) (open, bad *lexer.Token) {
	var stack []*lexer.Token
	for i := range tokens {
		t := &tokens[i]
		if t.Kind != lexer.Bracket {
			continue
		}
		if closing[t.Value] != "" {
			stack = append(stack, t)
			continue
		}
		if len(stack) == 0 {
			return nil, t
		}
		if closing[stack[len(stack)-1].Value] != t.Value {
			return stack[len(stack)-1], t
		}
		stack = stack[:len(stack)-1]
	}
	if len(stack) > 0 {
		return stack[len(stack)-1], nil
	}
	return nil, nil
}

func bracketProblem(src string, p Problem, open, bad *lexer.Token) Problem {
	if open == nil {
		return spanned(src, p, bad.Location, fmt.Sprintf("%q closes nothing", bad.Value), "take it out, or open it before")
	}
	return spanned(src, p, bad.Location, fmt.Sprintf("%q does not close %q", bad.Value, open.Value), fmt.Sprintf("%q is expected", closing[open.Value]))
}

// foreign are words of other languages for what is an operator or a literal here.
var foreign = map[string]string{
	"is": "==", "equals": "==", "eq": "==", "like": "contains or matches", "then": "condition ? a : b", "xor": "!=",
	"div": "/", "mod": "%",
}

var unexpectedToken = regexp.MustCompile(`^unexpected token `)

// tokenProblem is a problem with the order of tokens.
func tokenProblem(src string, p Problem, tokens []lexer.Token, at *file.Error) Problem {
	message := at.Message
	switch {
	case strings.HasPrefix(message, "Operator ("):
		op, _, _ := strings.Cut(strings.TrimPrefix(message, "Operator ("), ")")
		p.Message = fmt.Sprintf("?? and %s need parentheses to stand together", op)
		p.Hint = fmt.Sprintf("write (a ?? b) %s c", op)
	case strings.HasPrefix(message, "expected at least"):
		p.Code, p.Message, p.Hint = codeWrongArguments, "an input is missing here", "a list and an expression about its items, as in filter(list, .paid)"
	case strings.HasPrefix(message, "wrap predicate"):
		p.Message = `";" stands only between braces here`
	case strings.HasPrefix(message, "expected name"):
		p.Message, p.Hint = `a name is expected after "."`, `one with other characters is read as ["…"]`
	case strings.HasPrefix(message, "a map key must be"):
		p.Message, p.Hint = "a name, a text in quotes or an expression in parentheses is expected before the colon", `{name: value, "other name": value}`
	case strings.Contains(message, "literal"):
		return spanned(src, p, numberBefore(tokens, at.Location), "the number is too large to be exact", `write it in quotes: decimal("…")`)
	case unexpectedToken.MatchString(message):
		return unexpected(src, p, tokens, at)
	default:
		p.Message = "this is not an expression"
	}
	return p
}

// numberBefore is where the number stands that the parser had just read at loc.
func numberBefore(tokens []lexer.Token, loc file.Location) file.Location {
	found := loc
	for _, t := range tokens {
		if t.Kind == lexer.Number && (t.From < loc.From || found == loc) {
			found = t.Location
		}
	}
	return found
}

// unexpected explains a token that cannot stand where it does.
func unexpected(src string, p Problem, tokens []lexer.Token, at *file.Error) Problem {
	i := 0
	for i < len(tokens)-1 && tokens[i].From < at.From {
		i++
	}
	t := tokens[i]
	if t.Kind == lexer.EOF || strings.Contains(at.Message, "token EOF") {
		p.From, p.To = len(src), len(src)
		p.Message, p.Hint = "the expression ends too early", "something is missing at its end"
		return p
	}
	text := src[byteOffset(src, t.From):byteOffset(src, t.To)]
	p.Message = fmt.Sprintf("unexpected %s", quoted(text))
	switch {
	case text == "=":
		p.Hint = "write == to compare"
	case t.Kind == lexer.Identifier && foreign[strings.ToLower(text)] != "":
		p.Hint = "write " + foreign[strings.ToLower(text)]
	case t.Kind == lexer.Identifier && (strings.EqualFold(text, "and") || strings.EqualFold(text, "or") || strings.EqualFold(text, "not")):
		p.Hint = "write " + strings.ToLower(text)
	case text == ":" && i > 2 && tokens[i-2].Is(lexer.Bracket, "{") && tokens[i-3].Is(lexer.Operator, ","):
		p.Hint = "an object as a result stands in parentheses here: ({name: value})"
	case text == "&":
		p.Hint = "write and, or &&"
	case text == "<>":
		p.Hint = "write !="
	case text == "#" || text == ".":
		p.Hint = "it stands for the item of a list, inside filter, map, any …"
	case t.Kind == lexer.Identifier || t.Kind == lexer.String || t.Kind == lexer.Number:
		p.Hint = "an operator or a comma is missing before it"
	case t.Kind == lexer.Operator:
		p.Hint = "a value is missing before it"
	}
	return p
}

// quoted is text in quotes for a message, shortened where it is long.
func quoted(text string) string {
	if r := []rune(text); len(r) > 30 {
		text = string(r[:29]) + "…"
	}
	if strings.ContainsAny(text, `"'`+"`") {
		return text
	}
	return `"` + text + `"`
}

// spanned is p at another place.
func spanned(src string, p Problem, at file.Location, message, hint string) Problem {
	p.From, p.To = byteOffset(src, at.From), byteOffset(src, at.To)
	p.Message, p.Hint = message, hint
	return p
}

// byteOffset turns an offset of expr's, which counts characters, into bytes.
func byteOffset(src string, runes int) int {
	if runes <= 0 {
		return 0
	}
	for i := range src {
		if runes == 0 {
			return i
		}
		runes--
	}
	return len(src)
}
