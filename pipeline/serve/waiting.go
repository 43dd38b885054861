package serve

import (
	"context"
	"errors"
	"time"

	"pipeline/pipeline/serve/engine"
)

// most is how many waiting pushes are counted.
const most = 10_000

// errMost ends counting.
var errMost = errors.New("they are not counted further")

// unread is how many pushes of a mapping lie behind after, and when the oldest of
// them was stored.
func unread(ctx context.Context, e engine.Engine, mapping string, after uint64) (n int, oldest time.Time, err error) {
	err = e.Read(ctx, engine.Inbox, mapping, after, func(m engine.Message) error {
		if n++; n == 1 {
			oldest = m.Stored
		}
		if n == most {
			return errMost
		}
		return nil
	})
	if errors.Is(err, errMost) {
		err = nil
	}
	return n, oldest, err
}
