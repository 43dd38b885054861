package main

// servemappings.go: mappings as serve runs them: what they were made from, the
// world that they run in, and what to do when a run fails.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/credentials"
	"pipeline/pipeline/diag"
	srv "pipeline/pipeline/serve"
)

// served compiles mappings as run does. What sinks of rows have to deliver, out
// delivers.
func (a *app) served(f serveFlags, out *deliveries) srv.Loader {
	return func(names []string) []srv.Mapping {
		all := make([]checked, len(names))
		read := make([]filesRead, len(names))
		files := &pipeline.Files{Seen: diag.Files{}}
		for i, name := range names {
			read[i] = filesRead{content: map[string][]byte{}, there: map[string]bool{}}
			own := read[i].files()
			all[i] = a.checkOne(name, own)
			maps.Copy(files.Seen, own.Seen)
		}
		sameNames(all, f.state)
		samePaths(all)
		if !f.alone() {
			handedOver(all)
		}
		overlaps(all, files, f.out, true)
		mappings := make([]srv.Mapping, len(names))
		for i, c := range all {
			m := a.servedOne(c, f, out)
			m.Reads, m.Needs, m.Hash = read[i].reads(), slices.Sorted(maps.Keys(read[i].there)), read[i].hash(f.dir)
			mappings[i] = m
		}
		return mappings
	}
}

func (a *app) servedOne(c checked, f serveFlags, out *deliveries) srv.Mapping {
	m := srv.Mapping{File: c.file, Plan: c.plan, Diags: c.diags, OutDir: f.out}
	if c.plan == nil {
		return m
	}
	if s := c.plan.Schedule(); s != nil {
		m.Schedule = s
	}
	m.Reconcile, m.Pushed, m.PushOnly = c.plan.Reconcile(), c.plan.Push() != nil, c.plan.PushOnly()
	m.State = stateOf(f.state, c)
	if c.plan.Remote() {
		m.Credential = credentialOf(a.account(c, c.plan.Connection()))
	}
	m.World = func() *pipeline.World {
		world := a.world(c)
		world.OutDir, world.Outbox = f.out, out.Outbox(c.plan.Name())
		token := world.Token
		world.Token = func(connection string) (pipeline.Token, error) {
			a.vault.refresh()
			found, err := token(connection)
			if err != nil {
				err = &noToken{err}
			}
			return found, err
		}
		return world
	}
	m.Advice = func(err error) srv.Advice { return a.adviceOf(c, err) }
	return m
}

// credentialOf names whose calls are counted together, without any secret.
func credentialOf(of account) string {
	sum := sha256.Sum256([]byte(of.c.plan.SourceName() + "\x00" + of.baseURL() + "\x00" + of.connection))
	return hex.EncodeToString(sum[:8])
}

// noToken is why there is no token for a call.
type noToken struct{ error }

func (e *noToken) Unwrap() error { return e.error }

// adviceOf is what to do about the error of a run.
func (a *app) adviceOf(c checked, err error) srv.Advice {
	var many *pipeline.TooManyRejects
	var drifted *pipeline.Drifted
	var call *rest.Error
	var missing *noToken
	switch {
	case errors.As(err, &missing):
		return srv.Advice{Token: true, Next: a.account(c, c.plan.Connection()).toLogIn()}
	case errors.As(err, &call) && call.Reason == rest.LoginAgain:
		return srv.Advice{Token: true, Next: a.account(c, c.plan.Connection()).toLogIn()}
	case errors.As(err, &drifted):
		_, discover := discoverCommand(c, runFlags{})
		return srv.Advice{Mend: true, Next: "take it over: " + discover}
	case errors.As(err, &many):
		return srv.Advice{Mend: true, Next: "mend the mapping " + c.file + ": the next run goes on with what was fetched"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return srv.Advice{Next: "make room on the disk (df -h .): then it goes on by itself"}
	case errors.Is(err, fs.ErrPermission):
		return srv.Advice{Next: "make that place writable: then it goes on by itself"}
	case errors.As(err, &call) && (call.Reason == rest.Unavailable || call.Reason == rest.Limited):
		return srv.Advice{Next: "nothing is lost; it is tried again"}
	}
	return srv.Advice{Next: "pipeline run " + diag.ShellWord(c.file) + " shows it while serve is stopped"}
}

// refresh lets the next token be looked for in the store as it is now, where that
// was changed: somebody has logged in.
func (v *vault) refresh() {
	path, err := credentials.Path()
	if err != nil {
		return
	}
	var changed time.Time
	if info, err := os.Stat(path); err == nil {
		changed = info.ModTime()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !changed.Equal(v.changed) || v.err != nil {
		v.opened, v.err = false, nil
	}
	v.changed = changed
}

// filesRead notes what a mapping is made from.
type filesRead struct {
	content map[string][]byte // a hash of it; nil: it could not be read
	there   map[string]bool   // files that only have to be there
}

// files reads files and notes them.
func (r filesRead) files() *pipeline.Files {
	return &pipeline.Files{
		Read: func(name string) ([]byte, error) {
			src, err := readFile(name)
			r.content[name] = nil
			if err == nil {
				sum := sha256.Sum256(src)
				r.content[name] = sum[:]
			}
			return src, err
		},
		Stat: func(name string) error {
			err := readable(name)
			r.there[name] = err == nil
			return err
		},
		Near: nearFile, Seen: diag.Files{},
	}
}

func (r filesRead) reads() []string { return slices.Sorted(maps.Keys(r.content)) }

// hash is one of all that was read. It is the same for a copy of the folder elsewhere.
func (r filesRead) hash(dir string) string {
	inside := func(name string) string {
		if rel, err := filepath.Rel(dir, name); err == nil {
			return rel
		}
		return name
	}
	var all bytes.Buffer
	for _, name := range r.reads() {
		fmt.Fprintf(&all, "%s %x\n", inside(name), r.content[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.there)) {
		fmt.Fprintf(&all, "%s %t\n", inside(name), r.there[name])
	}
	sum := sha256.Sum256(all.Bytes())
	return hex.EncodeToString(sum[:8])
}
