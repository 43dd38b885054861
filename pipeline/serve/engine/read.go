package engine

import (
	"context"
	"errors"
)

// ErrEnough is what the yield of ReadSome returns to end it: that is no error.
var ErrEnough = errors.New("enough was read")

// ReadSome reads as e does, until yield has enough.
func ReadSome(ctx context.Context, e Engine, log Log, topic string, after uint64, yield func(Message) error) error {
	err := e.Read(ctx, log, topic, after, yield)
	if errors.Is(err, ErrEnough) {
		return nil
	}
	return err
}
