package web

// snippet.go: lines of mappings, as diagnostics show them, without the secrets that
// somebody may have written into them.

import (
	"bytes"
	"regexp"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// lines finds the line of a mapping that refuses records.
type lines struct {
	plan  *pipeline.Plan
	files diag.Files
}

func (s *Site) linesOf(c Client) lines {
	if c.Plan == nil || c.State == Wrong { // what runs is not what the file says now
		return lines{}
	}
	return lines{c.Plan, s.c.Source.Files(c)}
}

// of is the line of the column that a cause names, with the reason below it.
func (l lines) of(c pipeline.Cause) string {
	if l.plan == nil || c.Field == "" {
		return ""
	}
	for _, f := range l.plan.Fields() {
		if f.Column.Name == c.Field {
			return snippets(diag.List{{Code: c.Code, Span: f.Span, Message: c.Reason}}, l.files)
		}
	}
	return ""
}

// snippets are diagnostics with their lines.
func snippets(list diag.List, files diag.Files) string {
	if len(list) == 0 {
		return ""
	}
	veiled := diag.Files{}
	for name, text := range files {
		veiled[name] = veil(text)
	}
	var out bytes.Buffer
	_ = diag.Text(&out, list, veiled, false) // a buffer takes everything
	return strings.TrimRight(out.String(), "\n")
}

// What may be a secret in a line of YAML, or the rest of the address of one.
var (
	secretValue = regexp.MustCompile(`(?i)((?:^|[\s{,])["']?(?:bearer|basic|secret|password|token|authorization|api[_-]?key|x-api-key)["']?\s*:\s*)([^\s#][^\n]*)`)
	hookPath    = regexp.MustCompile(`(/hooks/)([^\s"',}]+)`)
	userInURL   = regexp.MustCompile(`(://)([^/\s@]+@)`)
)

// veil puts dots in the place of each character that may be of a secret, so that
// everything else stays where it is. The name of a variable is no secret.
func veil(text []byte) []byte {
	for _, secret := range []*regexp.Regexp{secretValue, hookPath, userInURL} {
		text = secret.ReplaceAllFunc(text, func(found []byte) []byte {
			part := secret.FindSubmatch(found)
			if bytes.HasPrefix(bytes.Trim(part[2], `"'`), []byte("${")) {
				return found
			}
			return append(bytes.Clone(part[1]), bytes.Repeat([]byte("•"), len([]rune(string(part[2]))))...)
		})
	}
	return text
}
