package pipeline

// lookup.go: the tables that lookup() looks into. Each is a CSV file that the
// mapping names, read whole before the run.

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
)

// The bounds of one table.
const (
	maxTable     = 16 << 20 // bytes of its file
	maxTableRows = 1_000_000
)

// lookups reads the tables. One that is wrong is declared all the same, so that
// an expression that names it is not wrong as well.
func (c *compiler) lookups() {
	c.scope.Tables = map[string]expression.Table{}
	for _, d := range c.m.Lookups {
		c.scope.Tables[d.Name.Value] = c.table(d)
	}
	c.plan.tables = c.scope.Tables
}

func (c *compiler) table(d LookupDecl) expression.Table {
	if d.Path.Missing() || d.Key.Missing() || d.Value.Missing() {
		return nil // reported by Parse
	}
	path, files := c.expand(d.Path), c.setup.Files
	name := d.Path.file.path(path)
	src, err := files.Read(name) // not by Open, which would keep the text for the whole run
	if err != nil {
		c.cannotRead(d.Path, path, err)
		return nil
	}
	before := len(c.diags)
	t := &tableReader{c: c, decl: d, name: name, src: bytes.TrimPrefix(src, []byte("\ufeff")), rows: expression.Table{}}
	t.read()
	if len(c.diags) > before {
		files.show(name, src)
	}
	return t.rows
}

// tableReader reads one table and reports what is wrong with it.
type tableReader struct {
	c    *compiler
	decl LookupDecl
	name string
	src  []byte
	csv  *csv.Reader

	key, value int // columns
	rows       expression.Table
	twice      int // keys that were there before
}

// maxTwice keeps a table whose key is the wrong column from being reported row
// by row.
const maxTwice = 3

func (t *tableReader) read() {
	if !t.readable() {
		return
	}
	t.csv = csv.NewReader(bytes.NewReader(t.src))
	t.csv.ReuseRecord = true
	header, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		t.err(diag.Span{File: t.name}, "the table is empty", "its first row names the columns")
		return
	}
	if err != nil {
		t.syntax(err)
		return
	}
	if !t.columns(slices.Clone(header)) {
		return
	}
	for {
		row, err := t.csv.Read()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.syntax(err)
			return
		case len(t.rows) == maxTableRows:
			t.err(t.cell(0, ""), "the table has more than 1,000,000 rows", "keep what is looked up, and leave out the rest")
			return
		}
		t.row(row)
		if t.twice > maxTwice {
			return
		}
	}
}

// readable reports what is wrong with the file before it is looked at as CSV.
func (t *tableReader) readable() bool {
	switch {
	case len(t.src) > maxTable:
		t.err(t.decl.Path.Span(), fmt.Sprintf("the table is %d bytes long", len(t.src)), "it may have 16 MiB: keep the two columns that are looked up")
	case !utf8.Valid(t.src):
		at, rest := diag.Pos{Line: 1, Column: 1}, t.src
		for len(rest) > 0 {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				break
			}
			at.Column++
			if r == '\n' {
				at = diag.Pos{Line: at.Line + 1, Column: 1}
			}
			rest = rest[n:]
		}
		t.err(diag.Span{File: t.name, Start: at}, "the table is not UTF-8", "save it as UTF-8; in Excel that is CSV UTF-8")
	default:
		return true
	}
	return false
}

// columns finds the columns in the header.
func (t *tableReader) columns(header []string) bool {
	for i, name := range header {
		if first := slices.Index(header, name); first < i && (name == t.decl.Key.Value || name == t.decl.Value.Value) {
			t.err(t.cell(i, name), fmt.Sprintf("the table has two columns %q", name), "give one of them another name")
			return false
		}
	}
	t.key = t.column(header, t.decl.Key)
	t.value = t.column(header, t.decl.Value)
	return t.key >= 0 && t.value >= 0
}

func (t *tableReader) column(header []string, want Text) int {
	name := t.c.expand(want)
	i := slices.Index(header, name)
	if i >= 0 {
		return i
	}
	hint := cmp.Or(diag.DidYouMean(name, header), "its columns are "+strings.Join(header[:min(len(header), 20)], ", "))
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
		hint = "its cells are separated by semicolons or tabs: save it with commas"
	}
	t.c.err("unknown-column", want.Span(), fmt.Sprintf("the table has no column %q", want.Value), hint, diag.Note{Span: t.cell(0, ""), Message: "its columns are named here"})
	return -1
}

func (t *tableReader) row(row []string) {
	key := row[t.key]
	if _, twice := t.rows[key]; !twice {
		both := key + row[t.value] // the row's own text has all its other cells, too
		t.rows[both[:len(key)]] = both[len(key):]
		return
	}
	if t.twice++; t.twice > maxTwice {
		t.err(t.cell(t.key, key), "more keys are there twice", fmt.Sprintf("is %s the column that tells rows apart?", t.decl.Key.Value))
		return
	}
	t.err(t.cell(t.key, key), "the key is there twice", "lookup has one answer: remove one of the rows",
		diag.Note{Span: diag.Span{File: t.name, Start: diag.Pos{Line: t.first(key)}}, Message: "the first one"})
}

// first is the line in which a key stands first.
func (t *tableReader) first(key string) int {
	again := csv.NewReader(bytes.NewReader(t.src))
	for header := true; ; header = false {
		row, err := again.Read()
		if err != nil {
			return 0
		}
		if !header && row[t.key] == key {
			line, _ := again.FieldPos(t.key)
			return line
		}
	}
}

// syntax reports what is not CSV.
func (t *tableReader) syntax(err error) {
	var e *csv.ParseError
	if !errors.As(err, &e) {
		t.err(diag.Span{File: t.name}, err.Error(), "")
		return
	}
	line, column := e.Line, e.Column
	message, hint := "this is not CSV", "a cell with a quote in it stands between quotes, and each quote in it is written twice"
	switch {
	case errors.Is(e.Err, csv.ErrFieldCount):
		message, hint = "this row has another number of cells than the header", "a comma inside a cell needs quotes around the cell"
	case errors.Is(e.Err, csv.ErrBareQuote):
		message = "a quote stands inside a cell that has none around it"
	case errors.Is(e.Err, csv.ErrQuote) && t.offset(line, column) >= len(t.src):
		line, column = e.StartLine, 1
		message, hint = "a quote is opened in this row and never closed", "add one at the end of the cell"
	case errors.Is(e.Err, csv.ErrQuote):
		message = "a quote ends this cell, and more of the cell follows"
	}
	t.err(t.span(line, column, ""), message, hint)
}

// cell is where a cell of the row that was read last stands, with its text.
func (t *tableReader) cell(column int, text string) diag.Span {
	line, byteColumn := t.csv.FieldPos(column)
	return t.span(line, byteColumn, text)
}

// span is a place that the CSV reader names, as long as the text where that
// stands there as it is.
func (t *tableReader) span(line, byteColumn int, text string) diag.Span {
	from := t.offset(line, byteColumn)
	characters := utf8.RuneCount(t.src[t.offset(line, 1):from]) + 1
	span := diag.Span{File: t.name, Start: diag.Pos{Line: line, Column: characters}}
	if text != "" && bytes.HasPrefix(t.src[from:], []byte(text)) {
		span.End = diag.Pos{Line: line, Column: characters + utf8.RuneCountInString(text)}
	}
	return span
}

// offset is the byte at a place that the CSV reader names.
func (t *tableReader) offset(line, byteColumn int) int {
	begin := 0
	for range line - 1 {
		begin += bytes.IndexByte(t.src[begin:], '\n') + 1
	}
	return min(begin+byteColumn-1, len(t.src))
}

func (t *tableReader) err(at diag.Span, message, hint string, notes ...diag.Note) {
	t.c.err("lookup-table", at, message, hint, append(notes, diag.Note{Span: t.decl.Path.Span(), Message: "the table is named here"})...)
}
