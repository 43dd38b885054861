package pipeline

// mirror.go: a tape that another node can go on with.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"pipeline/pipeline/tape"
)

// Mirror keeps what a run fetches for other nodes.
type Mirror interface {
	// Begins is told what the tape of a run is of, before anything is fetched. ctx is
	// that of the run.
	Begins(ctx context.Context, header json.RawMessage) error
	// Pack makes an answer ready to be kept, and no longer needs body when it returns.
	// What put cannot keep is fetched again elsewhere.
	Pack(request string, body []byte) (put func())
}

// mirroredTape keeps answers on a tape, and for other nodes.
type mirroredTape struct {
	ownTape
	mirror Mirror
}

// Pack implements Tape.
func (t mirroredTape) Pack(request string, body []byte) (put func() error) {
	own, other := t.ownTape.Pack(request, body), t.mirror.Pack(request, body)
	return func() error {
		if err := own(); err != nil {
			return err
		}
		other()
		return nil
	}
}

// mirrored is the run's tape, with the answers kept for other nodes where that is
// asked for.
func (r *run) mirrored() Tape {
	own := ownTape{r.kept.tape}
	if r.o.Mirror == nil || r.kept.replay {
		return own
	}
	return mirroredTape{own, r.o.Mirror}
}

// beginMirror tells the mirror what the tape is of.
func (r *run) beginMirror(ctx context.Context) error {
	if r.o.Mirror == nil || r.kept.tape == nil || r.kept.replay {
		return nil
	}
	header, err := json.Marshal(r.kept.tape.Header())
	if err != nil {
		return err
	}
	return r.o.Mirror.Begins(ctx, header)
}

// Fetching reports whether a state folder has the tape of a run that did not come to
// its end.
func Fetching(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, tapeUnfinish))
	return err == nil
}

// FillTape makes the tape of a run that another node began. answers gives what was
// fetched.
func FillTape(dir string, header json.RawMessage, answers func(yield func(request string, body []byte) error) error) (err error) {
	var h tape.Header
	if err := json.Unmarshal(header, &h); err != nil {
		return fmt.Errorf("read what the tape is of: %w", err)
	}
	store, err := openState(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	t, err := store.Begin(h)
	if err != nil {
		return err
	}
	var puts errgroup.Group
	puts.SetLimit(fillAtOnce)
	err = answers(func(request string, body []byte) error {
		put := t.Pack(request, body)
		puts.Go(put)
		return nil
	})
	return errors.Join(err, puts.Wait(), t.Close())
}

// fillAtOnce is how many answers share an fsync of a tape that is filled: with one for
// each, a disk that was slow held a run of an hour up for minutes.
const fillAtOnce = 64
