package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

func (a *app) connectorsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "connectors [NAME]",
		Short: "List sources and sinks, or the options of one",
		Example: `  pipeline connectors
  pipeline connectors gevme`,
		Long: `List sources and sinks, or the options of one: of a connector by its name, or of
the one that a file declares, ./x.yaml.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: once(a.connectorNames),
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
	if isYAML(name) {
		c, err := a.declared(name)
		if err != nil {
			return err
		}
		return describeSource(a.stdout, c)
	}
	source, isSource := a.registry.Source(name)
	if isSource {
		if err := describeSource(a.stdout, source); err != nil {
			return err
		}
	}
	if sink, isSink := a.registry.Sink(name); isSink {
		if isSource {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "%s, a sink: %s\n\n", sink.Name, sink.Summary)
		return describeOptions(a.stdout, sink.Options)
	}
	if isSource {
		return nil
	}
	var names []string
	for _, c := range a.registry.Sources {
		names = append(names, c.Name)
	}
	for _, c := range a.registry.Sinks {
		if _, twice := a.registry.Source(c.Name); !twice {
			names = append(names, c.Name)
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
	if err := describeOptions(out, c.Options); err != nil || !c.Remote {
		return err
	}
	fmt.Fprintf(out, "\ncredentials\n  PIPELINE_<CONNECTION>_TOKEN, an access token of the platform; for the connection %s: %s\n  else what was stored by: pipeline auth login %s --connection %s\n", c.Name, rest.TokenVariable(c.Name), c.Name, c.Name)
	for _, s := range c.Streams {
		if err := describeRecord(out, s); err != nil {
			return err
		}
	}
	return nil
}

// describeRecord lists the names that expressions can use.
func describeRecord(out io.Writer, s pipeline.Stream) error {
	if s.Schema.Name == "" {
		return nil
	}
	compiled, diags := schema.Compile(s.Schema.Name, s.Schema.Text, nil)
	if diags.HasErrors() {
		return fmt.Errorf("read %s: %s", s.Schema.Name, diags[0].Message)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nnames in a record of %s (from %s)\n", s.Name, s.Schema.Name)
	describeShape(w, "  ", compiled.Shape())
	return w.Flush()
}

func describeShape(w io.Writer, prefix string, shape *value.Shape) {
	for _, f := range shape.Fields {
		kind := f.Shape.Type().String()
		if f.Shape.Kind == value.JSON && len(f.Shape.Fields) > 0 {
			kind = "object"
		}
		if f.Shape.Nullable {
			kind += " or null"
		}
		doc, _, _ := strings.Cut(f.Shape.Doc, ". ")
		fmt.Fprintf(w, "%s%s\t%s\t%s\n", prefix, f.Name, kind, strings.TrimSuffix(doc, "."))
		describeShape(w, prefix+f.Name+".", f.Shape)
		if f.Shape.Elem != nil {
			describeShape(w, prefix+f.Name+"[].", f.Shape.Elem)
		}
	}
}

func describeOptions(out io.Writer, options []pipeline.Option) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "options")
	listOptions(w, "  ", options)
	return w.Flush()
}

// listOptions lists options, those of groups below them.
func listOptions(w io.Writer, prefix string, options []pipeline.Option) {
	for _, o := range options {
		fmt.Fprintf(w, "%s%s\t%s\t%s\n", prefix, o.Name, optionType(o), o.Doc)
		listOptions(w, prefix+o.Name+".", o.Group)
	}
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
