package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/jetstream"
)

// command runs the program with a command line, and returns what it said.
func command(t *testing.T, ctx context.Context, line string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = run(ctx, strings.Fields(line)[1:], strings.NewReader(""), &out, &out)
	return code, out.String()
}

// served is a folder with the store of serve in it, and n messages in that.
func served(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	e, err := jetstream.Open(t.Context(), jetstream.Config{Dir: engineFolder(dir, "")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		m := engine.Message{ID: fmt.Sprint(i), Body: bytes.Repeat([]byte("x"), engine.MaxBody)}
		if _, err := e.Append(t.Context(), engine.Events, "acme", m); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEngineAudit(t *testing.T) {
	dir := served(t, 20) // two full blocks, and one that is written
	code, said := command(t, t.Context(), "pipeline engine audit "+dir)
	want := `inbox   0 messages   0.0 MB of 21,474 MB
outbox  0 messages   0.0 MB of 21,474 MB
dead    0 messages   0.0 MB of 5,368 MB
events  20 messages  20 MB of 5,368 MB
pages   0 messages   0.0 MB of 10,737 MB
14 MB read and compared with their checksums
nothing is missing
`
	if code != exitDone || said != want {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if code, said := command(t, t.Context(), "pipeline engine audit --json "+dir); code != exitDone || !strings.Contains(said, `"mode": "embedded"`) {
		t.Errorf("exit code %d\n%s", code, said)
	}

	block := filepath.Join(engineFolder(dir, ""), "jetstream", "$G", "streams", "PIPELINE_EVENTS_0", "msgs", "1.blk")
	data, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(block, data, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := jetstream.Open(t.Context(), jetstream.Config{Dir: engineFolder(dir, "")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	code, said = command(t, t.Context(), "pipeline engine audit "+dir) // while it is used
	if problem := block + ": the message at byte "; code != exitFailed || strings.Count(said, problem) != 1 || !strings.Contains(said, "\ncounted at 20") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

// TestEngineMigrate is the way from one machine to three, as the runbook has it.
func TestEngineMigrate(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers")
	}
	dir, home := served(t, 3), t.TempDir()
	certs := filepath.Join(home, "certs")
	var nodes []string
	for i, address := range enginetest.Free(t, 3) {
		nodes = append(nodes, []string{"a", "b", "c"}[i]+"="+address.String())
	}
	cluster := strings.Join(nodes, ",")
	if code, said := command(t, t.Context(), "pipeline engine certs "+cluster+" --out "+certs); code != exitDone || strings.Count(said, "\n") != 8 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if code, said := command(t, t.Context(), "pipeline engine certs "+cluster+" --out "+certs); code != exitDone || said != "all of them are in "+certs+" already\n" {
		t.Errorf("exit code %d\n%s", code, said)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	for _, name := range []string{"b", "c"} {
		go func() {
			code, _ := command(t, ctx, fmt.Sprintf("pipeline engine join %s --cluster %s --node %s --certs %s", filepath.Join(home, name), cluster, name, certs))
			ended <- code
		}()
	}
	to := filepath.Join(home, "a")
	code, said := command(t, t.Context(), fmt.Sprintf("pipeline engine migrate --from %s --to %s --cluster %s --node a --certs %s", dir, to, cluster, certs))
	stop()
	for range 2 {
		if code := <-ended; code != exitDone && code != exitStopped { // it may have been on its way in
			t.Errorf("join ended with %d", code)
		}
	}
	if want := "moved 3 messages and 0 values; both stores were compared and are equal\n"; code != exitDone || !strings.Contains(said, want) {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if code, said := command(t, t.Context(), "pipeline engine audit "+to); code != exitDone || !strings.Contains(said, "events  3 messages") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	for _, alone := range []string{dir, to} { // nobody starts either of them as it was
		if _, err := jetstream.Open(t.Context(), jetstream.Config{Dir: engineFolder(alone, "")}); err == nil {
			t.Errorf("%s was opened", alone)
		}
	}
}

func TestEngineCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"pipeline engine audi":                                      `engine has no "audi"; it has audit, migrate, join and certs`,
		"pipeline engine audit":                                     "has no store: name the folder that pipeline serve serves",
		"pipeline engine migrate":                                   "migrate needs --from DIR, the folder that was served",
		"pipeline engine migrate --from .":                          "migrate needs --cluster NODES or --nats URL: where to move it",
		"pipeline engine migrate --from . --cluster a,b,c":          "migrate needs --to DIR",
		"pipeline engine join":                                      "join needs the folder in which this node keeps its copy",
		"pipeline engine join x":                                    "join needs --cluster NODES",
		"pipeline engine join x --cluster a,b":                      `--cluster: a cluster has 3 nodes, or 5, and "a,b" names 2: with an even number nobody has the majority`,
		"pipeline engine join x --cluster a,a:1,c":                  "two nodes have the name a: give each its own, as in a=a:1",
		"pipeline engine join x --cluster a,b:0,c":                  `"b:0" is no node: expected HOST, HOST:PORT or NAME=HOST:PORT`,
		"pipeline engine join x --cluster a,../b=1.2.3.4,c":         `"../b" is no name of a node`,
		"pipeline engine join x --cluster a,b,c --node d":           "this node is d, and the cluster is a, b, c: say which of them it is with --node NAME",
		"pipeline engine join x --cluster a,b,c --node a":           "a cluster needs certificates: make them once with pipeline engine certs a,b,c --out DIR",
		"pipeline engine join x --cluster a,b,c --node a --certs .": "read the node's certificate: open a.pem: no such file or directory",
		"pipeline engine join x --cluster a,b,c --nats nats://a":    "--nats is a cluster that exists and --cluster is one of our own: say one of them",
		"pipeline engine certs":                                     "certs needs the nodes, as in: pipeline engine certs a,b,c --out certs",
		"pipeline engine certs ca,b,c --out x":                      "a node cannot be called ca",
		"pipeline engine certs a,b,c":                               "certs needs --out DIR",
	} {
		if code, said := command(t, t.Context(), line); code == exitDone || !strings.Contains(said, want) {
			t.Errorf("%s\nexit code %d\n%s", line, code, said)
		}
	}
}
