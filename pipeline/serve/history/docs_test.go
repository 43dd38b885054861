package history

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumented holds docs/history.md to the tables as they are.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```text\n"+schema+"```\n") {
		t.Error("docs/history.md does not end with the tables of schema.sql; copy them there")
	}
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(` Kind += "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(kinds) < 18 {
		t.Errorf("event.go has %d kinds", len(kinds))
	}
	for _, kind := range kinds {
		if !strings.Contains(string(page), "\n| `"+kind[1]+"` | ") {
			t.Errorf("docs/history.md does not say what %s is", kind[1])
		}
	}
}
