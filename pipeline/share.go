package pipeline

import (
	"errors"
	"io"
	"sync"
)

// Share lets runs of one process that fetch the same thing fetch it once: the
// first that needs an answer asks for it, the others wait and copy it from its
// tape to theirs. The zero Share is ready; a nil one shares nothing.
type Share struct {
	mu     sync.Mutex
	claims map[string]*claim // by identity and request
	open   []io.Closer
}

// claim is one request that somebody is making, or has made.
type claim struct {
	settled chan struct{}
	tape    Tape // where the answer is; nil: the one who asked gave up
}

// join is own, with what the others of the same identity fetch.
func (s *Share) join(identity string, own Tape) *sharedTape {
	return &sharedTape{share: s, identity: identity, own: own, mine: map[string]*claim{}}
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
	share    *Share
	identity string
	own      Tape

	mine map[string]*claim // not settled yet; guarded by share.mu
}

// Get implements Tape. It waits while another run is asking.
func (t *sharedTape) Get(request string, dst []byte) ([]byte, bool, error) {
	for {
		body, ok, err := t.own.Get(request, dst)
		if ok || err != nil {
			return body, ok, err
		}
		c := t.claim(request)
		if c == nil {
			return dst, false, nil // this run asks
		}
		<-c.settled
		if c.tape == nil {
			continue // the other one gave up: ask instead
		}
		body, ok, err = c.tape.Get(request, dst)
		if err != nil || !ok {
			return dst, false, err
		}
		return body, true, t.own.Put(request, body[len(dst):])
	}
}

// claim is the claim of another run on a request, or nil: it is ours now.
func (t *sharedTape) claim(request string) *claim {
	s := t.share
	s.mu.Lock()
	defer s.mu.Unlock()
	key := t.identity + "\x00" + request
	if c, ok := s.claims[key]; ok {
		return c
	}
	if s.claims == nil {
		s.claims = map[string]*claim{}
	}
	c := &claim{settled: make(chan struct{})}
	s.claims[key] = c
	t.mine[key] = c
	return nil
}

// Put implements Tape.
func (t *sharedTape) Put(request string, body []byte) error {
	err := t.own.Put(request, body)
	if err == nil {
		t.settle(t.identity+"\x00"+request, t.own)
	}
	return err
}

func (t *sharedTape) settle(key string, where Tape) {
	t.share.mu.Lock()
	defer t.share.mu.Unlock()
	if c, ok := t.mine[key]; ok {
		c.tape = where
		close(c.settled)
		delete(t.mine, key)
	}
}

// leave gives up what this run asked for and did not get.
func (t *sharedTape) leave() {
	t.share.mu.Lock()
	defer t.share.mu.Unlock()
	for key, c := range t.mine {
		delete(t.share.claims, key)
		close(c.settled)
	}
	clear(t.mine)
}
