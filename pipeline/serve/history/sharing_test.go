//go:build unix

package history

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe in the place of the file that processes share is what some network drives are:
// nothing to share.
func TestNoSharing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	if err := syscall.Mkfifo(path+"-shm", 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, slog.New(slog.DiscardHandler))
	want := "history " + path + ": its file system cannot share memory between processes (mmap), which SQLite needs for a file that is read while it is written (disk I/O error ("
	if !errors.Is(err, ErrNoSharing) || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "; keep the state on a disk that can, as those of this machine: --state DIR") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("what is not damaged was moved away: %v", err)
	}
}
