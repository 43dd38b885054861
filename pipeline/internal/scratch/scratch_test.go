package scratch

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(dir, "pages")
	if err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); len(left) != 0 && runtime.GOOS != "windows" {
		t.Errorf("a killed process would leave %v", left)
	}
	if _, err := f.WriteString("people"); err != nil {
		t.Error(err)
	}
	text := make([]byte, 6)
	if _, err := f.ReadAt(text, 0); err != nil || string(text) != "people" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("Close left %v", left)
	}
	if _, err := Create(filepath.Join(dir, "none"), "pages"); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}
