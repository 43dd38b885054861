package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/ledger"
	"pipeline/pipeline/tape"
)

func (a *app) purgeCommand() *cobra.Command {
	var state string
	var deliveries bool
	cmd := &cobra.Command{
		Use:   "purge FILE…",
		Short: "Remove the tapes: what runs have fetched and keep, which is people's data",
		Long: `Remove the tapes of mappings: the answers of the platform as they were fetched,
which hold people's data. An interrupted run can then not be gone on with, and
nothing can be replayed. Tapes are also removed by themselves: the next complete
run replaces that of the last one, and none is kept for more than 7 days.

The ledger, which has the keys of rows that webhooks were given, stays unless
--deliveries is said. The reject file, which holds people's data too, is an
output and stays. pipeline state show says what is kept.`,
		Example: `  pipeline purge mappings/gevme-attendees.yaml`,
		Args:    files,

		ValidArgsFunction: mappingFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.purge(args, state, deliveries)
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the state folder `DIR`, if run was given --state DIR")
	cmd.Flags().BoolVar(&deliveries, "deliveries", false, "also forget what receivers were given; the next run gives them everything again")
	completeFlag(cmd, "state", folders)
	return cmd
}

func (a *app) purge(args []string, state string, deliveries bool) error {
	all, files := a.check(args, state)
	for _, c := range all {
		name := ""
		if c.plan != nil {
			name = c.plan.Name()
		} else if base := filepath.Base(c.file); isYAML(base) {
			// a mapping that is wrong may still have left something behind
			name = base[:len(base)-len(filepath.Ext(base))]
		}
		if _, err := files.Open(c.file); err != nil {
			return usage("cannot read %s: %s", c.file, reason(err))
		}
		if err := a.purgeFolder(name, filepath.Join(stateFolder(state, c.file), name), deliveries); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) purgeFolder(name, dir string, deliveries bool) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		_, err := fmt.Fprintf(a.stdout, "%s: nothing was kept\n", name)
		return err
	}
	store, err := tape.Open(dir)
	if err != nil {
		return err
	}
	bytes, err := store.Purge()
	copies, failed := pipeline.PurgeCopies(dir)
	bytes, err = bytes+copies, errors.Join(err, failed)
	if deliveries {
		removed, failed := ledger.Remove(filepath.Join(dir, pipeline.LedgerFile))
		bytes, err = bytes+removed, errors.Join(err, failed)
	}
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	if bytes == 0 {
		_, err = fmt.Fprintf(a.stdout, "%s: there was nothing to remove\n", name)
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s bytes removed from %s\n", name, diag.Thousands(int(bytes)), dir)
	return err
}
