package main

// servecluster.go: what the nodes of a cluster share beside their work.

import (
	"context"
	"errors"

	"pipeline/pipeline/serve/engine"
)

// shareCluster makes the limits of all platforms those of all nodes.
func (a *app) shareCluster(f serveFlags, e engine.Engine) {
	if !f.alone() {
		a.engine.ShareLimitsOver(limitValues{e})
	}
}

// limitValues are the values that nodes book their calls in; they implement
// rest.Values.
type limitValues struct{ engine engine.Engine }

// Get implements rest.Values.
func (l limitValues) Get(ctx context.Context, name string) ([]byte, uint64, error) {
	entry, err := l.engine.Get(ctx, engine.Limits, name)
	if errors.Is(err, engine.ErrNoValue) {
		return nil, 0, nil
	}
	return entry.Value, entry.Revision, err
}

// Put implements rest.Values.
func (l limitValues) Put(ctx context.Context, name string, value []byte, revision uint64) (bool, error) {
	_, err := l.engine.Put(ctx, engine.Limits, name, value, revision)
	if errors.Is(err, engine.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}
