package serve

// store.go: which store this is. A place in its inbox means nothing in another one, and
// state folders, where such places are kept, are moved from machine to machine.

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"pipeline/pipeline/serve/engine"
)

// storeName is the value that tells a store from others: a random text, made by the
// first who asks. It moves with the store.
const storeName = "store"

// identity is that value.
type identity struct {
	ID string `json:"id"`
}

// store is which one an engine has, once it was asked.
type store struct {
	mu sync.Mutex
	id string
}

// storeID is which store this process works with.
func (s *Service) storeID(ctx context.Context) (string, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.id != "" {
		return s.store.id, nil
	}
	at := cursor[identity]{engine: s.c.Engine, bucket: engine.Cursors, name: storeName}
	err := at.load(ctx)
	if err == nil && at.value.ID == "" {
		err = at.save(ctx, identity{rand.Text()})
		if errors.Is(err, engine.ErrConflict) { // another node was faster
			err = at.load(ctx)
		}
	}
	if err != nil {
		return "", err
	}
	s.store.id = at.value.ID
	return s.store.id, nil
}
