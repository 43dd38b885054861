package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of each file that a state folder may have it is decided whether it is people's data.
func TestPurge(t *testing.T) {
	goes := []string{
		"last.tape", "unfinished.tape", "new.tape", "versions.db", "versions.db-wal", "versions.db-shm",
		"retried-1.jsonl", ".retried-2.jsonl.partial", "import.tmp/ledger.db", "import.tmp/open.rejects.jsonl", "exported.tmp",
	}
	deliveries := []string{"ledger.db", "ledger.db-wal", "ledger.db-shm"}
	stays := []string{"archive.json", "lock", PositionFile, PushedFile, pushingFile, selectionsFile, replayFile, unpublishedFile}
	for _, test := range []struct {
		deliveries bool
		want       []string
		bytes      int64
	}{{false, slices.Concat(deliveries, stays), 10}, {true, stays, 13}} {
		dir := t.TempDir()
		for _, name := range slices.Concat(goes, deliveries, stays) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		bytes, err := Purge(dir, test.deliveries)
		if err != nil || bytes != test.bytes { // new.tape is gone before they are counted
			t.Errorf("%d bytes, want %d: %v", bytes, test.bytes, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range entries {
			left = append(left, e.Name())
		}
		slices.Sort(test.want)
		if diff := cmp.Diff(test.want, left); diff != "" {
			t.Errorf("what is left (-want +got)\n%s", diff)
		}
	}
}
