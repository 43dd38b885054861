package main

// world.go: what a command may touch while it reads records, the part that run
// and the commands that look at records share.

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/term"

	"pipeline/pipeline"
)

// world is what the source of a mapping may touch: the clock, the standard
// streams, and the credentials of its connections.
func (a *app) world(c checked) *pipeline.World {
	return &pipeline.World{
		Now: time.Now(), Stdin: a.stdin, Stdout: a.stdout,
		Token: func(connection string) (pipeline.Token, error) { return a.account(c, connection).token() },
		Renew: func(ctx context.Context, connection string, old pipeline.Token) (pipeline.Token, error) {
			return a.account(c, connection).renew(ctx, old)
		},
	}
}

// enterSandbox makes a run read from the sandbox of its connector instead of from
// the platform. leave ends the sandbox.
func (a *app) enterSandbox(ctx context.Context, plan *pipeline.Plan, o *pipeline.RunOptions) (leave func(), err error) {
	return a.sandboxOf(ctx, plan.Name(), plan.SourceName(), o)
}

// sandboxOf is enterSandbox for a connector of which there is no whole plan.
func (a *app) sandboxOf(ctx context.Context, mapping, connector string, o *pipeline.RunOptions) (leave func(), err error) {
	s, err := a.startSandbox(ctx, mapping, connector)
	if err != nil {
		return nil, err
	}
	o.Override = pipeline.Options{"base_url": s.baseURL}
	o.World.Token = func(string) (pipeline.Token, error) { return s.token, nil }
	o.World.Renew = nil
	return s.close, nil
}

// stateOf is the state folder of one mapping: what its runs keep.
func stateOf(flag string, c checked) string {
	return filepath.Join(stateFolder(flag, c.file), c.plan.Name())
}

// terminal is what w can show. A pipe or a file shows plain text of any width.
type terminal struct {
	tty    bool
	colour bool
	width  int // in columns; 80 where it is not known
}

func terminalOf(w any) terminal {
	t := terminal{width: 80}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		t.width = n
	}
	if v, ok := w.(*view); ok {
		return v.terminal
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return t
	}
	t.tty = true
	t.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
		t.width = n
	}
	return t
}

// The colours that words have on a terminal, each with a meaning.
const (
	bold   = "1"
	dim    = "2"
	red    = "31" // gone, wrong
	green  = "32" // new, right
	yellow = "33" // needs a look
)

// paint is text in a colour, where t shows colours.
func (t terminal) paint(colour, text string) string {
	if !t.colour || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
