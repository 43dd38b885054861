// Command pipeline moves event registrations into clients' apps, one YAML
// mapping per client. Run it without arguments to see what it can do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	_ "time/tzdata" // time zones of mappings, also where the machine has none

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// The exit codes, the same for every command.
const (
	exitDone     = 0   // all rows were delivered
	exitFailed   = 1   // the world failed: network, disk, credentials, too many rejects
	exitWrong    = 2   // a mapping or the command line is wrong
	exitRejected = 3   // finished and published, some records were rejected
	exitStopped  = 130 // stopped by a signal; the same command goes on
)

func main() {
	// net/http logs what it cannot make sense of, people's data and all; what
	// matters of it comes back as an error
	log.SetOutput(io.Discard)
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program, for tests as well.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	engine := rest.New()
	a := &app{engine: engine, registry: connectors.All(engine), stdin: stdin, stdout: stdout, stderr: stderr}
	if _, ok := stderr.(*os.File); !ok {
		a.stdout, a.stderr = &lockedWriter{w: stdout}, &lockedWriter{w: stderr}
	}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitCode
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintf(stderr, "pipeline: %v\n", err)
	var wrong *usageError
	if errors.As(err, &wrong) || isCobraUsage(err) {
		return exitWrong
	}
	return exitFailed
}

// exitCode ends the program with that code; all was said already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// usageError is a command line that makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// isCobraUsage recognises what cobra itself says about a command line.
func isCobraUsage(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "invalid argument")
}

// lockedWriter lets runs beside each other write to what is no file.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// app is what all commands share.
type app struct {
	engine         *rest.Engine
	registry       *pipeline.Registry
	stdin          io.Reader
	stdout, stderr io.Writer
	view           *view // what stderr is while a run is shown live, else nil
	vault          vault
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pipeline",
		Short: "Move event registrations into clients' apps, one YAML mapping per client",
		Long: `Move event registrations into clients' apps, one YAML mapping per client.

Records stream from a source (a platform or a file) through the expressions of a
mapping, are checked against a JSON Schema, and go to sinks (files or a webhook);
pipeline connectors lists them. What is wrong with a mapping is said before the
first call; a bad record is kept, with the reason, and never delivered.`,
		Example: `  # see the whole thing work, without an account
  pipeline run --sandbox mappings/gevme-attendees.yaml

  # find every mistake of a mapping, without a call
  pipeline check mappings/gevme-attendees.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.runCommand(),
		a.checkCommand(),
		a.testCommand(),
		a.recordCommand(),
		a.initCommand(),
		a.planCommand(),
		a.diffCommand(),
		a.previewCommand(),
		a.discoverCommand(),
		a.docsCommand(),
		a.connectorsCommand(),
		a.functionsCommand(),
		a.explainCommand(),
		a.authCommand(),
		a.sandboxCommand(),
		a.serveCommand(),
		a.rejectsCommand(),
		a.stateCommand(),
		a.purgeCommand(),
		a.engineCommand(),
		a.runsCommand(),
		a.doctorCommand(),
		a.versionCommand(),
		a.completionCommand(root),
	)
	return root
}

// flagError says what is wrong with a flag, and which one may be meant.
func flagError(cmd *cobra.Command, err error) error {
	message := err.Error()
	name, ok := strings.CutPrefix(message, "unknown flag: --")
	if !ok {
		return usage("%s; see: %s --help", strings.Replace(message, "strconv.ParseInt: parsing", "parsing", 1), cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := diag.Suggest(name, names); near != "" {
		return usage("unknown flag --%s; did you mean --%s?", name, near)
	}
	return usage("unknown flag --%s; see: %s --help", name, cmd.CommandPath())
}

// files is the Args of commands that take mappings.
func files(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("%s needs a mapping, as in: %s mappings/gevme-attendees.yaml", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}
