package pipeline

// dotenv.go: the .env beside a mapping. It holds secrets, so that nothing here
// shows a line of it, and what is not plainly NAME=value is refused rather than
// guessed at.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"unicode/utf8"

	"pipeline/pipeline/diag"
)

// maxDotenv is the bound on a .env, in bytes.
const maxDotenv = 1 << 20

// Environment is where ${NAME} and credentials of a mapping come from: outer,
// and for what is not set there the file .env in the mapping's own folder.
// Without such a file it is outer alone.
func Environment(mapping string, files *Files, outer func(name string) (string, bool)) (func(name string) (string, bool), diag.List) {
	name := filepath.Join(filepath.Dir(mapping), ".env")
	src, err := files.Read(name) // not by Open: a diagnostic would show its line
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EISDIR): // a folder .env is Python's
		return outer, nil
	case err != nil:
		return outer, diag.List{}.Error("missing-file", diag.Span{File: name}, fmt.Sprintf("cannot read it: %v", plainCause(err)), "")
	}
	set, diags := Dotenv(name, src)
	return func(name string) (string, bool) {
		if v, ok := outer(name); ok {
			return v, true
		}
		v, ok := set[name]
		return v, ok
	}, diags
}

// Dotenv reads lines of the form NAME=value, with or without export before them.
// A value is plain, up to a # that begins a comment; or between single quotes,
// as it stands; or between double quotes, with \n, \r, \t, \", \$ and \\. A $ is
// a $: nothing is put into values. Messages never hold a value.
func Dotenv(file string, src []byte) (map[string]string, diag.List) {
	d := dotenv{file: file, set: map[string]string{}, lines: map[string]int{}}
	if len(src) > maxDotenv {
		return nil, d.diags.Error("env-syntax", diag.Span{File: file}, fmt.Sprintf("the file is %d bytes long", len(src)), "it may have 1 MiB")
	}
	for _, line := range strings.Split(string(bytes.TrimPrefix(src, []byte("\ufeff"))), "\n") {
		d.number++
		d.line(strings.TrimSuffix(line, "\r"))
	}
	return d.set, d.diags
}

// dotenv reads one file.
type dotenv struct {
	file   string
	number int // of the line being read
	text   string
	set    map[string]string
	lines  map[string]int // where each name is set
	diags  diag.List
}

var dotenvName = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=`)

func (d *dotenv) line(text string) {
	d.text = text
	if strings.Trim(text, " \t") == "" || strings.HasPrefix(strings.TrimLeft(text, " \t"), "#") {
		return
	}
	if at := strings.IndexFunc(text, isControl); at >= 0 {
		d.err(at, "a control character or a byte that is not UTF-8", `save the file as UTF-8; between double quotes \n is a line break`)
		return
	}
	match := dotenvName.FindStringSubmatchIndex(text)
	if match == nil {
		d.err(len(text)-len(strings.TrimLeft(text, " \t")), "this line is not NAME=value", "a name has letters, digits and _, and no space stands around the =; a comment begins with #")
		return
	}
	name := text[match[2]:match[3]]
	if first, twice := d.lines[name]; twice {
		d.err(match[2], fmt.Sprintf("%s is set here again", name), "remove one of the lines", diag.Note{Span: diag.Span{File: d.file, Start: diag.Pos{Line: first, Column: 1}}, Message: "it is set here first"})
		return
	}
	if value, ok := d.value(match[1]); ok {
		d.set[name], d.lines[name] = value, d.number
	}
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == utf8.RuneError || r == 0x7f }

// value reads what stands behind the =, from that byte of the line.
func (d *dotenv) value(from int) (string, bool) {
	text := d.text[from:]
	if text == "" {
		return "", true
	}
	switch text[0] {
	case '\'', '"':
		return d.quoted(from, text[0])
	case ' ', '\t':
		if plain := strings.TrimLeft(text, " \t"); plain != "" && plain[0] != '#' {
			d.err(from, "a space stands behind the =", "write NAME=value; a value that begins with a space goes between quotes")
			return "", false
		}
		return "", true
	}
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
			text = text[:i]
		}
	}
	if at := strings.IndexAny(text, "\"'`"); at >= 0 {
		d.err(from+at, "a quote stands inside a value that has none around it", "put the whole value between quotes")
		return "", false
	}
	return strings.TrimRight(text, " \t"), true
}

// escapes are what may stand behind a backslash between double quotes.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '"': '"', '$': '$', '\\': '\\'}

// quoted reads a value between quotes, and that nothing follows it.
func (d *dotenv) quoted(from int, quote byte) (string, bool) {
	var value strings.Builder
	for i := from + 1; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == quote:
			rest := strings.TrimLeft(d.text[i+1:], " \t")
			if rest != "" && (rest[0] != '#' || len(rest) == len(d.text[i+1:])) {
				d.err(i+1, "more follows behind the quote that ends the value", `a " between double quotes is written \", a ' goes between double quotes`)
				return "", false
			}
			return value.String(), true
		case c == '\\' && quote == '"':
			i++
			if i == len(d.text) || escapes[d.text[i]] == 0 {
				d.err(i-1, "this is no escape", `between double quotes there are \n, \r, \t, \", \$ and \\; between single quotes a backslash is a backslash`)
				return "", false
			}
			value.WriteByte(escapes[d.text[i]])
		default:
			value.WriteByte(c)
		}
	}
	d.err(from, "the quote is not closed in this line", `a line break in a value is written \n, between double quotes`)
	return "", false
}

// err reports the byte at that offset of the line.
func (d *dotenv) err(at int, message, hint string, notes ...diag.Note) {
	column := utf8.RuneCountInString(d.text[:at]) + 1
	d.diags = d.diags.Error("env-syntax", diag.Span{File: d.file, Start: diag.Pos{Line: d.number, Column: column}}, message, hint, notes...)
}
