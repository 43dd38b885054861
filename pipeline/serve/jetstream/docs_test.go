package jetstream

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"pipeline/pipeline/serve/engine"
)

// How long people's data stays is said in the documentation, for each log.
func TestDocumentedAges(t *testing.T) {
	src, err := os.ReadFile("../../../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	for log, row := range map[engine.Log]string{
		engine.Inbox:  "| what was pushed, as it came | yes | %d days |",
		engine.Outbox: "| what was to be delivered to receivers of rows | yes | %d days |",
		engine.Dead:   "| what could not be delivered | yes | %d days |",
		engine.Pages:  "| in a cluster: what a pull has fetched | yes | %d days |",
		engine.Events: "| what happened, see [history](history.md) | no | %d days |",
	} {
		if want := fmt.Sprintf(row, int(Age(log).Hours()/24)); !strings.Contains(string(src), want) {
			t.Errorf("docs/running.md has no line %q", want)
		}
	}
}
