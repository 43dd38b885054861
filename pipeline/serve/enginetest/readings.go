package enginetest

// readings.go: how much was read to answer a question.

import (
	"context"

	"pipeline/pipeline/serve/engine"
)

// Readings counts the messages that are read from an engine, one reader at a time.
type Readings struct {
	engine.Engine
	N int
}

// Read implements engine.Engine.
func (r *Readings) Read(ctx context.Context, log engine.Log, topic string, after uint64, yield func(engine.Message) error) error {
	return r.Engine.Read(ctx, log, topic, after, func(m engine.Message) error {
		r.N++
		return yield(m)
	})
}
