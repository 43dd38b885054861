package main

// serve.go: a folder of mappings that run by themselves.

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline/diag"
	srv "pipeline/pipeline/serve"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/observe"
	"pipeline/pipeline/serve/receive"
	"pipeline/pipeline/serve/web"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	listen      string
	state, out  string
	concurrency int
	drain       time.Duration
	log         string
	tlsCert     string
	tlsKey      string
	authHeader  string // names who is logged in, set by a reverse proxy …
	trustProxy  []string
	metricsOpen bool
	alertURL    string
	silentAfter time.Duration
	engine      engineFlags

	dir     string
	proxies []netip.Prefix // … at these addresses
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Run the mappings of a folder by themselves: schedules and pushes",
		Long: `Run the mappings of a folder by themselves: at the times that their schedule:
says, when something is pushed to them, and as often as reconcile: says. It runs
until it is stopped.

The folder is watched. A new or changed mapping is checked whole before it takes
over; a wrong one leaves the one before running, and says what is wrong. A mapping
whose file is gone ends after its run.

What is pushed is on the disk before it is answered with 202. A run that was missed
while nobody was there is caught up once. After a crash or a stop everything goes on
where it was; nothing is lost, and no file has a row twice.

The first SIGINT or SIGTERM lets what is running end the page that it is at, for
--drain at most; the second one leaves at once.

Exit codes: 0 stopped by a signal; 1 the disk, the port or the other nodes do not
let it begin; 2 the command line is wrong; 130 left at once.`,
		Example: `  # the mappings of a folder, with the page on http://127.0.0.1:8600
  pipeline serve mappings

  # for others to push to, and logs for a machine
  pipeline serve mappings --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --log json

  # one of three machines that take over from each other
  pipeline serve mappings --cluster a=10.0.0.1,b=10.0.0.2,c=10.0.0.3 --node a --certs certs`,
		Args:              oneFolder,
		ValidArgsFunction: once(folders),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.dir = args[0]
			if err := f.check(); err != nil {
				return err
			}
			return a.serveFolder(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8600", "answer on `HOST:PORT`: pushes, the page, health, metrics")
	flags.StringVar(&f.state, "state", "", "keep everything in the folder `DIR` (default: PIPELINE_STATE, else .pipeline in the folder of the mappings)")
	flags.StringVar(&f.out, "out", "", "put outputs and rejects into the folder `DIR`, which must exist")
	flags.IntVar(&f.concurrency, "concurrency", 4, "`N` pulls run beside each other, and as many runs of what was pushed")
	flags.DurationVar(&f.drain, "drain", 30*time.Second, "`TIME` that runs have to end in when it is stopped")
	flags.StringVar(&f.log, "log", "", "log lines on stderr: `text|json` (default: text on a terminal, else json)")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "answer with TLS and HTTP/2, with the certificate in `FILE`")
	flags.StringVar(&f.tlsKey, "tls-key", "", "the key of that certificate, in `FILE`")
	flags.StringVar(&f.authHeader, "auth-header", "", "who is logged in is in the header `NAME`, which a reverse proxy sets; needs --trust-proxy")
	flags.StringSliceVar(&f.trustProxy, "trust-proxy", nil, "believe --auth-header from these addresses, as `CIDR,…`")
	flags.BoolVar(&f.metricsOpen, "metrics-open", false, "show /metrics without the token")
	flags.StringVar(&f.alertURL, "alert-url", "", "tell the webhook `URL` what is wrong with a client, and when it is healthy again (default: PIPELINE_ALERT_URL; signed where PIPELINE_ALERT_SECRET is set)")
	flags.DurationVar(&f.silentAfter, "silent-after", 0, "tell too when a source sent nothing for that `TIME`, such as 24h")
	f.engine.add(cmd)
	completeFlag(cmd, "log", words("text", "json"))
	for _, flag := range []string{"state", "out"} {
		completeFlag(cmd, flag, folders)
	}
	for _, flag := range []string{"listen", "concurrency", "drain", "auth-header", "trust-proxy", "alert-url", "silent-after"} {
		completeFlag(cmd, flag, words())
	}
	return cmd
}

func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s needs one folder of mappings, as in: %s mappings", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// check reports what is wrong with the command line.
func (f *serveFlags) check() error {
	switch info, err := os.Stat(f.dir); {
	case errors.Is(err, os.ErrNotExist):
		return usage("there is no folder %s; make it first, or name the one with your mappings", f.dir)
	case err != nil:
		return fmt.Errorf("look at %s: %s", f.dir, reason(err))
	case !info.IsDir():
		return usage("%s is a file; serve takes the folder that it is in", f.dir)
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return usage("--listen takes HOST:PORT, such as 127.0.0.1:8600 or :8600, not %q", f.listen)
	}
	switch {
	case f.concurrency < 1:
		return usage("--concurrency takes a number of runs, from 1")
	case f.drain < 0:
		return usage("--drain takes a time such as 30s")
	case f.silentAfter < 0:
		return usage("--silent-after takes a time such as 24h")
	case f.log != "" && f.log != "text" && f.log != "json":
		return usage("--log is text or json, not %q", f.log)
	case (f.tlsCert == "") != (f.tlsKey == ""):
		return usage("--tls-cert and --tls-key go together")
	case f.authHeader != "" && len(f.trustProxy) == 0:
		return usage("--auth-header is believed only from a proxy that --trust-proxy names: anybody else could set it")
	case f.authHeader == "" && len(f.trustProxy) > 0:
		return usage("--trust-proxy says whose --auth-header is believed; name that header")
	}
	for _, text := range f.trustProxy {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return usage("--trust-proxy takes addresses such as 10.0.0.0/8, or 10.0.0.7/32 for one, not %q", text)
		}
		f.proxies = append(f.proxies, prefix)
	}
	_, err := f.engine.config("", nil)
	return err
}

// logger is where the log goes.
func (a *app) logger(f serveFlags) (*slog.Logger, error) {
	format := f.log
	if format == "" && terminalOf(a.stderr).tty {
		format = "text"
	}
	return observe.NewLog(a.stderr, cmp.Or(format, "json"))
}

// serveFolder serves until a signal comes, or ctx is done.
func (a *app) serveFolder(ctx context.Context, f serveFlags) error {
	config, err := f.tls()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken; another serve may be running, or choose another address with --listen", f.listen)
	case err != nil:
		return fmt.Errorf("listen on %s: %w; choose another address with --listen", f.listen, err)
	}
	defer func() { _ = listener.Close() }() // serving has closed it, where that began
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop, undo := a.signals(func() {})
	defer undo()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	log, err := a.logger(f)
	if err != nil {
		return err
	}
	e, err := f.openEngine(ctx, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := e.Close(context.WithoutCancel(ctx)); err != nil {
			log.Error("the store was not closed well", "error", err.Error())
		}
	}()
	a.engine.ShareLimits(rest.LimitsFolder)
	a.shareCluster(f, e)
	return a.serveOn(ctx, f, listener, config, e, log)
}

// serveOn serves on a listener and an engine.
func (a *app) serveOn(ctx context.Context, f serveFlags, listener net.Listener, config *tls.Config, e engine.Engine, log *slog.Logger) error {
	token, tokenFile, err := serveToken(f.place())
	if err != nil {
		return err
	}
	if err := f.keepAddress(listener.Addr()); err != nil {
		return err
	}
	defer func() { _ = os.Remove(addressFile(f.place())) }() // where it is left nobody answers
	w, err := a.watch(f, e, log)
	if err != nil {
		return err
	}
	working, enough := context.WithCancel(context.WithoutCancel(ctx))
	w.begin(working)
	hooks := receive.New(receive.Options{Engine: e, Seen: w.pushed})
	out := w.deliveries()
	var service *srv.Service
	var greet sync.Once
	service = srv.New(srv.Config{
		Dir: f.dir, Load: a.served(f, out), Engine: e, Alone: f.alone(), Node: f.node(),
		Concurrency: f.concurrency, Drain: f.drain, Log: log, Recorder: w.recorder, Traces: w.traces, Deliveries: out,
		Changed: func(all []srv.Mapping) {
			hooks.Set(hooksOf(all))
			greet.Do(func() { a.greet(ctx, service, f, listener.Addr(), tokenFile) })
		},
	})
	w.service.Store(service)
	site := web.New(web.Config{
		Source: web.Live{Reader: w.reader, Service: service, Deliveries: out.Deliveries, Recorder: w.recorder},
		Token:  token, AuthHeader: f.authHeader, TrustProxy: f.proxies, Status: service.Status(), Log: log,
	})
	var metrics http.Handler = w.metrics
	if !f.metricsOpen {
		metrics = site.Bearer(metrics)
	}
	err = a.answerAndRun(ctx, service, listener, config, srv.Handlers{Hooks: hooks, API: site.API(), Page: site.Page(), Metrics: metrics})
	if errors.Is(err, srv.ErrCut) {
		log.Warn(err.Error())
		err = nil
	}
	enough()
	return errors.Join(err, w.end())
}

// answerAndRun runs the service and answers, until ctx is done.
func (a *app) answerAndRun(ctx context.Context, service *srv.Service, listener net.Listener, config *tls.Config, h srv.Handlers) error {
	answering, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()
	answered := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel() // without it there is no point in going on
		answered <- service.Listen(answering, listener, service.Handler(h), config)
	}()
	err := service.Run(ctx)
	enough()
	return errors.Join(err, <-answered)
}

// hooksOf are the mappings that are pushed to.
func hooksOf(all []srv.Mapping) []receive.Hook {
	var hooks []receive.Hook
	for _, m := range all {
		if p := m.Plan.Push(); p != nil {
			hooks = append(hooks, receive.Hook{Mapping: m.Plan.Name(), Push: p})
		}
	}
	return hooks
}

func (f serveFlags) scheme() string {
	if f.tlsCert != "" {
		return "https"
	}
	return "http"
}

// tls is the certificate to answer with; nil: none.
func (f serveFlags) tls() (*tls.Config, error) {
	if f.tlsCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s and its key %s: %w", f.tlsCert, f.tlsKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// place is where serve keeps what is not a mapping's own.
func (f serveFlags) place() string {
	return filepath.Join(cmp.Or(f.state, os.Getenv("PIPELINE_STATE"), filepath.Join(f.dir, ".pipeline")), "serve")
}

// greet says where everything is, when the mappings were read.
func (a *app) greet(ctx context.Context, s *srv.Service, f serveFlags, at net.Addr, tokenFile string) {
	fmt.Fprintf(a.stdout, "serving the mappings of %s on %s://%s\nthe token for the page and the API is in %s\n", f.dir, f.scheme(), at, tokenFile)
	clients := s.Served()
	if len(clients) == 0 {
		fmt.Fprintf(a.stdout, "there is no mapping (*.yaml) in %s yet; put one there, and it runs\n", f.dir)
	}
	width := 0
	for i, c := range clients {
		clients[i].Name = cmp.Or(c.Name, filepath.Base(c.File))
		width = max(width, len(clients[i].Name))
	}
	for _, c := range clients {
		fmt.Fprintf(a.stdout, "  %-*s  %s\n", width, c.Name, runsBy(c))
	}
	if why := s.Unready(ctx); why != "" {
		fmt.Fprintf(a.stdout, "no push is taken now: %s\n", why)
	}
	fmt.Fprintln(a.stdout, "ctrl-c ends it")
}

// runsBy is what makes a client run, in words.
func runsBy(c srv.Client) string {
	if c.Mapping == nil {
		return fmt.Sprintf("wrong: %s; see: pipeline check %s", c.Why, diag.ShellWord(c.File))
	}
	var by []string
	if c.Schedule != "" {
		by = append(by, "at "+c.Schedule)
	}
	if p := c.Mapping.Plan.Push(); p != nil {
		by = append(by, "when something is pushed to "+shownPath(p.Path))
	}
	if c.Reconcile > 0 {
		by = append(by, "everything every "+c.Reconcile.String())
	}
	if len(by) == 0 {
		return "only by hand: it has neither schedule: nor push:"
	}
	return strings.Join(by, ", ")
}

// shownPath is the path of a hook without what may be the secret of it.
func shownPath(path string) string {
	dir, last := filepath.Split(path)
	if name, _, found := strings.Cut(last, "-"); found {
		return dir + name + "-…"
	}
	return dir + "…"
}
