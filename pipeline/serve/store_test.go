package serve

import (
	"sync"
	"testing"

	"pipeline/pipeline/serve/enginetest"
)

// All nodes of a store call it the same, whoever was first, and another store is
// another one.
func TestStoreID(t *testing.T) {
	e := enginetest.NewMemory()
	const nodes = 8
	var ids [nodes]string
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() {
			s := New(Config{Engine: e})
			id, err := s.storeID(t.Context())
			again, err2 := s.storeID(t.Context())
			if err != nil || err2 != nil || id == "" || again != id {
				t.Errorf("%q, then %q: %v, %v", id, again, err, err2)
			}
			ids[i] = id
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("one calls it %s, another %s", ids[0], id)
		}
	}
	if other, err := New(Config{Engine: enginetest.NewMemory()}).storeID(t.Context()); err != nil || other == ids[0] {
		t.Errorf("another store is %s, %v", other, err)
	}
}
