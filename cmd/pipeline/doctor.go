package main

// doctor.go: is this machine one that pipeline serve can rely on? Each check says
// what it found, and what to do where that is not right.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline/diag"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	state           string
	listen          string
	cert, key, ca   string
	online, machine bool
}

// doctorTime is how long all checks may take; none of them takes long on a machine
// that is well.
const doctorTime = time.Minute

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "Check whether this machine is one that pipeline serve can rely on",
		Long: `Check whether this machine is one that pipeline serve can rely on: the state folder
(is it private, is there room, how long does the disk take, do locks work on it),
the mappings of DIR (without it, of this folder) and their credentials, the port,
a serve that is running, the engine's store, the history, time, limits, and
certificates where they are named. It can be run beside a serve that is running, and
changes nothing.

No call is made but to a serve on this machine; with --online, one to each platform
that the mappings read from, to compare clocks.

Exit codes: 0 nothing is wrong, 1 something is.`,
		Example: `  pipeline doctor mappings/
  pipeline doctor mappings/ --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("doctor takes one folder, as in: pipeline doctor mappings/")
			}
			return nil
		},
		ValidArgsFunction: once(folders),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (f.cert == "") != (f.key == "") {
				return usage("--tls-cert and --tls-key go together")
			}
			return a.doctor(cmd.Context(), cmp.Or(strings.Join(args, ""), "."), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.state, "state", "", "the state folder `DIR`, if serve is given --state DIR")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8600", "the `ADDRESS` that serve is given")
	flags.StringVar(&f.cert, "tls-cert", "", "a certificate `FILE` to look at")
	flags.StringVar(&f.key, "tls-key", "", "the `FILE` with its key")
	flags.StringVar(&f.ca, "tls-ca", "", "the `FILE` with the certificates that sign those of the other nodes")
	flags.BoolVar(&f.online, "online", false, "compare the clock with that of the platforms, one call to each")
	flags.BoolVar(&f.machine, "json", false, "print one JSON object")
	completeFlag(cmd, "state", folders)
	completeFlag(cmd, "listen", words())
	return cmd
}

// The words of a finding.
const (
	findingOK    = "ok"
	findingWarn  = "warn"
	findingWrong = "wrong"
)

// finding is what one check says.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warn or wrong
	Text   string `json:"text"`
	Fix    string `json:"fix,omitempty"` // what to do
}

// patient is what doctor looks at.
type patient struct {
	*app
	dir, state string // the folder that is served, and its state folder
	flags      doctorFlags
	all        []checked // its mappings
	running    bool      // a serve answers
	findings   []finding
}

func (p *patient) ok(check, format string, args ...any) {
	p.findings = append(p.findings, finding{check, findingOK, fmt.Sprintf(format, args...), ""})
}

func (p *patient) warn(check, fix, format string, args ...any) {
	p.findings = append(p.findings, finding{check, findingWarn, fmt.Sprintf(format, args...), fix})
}

func (p *patient) wrong(check, fix, format string, args ...any) {
	p.findings = append(p.findings, finding{check, findingWrong, fmt.Sprintf(format, args...), fix})
}

func (a *app) doctor(ctx context.Context, dir string, f doctorFlags) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usage("%s is no folder; doctor takes the one that serve is given, as in: pipeline doctor mappings/", dir)
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	p := &patient{app: a, dir: dir, state: filepath.Dir(serveFolder(f.state, dir)), flags: f}
	for _, check := range []func(context.Context){
		p.stateFolder, p.disk, p.mappings, p.credentials, p.serving, p.store, p.past, p.clock, p.files, p.certificates,
	} {
		check(ctx)
	}
	count := map[string]int{}
	for _, found := range p.findings {
		count[found.Result]++
	}
	var err error
	if f.machine {
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		err = out.Encode(map[string]any{"ok": count[findingWrong] == 0, "findings": p.findings})
	} else {
		_, err = fmt.Fprint(a.stdout, p.text(), diag.Count(len(p.findings), "finding"), fmt.Sprintf(": %s, %d wrong\n", diag.Count(count[findingWarn], "warning"), count[findingWrong]))
	}
	if err == nil && count[findingWrong] > 0 {
		err = exitCode(exitFailed)
	}
	return err
}

// text is a line for each finding, and one for what to do.
func (p *patient) text() string {
	t := terminalOf(p.stdout)
	colours := map[string]string{findingOK: green, findingWarn: yellow, findingWrong: red}
	var b strings.Builder
	for _, f := range p.findings {
		fmt.Fprintf(&b, "%s %-12s %s\n", t.paint(colours[f.Result], fmt.Sprintf("%-6s", f.Result)), f.Check, f.Text)
		if f.Fix != "" {
			fmt.Fprintf(&b, "%19s fix: %s\n", "", f.Fix)
		}
	}
	return b.String()
}
