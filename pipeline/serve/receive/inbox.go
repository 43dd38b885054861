package receive

// inbox.go: what was received, as runs read it.

import (
	"context"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// Inbox is what was pushed to a mapping.
func Inbox(e engine.Engine, mapping string) pipeline.Inbox { return inbox{e, mapping} }

type inbox struct {
	engine  engine.Engine
	mapping string
}

// Last implements pipeline.Inbox.
func (i inbox) Last(ctx context.Context) (uint64, error) {
	return i.engine.Last(ctx, engine.Inbox, i.mapping)
}

// Read implements pipeline.Inbox.
func (i inbox) Read(ctx context.Context, after, upTo uint64, yield func(pipeline.Pushed) error) error {
	if upTo <= after {
		return nil
	}
	return engine.ReadSome(ctx, i.engine, engine.Inbox, i.mapping, after, func(m engine.Message) error {
		if m.Seq > upTo {
			return engine.ErrEnough
		}
		received, err := time.Parse(time.RFC3339Nano, m.Header[HeaderReceived])
		if err != nil {
			received = m.Stored
		}
		err = yield(pipeline.Pushed{Seq: m.Seq, ID: m.ID, Received: received, ContentType: m.Header[HeaderContentType], Body: m.Body})
		if err == nil && m.Seq == upTo {
			err = engine.ErrEnough
		}
		return err
	})
}
