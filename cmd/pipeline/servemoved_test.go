package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mapping that serve runs is moved to another machine, with the store or without:
// nothing that was pushed is mapped twice, and nothing is left out. The same holds
// where a store is removed.
func TestServeMoved(t *testing.T) {
	t.Parallel()
	const appended = "csv: {path: out.csv, mode: append}"
	store := "clients/.pipeline/serve/engine"
	dir := clientsFolder(t, appended)
	s := startServe(t, dir)
	s.push(`{"id": 1, "name": "a"}`)
	eventually(t, "the first push is mapped", s.has("out.csv", "id,name\n1,a\n"))
	s.push(`{"id": 2, "name": "b"}`)
	eventually(t, "the second push is mapped", s.has("out.csv", "2,b\n"))
	s.stop()
	cmd, said := process(t, dir, "state", "export", "clients/acme.yaml")
	archive, err := cmd.Output()
	if err != nil || !strings.Contains(said.String(), "acme: the store of pipeline serve was left out; what in it is not mapped or not delivered yet is so only there") {
		t.Fatalf("%v\n%s", err, said)
	}
	if names := tarNames(t, string(archive)); strings.Join(names, " ") != "state.json pushed.json" {
		t.Errorf("the archive has %q", names)
	}

	// arrive is another machine with that state, and the store of the folder from.
	arrive := func(from string) string {
		to := clientsFolder(t, appended)
		putFile(t, to, "state.tar", string(archive))
		if from != "" {
			if err := os.CopyFS(filepath.Join(to, store), os.DirFS(filepath.Join(from, store))); err != nil {
				t.Fatal(err)
			}
		}
		if said := answer(t, to, exitDone, "state", "import", "--yes", "clients/acme.yaml", "state.tar"); !strings.Contains(said, "  pushes  none mapped -> mapped up to number 2, by the run of ") || !strings.HasSuffix(said, "done; next: pipeline serve clients\n") {
			t.Error(said)
		}
		return to
	}
	// pushTo serves a folder for one push, after which the file has to be so.
	pushTo := func(dir, push, file string) {
		t.Helper()
		s := startServe(t, dir)
		s.push(push)
		eventually(t, "what was pushed then is mapped", s.has("out.csv", file[strings.LastIndex(file, "\n3"):]))
		s.stop()
		if got, _ := os.ReadFile(filepath.Join(dir, "out.csv")); string(got) != file {
			t.Errorf("the file has %q, want %q", got, file)
		}
	}
	pushTo(arrive(dir), `{"id": 3, "name": "with"}`, "id,name\n3,with\n")
	other := arrive("")
	pushTo(other, `{"id": 3, "name": "without"}`, "id,name\n3,without\n")
	if err := os.RemoveAll(filepath.Join(other, store)); err != nil {
		t.Fatal(err)
	}
	pushTo(other, `{"id": 3, "name": "anew"}`, "id,name\n3,without\n3,anew\n")
}
