package main

// sandboxpush.go: the sandbox, pushing.

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"pipeline/connectors/rest"
	"pipeline/pipeline/diag"
)

// pushFlags are the flags of sandbox that are about pushing.
type pushFlags struct {
	url          string
	every        time.Duration
	count, retry int
	options      []string

	with map[string]string // the options
}

func (f *pushFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "push", "", "post registrations to `URL` as they are made; user:password@ in it is basic authentication")
	flags.DurationVar(&f.every, "every", time.Second, "the `TIME` between two pushes, such as 50ms")
	flags.IntVar(&f.count, "push-count", 0, "end after `N` pushes, or stay for who reads where --port is given; 0 goes on until it is stopped")
	flags.IntVar(&f.retry, "push-retry", 0, "try a push that failed `N` times again; platforms that document no second try make none")
	flags.StringArrayVar(&f.options, "option", nil, "option `KEY=VALUE` of the list whose registrations are pushed, such as event=25198085; may be given several times")
}

func (f *pushFlags) check(flags *pflag.FlagSet) error {
	for _, name := range []string{"every", "push-count", "push-retry", "option"} {
		if f.url == "" && flags.Changed(name) {
			return usage("--%s is about pushes, which --push URL makes", name)
		}
	}
	switch {
	case f.every < time.Millisecond:
		return usage("--every takes a time from 1ms, such as 50ms or 2s")
	case f.count < 0 || f.retry < 0:
		return usage("--push-count and --push-retry take a number from 0")
	}
	f.with = map[string]string{}
	for _, text := range f.options {
		name, v, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return usage("--option takes KEY=VALUE, not %q", text)
		}
		f.with[name] = v
	}
	return nil
}

// pushSandbox pushes beside what the sandbox serves, and says what came of it.
func (a *app) pushSandbox(ctx context.Context, listener net.Listener, handler *rest.Sandbox, f pushFlags, stay bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, handler) }()
	told := map[string]bool{}
	s, err := handler.Push(ctx, rest.PushOptions{URL: f.url, Every: f.every, Count: f.count, Retry: f.retry, With: f.with}, func(problem string) {
		if !told[problem] { // the end says how often
			told[problem] = true
			fmt.Fprintf(a.stderr, "a push was not taken: %s\n", problem)
		}
	})
	if err != nil {
		return usage("--push: %v", err)
	}
	a.printPushes(s)
	stopped := ctx.Err() != nil
	if !stay {
		cancel()
	}
	if err := <-served; err != nil || s.Good == s.Sent || stopped {
		return err
	}
	return exitCode(exitFailed)
}

func (a *app) printPushes(s rest.PushSummary) {
	fmt.Fprintf(a.stdout, "pushed %s of %s: %d doubled, %d late, %d updated\n", diag.Count(s.Sent, "time"), diag.Count(s.Distinct, "registration"), s.Doubled, s.Late, s.Updates)
	if s.Unsent > 0 {
		fmt.Fprintf(a.stdout, "%s never pushed: only a pull finds them\n", diag.Count(s.Unsent, "registration"))
	}
	fmt.Fprintf(a.stdout, "%s taken (2xx)", diag.Thousands(s.Good))
	if s.Tries > 0 {
		fmt.Fprintf(a.stdout, " after %s more", diag.Count(s.Tries, "try"))
	}
	for _, problem := range slices.Sorted(maps.Keys(s.Problems)) {
		fmt.Fprintf(a.stdout, ", %d× %s", s.Problems[problem], problem)
	}
	fmt.Fprintln(a.stdout)
}
