package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
)

func (a *app) functionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "functions [NAME]",
		Short: "List the functions of expressions, or explain one",
		Example: `  pipeline functions
  pipeline functions answer`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: once(functionNames),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listFunctions()
			}
			return a.showFunction(args[0])
		},
	}
}

func (a *app) listFunctions() error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	group := ""
	for _, f := range expression.Functions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintln(w, group)
		}
		first, _, _ := strings.Cut(f.Doc, ". ")
		fmt.Fprintf(w, "  %s\t%s\n", f.Signature, strings.TrimSuffix(first, "."))
	}
	return w.Flush()
}

func (a *app) showFunction(name string) error {
	var names []string
	for _, f := range expression.Functions() {
		if f.Name == name {
			_, err := fmt.Fprintf(a.stdout, "%s\n  %s\n\n  %s\n  gives %s\n", f.Signature, f.Doc, f.Example, f.Result)
			return err
		}
		names = append(names, f.Name)
	}
	if near := diag.Suggest(name, names); near != "" {
		return usage("there is no function %q; did you mean %s?", name, near)
	}
	return usage("there is no function %q; see them all: pipeline functions", name)
}
