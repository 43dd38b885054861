package main

// engine.go: the engine of serve, for whoever runs it: whether everything is still
// there, a move from one machine to a cluster, a node without work, certificates.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/jetstream"
)

// engineFlags say which engine: alone, a node of a cluster, or one that exists.
type engineFlags struct {
	cluster, node, certs string
	nats, natsCreds      string
	natsMonitor          []string
	acceptLazySync       bool
}

// add gives a command the flags.
func (f *engineFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.cluster, "cluster", "", "be one of these `NODES`: 3 or 5 of HOST, HOST:PORT or NAME=HOST:PORT, with commas")
	flags.StringVar(&f.node, "node", "", "the `NAME` of this node; else the one that this machine is called")
	flags.StringVar(&f.certs, "certs", "", "the folder `DIR` with ca.pem, NAME.pem and NAME.key, from pipeline engine certs")
	flags.StringVar(&f.nats, "nats", "", "use the NATS cluster at `URL`")
	flags.StringVar(&f.natsCreds, "nats-creds", "", "log in to it with the credentials in `FILE`")
	flags.StringSliceVar(&f.natsMonitor, "nats-monitor", nil, "the monitoring `URL` of each of its servers, which says how it keeps data")
	flags.BoolVar(&f.acceptLazySync, "accept-lazy-fsync", false, "use it even if it may lose what it acknowledged")
	for _, flag := range []string{"cluster", "node", "nats", "nats-monitor"} {
		completeFlag(cmd, flag, words())
	}
	completeFlag(cmd, "certs", folders)
}

// config is the engine that the flags name, kept in dir where it is kept here.
func (f engineFlags) config(dir string, log *slog.Logger) (jetstream.Config, error) {
	c := jetstream.Config{Dir: dir, Log: log, Version: version()}
	switch {
	case f.nats != "" && f.cluster != "":
		return c, usage("--nats is a cluster that exists and --cluster is one of our own: say one of them")
	case f.nats != "":
		c.URL, c.CredentialsFile, c.Monitor, c.AcceptLazySync = f.nats, f.natsCreds, f.natsMonitor, f.acceptLazySync
		return c, nil
	case f.cluster == "":
		if f.node != "" || f.certs != "" {
			return c, usage("--node and --certs are for a node of a cluster: name its nodes with --cluster")
		}
		return c, nil
	}
	var err error
	if c.Peers, err = jetstream.ParsePeers(f.cluster); err != nil {
		return c, usage("--cluster: %v", err)
	}
	if c.Node = f.node; c.Node == "" {
		c.Node, _ = os.Hostname()
	}
	var names []string
	for _, p := range c.Peers {
		names = append(names, p.Name)
	}
	if !slices.Contains(names, c.Node) {
		return c, usage("this node is %s, and the cluster is %s: say which of them it is with --node NAME", c.Node, strings.Join(names, ", "))
	}
	if f.certs == "" {
		return c, usage("a cluster needs certificates: make them once with pipeline engine certs %s --out DIR, copy to each node what is its own, and say --certs DIR", diag.ShellWord(f.cluster))
	}
	in := func(name string) string { return filepath.Join(f.certs, name) }
	c.TLS = jetstream.TLS{CertFile: in(c.Node + ".pem"), KeyFile: in(c.Node + ".key"), CAFile: in(jetstream.CAName + ".pem")}
	return c, nil
}

// engineFolder is where the engine of a served folder is kept; a folder that is one
// of an engine is taken as it is.
func engineFolder(dir, state string) string {
	if state == "" && jetstream.IsStore(dir) {
		return dir
	}
	state = cmp.Or(state, os.Getenv("PIPELINE_STATE"), filepath.Join(dir, ".pipeline"))
	return filepath.Join(state, "serve", "engine")
}

func (a *app) engineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Look after the store of pipeline serve: audit, cluster, certificates",
		Long: `Look after what pipeline serve keeps its work in: whether everything that it
acknowledged is still there, a cluster of nodes that keep copies of it, and the
move from one to the other.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("engine has no %q; it has audit, migrate, join and certs", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.engineAudit(), a.engineMigrate(), a.engineJoin(), a.engineCerts())
	return cmd
}

func (a *app) engineAudit() *cobra.Command {
	var state string
	var asJSON, accept bool
	cmd := &cobra.Command{
		Use:   "audit [DIR]",
		Short: "Say whether everything that was acknowledged is still there",
		Long: `Say whether everything that pipeline serve acknowledged is still there: read all
of this node's files and compare them with their checksums, look for holes in the
logs, and compare the copies of the nodes of a cluster. DIR is the folder that is
served, and may be in use: serve does the same by itself, every minute. The exit
code is 1 if something is missing.`,
		Example: `  pipeline engine audit mappings
  pipeline engine audit mappings --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: once(folders),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.audit(cmd.Context(), engineFolder(dir, state), asJSON, accept)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "the state folder `DIR`, if serve was given --state DIR")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	flags.BoolVar(&accept, "accept", false, "say no more of losses that were found before and cannot be mended")
	completeFlag(cmd, "state", folders)
	return cmd
}

func (a *app) audit(ctx context.Context, dir string, asJSON, accept bool) error {
	if !jetstream.IsStore(dir) {
		return usage("%s has no store: name the folder that pipeline serve serves, and --state if it was given one", dir)
	}
	if accept {
		if err := jetstream.AcceptLosses(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	began := time.Now()
	r, err := jetstream.AuditStore(ctx, dir, a.engineLog())
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = a.printAudit(r, r.At.Before(began))
	}
	if err == nil && len(r.Problems) > 0 {
		return exitCode(exitFailed)
	}
	return err
}

// printAudit prints a report for people; noted says that its counts are those of an
// earlier one.
func (a *app) printAudit(r jetstream.Report, noted bool) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, l := range r.Logs {
		line := fmt.Sprintf("%s\t%s\t%s of %s", l.Log, diag.Count(int(l.Messages), "message"), storeSize(l.Bytes), storeSize(l.Most))
		for _, c := range l.Copies {
			if len(l.Copies) > 1 {
				line += fmt.Sprintf("\t%s: %s", c.Node, diag.Thousands(int(c.Messages)))
			}
		}
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if noted && !r.At.IsZero() {
		fmt.Fprintf(a.stdout, "counted at %s, by the serve that is running\n", r.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	fmt.Fprintf(a.stdout, "%s read and compared with their checksums\n", storeSize(uint64(r.Read)))
	if len(r.Problems) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing is missing")
		return err
	}
	for _, p := range r.Problems {
		fmt.Fprintf(a.stdout, "problem: %s\n", p)
	}
	return nil
}

func storeSize(n uint64) string {
	const mb = 1_000_000
	if n < 10*mb {
		return fmt.Sprintf("%.1f MB", float64(n)/mb)
	}
	return diag.Thousands(int(n/mb)) + " MB"
}

func (a *app) engineMigrate() *cobra.Command {
	var f engineFlags
	var from, to string
	cmd := &cobra.Command{
		Use:   "migrate --from DIR (--to DIR --cluster NODES | --nats URL)",
		Short: "Move what one pipeline serve kept into a cluster",
		Long: `Move what one pipeline serve kept into a cluster, or into a NATS cluster that
exists: all messages, each at its place, and all values. serve must run nowhere
meanwhile; the other nodes of the cluster run pipeline engine join. It can be
interrupted and begun again. When both were compared and are equal, the old store
is marked as moved, and stays as it is.`,
		Example: `  pipeline engine migrate --from mappings --to /var/lib/pipeline/engine --cluster a,b,c --node a --certs certs`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case from == "":
				return usage("migrate needs --from DIR, the folder that was served")
			case f.cluster == "" && f.nats == "":
				return usage("migrate needs --cluster NODES or --nats URL: where to move it")
			case f.cluster != "" && to == "":
				return usage("migrate needs --to DIR, where this node of the cluster is going to keep its store")
			}
			return a.migrate(cmd.Context(), engineFolder(from, ""), to, f)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the folder `DIR` that was served, or the engine's in its state folder")
	cmd.Flags().StringVar(&to, "to", "", "the engine's folder `DIR` of this node of the cluster")
	completeFlag(cmd, "from", folders)
	completeFlag(cmd, "to", folders)
	return cmd
}

func (a *app) migrate(ctx context.Context, from, to string, f engineFlags) error {
	config, err := f.config(to, a.engineLog())
	if err != nil {
		return err
	}
	if err := jetstream.CanMigrate(from); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if config.Mode() == jetstream.Cluster {
		fmt.Fprintf(a.stderr, "node %s waits for the other nodes; run there: pipeline engine join\n", config.Node)
	}
	e, err := jetstream.Open(ctx, config)
	if err != nil {
		return err
	}
	last := time.Now()
	done, err := jetstream.Migrate(ctx, from, e, func(n uint64) {
		if time.Since(last) > 10*time.Second {
			last = time.Now()
			fmt.Fprintf(a.stderr, "%s are there\n", diag.Count(int(n), "message"))
		}
	})
	if err := errors.Join(err, e.Close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "moved %s and %s; both stores were compared and are equal\n", diag.Count(int(done.Messages), "message"), diag.Count(done.Values, "value"))
	if done.Holes > 0 {
		fmt.Fprintf(a.stdout, "%s were missing in the old store, and stay so\n", diag.Count(int(done.Holes), "message"))
	}
	_, err = fmt.Fprintf(a.stdout, "%s is marked as moved; remove it when you need it no more\n", from)
	return err
}

func (a *app) engineJoin() *cobra.Command {
	var f engineFlags
	cmd := &cobra.Command{
		Use:   "join DIR --cluster NODES",
		Short: "Be a node of a cluster that keeps copies and runs no mappings",
		Long: `Be a node of a cluster that keeps copies and runs no mappings: for a third machine
that is there so that two others can go on when one of them dies, and while a
store is moved. DIR is where this node keeps its copy, --state of serve with
serve/engine behind it. It runs until it is stopped.`,
		Example: `  pipeline engine join /var/lib/pipeline/engine --cluster a,b,c --node c --certs certs`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("join needs the folder in which this node keeps its copy, as in: pipeline engine join /var/lib/pipeline/engine --cluster a,b,c")
			}
			return nil
		},
		ValidArgsFunction: once(folders),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.cluster == "" {
				return usage("join needs --cluster NODES")
			}
			return a.join(cmd.Context(), args[0], f)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) join(ctx context.Context, dir string, f engineFlags) error {
	config, err := f.config(dir, a.engineLog())
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	fmt.Fprintf(a.stderr, "node %s waits for the other nodes\n", config.Node)
	e, err := jetstream.Open(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return exitCode(exitStopped)
		}
		return err
	}
	fmt.Fprintf(a.stderr, "node %s is in; ctrl-c ends it\n", config.Node)
	<-ctx.Done()
	return e.Close(context.WithoutCancel(ctx))
}

func (a *app) engineCerts() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "certs NODES --out DIR",
		Short: "Make the certificates by which the nodes of a cluster know each other",
		Long: `Make the certificates by which the nodes of a cluster know each other, and a CA
for them alone. NODES is what --cluster of serve is given. Copy to each node ca.pem
and its own two files, and keep ca.key where none of them is: with it, and the same
command, a certificate can be made again after its files were removed.`,
		Example:           `  pipeline engine certs a,b,c --out certs`,
		ValidArgsFunction: words(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("certs needs the nodes, as in: pipeline engine certs a,b,c --out certs")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			peers, err := jetstream.ParsePeers(args[0])
			if err != nil {
				return usage("%v", err)
			}
			if out == "" {
				return usage("certs needs --out DIR, a folder for the certificates and their keys")
			}
			wrote, err := jetstream.MakeCertificates(out, peers, time.Now())
			for _, name := range wrote {
				fmt.Fprintln(a.stdout, name)
			}
			if err == nil && len(wrote) == 0 {
				fmt.Fprintf(a.stdout, "all of them are in %s already\n", out)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the folder `DIR`")
	completeFlag(cmd, "out", folders)
	return cmd
}

// engineLog is what the engine says to somebody at a terminal.
func (a *app) engineLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}
