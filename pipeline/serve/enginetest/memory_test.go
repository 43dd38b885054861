package enginetest_test

import (
	"testing"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

func TestMemory(t *testing.T) {
	enginetest.Run(t, func(*testing.T) engine.Engine { return enginetest.NewMemory() })
}
