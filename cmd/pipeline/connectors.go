package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

func (a *app) connectorsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "connectors [NAME]",
		Short: "List sources and sinks, or the options of one",
		Example: `  pipeline connectors
  pipeline connectors gevme`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listConnectors()
			}
			return a.showConnector(args[0])
		},
	}
}

func (a *app) listConnectors() error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "sources")
	for _, c := range a.registry.Sources {
		fmt.Fprintf(w, "  %s\t%s\n", c.Name, c.Summary)
	}
	fmt.Fprintln(w, "sinks")
	for _, c := range a.registry.Sinks {
		fmt.Fprintf(w, "  %s\t%s\n", c.Name, c.Summary)
	}
	return w.Flush()
}

func (a *app) showConnector(name string) error {
	var names []string
	for _, c := range a.registry.Sources {
		if names = append(names, c.Name); c.Name == name {
			return describeSource(a.stdout, c)
		}
	}
	for _, c := range a.registry.Sinks {
		if names = append(names, c.Name); c.Name == name {
			fmt.Fprintf(a.stdout, "%s, a sink: %s\n\n", c.Name, c.Summary)
			return describeOptions(a.stdout, c.Options)
		}
	}
	if near := diag.Suggest(name, names); near != "" {
		return usage("there is no connector %q; did you mean %s?", name, near)
	}
	return usage("there is no connector %q; there are %s", name, strings.Join(names, ", "))
}

func describeSource(out io.Writer, c pipeline.SourceConnector) error {
	fmt.Fprintf(out, "%s, a source: %s\n", c.Name, c.Summary)
	if c.Docs != "" {
		fmt.Fprintf(out, "documented at %s\n", c.Docs)
	}
	if c.Remote {
		fmt.Fprintf(out, "limit %s", c.Limit.Rate)
		if c.Limit.Concurrency > 0 {
			fmt.Fprintf(out, ", %d calls in flight", c.Limit.Concurrency)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
	if c.Remote {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "streams, the first is the default")
		for _, s := range c.Streams {
			fmt.Fprintf(w, "  %s\t%s\n", s.Name, s.Summary)
		}
		fmt.Fprintln(w)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return describeOptions(out, c.Options)
}

func describeOptions(out io.Writer, options []pipeline.Option) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "options")
	for _, o := range options {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", o.Name, optionType(o), o.Doc)
	}
	return w.Flush()
}

// optionType is what an option takes, in a few words.
func optionType(o pipeline.Option) string {
	words := string(o.Type)
	if len(o.Values) > 0 {
		words = strings.Join(o.Values, "|")
	}
	switch {
	case o.Required:
		words += ", required"
	case o.Default != nil && o.Default != "":
		words += fmt.Sprintf(", default %v", o.Default)
	}
	if o.Max > 0 {
		words += fmt.Sprintf(", at most %d", o.Max)
	}
	return words
}
