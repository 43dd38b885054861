package enginetest

import (
	"os"
	"strconv"
	"testing"
)

// Size is how often a test of what dies does something: a little, times a little, or as
// often as the gates of docs/reliability.md say, by PIPELINE_CRASH. It skips the test
// where tests are to be short.
func Size(t testing.TB, little, full int) int {
	t.Helper()
	if testing.Short() {
		t.Skip("it kills processes")
	}
	text := os.Getenv("PIPELINE_CRASH")
	if text == "full" {
		return full
	}
	times, _ := strconv.Atoi(text) // without one it is CI's size
	return min(little*max(times, 1), full)
}
