package expression

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

func object(open bool, fields ...any) *value.Shape {
	s := &value.Shape{Kind: value.JSON, Open: open}
	for i := 0; i < len(fields); i += 2 {
		s.Fields = append(s.Fields, value.Field{Name: fields[i].(string), Shape: fields[i+1].(*value.Shape)})
	}
	return s
}

func scalar(k value.Kind) *value.Shape { return &value.Shape{Kind: k} }

// attendee is a closed record.
func attendee(open bool) *value.Shape {
	s := object(open,
		"id", scalar(value.Integer),
		"email", scalar(value.String),
		"first_name", scalar(value.String),
		"price", scalar(value.Float),
		"vip", scalar(value.Boolean),
		"ticket", object(false, "name", scalar(value.String), "price", scalar(value.Decimal)),
		"custom_fields", &value.Shape{Kind: value.List, Elem: object(false, "question", scalar(value.String), "answer", scalar(value.String))},
		"extra", object(true),
		"first", scalar(value.String),
	)
	s.Doc = "A GEVME attendee."
	s.Span = diag.Span{File: "attendee.schema.json", Start: diag.Pos{Line: 22, Column: 3}}
	return s
}

const declared = " [attendee.schema.json: the fields of a GEVME attendee are declared here]"

func TestProblems(t *testing.T) {
	tests := []struct{ expr, want string }{
		// names and functions, all of them at once
		{`lower(trim(emial))`, "error unknown-name `emial`: unknown name \"emial\" (did you mean \"email\"?)" + declared},
		{`lowr(emial) + ticket.nmae`, "error unknown-function `lowr`: unknown function \"lowr\" (did you mean \"lower\"?)\n" +
			"error unknown-name `emial`: unknown name \"emial\" (did you mean \"email\"?)" + declared + "\n" +
			"error unknown-name `nmae`: unknown name \"nmae\" (did you mean \"name\"?)"},
		{`"Zoë" + emial`, "error unknown-name `emial`: unknown name \"emial\" (did you mean \"email\"?)" + declared},
		{`find(custom_fields, .questoin == "x").answer`, "error unknown-name `questoin`: unknown name \"questoin\" (did you mean \"question\"?)"},
		{`custom_fields[0].anwser`, "error unknown-name `anwser`: unknown name \"anwser\" (did you mean \"answer\"?)"},
		{`ticket["nmae"] + $env["emial"]`, "error unknown-name `\"nmae\"`: unknown name \"nmae\" (did you mean \"name\"?)\n" +
			"error unknown-name `\"emial\"`: unknown name \"emial\" (did you mean \"email\"?)" + declared},
		{`trim + email`, "error unknown-name `trim`: unknown name \"trim\" (trim is a function: trim(…))" + declared},
		{`first + (first(custom_fields).answer ?? "")`, ""},
		{`email == NULL`, "error unknown-name `NULL`: unknown name \"NULL\" (write null)" + declared},
		{`full + fulll`, "error unknown-name `fulll`: unknown name \"fulll\" (did you mean \"full\"?)" + declared},
		{`extra.anything.at.all`, ""},
		{`let mail = email; maill`, "error unknown-name `maill`: unknown name \"maill\" (did you mean \"mail\"?)" + declared},
		{`(let mail = email; mail) + mail`, "error unknown-name `mail`: unknown name \"mail\" (did you mean \"email\"?)" + declared},
		{`concat(email, "x")`, "error unknown-function `concat`: unknown function \"concat\" (write a + b)"},
		{`reduce(custom_fields, #acc + 1)`, "error unknown-function `reduce`: unknown function \"reduce\" (use sum, join, count or groupBy)\n" +
			"error expression-syntax `#`: unknown item #acc (# is the item of the list and #index its place, from 0)"},
		{`email.trim()`, "error unknown-function `trim`: a value has no functions of its own (write trim(…) with the value inside)"},
		{`$env`, "error expression-syntax `$env`: $env stands only before a name in quotes (read a name that is no identifier as $env[\"First name\"])"},
		{`$env[email]`, "error expression-syntax `$env`: $env stands only before a name in quotes (read a name that is no identifier as $env[\"First name\"])"},

		// arguments
		{`truncate(email)`, "error wrong-arguments `truncate`: truncate takes 2 inputs, and is given 1 (truncate(text, length))"},
		{`round()`, "error wrong-arguments `round`: round takes 1 or 2 inputs, and is given 0 (round(number[, digits]))"},
		{`min(1)`, "error wrong-arguments `min`: min takes at least 2 inputs, and is given 1 (min(value, value…))"},
		{`now(1)`, "error wrong-arguments `now`: now takes 0 inputs, and is given 1 (now())"},
		{`trim(5)`, "error type-mismatch `5`: 5 is a number, and trim needs text (write \"5\")"},
		{`lower(len(email))`, "error type-mismatch `len(email)`: len(email) is a number, and lower needs text (write string(len(email)))"},
		{`lower(null)`, "error null-value `null`: lower needs text, and this is null (lower(text))"},
		{`lower(id)`, "error type-mismatch `id`: id is a number, and lower needs text (write string(id))"},
		{`any("text", # == 1)`, "error type-mismatch `\"text\"`: \"text\" is text, and any needs a list (write split(\"text\", \",\"))"},
		{`filter(custom_fields)`, "error wrong-arguments `)`: an input is missing here (a list and an expression about its items, as in filter(list, .paid))"},
		{`date(email, "Asia/Singapur")`, "error wrong-arguments `\"Asia/Singapur\"`: there is no such time zone; they are called \"Asia/Singapore\", \"Europe/Berlin\", \"UTC\""},
		{`date(email, "Local")`, "error wrong-arguments `\"Local\"`: there is no such time zone; they are called \"Asia/Singapore\", \"Europe/Berlin\", \"UTC\""},
		{`format(email, "DD.MM.YYYY")`, "error wrong-arguments `\"DD.MM.YYYY\"`: the layout has no directive; write one such as %d/%m/%Y"},
		{`hmac(email, "")`, "error wrong-arguments `\"\"`: the key of hmac is empty"},
		{`email matches first`, "error wrong-arguments `first`: the pattern of matches is not a text in quotes (use contains to look for another value)"},
		{`email matches "(a"`, "error wrong-arguments `\"(a\"`: the pattern of matches is not a regular expression: missing closing ): `(a`"},

		// syntax, in plain words
		{``, "error expression-syntax ``: the expression is empty"},
		{`email = "x"`, "error expression-syntax `=`: unexpected \"=\" (write == to compare)"},
		{`lower(email`, "error expression-syntax `(`: \"(\" is never closed (add \")\")"},
		{`lower(email))`, "error expression-syntax `)`: \")\" closes nothing (take it out, or open it before)"},
		{`lower(email]`, "error expression-syntax `]`: \"]\" does not close \"(\" (\")\" is expected)"},
		{`"Zoë" + 'abc`, "error expression-syntax `'abc`: a text is not closed (add ' at its end)"},
		{`email first`, "error expression-syntax `first`: unexpected \"first\" (an operator or a comma is missing before it)"},
		{`vip AND vip`, "error expression-syntax `AND`: unexpected \"AND\" (write and)"},
		{`email is "x"`, "error expression-syntax `is`: unexpected \"is\" (write ==)"},
		{`email +`, "error expression-syntax ``: the expression ends too early (something is missing at its end)"},
		{`email + * 2`, "error expression-syntax `*`: unexpected \"*\" (a value is missing before it)"},
		{`email ?? "" + "x"`, "error expression-syntax `+`: ?? and + need parentheses to stand together (write (a ?? b) + c)"},
		{`1 ?? 2 and true`, "error expression-syntax `and`: ?? and and need parentheses to stand together (write (a ?? b) and c)"},
		{`email & first`, "error expression-syntax `&`: unexpected \"&\" (write and, or &&)"},
		{`email @ first`, "error expression-syntax `@`: unexpected character \"@\""},
		{`"\q"`, "error expression-syntax `q`: unknown escape in a text (write \\\\ for a backslash)"},
		{`1st`, "error expression-syntax `s`: a number runs into a letter (a name begins with a letter or _; one that does not is read as $env[\"…\"])"},
		{`99999999999999999999`, "error expression-syntax `99999999999999999999`: the number is too large to be exact (write it in quotes: decimal(\"…\"))"},
		{`# > 1`, "error expression-syntax `#`: unexpected \"#\" (it stands for the item of a list, inside filter, map, any …)"},
		{`email; first`, "error expression-syntax `first`: an expression has one result, and a second one begins here (\";\" stands only behind let name = value)"},
		{`b"bytes"`, "error expression-syntax `b\"bytes\"`: bytes are not offered (write a text: \"…\")"},
		{`map(custom_fields, {q: .question})`, "error expression-syntax `:`: unexpected \":\" (an object as a result stands in parentheses here: ({name: value}))"},
		{`{1 2}`, "error expression-syntax `2`: unexpected \"2\" (an operator or a comma is missing before it)"},
		{"\"a\xff\"", "error expression-syntax `\"a\xff\"`: the expression is not UTF-8 text"},
		{`any(1..2, any(1..2, any(1..2, any(1..2, # > 1))))`, "error expression-too-complex `any`: more than 3 functions walk a list inside each other (take a part of it into a name under let:)"},
	}
	for _, tt := range tests {
		_, problems := Compile(tt.expr, Scope{Record: attendee(false), Locals: map[string]*value.Shape{"full": scalar(value.String)}})
		if diff := cmp.Diff(tt.want, shown(tt.expr, problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.expr, diff)
		}
	}
}

// In an open record a name that is not declared may well be there.
func TestOpenRecord(t *testing.T) {
	tests := []struct{ expr, want string }{
		{`dietary`, "warning unknown-name `dietary`: unknown name \"dietary\" (it is not declared, so that it may be absent)" + declared},
		{`emial`, "error unknown-name `emial`: unknown name \"emial\" (did you mean \"email\"?)" + declared},
		{`count`, "warning unknown-name `count`: unknown name \"count\" (count is a function: count(…))" + declared},
	}
	for _, tt := range tests {
		_, problems := Compile(tt.expr, Scope{Record: attendee(true)})
		if diff := cmp.Diff(tt.want, shown(tt.expr, problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.expr, diff)
		}
	}
}

func TestReadsAndType(t *testing.T) {
	tests := []struct {
		expr, reads string
		bare        bool
		typ         string
	}{
		{`email`, "email", true, "string"},
		{`ticket.name`, "ticket.name", true, "string"},
		{`ticket?.name`, "ticket.name", true, "string"},
		{`$env["email"]`, "email", true, "string"},
		{`(email)`, "email", true, "string"},
		{`full`, "local full", true, "string"},
		{`$env["full"]`, "full", true, "unknown"},
		{`person.name`, "local person", false, "string"},
		{`string(id)`, "id", false, "string"},
		{`email + first_name + email`, "email first_name", false, "string"},
		{`first_name ?? email`, "first_name email", false, "string"},
		{`len(ticket) + len(ticket.name)`, "ticket", false, "integer"},
		{`ticket.name + string(ticket.price)`, "ticket.name ticket.price", false, "string"},
		{`custom_fields[id].answer`, "custom_fields id", false, "string"},
		{`answer(custom_fields, "x")`, "custom_fields", false, "string"},
		{`map(custom_fields, .answer)`, "custom_fields", false, "list(string)"},
		{`filter(custom_fields, .answer == email)`, "custom_fields email", false, "list(json)"},
		{`id + 1`, "id", false, "integer"},
		{`id + price`, "id price", false, "number"},
		{`id / 2`, "id", false, "number"},
		{`vip ? id : null`, "vip id", false, "integer"},
		{`vip ? id : email`, "vip id email", false, "unknown"},
		{`date(email)`, "email", false, "date"},
		{`now()`, "", false, "timestamp"},
		{`id > 1 and vip`, "id vip", false, "boolean"},
		{`["a", "b"]`, "", false, "list(string)"},
		{`{a: 1}`, "", false, "json"},
		{`let n = id; n + 1`, "id", false, "integer"},
		{`email(email)`, "email", false, "string"},
		{`sum(1..3)`, "", false, "integer"},
	}
	scope := Scope{Record: attendee(true), Locals: map[string]*value.Shape{"full": scalar(value.String), "person": object(false, "name", scalar(value.String))}}
	for _, tt := range tests {
		p := compile(t, tt.expr, scope)
		var reads []string
		for _, r := range p.Reads() {
			read := strings.Join(r.Path, ".")
			if r.Local {
				read = "local " + read
			}
			reads = append(reads, read)
		}
		if got := strings.Join(reads, " "); got != tt.reads || p.Bare() != tt.bare || p.Type().String() != tt.typ {
			t.Errorf("%s: reads %q, bare %v, type %s; want %q, %v, %s", tt.expr, got, p.Bare(), p.Type(), tt.reads, tt.bare, tt.typ)
		}
	}
}

// What is hostile or merely enormous ends in a problem, and soon.
func TestBounds(t *testing.T) {
	tests := map[string]struct{ expr, code string }{
		"parentheses":     {strings.Repeat("(", maxSource), codeSyntax},
		"too long":        {strings.Repeat("(", maxSource+1), codeTooLong},
		"brackets":        {strings.Repeat("[", maxSource/2) + strings.Repeat("]", maxSource/2), codeComplex},
		"minus":           {strings.Repeat("-", maxSource-1) + "1", codeComplex},
		"not":             {strings.Repeat("!", maxSource-4) + "true", codeComplex},
		"sum":             {"1" + strings.Repeat("+1", maxSource/2-1), codeComplex},
		"shared nodes":    {strings.Repeat("(", 1000) + "a" + strings.Repeat("?:b)", 1000), codeComplex},
		"chained compare": {strings.Repeat("(1<", 600) + "1" + strings.Repeat("<1)", 600), codeComplex},
	}
	for name, tt := range tests {
		began := time.Now()
		_, problems := Compile(tt.expr, Scope{})
		if len(problems) == 0 || problems[0].Code != tt.code {
			t.Errorf("%s: %s", name, fmt.Sprint(problems))
		}
		if spent := time.Since(began); spent > 20*time.Second {
			t.Errorf("%s: took %v", name, spent)
		}
	}
}
