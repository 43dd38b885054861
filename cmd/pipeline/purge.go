package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/jetstream"
)

func (a *app) purgeCommand() *cobra.Command {
	var state string
	var deliveries bool
	cmd := &cobra.Command{
		Use:   "purge FILE…",
		Short: "Remove what runs keep of people: the tapes, and the versions of records",
		Long: `Remove what runs of mappings keep of people. The tapes are the answers of the
platform as they were fetched: without them an interrupted run cannot be gone on
with, and nothing can be replayed. They are also removed by themselves: the next
complete run replaces that of the last one, and none is kept for more than 7 days.
The versions are which state of each record was seen, where records are pushed
and pulled: without them a push that comes late is taken for new, until everything
is pulled the next time.

The ledger, which has the keys of rows that webhooks were given, stays unless
--deliveries is said. The reject file, which holds people's data too, is an
output and stays, and so does how far runs got. pipeline state show says what is
kept.

What pipeline serve was pushed and what it delivers is in its store, which is not
changed here: nothing leaves it but by age. purge says what it has of a mapping.`,
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
		folder := stateFolder(state, c.file)
		if err := a.purgeFolder(name, filepath.Join(folder, name), deliveries); err != nil {
			return err
		}
		if err := a.tellStored(c.plan, name, folder); err != nil {
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
	bytes, err := pipeline.Purge(dir, deliveries)
	if err != nil {
		return err
	}
	if bytes == 0 {
		_, err = fmt.Fprintf(a.stdout, "%s: there was nothing to remove\n", name)
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s bytes removed from %s\n", name, diag.Thousands(int(bytes)), dir)
	return err
}

// tellStored says what the store of a serve that used this state folder may have of a
// mapping, which stays. One that is wrong now may have been pushed to, and have
// delivered.
func (a *app) tellStored(plan *pipeline.Plan, name, folder string) error {
	if !servedIn(folder) {
		return nil
	}
	var has []string
	add := func(log engine.Log, what string) {
		has = append(has, fmt.Sprintf("%s (%d days)", what, int(jetstream.Age(log).Hours()/24)))
	}
	if plan == nil || plan.Push() != nil {
		add(engine.Inbox, "what was pushed")
	}
	if plan == nil || len(plan.RowTargets()) > 0 {
		add(engine.Outbox, "what was to be delivered")
		add(engine.Dead, "what could not be delivered")
	}
	if len(has) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, "%s: the store of pipeline serve keeps %s, each from when it came: nothing leaves the store but by age; docs/running.md says how to be rid of it sooner\n", name, strings.Join(has, ", "))
	return err
}

// servedIn reports whether a pipeline serve has used a state folder.
func servedIn(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "serve"))
	return err == nil
}
