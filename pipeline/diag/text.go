package diag

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Files holds the sources that diagnostics point into, by file name.
type Files map[string][]byte

// Text writes l for people: each diagnostic with its line of the source, the
// place underlined and the hint behind it, and its notes below.
//
//	mappings/acme.yaml:17:21: error: unknown name "emial"
//	  17 │   email: lower(trim(emial))
//	     │                     ~~~~~  did you mean "email"?
//	  schemas/gevme.attendee.schema.json:22: note: the fields of a GEVME attendee are declared here
//
// What comes from a file never reaches the terminal as a control character.
// The error is that of w.
func Text(w io.Writer, l List, files Files, color bool) error {
	p := textPrinter{files: files, color: color, lines: map[string][]string{}}
	for _, d := range l {
		p.diagnostic(d)
	}
	_, err := w.Write(p.out.Bytes())
	return err
}

// The escape sequences of the parts of a diagnostic.
const (
	styleOff     = "\x1b[0m"
	styleBold    = "\x1b[1m"
	styleError   = "\x1b[1;31m"
	styleWarning = "\x1b[1;33m"
	styleNote    = "\x1b[1;36m"
)

type textPrinter struct {
	out   bytes.Buffer
	files Files
	color bool
	lines map[string][]string // of the files that were needed so far
}

func (p *textPrinter) diagnostic(d Diagnostic) {
	severity := styleError
	if d.Severity == Warning {
		severity = styleWarning
	}
	if at := location(d.Span); at != "" {
		p.styled(styleBold, at+":")
		p.out.WriteByte(' ')
	}
	p.styled(severity, d.Severity.String()+":")
	p.out.WriteString(" " + strings.ReplaceAll(printable(d.Message), "\n", "\n  ") + "\n")

	hint := strings.Split(printable(d.Hint), "\n")
	if line, ok := p.line(d.Span); ok {
		p.snippet(d.Span, line, hint, severity)
	} else if d.Hint != "" {
		for _, h := range hint {
			p.out.WriteString("  " + h + "\n")
		}
	}
	notes := d.Notes
	if len(d.Mappings) > 0 {
		notes = append(slices.Clip(notes), Note{Message: d.concerns()})
	}
	for _, n := range notes {
		p.out.WriteString("  ")
		if at := location(n.Span); at != "" {
			p.styled(styleBold, at+":")
			p.out.WriteByte(' ')
		}
		p.styled(styleNote, "note:")
		p.out.WriteString(" " + strings.ReplaceAll(printable(n.Message), "\n", "\n    ") + "\n")
	}
}

// snippet shows the line of the source with the span underlined, and the lines
// of the hint one below the other behind it.
func (p *textPrinter) snippet(span Span, line string, hint []string, style string) {
	number := strconv.Itoa(span.Start.Line)
	empty := "  " + strings.Repeat(" ", len(number)) + " │"
	from, to := underlined(span, line)
	shown := crop(line, from, to)
	p.out.WriteString(strings.TrimRight("  "+number+" │ "+shown.text, " ") + "\n")

	p.out.WriteString(empty + " " + strings.Repeat(" ", shown.before))
	p.styled(style, strings.Repeat("~", shown.under))
	if hint[0] != "" {
		p.out.WriteString("  " + hint[0])
	}
	p.out.WriteByte('\n')
	for _, h := range hint[1:] {
		p.out.WriteString(strings.TrimRight(empty+strings.Repeat(" ", 1+shown.before+shown.under+2)+h, " ") + "\n")
	}
}

func (p *textPrinter) styled(style, text string) {
	if !p.color {
		p.out.WriteString(text)
		return
	}
	p.out.WriteString(style + text + styleOff)
}

// line is the line of the source at which span starts.
func (p *textPrinter) line(span Span) (string, bool) {
	lines, ok := p.lines[span.File]
	if !ok {
		lines = splitLines(p.files[span.File])
		p.lines[span.File] = lines
	}
	if span.Start.Line < 1 || span.Start.Line > len(lines) {
		return "", false
	}
	return lines[span.Start.Line-1], true
}

// location is FILE:LINE:COLUMN, as far as it is known.
func location(s Span) string {
	file := strings.ReplaceAll(printable(s.File), "\n", " ")
	switch {
	case file == "" || s.Start.Line <= 0:
		return file
	case s.Start.Column <= 0:
		return fmt.Sprintf("%s:%d", file, s.Start.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", file, s.Start.Line, s.Start.Column)
	}
}

// splitLines cuts a source into its lines and takes the byte order mark off.
func splitLines(src []byte) []string {
	if len(src) == 0 {
		return nil
	}
	lines := strings.Split(string(withoutBOM(src)), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines
}
