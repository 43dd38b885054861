package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/pipeline/diag"
)

// Ctrl-c at a question leaves, and does not become a part of the answer.
func TestInterruptAtAQuestion(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("there is no script(1), which has a terminal to give")
	}
	for _, question := range []struct{ id, asks string }{{"", "client id that gevme gave you: "}, {"me", "client secret (it is not shown): "}} {
		dir := t.TempDir()
		cmd, _ := process(t, dir)
		cmd.Path, cmd.Args = script, []string{"script", "-qec", diag.ShellWord(os.Args[0]) + " auth login gevme", os.DevNull}
		cmd.Env = append(cmd.Env, "PIPELINE_GEVME_CLIENT_ID="+question.id, "PIPELINE_CREDENTIALS="+filepath.Join(dir, "c.age"))
		keys, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		screen, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := ""
		for in := bufio.NewReader(screen); !strings.HasSuffix(said, question.asks); {
			b, err := in.ReadByte()
			if err != nil {
				t.Fatalf("it asked nothing: %q", said)
			}
			said += string(b)
		}
		if _, err := keys.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitStopped {
			t.Errorf("%s: exit code %d, want %d", question.asks, code, exitStopped)
		}
	}
}
