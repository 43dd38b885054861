package golden

// text.go: differences as people read them.

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Style says how words are set off: those of what was wanted, of what came out, and
// those beside the matter. The zero Style leaves them as they are.
type Style struct{ Want, Got, Aside func(string) string }

func (s Style) plain() Style {
	for _, f := range []*func(string) string{&s.Want, &s.Got, &s.Aside} {
		if *f == nil {
			*f = func(text string) string { return text }
		}
	}
	return s
}

// The bounds of what is shown of one file, and of one cell or line.
const (
	shownRows = 20
	shownText = 400 // characters
)

// Show writes why the case is not as wanted, indented.
func (r *Result) Show(w io.Writer, style Style) {
	p := &printer{w: w, style: style.plain(), makers: r.makers}
	if r.Err != nil {
		p.line(1, "%v", r.Err)
	}
	for i := range r.Differences {
		p.difference(&r.Differences[i])
	}
}

type printer struct {
	w      io.Writer
	style  Style
	makers map[string]Maker
}

func (p *printer) line(depth int, format string, args ...any) {
	fmt.Fprintf(p.w, "%s%s\n", strings.Repeat("  ", depth), fmt.Sprintf(format, args...))
}

func (p *printer) difference(d *Difference) {
	switch {
	case d.Missing:
		p.line(1, "%s was wanted, and the run does not write it", d.File)
		return
	case d.Extra && d.Rejects:
		p.line(1, "%s: the case wants no rejects", d.File)
	case d.Extra:
		p.line(1, "%s was written, and the case does not have it", d.File)
	default:
		p.line(1, "%s", d.File)
	}
	p.columns(d)
	for i, row := range d.Rows {
		if i == shownRows {
			p.line(2, "and %d more rows", len(d.Rows)-i)
			break
		}
		p.row(d, row)
	}
	p.lines(d)
}

func (p *printer) columns(d *Difference) {
	for _, c := range d.Gone {
		p.line(2, "%s", p.style.Want("- the column "+c+" is gone"))
	}
	for _, c := range d.New {
		p.line(2, "%s", p.style.Got("+ the column "+c+" is new"))
		p.maker(c, 3)
	}
	if d.Order {
		p.line(2, "the columns are in another order")
	}
}

func (p *printer) row(d *Difference, row RowDiff) {
	switch {
	case d.Rejects && row.Got != "":
		p.reject(row, "unexpected reject", p.style.Got)
	case d.Rejects:
		p.reject(row, "a reject that did not come", p.style.Want)
	case row.Want != "":
		p.line(2, "%s", p.style.Want("- "+row.Row+": "+visible(row.Want)))
	case row.Got != "":
		p.line(2, "%s", p.style.Got("+ "+row.Row+": "+visible(row.Got)))
	default:
		p.line(2, "%s", visible(row.Row))
		for _, c := range row.Cells {
			want, got := p.words(c.Want, c.Got)
			p.line(3, "%s", c.Column)
			p.line(4, "want %s", want)
			p.line(4, "got  %s", got)
			p.maker(c.Column, 4)
		}
	}
}

func (p *printer) reject(row RowDiff, what string, paint func(string) string) {
	reason := row.Reason
	if row.Field != "" {
		reason = row.Field + ": " + reason
	}
	p.line(2, "%s", paint(fmt.Sprintf("%s, %s: %s", what, row.Row, visible(reason))))
	p.maker(row.Field, 3)
	if row.Value != "" {
		p.line(3, "%s", p.style.Aside("value "+visible(row.Value)))
	}
	if row.Record != "" {
		p.line(3, "%s", p.style.Aside(visible(row.Record)))
	}
}

// maker is the line of the mapping that makes a column.
func (p *printer) maker(column string, depth int) {
	if m, ok := p.makers[column]; ok {
		p.line(depth, "%s", p.style.Aside(fmt.Sprintf("%s:%d:%d  %s", m.Span.File, m.Span.Start.Line, m.Span.Start.Column, m.Text)))
	}
}

func (p *printer) lines(d *Difference) {
	for i, l := range d.Lines {
		if i == shownRows {
			p.line(2, "and %d more lines", len(d.Lines)-i)
			return
		}
		if l.New {
			p.line(2, "%s", p.style.Got(fmt.Sprintf("+ line %d: %s", l.Number, visible(l.Text))))
		} else {
			p.line(2, "%s", p.style.Want(fmt.Sprintf("- line %d: %s", l.Number, visible(l.Text))))
		}
	}
}

// words are two texts in which the words that the other has not are set off.
func (p *printer) words(want, got string) (w, g string) {
	if want == "" || got == "" {
		return p.style.Want(visible(want)), p.style.Got(visible(got))
	}
	return Words(visible(want), visible(got), p.style)
}

// Words are two texts in which the words that the other has not are set off.
func Words(want, got string, style Style) (w, g string) {
	style = style.plain()
	a, b := split(want), split(got)
	var left, right strings.Builder
	for _, one := range align(a, b) {
		switch {
		case one.b < 0:
			left.WriteString(style.Want(a[one.a]))
		case one.a < 0:
			right.WriteString(style.Got(b[one.b]))
		default:
			left.WriteString(a[one.a])
			right.WriteString(b[one.b])
		}
	}
	return left.String(), right.String()
}

// split are the words of a text, and what stands between them.
func split(text string) []string {
	var out []string
	from, was := 0, 0
	for i, r := range text {
		is := 1
		switch {
		case unicode.IsSpace(r):
			is = 2
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r):
			is = 3
		}
		if i > 0 && (is != was || is == 3) {
			out = append(out, text[from:i])
			from = i
		}
		was = is
	}
	return append(out, text[from:])
}

// visible is a text that can be shown in one line: nothing in it moves the cursor,
// an empty one is not overlooked, and a long one is cut.
func visible(text string) string {
	if text == "" {
		return "(empty)"
	}
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > shownText {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
