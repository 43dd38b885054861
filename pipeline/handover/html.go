package handover

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"sync"

	"pipeline/pipeline/diag"
)

//go:embed pack.html.tmpl
var pageText string

//go:embed pack.css
var pageStyle string

// page is parsed when the first pack is written: other commands do not pay for it.
var page = sync.OnceValue(func() *template.Template {
	functions := template.FuncMap{
		"style": func() template.CSS { return template.CSS(pageStyle) }, //nolint:gosec // our own file
		"join":  func(list []string) string { return strings.Join(list, ", ") },
		"count": diag.Count,
	}
	return template.Must(template.New("pack").Funcs(functions).Parse(pageText))
})

// HTML writes the pack as one page that needs nothing else: no script, no font, no
// picture, no network.
func (p *Pack) HTML(w io.Writer) error { return page().Execute(w, p) }
