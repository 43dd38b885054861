package main

// docs.go: the request pack, as files.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
	"pipeline/pipeline/handover"
)

// docsFlags are the flags of docs.
type docsFlags struct {
	html, markdown string // paths; - is stdout
	date, schedule string
}

func (a *app) docsCommand() *cobra.Command {
	var f docsFlags
	cmd := &cobra.Command{
		Use:   "docs FILE",
		Short: "Write the request pack of a mapping: what a platform asks for before it grants an integration",
		Long: `Write the request pack of a mapping, which a platform asks for before it grants
an integration: objective, data flow diagram, detailed requirements (every column
with meaning, type, source, rules and examples), limits, security and personal
data, and the golden cases as use cases and acceptance tests to sign.

It is one HTML page that needs nothing else and prints well, and the same as
Markdown. Without --html and --markdown both are written into the working
directory. The same mapping gives the same bytes; nothing of the environment, of
kept records or of credentials is in it. The cases have to pass: a pack that
promised what the mapping does not do would be worse than none.`,
		Example: `  pipeline docs mappings/gevme-attendees.yaml

  # one of them, under another name, with what a mapping cannot know
  pipeline docs --html request.html --date 2026-03-01 --schedule nightly mappings/gevme-attendees.yaml

  # to stdout
  pipeline docs --markdown - mappings/gevme-attendees.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("docs takes one mapping, found %d", len(args))
			}
			return files(cmd, args)
		},
		ValidArgsFunction: once(mappingFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch _, err := time.Parse(time.DateOnly, f.date); {
			case f.date != "" && err != nil:
				return usage("--date takes a day such as 2026-03-01")
			case f.html != "" && f.html == f.markdown:
				return usage("--html and --markdown both write to %s; give each a file of its own", f.html)
			}
			return a.docs(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.html, "html", "", "write the page to `FILE`; - is stdout (default NAME-integration.html)")
	flags.StringVar(&f.markdown, "markdown", "", "write Markdown to `FILE`; - is stdout (default NAME-integration.md)")
	flags.StringVar(&f.date, "date", "", "date of the document, such as 2026-03-01; without it there is none")
	flags.StringVar(&f.schedule, "schedule", "", "how often the mapping runs, `WORDS` such as \"every night at 02:00\"; without it there is a line to fill in")
	return cmd
}

func (a *app) docs(ctx context.Context, mapping string, f docsFlags) error {
	pack, err := a.pack(ctx, mapping, f)
	if err != nil {
		return err
	}
	if f.html == "" && f.markdown == "" {
		f.html, f.markdown = pack.Name+"-integration.html", pack.Name+"-integration.md"
	}
	for _, out := range []struct {
		path  string
		write func(io.Writer) error
	}{{f.html, pack.HTML}, {f.markdown, pack.Markdown}} {
		if out.path == "" {
			continue
		}
		var text bytes.Buffer
		if err := out.write(&text); err != nil {
			return fmt.Errorf("write the request pack: %w", err)
		}
		if err := a.writeDocument(out.path, text.Bytes()); err != nil {
			return err
		}
	}
	for _, missing := range pack.Missing() {
		fmt.Fprintf(a.stderr, "%s: %s\n", mapping, missing)
	}
	return nil
}

// writeDocument puts a document where it was asked for, whole, and says so.
func (a *app) writeDocument(path string, text []byte) error {
	if path == "-" {
		_, err := a.stdout.Write(text)
		return err
	}
	if err := pipeline.WriteFile(path, text, 0); err != nil {
		return fmt.Errorf("write the request pack: %w", err)
	}
	fmt.Fprintf(a.stderr, "wrote %s\n", path)
	return nil
}

// pack is the request pack of a mapping whose cases pass.
func (a *app) pack(ctx context.Context, mapping string, f docsFlags) (*handover.Pack, error) {
	if info, err := os.Stat(mapping); err == nil && info.IsDir() {
		return nil, usage("%s is a folder; docs takes one mapping", mapping)
	}
	all := &pipeline.Files{Read: readFile, Stat: readable, Near: nearFile, Seen: diag.Files{}}
	suite, diags := golden.Load(mapping, all, a.registry)
	if err := diag.Text(a.stderr, diags, all.Seen, a.colour()); err != nil {
		return nil, err
	}
	if suite == nil {
		return nil, exitCode(exitWrong)
	}
	var scenarios []*golden.Scenario
	var failed []string
	for _, file := range suite.Cases {
		result := suite.Run(ctx, file)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !result.OK() {
			failed = append(failed, result.Name)
			continue
		}
		scenario, err := suite.Scenario(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		scenarios = append(scenarios, scenario)
	}
	if len(failed) > 0 {
		verb := "fail"
		if len(failed) == 1 {
			verb = "fails"
		}
		return nil, fmt.Errorf("%s: the pack would promise what the mapping does not do: %s of its golden cases %s (%s); see: pipeline test %[1]s",
			mapping, diag.Thousands(len(failed)), verb, strings.Join(failed, ", "))
	}
	about := handover.About{Mapping: filepath.ToSlash(mapping), Date: f.date, Schedule: f.schedule}
	return handover.Make(about, suite.Plan(), scenarios, suite.Coverage()), nil
}
