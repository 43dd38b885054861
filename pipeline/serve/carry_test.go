package serve_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What another node sends may be of a newer one, or damaged: nothing of it is taken.
func TestTakeOverWrongArchives(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "m.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nsource: {gevme: {event: \"1\"}}\nfields: {id: string(id)}\nsinks: [csv: {path: out.csv}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := pullMapping(t, file, dir).Plan
	archive := func(files ...string) io.Reader {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := 0; i < len(files); i += 2 {
			if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o600, Size: int64(len(files[i+1]))}); err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write([]byte(files[i+1]))
		}
		_ = w.Close()
		return &b
	}
	const head = `{"pipeline_state":1,"mapping":"m"}`
	for want, in := range map[string]io.Reader{
		"it was written by a newer pipeline; update this node":  archive("state.json", `{"pipeline_state":2,"mapping":"m"}`),
		"the archive is damaged: it does not say what it is of": archive("state.json", `{"pipeline_state":1,"mapping":"other"}`),
		"the archive is damaged: unexpected EOF":                io.LimitReader(archive("state.json", head, "position.json", "{}"), 1100),
		`the archive has "../m.yaml", which no export has`:      archive("state.json", head, "../m.yaml", "gone"),
		`the archive has "position.json", which no export has`:  archive("state.json", head, "position.json", "{}", "position.json", "{}"),
		"the archive is damaged: EOF":                           strings.NewReader(""),
	} {
		state := filepath.Join(dir, "state")
		if err := os.MkdirAll(state, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(state, "position.json"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := plan.TakeOver(state, dir, in); err == nil || err.Error() != want {
			t.Errorf("it says %v, not %s", err, want)
		}
		if kept, _ := os.ReadFile(filepath.Join(state, "position.json")); string(kept) != "mine" {
			t.Errorf("%s: it took %q", want, kept)
		}
	}
}
