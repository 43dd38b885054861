package main

// explain.go: what each code means. A code is one file in explain/: what it is
// of and what happened in a line, what to do, a wrong and a right example. The
// tests run the examples, and find codes that nobody explained.

import (
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"

	"pipeline/pipeline/diag"
)

//go:embed explain/*.txtar
var explainFiles embed.FS

// explanation is what there is to say of a code.
type explanation struct {
	code    string
	kinds   string // "diagnostic", "reject" or "diagnostic, reject"
	summary string // what happened, in a line
	text    string // why, and what to do
	files   []txtar.File
}

// diagnostic and reject report what the code is printed for.
func (e explanation) diagnostic() bool { return strings.Contains(e.kinds, "diagnostic") }
func (e explanation) reject() bool     { return strings.Contains(e.kinds, "reject") }

// explanations are all codes, sorted.
var explanations = sync.OnceValue(func() []explanation {
	entries, err := explainFiles.ReadDir("explain")
	if err != nil {
		panic(err) // it is part of the program
	}
	var out []explanation
	for _, entry := range entries {
		src, err := explainFiles.ReadFile(path.Join("explain", entry.Name()))
		if err != nil {
			panic(err)
		}
		out = append(out, parseExplanation(strings.TrimSuffix(entry.Name(), ".txtar"), src))
	}
	return out
})

// parseExplanation reads a file of explain/: a line such as "diagnostic: what
// happened", a text, and the files of the examples.
func parseExplanation(code string, src []byte) explanation {
	archive := txtar.Parse(src)
	first, text, _ := strings.Cut(string(archive.Comment), "\n")
	kinds, summary, _ := strings.Cut(first, ": ")
	return explanation{code: code, kinds: kinds, summary: summary, text: strings.TrimSpace(text), files: archive.Files}
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE…]",
		Short: "Say what the code of a mistake or of a reject means, and what to do",
		Long: `Say what the code of a mistake or of a reject means, and what to do, with a wrong
and a right example. Codes stand in what check --json prints and in the lines of
reject files.`,
		Example: `  pipeline explain
  pipeline explain unknown-name`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listCodes()
			}
			return a.explain(args)
		},
	}
}

// listCodes prints a line for each code: mistakes first, then rejects.
func (a *app) listCodes() error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	list := func(title string, has func(explanation) bool) {
		fmt.Fprintln(w, title)
		for _, e := range explanations() {
			if has(e) {
				fmt.Fprintf(w, "  %s\t%s\n", e.code, e.summary)
			}
		}
	}
	list("mistakes in mappings and the files they name", explanation.diagnostic)
	list("rejects: records that were kept out", explanation.reject)
	return w.Flush()
}

func (a *app) explain(codes []string) error {
	var found []explanation
	for _, code := range codes {
		e, err := explanationOf(code)
		if err != nil {
			return err
		}
		found = append(found, e)
	}
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := e.print(a.stdout); err != nil {
			return err
		}
	}
	return nil
}

func explanationOf(code string) (explanation, error) {
	var names []string
	for _, e := range explanations() {
		if e.code == code {
			return e, nil
		}
		names = append(names, e.code)
	}
	if near := diag.Suggest(code, names); near != "" {
		return explanation{}, usage("there is no code %q; did you mean %s?", code, near)
	}
	return explanation{}, usage("there is no code %q; see them all: pipeline explain", code)
}

// print writes e for people.
func (e explanation) print(w io.Writer) error {
	of := map[string]string{"diagnostic": "a mistake in a file", "reject": "a reject"}[e.kinds]
	if of == "" {
		of = "a mistake in a file, or a reject"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n\n%s\n", e.code, of, e.summary, e.text)
	for _, f := range e.files {
		fmt.Fprintf(&b, "\n%s\n", f.Name)
		for line := range strings.Lines(string(f.Data)) {
			b.WriteString("  │ " + line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shownCodes is how many codes the line below the diagnostics names.
const shownCodes = 3

// askExplain is the line below diagnostics that says how to learn more, empty
// where there are none.
func askExplain(list diag.List) string {
	var codes []string
	for _, d := range list {
		if !slices.Contains(codes, d.Code) {
			codes = append(codes, d.Code)
		}
	}
	if len(codes) == 0 {
		return ""
	}
	return "\nto learn more: pipeline explain " + strings.Join(codes[:min(len(codes), shownCodes)], " ") + "\n"
}
