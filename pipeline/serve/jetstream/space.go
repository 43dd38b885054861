package jetstream

// space.go: the disk is watched, because a full one shows as answers that never come,
// and may stop the server for good. Who publishes is told before.

import (
	"fmt"
	"sync"
	"time"

	"pipeline/pipeline/serve/engine"
)

// What has to be free for something to be stored: a tenth of the disk, but of a large
// one no more than mostSpare, and never less than leastSpare.
const (
	leastSpare = 200 << 20
	mostSpare  = 2 << 30
)

// Room is how many bytes are free on the disk of dir, and how many of them have to
// stay free: below that, nothing is stored. The error is errors.ErrUnsupported where
// the system does not say.
func Room(dir string) (free, stays uint64, err error) {
	free, total, err := diskSpace(dir)
	return free, spare(total), err
}

func spare(total uint64) uint64 { return max(leastSpare, min(total/10, mostSpare)) }

// lookEvery is how old an answer of the disk may be.
const lookEvery = time.Second

// space is the disk of the store.
type space struct {
	dir  string
	look func(dir string) (free, total uint64, err error)

	mu          sync.Mutex
	at          time.Time
	free, total uint64
}

// now is how much is free; 0, 0 if that is not known.
func (s *space) now() (free, total uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" || time.Since(s.at) < lookEvery {
		return s.free, s.total
	}
	look := s.look
	if look == nil {
		look = diskSpace
	}
	s.at = time.Now()
	var err error
	if s.free, s.total, err = look(s.dir); err != nil {
		s.free, s.total = 0, 0
	}
	return s.free, s.total
}

// room says ErrFull before the disk is.
func (e *Engine) room() error {
	free, total := e.space.now()
	if total == 0 || free >= spare(total) {
		return nil
	}
	return fmt.Errorf("%w: its disk has %d MB left, and %d MB have to stay free", engine.ErrFull, free>>20, spare(total)>>20)
}
