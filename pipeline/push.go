package pipeline

// push.go: what is pushed to a mapping: where and how it comes, and where what
// came lies until it is mapped.

import (
	"context"
	"time"
)

// Inbox is what was pushed to one mapping, in the order in which it was stored.
// Nothing in it ever changes.
type Inbox interface {
	// Last is the Seq of the newest push, 0 where there is none.
	Last(ctx context.Context) (uint64, error)
	// Read gives each push whose Seq is above after and at most upTo to yield, in
	// order. A push is yield's only until it returns. Read returns what yield
	// returned.
	Read(ctx context.Context, after, upTo uint64, yield func(Pushed) error) error
}

// Pushed is one body as it came.
type Pushed struct {
	Seq         uint64 // its place in the inbox: higher is later, and there are holes
	ID          string // the same for what was pushed twice
	Received    time.Time
	ContentType string // as the sender said it
	Body        []byte
}
