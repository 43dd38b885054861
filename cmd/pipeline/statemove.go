package main

// statemove.go: the state of a mapping on its way to another machine.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

func (a *app) stateExport() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the state as a tar to stdout, to move a mapping to another machine",
		Long: `Write the state of a mapping as a tar to stdout: how far incremental runs got, and
runs of what was pushed; the ledger, which has the keys of rows and a hash of each;
and the versions of records, by hashes of their keys. Tapes, which hold people's
data, are left out unless --tapes is said. The reject file is an output, and is not
part of it. Nor is the store of pipeline serve: pushes that are not mapped yet, and
requests that are not delivered.`,
		Example: `  pipeline state export mappings/gevme-attendees.yaml > state.tar`,
	}
	cmd.Flags().BoolVar(&f.tapes, "tapes", false, "with the tapes, which hold people's data")
	return a.stateVerb(cmd, &f, "FILE", func(c checked, dir string, _ []string) error {
		if terminalOf(a.stdout).tty {
			return usage("export writes a tar, which is nothing for a terminal; send it to a file: pipeline state export %s%s > state.tar", diag.ShellWord(c.file), f.places())
		}
		if err := c.plan.Export(cmd.Context(), dir, f.tapes, a.stdout); err != nil {
			return err
		}
		if !f.tapes && c.plan.Remote() {
			fmt.Fprintf(a.stderr, "%s: tapes, which hold people's data, were left out; --tapes takes them along\n", c.plan.Name())
		}
		if servedIn(filepath.Dir(dir)) && (c.plan.Push() != nil || len(c.plan.RowTargets()) > 0) {
			fmt.Fprintf(a.stderr, "%s: the store of pipeline serve was left out; what in it is not mapped or not delivered yet is so only there (docs/running.md)\n", c.plan.Name())
		}
		return nil
	})
}

func (a *app) stateImport() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:   "import FILE ARCHIVE",
		Short: "Take over the state that export wrote on another machine",
		Long: `Take over the state of a mapping that export wrote on another machine. What is in
the archive replaces what is there; the change is shown, and made after a yes.
Do not run the mapping on both machines: each would fetch and deliver what the
other has.`,
		Example: `  pipeline state import mappings/gevme-attendees.yaml state.tar`,
	}
	cmd.Flags().BoolVar(&f.yes, "yes", false, "make the change without asking")
	cmd = a.stateVerb(cmd, &f, "FILE ARCHIVE", func(c checked, dir string, args []string) error {
		return a.importState(cmd.Context(), c, dir, args[1], f)
	})
	cmd.ValidArgsFunction = nil // an archive is any file
	return cmd
}

func (a *app) importState(ctx context.Context, c checked, dir, archive string, f stateFlags) (err error) {
	in, err := os.Open(archive)
	if err != nil {
		return usage("cannot read %s: %s", archive, reason(err))
	}
	defer func() { _ = in.Close() }() // only read
	release, err := pipeline.HoldState(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	imported, err := c.plan.OpenImport(ctx, dir, in)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	if err := a.showImport(ctx, c, dir, imported); err != nil {
		return errors.Join(err, imported.Abort())
	}
	if err := a.confirm(f.yes); err != nil {
		return errors.Join(err, imported.Abort())
	}
	if err := imported.Commit(); err != nil {
		return errors.Join(err, imported.Abort())
	}
	next := "run " + diag.ShellWord(c.file)
	if c.plan.PushOnly() {
		next = "serve " + diag.ShellWord(filepath.Dir(c.file))
	}
	_, err = fmt.Fprintf(a.stdout, "done; next: pipeline %s%s\n", next, f.places())
	return err
}

// showImport says what an import replaces.
func (a *app) showImport(ctx context.Context, c checked, dir string, imported *pipeline.Import) error {
	before, err := c.plan.Kept(ctx, dir, "")
	if err != nil {
		return err
	}
	has := func(name string) bool { return slices.Contains(imported.Files, name) }
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s, exported %s\n", c.plan.Name(), moment(imported.Exported))
	if has(pipeline.PositionFile) {
		fmt.Fprintf(w, "  position\t%s -> %s\n", positionWords(before.Position), positionWords(imported.Position))
	}
	if imported.HasPushes() {
		fmt.Fprintf(w, "  pushes\t%s -> %s\n", pushWords(before.Pushed), pushWords(imported.Pushed))
	}
	if has(pipeline.VersionsFile) {
		fmt.Fprintf(w, "  versions\t%s -> %s\n", versionWords(before.Versions), versionWords(imported.Versions))
	}
	if has(pipeline.LedgerFile) {
		for _, r := range bothReceivers(before.Receivers, imported.Receivers) {
			fmt.Fprintf(w, "  ledger\t%s: %s -> %s\n", r.name, diag.Count(r.before, "row"), diag.Count(r.after, "row"))
		}
	}
	for _, name := range imported.Files {
		if strings.HasSuffix(name, ".tape") {
			fmt.Fprintf(w, "  tape\t%s\n", name)
		}
	}
	if len(imported.Files) == 0 {
		fmt.Fprintf(w, "  nothing is in it\n")
	}
	return w.Flush()
}

func positionWords(t *time.Time) string {
	if t == nil {
		return "none"
	}
	return moment(*t)
}

// receiverChange is how many rows a receiver has before and after an import.
type receiverChange struct {
	name          string
	before, after int
}

func bothReceivers(before, after []pipeline.Receiver) (changes []receiverChange) {
	at := func(name string) *receiverChange {
		for i := range changes {
			if changes[i].name == name {
				return &changes[i]
			}
		}
		changes = append(changes, receiverChange{name: name})
		return &changes[len(changes)-1]
	}
	for _, r := range before {
		at(receiverName(r)).before += r.Rows
	}
	for _, r := range after {
		at(receiverName(r)).after += r.Rows
	}
	return changes
}
