package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pipeline/pipeline/diag"
)

func (a *app) checkCommand() *cobra.Command {
	var asJSON, asSARIF bool
	cmd := &cobra.Command{
		Use:   "check FILE|DIR…",
		Short: "Find the mistakes in mappings, without calling the platform",
		Long: `Find the mistakes in mappings, without calling the platform: keys, options,
names, functions and types, all mistakes of all files at once. run begins with
the same check. Several mappings come as one table; a mistake in a base or a schema
that they share is shown once, with the mappings that it breaks.`,
		Example: `  pipeline check mappings/gevme-attendees.yaml
  pipeline check mappings/
  pipeline check --sarif mappings/ > check.sarif`,
		Args:              files,
		ValidArgsFunction: mappingFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if asJSON && asSARIF {
				return usage("--json and --sarif both write to stdout; choose one")
			}
			return a.checkFiles(args, asJSON, asSARIF)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print diagnostics as one JSON object on stdout")
	cmd.Flags().BoolVar(&asSARIF, "sarif", false, "print diagnostics as SARIF 2.1.0 on stdout, for code scanning")
	return cmd
}

func (a *app) checkFiles(args []string, asJSON, asSARIF bool) error {
	names, err := expandFolders(args)
	if err != nil {
		return err
	}
	all, files := a.check(names, "")
	overlaps(all, files, "", false)
	list := found(all)
	switch {
	case asJSON:
		err = diag.JSON(a.stdout, list, verdicts(all))
	case asSARIF:
		err = diag.SARIF(a.stdout, list, version())
	default:
		if err = diag.Text(a.stderr, list, files.Seen, a.colour()); err == nil {
			fmt.Fprint(a.stderr, askExplain(list))
			err = printVerdicts(a.stdout, verdicts(all))
		}
	}
	if err != nil {
		return err
	}
	if list.HasErrors() {
		return exitCode(exitWrong)
	}
	return nil
}

// counts is "2 errors, 1 warning".
func counts(errors, warnings int) string {
	switch {
	case warnings == 0:
		return diag.Count(errors, "error")
	case errors == 0:
		return diag.Count(warnings, "warning")
	}
	return diag.Count(errors, "error") + ", " + diag.Count(warnings, "warning")
}
