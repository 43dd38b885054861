package main

// servestate.go: the small things that serve keeps: its token, and the engine.

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
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
	return token, name, pipeline.WriteFile(name, []byte(token+"\n"), 0o600)
}

// serveAddress is how other commands of this user reach a serve that runs.
type serveAddress struct {
	URL string `json:"url"`
}

// addressFile is where it is kept.
func addressFile(place string) string { return filepath.Join(place, "address.json") }

// keepAddress keeps where this serve answers. A listener on all addresses answers on
// this machine's own.
func (f serveFlags) keepAddress(at net.Addr) error {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	src, err := json.Marshal(serveAddress{URL: f.scheme() + "://" + net.JoinHostPort(host, port)})
	if err != nil {
		return err
	}
	return pipeline.WriteFile(addressFile(f.place()), append(src, '\n'), 0o600)
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
