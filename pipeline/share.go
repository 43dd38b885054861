package pipeline

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Share lets runs of one process that fetch the same thing fetch it once: the
// first that needs an answer asks for it, the others wait and copy it from its
// tape to theirs. The zero Share is ready; a nil one shares nothing.
type Share struct {
	mu     sync.Mutex
	groups map[string]*group // by identity
	open   []io.Closer
}

// group is the runs that fetch the same thing.
type group struct {
	tapes  []Tape
	asking map[string]chan struct{} // by request; closed when whoever asks is through
}

// join is own, with what the others of the same identity fetch. Waiting for
// another run ends with ctx.
func (s *Share) join(identity string, own Tape) *sharedTape {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		s.groups = map[string]*group{}
	}
	g := s.groups[identity]
	if g == nil {
		g = &group{asking: map[string]chan struct{}{}}
		s.groups[identity] = g
	}
	g.tapes = append(g.tapes, own)
	return &sharedTape{share: s, group: g, own: own, mine: map[string]bool{}}
}

// keepOpen takes over the closing of a tape.
func (s *Share) keepOpen(t io.Closer) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, t)
	return true
}

// Close ends the sharing, when all runs are over.
func (s *Share) Close() error {
	var err error
	for _, t := range s.open {
		err = errors.Join(err, t.Close())
	}
	return err
}

// sharedTape is the tape of one run among others that fetch the same.
type sharedTape struct {
	share *Share
	group *group
	own   Tape

	mine map[string]bool // requests that this run is asking; guarded by share.mu
}

// Get implements Tape. It waits while another run is asking.
func (t *sharedTape) Get(ctx context.Context, request string, dst []byte) ([]byte, bool, error) {
	for {
		body, ok, err := t.own.Get(ctx, request, dst)
		if ok || err != nil {
			return body, ok, err
		}
		other := t.ask(request)
		if other == nil {
			// Nobody else is asking; but somebody may have, until a moment ago.
			body, ok, err = t.copy(ctx, request, dst)
			if ok || err != nil {
				t.through(request)
			}
			return body, ok, err
		}
		select {
		case <-other:
		case <-ctx.Done():
			return dst, false, context.Cause(ctx)
		}
	}
}

// ask notes that this run asks, unless another one does: then it is what to wait
// for.
func (t *sharedTape) ask(request string) <-chan struct{} {
	t.share.mu.Lock()
	defer t.share.mu.Unlock()
	if t.mine[request] {
		return nil
	}
	if other, ok := t.group.asking[request]; ok {
		return other
	}
	t.group.asking[request] = make(chan struct{})
	t.mine[request] = true
	return nil
}

// copy looks for an answer on the tapes of the others, and puts it on the own
// one.
func (t *sharedTape) copy(ctx context.Context, request string, dst []byte) ([]byte, bool, error) {
	t.share.mu.Lock()
	tapes := t.group.tapes
	t.share.mu.Unlock()
	for _, other := range tapes {
		if other == t.own {
			continue
		}
		if body, ok, err := other.Get(ctx, request, dst); ok || err != nil {
			if err == nil {
				err = t.own.Pack(request, body[len(dst):])()
			}
			return body, err == nil, err
		}
	}
	return dst, false, nil
}

// Pack implements Tape.
func (t *sharedTape) Pack(request string, body []byte) (put func() error) {
	own := t.own.Pack(request, body)
	return func() error {
		err := own()
		t.through(request)
		return err
	}
}

// through says that this run is not asking any more.
func (t *sharedTape) through(request string) {
	t.share.mu.Lock()
	defer t.share.mu.Unlock()
	if t.mine[request] {
		close(t.group.asking[request])
		delete(t.group.asking, request)
		delete(t.mine, request)
	}
}

// leave gives up what this run asked for and did not get.
func (t *sharedTape) leave() {
	t.share.mu.Lock()
	defer t.share.mu.Unlock()
	for request := range t.mine {
		close(t.group.asking[request])
		delete(t.group.asking, request)
	}
	clear(t.mine)
}
