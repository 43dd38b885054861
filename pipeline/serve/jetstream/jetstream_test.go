package jetstream

import (
	"testing"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

func open(t testing.TB, c Config) *Engine {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	e, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestEmbeddedIsAnEngine(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T) engine.Engine { return open(t, Config{}) })
}
