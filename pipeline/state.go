package pipeline

// state.go: what runs of a mapping keep, for those who look at it or change it by
// hand.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/ledger"
	"pipeline/pipeline/tape"
)

// The files of a state folder that can be moved to another machine.
const (
	PositionFile = "position.json"
	LedgerFile   = "ledger.db"
)

// KeptState is what is kept for a mapping.
type KeptState struct {
	Mapping   string        `json:"mapping"`
	Folder    string        `json:"folder"`
	Bytes     int64         `json:"bytes"` // of all that is in it
	Tapes     []KeptTape    `json:"tapes,omitempty"`
	Position  *time.Time    `json:"position,omitempty"` // the next run fetches what changed since
	Pushed    *PushPlace    `json:"pushed,omitempty"`
	Versions  *KeptVersions `json:"versions,omitempty"`
	Receivers []Receiver    `json:"receivers,omitempty"`
	InUse     string        `json:"in_use,omitempty"` // why the ledger cannot be read
	Rejects   *KeptRejects  `json:"rejects,omitempty"`
}

// KeptTape is a tape: of the last complete run, or of an interrupted one.
type KeptTape struct {
	Started  time.Time `json:"started"`
	Source   string    `json:"source"`
	Complete bool      `json:"complete"`
	Answers  int       `json:"answers"`
	Bytes    int64     `json:"bytes"`
	Until    time.Time `json:"until"`             // it is removed, or an interrupted run not gone on with
	Problem  string    `json:"problem,omitempty"` // why it cannot be used
}

// Receiver is what the ledger has of a receiver of rows.
type Receiver struct {
	Target  string    `json:"target"` // empty: none that the mapping names now
	Rows    int       `json:"rows"`
	Runs    int       `json:"runs"`
	Written time.Time `json:"written"` // the ledger, last
}

// KeptRejects is the reject file.
type KeptRejects struct {
	Path    string `json:"path"`
	Open    int    `json:"open"`
	Damaged int    `json:"damaged,omitempty"`
}

// Kept is what is kept for the mapping in the folder state; outDir is the folder
// of outputs.
func (p *Plan) Kept(ctx context.Context, state, outDir string) (KeptState, error) {
	k := KeptState{Mapping: p.name, Folder: state}
	var err error
	if k.Bytes, err = folderBytes(state); err != nil {
		return k, err
	}
	if k.Tapes, err = p.keptTapes(state); err != nil {
		return k, err
	}
	if k.Position, err = p.PositionIn(state); err != nil {
		return k, err
	}
	if k.Pushed, err = PushPlaceIn(state); err != nil {
		return k, err
	}
	k.Versions = versionsIn(ctx, state)
	if k.Receivers, err = p.ReceiversIn(filepath.Join(state, LedgerFile)); err != nil {
		k.InUse = err.Error()
	}
	r := KeptRejects{Path: p.RejectsPath(outDir)}
	err = ReadRejects(r.Path, func(l *RejectLine) error {
		r.Open++
		if l.Damage != "" {
			r.Damaged++
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return k, err
	case r.Open > 0:
		k.Rejects = &r
	}
	return k, nil
}

func folderBytes(dir string) (bytes int64, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // else it is gone by now
			bytes += info.Size()
		}
	}
	return bytes, err
}

func (p *Plan) keptTapes(dir string) ([]KeptTape, error) {
	infos, err := tape.Inspect(dir)
	if err != nil {
		return nil, err
	}
	var tapes []KeptTape
	for _, i := range infos {
		t := KeptTape{Started: i.Started, Source: i.Source, Complete: i.Complete, Answers: i.Exchanges, Bytes: i.Bytes, Problem: i.Problem}
		if t.Until = i.Started.Add(keepTapes); !i.Complete {
			t.Until = i.Started.Add(min(p.source.resume, keepTapes))
		}
		tapes = append(tapes, t)
	}
	return tapes, nil
}

// PositionIn is how far incremental runs got by the state in a folder; nil where
// the next run fetches all.
func (p *Plan) PositionIn(dir string) (*time.Time, error) {
	var at position
	if err := at.load(dir); err != nil {
		return nil, err
	}
	if !p.source.incremental || at.Identity != p.Identity() || at.Since.IsZero() {
		return nil, nil
	}
	return &at.Since, nil
}

// Incremental reports whether a run reads only what changed.
func (p *Plan) Incremental() bool { return p.source.incremental }

// ReceiversIn are the receivers that the ledger at path knows.
func (p *Plan) ReceiversIn(path string) ([]Receiver, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", path, disk.Cause(err))
	}
	l, err := ledger.Open(path)
	if err != nil {
		return nil, err
	}
	sinks, err := l.Sinks()
	if err = errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, s := range p.sinks {
		if s.connector.Rows {
			names[hashed(s.target)] = s.shown
		}
	}
	var found []Receiver
	for _, s := range sinks {
		found = append(found, Receiver{Target: names[s.Target], Rows: s.Keys, Runs: s.Runs, Written: info.ModTime()})
	}
	return found, nil
}

// HoldState locks a state folder against runs until release is called. It fails
// where a run is going on, or was interrupted: that one goes on from what it
// began with, and would undo a change.
func HoldState(dir string) (release func() error, err error) {
	store, err := openState(dir)
	if err != nil {
		return nil, err
	}
	t, err := store.Unfinished()
	if t != nil {
		if !unused(t) {
			err = fmt.Errorf("the run of %s was interrupted: it goes on first, and would undo the change; run the mapping again, then change its state", when(t.Header().Started))
		}
		err = errors.Join(err, t.Close())
	}
	interrupted, failed := PushInterrupted(dir)
	if err = errors.Join(err, failed); err == nil && interrupted {
		err = errors.New("a run of what was pushed was interrupted: it goes on first, and would undo the change; start pipeline serve until it is through, then change the state")
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store.Close, nil
}

// Rewind sets back how far incremental runs got. The state has to be held.
func (p *Plan) Rewind(dir string, to time.Time) error {
	at := position{Identity: p.Identity(), Since: to.UTC()}
	return at.save(dir)
}

// AppendsTo is the first file that a sink appends rows to; empty: none. Rows that
// are read again are there twice.
func (p *Plan) AppendsTo() string {
	for _, s := range p.sinks {
		if s.appends() {
			return s.target
		}
	}
	return ""
}

// codeClusterAppend is the code for a file that a cluster cannot append to.
const codeClusterAppend = "cluster-append"

// HandedOver is what is wrong with the plan where nodes take it over from each other.
// Who does so begins with a state that is a little older than the file, and maps once
// more what came since: rows that are only added are there twice then.
func (p *Plan) HandedOver() (diags diag.List) {
	for _, s := range p.sinks {
		if s.appends() {
			diags = diags.Error(codeClusterAppend, s.at, fmt.Sprintf("another node that takes over would append rows to %s that it has already", s.target),
				"write mode: merge, with a key: that tells rows apart; or send them to a webhook")
		}
	}
	return diags
}

// appends reports whether a sink adds rows that it cannot tell from those that
// are there.
func (s *planSink) appends() bool {
	c := s.connector
	return !c.Rows && c.Adds != nil && c.Adds(s.options) && (c.Keyed == nil || !c.Keyed(s.options))
}
