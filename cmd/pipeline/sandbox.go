package main

// sandbox.go: a platform's API on this machine, as a command and inside run.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

func (a *app) sandboxCommand() *cobra.Command {
	var port int
	var o rest.SandboxOptions
	var rate string
	var push pushFlags
	cmd := &cobra.Command{
		Use:   "sandbox NAME",
		Short: "Serve a platform's API on this machine: login, people, paging, limit",
		Long: `Serve a declared connector's API on this machine, made from the same YAML and
schema as the connector: the OAuth login, people with awkward names, paging and
the rate limit. The same seed gives the same bytes. It runs until it is stopped.

Faults happen at the calls that they name, counted from 1: a status from 400 to
599, cut (the answer breaks off), html (a page instead of JSON), slow (three
seconds of silence), repeat (the first page again).

With --push it posts registrations to an address as they are made, as the platform
would: now and then one twice, one late, one that was changed, and one not at all.
It lists no more than what was made up to then.`,
		Example: `  pipeline sandbox gevme --port 8080
  pipeline sandbox gevme --port 8080 --fault 429@2 --fault cut@3

  # a hundred registrations to pipeline serve, twenty a second
  pipeline sandbox gevme --push http://127.0.0.1:8600/hooks/acme-3f9c2b7a4e1d8056cafe91b2d3e4f507 --every 50ms --push-count 100`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: once(a.platformNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("sandbox needs the name of a connector, as in: pipeline sandbox gevme")
			}
			if rate != "" {
				var err error
				if o.Rate, err = pipeline.ParseRate(rate); err != nil {
					return usage("--rate: %v", err)
				}
			}
			if err := push.check(cmd.Flags()); err != nil {
				return err
			}
			return a.serveSandbox(cmd.Context(), args[0], port, o, push)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&port, "port", 0, "listen on 127.0.0.1:`PORT`; 0 takes a free one")
	flags.IntVar(&o.Records, "records", 0, "`N` records in each list; 0 is what the connector declares")
	flags.Uint64Var(&o.Seed, "seed", 0, "other seeds `N` give other people")
	flags.StringVar(&rate, "rate", "", "enforce the limit `RATE`, such as 1000/s, instead of the connector's")
	flags.StringArrayVar(&o.Faults, "fault", nil, "what goes wrong, as `KIND@CALL`; may be given several times")
	push.add(flags)
	for _, flag := range []string{"port", "records", "seed", "rate", "push", "every", "push-count", "push-retry", "option"} {
		completeFlag(cmd, flag, words())
	}
	completeFlag(cmd, "fault", cobra.FixedCompletions([]string{"429@", "503@", "cut@", "html@", "slow@", "repeat@"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	return cmd
}

func (a *app) serveSandbox(ctx context.Context, name string, port int, o rest.SandboxOptions, push pushFlags) error {
	handler, err := a.engine.Sandbox(name, o)
	if err != nil {
		return usage("%v", err)
	}
	if port < 0 || port > 65535 {
		return usage("--port takes a number from 0 to 65535, and %d is none", port)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken; choose another one with --port, or leave it out to get a free one", port)
	} else if err != nil {
		return fmt.Errorf("listen on port %d: %w", port, err)
	}
	base := handler.BaseURL("http://" + listener.Addr().String())
	variable := rest.TokenVariable(name)
	fmt.Fprintf(a.stdout, `the sandbox of %s is at %s
use it from a mapping:
  source: {%s: {base_url: "%s", …}}
with this token (for the connection %s):
  export %s=%s
ctrl-c ends it
`, name, base, name, base, name, variable, handler.Token().Value)

	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if push.url == "" {
		return serve(ctx, listener, handler)
	}
	return a.pushSandbox(ctx, listener, handler, push, port != 0)
}

// serve answers until ctx is done.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // it ends Serve, which reports
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the sandbox: %w", err)
	}
	return nil
}

// sandbox is one inside this process.
type sandbox struct {
	baseURL string
	token   pipeline.Token
	close   func()
}

// startSandbox serves the API of a connector for a mapping, and logs in to it as
// a person would.
func (a *app) startSandbox(ctx context.Context, mapping, name string) (*sandbox, error) {
	handler, err := a.engine.Sandbox(name, rest.SandboxOptions{})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the sandbox: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() { _ = serve(ctx, listener, handler) }() // ends with close; the calls to it report what fails
	s := &sandbox{baseURL: handler.BaseURL("http://" + listener.Addr().String()), close: cancel}
	if s.token, err = a.engine.LoginSandbox(ctx, handler, s.baseURL); err != nil {
		cancel()
		return nil, err
	}
	fmt.Fprintf(a.stderr, "%s: the sandbox of %s is at %s\n", mapping, name, strings.TrimPrefix(s.baseURL, "http://"))
	return s, nil
}
