package diag

import (
	"os/exec"
	"testing"
)

// TestShellWord asks a shell what it makes of the words.
func TestShellWord(t *testing.T) {
	for _, word := range []string{"", "out/2026-11.csv", "a b", "it's", "$HOME", "a;b", "*", "~", "#x", "a\nb", `\`, "参加者", "http://x/?a=1&b=2"} {
		got, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+ShellWord(word)).Output()
		if err != nil || string(got) != word {
			t.Errorf("ShellWord(%q) = %s, which is %q to a shell (%v)", word, ShellWord(word), got, err)
		}
	}
	if got := ShellWord("mappings/acme.yaml"); got != "mappings/acme.yaml" {
		t.Errorf("a plain word was quoted: %s", got)
	}
}
