package main

// clients_test.go: what must not happen between clients, and to what they have.

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program runs the program in this process, in the current folder.
func program(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	var out bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Two clients with one name for their connections, and each its own token in the
// .env beside the mapping: what one may see, the other may not.
func TestClientsDoNotShareAccounts(t *testing.T) {
	var both = make(chan struct{}, 2) // both calls are under way before any is answered
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		both <- struct{}{}
		for len(both) < cap(both) && r.Context().Err() == nil {
			select {
			case <-r.Context().Done():
			default:
			}
		}
		_, _ = fmt.Fprintf(w, `[{"id": 1, "name": %q}]`, r.Header.Get("Authorization"))
	}))
	defer platform.Close()
	dir := t.TempDir()
	t.Chdir(dir)
	args := []string{"run"}
	for _, client := range []string{"anna", "bert"} {
		put(t, client+"/.env", "PIPELINE_FLOKTU_TOKEN=token-of-"+client+"\n")
		put(t, client+"/"+client+".yaml", fmt.Sprintf("version: 1\nsource:\n  floktu: {base_url: %q}\n  stream: events\nfields:\n  name: name\nsinks:\n  - csv: {path: %s.csv}\n", platform.URL, client))
		args = append(args, client+"/"+client+".yaml")
	}
	code, said := program(t, args...)
	for _, client := range []string{"anna", "bert"} {
		if got, _ := os.ReadFile(client + ".csv"); code != 0 || string(got) != "name\nBearer token-of-"+client+"\n" {
			t.Errorf("%s got %q\n%s", client, got, said)
		}
	}
}

func TestSameNameInOneStateFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, client := range []string{"a", "b"} {
		put(t, client+"/m.yaml", "version: 1\nsource:\n  gevme: {event: \"1\"}\nfields:\n  id: string(id)\nsinks:\n  - csv: {path: "+client+".csv}\n")
	}
	if code, said := program(t, "check", "a/m.yaml", "b/m.yaml"); code != exitDone {
		t.Errorf("exit code %d: they keep what they keep in folders of their own\n%s", code, said)
	}
	if code, said := program(t, "run", "--state", "st", "a/m.yaml", "b/m.yaml"); code != exitWrong || !strings.Contains(said, "the mapping is named m, and so is a/m.yaml") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

// Made-up people do not come among real ones.
func TestSandboxKeepsOffRealFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	const mapping = "version: 1\nsource:\n  gevme: {event: \"1\"}\nkey: [id]\nfields:\n  id: string(id)\nsinks:\n  - csv: {path: out.csv%s}\n"
	put(t, "m.yaml", fmt.Sprintf(mapping, ", mode: append"))
	put(t, "out.csv", "id\nreal\n")
	if code, said := program(t, "run", "--sandbox", "m.yaml"); code != exitWrong || !strings.Contains(said, "--out DIR") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	put(t, "m.yaml", fmt.Sprintf(mapping, ""))
	if code, said := program(t, "run", "m.yaml"); code != exitFailed || !strings.Contains(said, "pipeline run --sandbox m.yaml") {
		t.Errorf("without a token: exit code %d\n%s", code, said)
	}
	if code, said := program(t, "run", "--sandbox", "--out", t.TempDir(), "m.yaml"); code != exitDone {
		t.Errorf("what was offered does not work: exit code %d\n%s", code, said)
	}
	put(t, ".pipeline/m/last.tape", "of a real run")
	if code, said := program(t, "run", "--sandbox", "m.yaml"); code != exitWrong || !strings.Contains(said, "has been run for real") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if got, _ := os.ReadFile("out.csv"); string(got) != "id\nreal\n" {
		t.Errorf("the real file became %q", got)
	}
}

// An address may well be the secret, and nobody has to see it to know which one
// it is.
func TestSecretInAnAddress(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }))
	defer app.Close()
	t.Chdir(t.TempDir())
	t.Setenv("HOOK", app.URL+"/services/T0/B0/xoxSECRETxox")
	put(t, "in.jsonl", `{"id":"1"}`+"\n")
	put(t, "m.yaml", "version: 1\nsource:\n  file: {path: in.jsonl}\nkey: [id]\nfields:\n  id: id\nsinks:\n  - webhook: {url: \"${HOOK}\"}\n")
	code, said := program(t, "run", "m.yaml")
	rejects, _ := os.ReadFile("m.rejects.jsonl")
	ledger, _ := os.ReadFile(".pipeline/m/ledger.db")
	if code != exitRejected || strings.Contains(said+string(rejects)+string(ledger), "SECRET") || !strings.Contains(said, "to       ${HOOK}\n") {
		t.Errorf("exit code %d\n%s%s", code, said, rejects)
	}
}

func TestPurgeForgetsDeliveries(t *testing.T) {
	app := newClientApp(t)
	t.Chdir(t.TempDir())
	put(t, "in.jsonl", `{"ID":"ada@example.com","Name":"A"}`+"\n")
	put(t, "m.yaml", "version: 1\nsource:\n  file: {path: in.jsonl}\nkey: [ID]\nfields:\n  ID: ID\n  Name: Name\nsinks:\n  - webhook: {url: \""+app.URL+"\"}\n")
	for _, args := range []string{"run m.yaml", "purge --deliveries m.yaml"} {
		if code, said := program(t, strings.Fields(args)...); code != 0 {
			t.Fatalf("%s: exit code %d\n%s", args, code, said)
		}
	}
	left, _ := filepath.Glob(".pipeline/m/ledger*")
	if len(left) > 0 {
		t.Errorf("%v is still there, with people's addresses as keys", left)
	}
}

// A row that changes and changes back is three deliveries, to a receiver that
// honours the idempotency key as well.
func TestChangeAndChangeBack(t *testing.T) {
	app := newClientApp(t)
	t.Chdir(t.TempDir())
	put(t, "m.yaml", "version: 1\nsource:\n  file: {path: in.jsonl}\nkey: [ID]\nfields:\n  ID: ID\n  Name: Name\nsinks:\n  - webhook: {url: \""+app.URL+"\"}\n")
	for _, name := range []string{"A", "B", "A"} {
		put(t, "in.jsonl", `{"ID":"1","Name":"`+name+`"}`+"\n")
		if code, said := program(t, "run", "m.yaml"); code != 0 {
			t.Fatal(said)
		}
	}
	if app.has["1"] != "A;B;A;" || app.doubled != 0 {
		t.Errorf("the receiver took %q, and knew %d again", app.has["1"], app.doubled)
	}
}
