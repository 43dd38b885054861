package main

// servestate.go: the small things that serve keeps: its token, and the engine.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/jetstream"
)

// serveToken is the token of the page and the API, made at the first start.
func serveToken(dir string) (token, name string, err error) {
	name = filepath.Join(dir, "token")
	src, err := os.ReadFile(name)
	token = strings.TrimSpace(string(src))
	switch {
	case err == nil && token != "":
		return token, name, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", name, fmt.Errorf("read the token: %w", err)
	}
	if err := pipeline.MakeState(dir); err != nil {
		return "", name, err
	}
	token = rand.Text()
	f, err := pipeline.CreateOutFile(name)
	if err != nil {
		return "", name, err
	}
	f.Mode = 0o600
	if _, err := f.WriteString(token + "\n"); err != nil {
		return "", name, errors.Join(err, f.Abort())
	}
	return token, name, errors.Join(f.Flush(), f.Commit())
}

// openEngine opens what serve keeps its work in.
func (f serveFlags) openEngine(ctx context.Context, log *slog.Logger) (engine.Engine, error) {
	c, err := f.engine.config(filepath.Join(f.place(), "engine"), log)
	if err != nil {
		return nil, err
	}
	if err := pipeline.MakeState(f.place()); err != nil {
		return nil, err
	}
	return jetstream.Open(ctx, c)
}

// alone reports whether no other process uses the engine.
func (f serveFlags) alone() bool { return f.engine.cluster == "" && f.engine.nats == "" }

// node is what this process is called.
func (f serveFlags) node() string {
	host, _ := os.Hostname() // it is for people
	return cmp.Or(f.engine.node, host, "serve")
}
