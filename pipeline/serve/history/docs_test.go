package history

import (
	"os"
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
}
