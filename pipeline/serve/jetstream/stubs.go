package jetstream

import (
	"context"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
)

const fillerToken = "=hole"

type blocks struct{}

func isFiller(string) bool                           { return false }
func (e *Engine) watch()                             {}
func (e *Engine) checkServers(context.Context) error { return nil }

func (e *Engine) Status(ctx context.Context) (engine.Status, error) {
	if e.closed.Load() {
		return engine.Status{}, errClosed
	}
	_, err := e.info(ctx, streams()[0])
	return engine.Status{Mode: e.mode, Version: server.VERSION, Ready: err == nil}, nil
}
