package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Whatever was done to a file, its cause says why not, and no path.
func TestCause(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	_, opened := os.Open(missing)
	other := errors.New("the disk is on fire")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"open":   {opened, "no such file or directory"},
		"rename": {os.Rename(missing, filepath.Join(dir, "x")), "no such file or directory"},
		"other":  {other, other.Error()},
	} {
		if got := Cause(tt.err); got == nil || got.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", name, got, tt.want)
		}
	}
	if Cause(nil) != nil {
		t.Error("nothing has a cause")
	}
}

func TestSyncDir(t *testing.T) {
	dir := t.TempDir()
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(dir, "missing")
	if err := SyncDir(missing); err == nil || err.Error() != "sync "+missing+": no such file or directory" {
		t.Errorf("got %v", err)
	}
}
