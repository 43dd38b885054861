package pipeline

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func mustCreate(t *testing.T, path string) *OutFile {
	t.Helper()
	f, err := CreateOutFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Abort() })
	return f
}

func mustPublish(t *testing.T, f *OutFile, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
}

// folder is the files of dir with their text.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func wantFolder(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, folder(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOutFileAppearsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	f := mustCreate(t, path)
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("it is there before Commit: %v", err)
	}
	mustPublish(t, f, " and whole")
	wantFolder(t, dir, map[string]string{"a.csv": "half and whole"})
	if f.Path() != path {
		t.Errorf("path is %s", f.Path())
	}

	if err := f.Commit(); err != nil {
		t.Errorf("second Commit: %v", err)
	}
	if err := f.Abort(); err != nil {
		t.Errorf("Abort after Commit: %v", err)
	}
	wantFolder(t, dir, map[string]string{"a.csv": "half and whole"})
}

func TestOutFileAbort(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	mustPublish(t, mustCreate(t, path), "before")
	f := mustCreate(t, path)
	if _, err := f.WriteString("no"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	wantFolder(t, dir, map[string]string{"a.csv": "before"})
	if err := f.Commit(); err == nil {
		t.Error("what was given up was published")
	}
	mustPublish(t, mustCreate(t, path), "after") // the lock is free again
	wantFolder(t, dir, map[string]string{"a.csv": "after"})
}

func TestOutFileOfTwoRuns(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	first := mustCreate(t, path)
	if _, err := first.WriteString("first"); err != nil {
		t.Fatal(err)
	}
	_, err := CreateOutFile(path)
	if want := "write " + path + ": another run is writing it; wait for that one, or give this one its own place with --out DIR"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	mustPublish(t, first, "")
	wantFolder(t, dir, map[string]string{"a.csv": "first"})
	mustPublish(t, mustCreate(t, path), "second")
	wantFolder(t, dir, map[string]string{"a.csv": "second"})
}

// Many writers at once: each file that is published is the whole work of one
// of them, and nothing is left behind.
func TestOutFileRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	var published atomic.Int64
	var all sync.WaitGroup
	for _, writer := range "abcdefgh" {
		all.Go(func() {
			for range 50 {
				f, err := CreateOutFile(path)
				if err != nil {
					continue
				}
				text := strings.Repeat(string(writer), 10_000)
				for _, part := range []string{text[:3000], text[3000:]} {
					if _, err := f.WriteString(part); err != nil {
						t.Error(err)
					}
				}
				if err := f.Commit(); err != nil {
					t.Error(err)
				}
				published.Add(1)
				got, err := os.ReadFile(path)
				if err != nil || len(got) != 10_000 || strings.Trim(string(got), string(got[:1])) != "" {
					t.Errorf("a torn file of %d bytes, %v", len(got), err)
				}
			}
		})
	}
	all.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if published.Load() == 0 {
		t.Error("nobody published anything")
	}
}

func TestOutFileTakesOverWhatAKilledRunLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(filepath.Join(dir, ".a.csv.partial"), []byte("a long text of the killed run"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, mustCreate(t, path), "new")
	wantFolder(t, dir, map[string]string{"a.csv": "new"})
}

func TestOutFilePermissions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	mode := func() fs.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	f := mustCreate(t, path)
	if info, err := os.Stat(filepath.Join(dir, ".a.csv.partial")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("while it is written: %v, %v", info.Mode(), err)
	}
	mustPublish(t, f, "")
	if want := 0o666 &^ umask(); mode() != want {
		t.Errorf("a new file has %v, want %v", mode(), want)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, mustCreate(t, path), "")
	if mode() != 0o640 {
		t.Errorf("a replaced file has %v, want those of the one before", mode())
	}
	f = mustCreate(t, path)
	f.Mode = 0o600
	mustPublish(t, f, "")
	if mode() != 0o600 {
		t.Errorf("a file with a Mode has %v", mode())
	}
}

func TestOutFileRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]string{
		"no/such/a.csv": "write no/such/a.csv: there is no folder no/such; make it first:\n  mkdir -p no/such",
		"file/a.csv":    "write file/a.csv: file is a file, not a folder",
		"sub":           "write sub: it is a folder; name a file in it",
		"./sub/":        "write ./sub/: it is a folder; name a file in it",
	} {
		if _, err := CreateOutFile(path); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
	mustPublish(t, mustCreate(t, "a.csv"), "x") // no folder in the path is this folder
	if err := os.Remove("a.csv"); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, filepath.Join(dir, "sub"), map[string]string{})
}

func TestOutFileInAFolderThatMayOnlyBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.csv")
	if _, err := CreateOutFile(path); err == nil || err.Error() != "write "+path+": permission denied" {
		t.Errorf("got %v", err)
	}
}

func TestOutFileLeavesWhatIsNoFile(t *testing.T) {
	if _, err := CreateOutFile(os.DevNull); err == nil || !strings.Contains(err.Error(), "it is a device or a pipe") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(real, []byte("old"), 0o600), os.Symlink(real, link)); err != nil {
		t.Skip(err)
	}
	f, err := CreateOutFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Flush(), f.Commit()); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(real); string(got) != "new" {
		t.Errorf("what the link points to is %q", got)
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
}

// WriteFile replaces a file whole; where that fails the old one stays, and nothing
// is beside it.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	if err := WriteFile(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := WriteFile(path, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	torn := errors.New("the source is torn")
	if err := writeFrom(path, io.MultiReader(strings.NewReader("thi"), iotest.ErrReader(torn)), 0o600); !errors.Is(err, torn) {
		t.Errorf("got %v", err)
	}
	wantFolder(t, dir, map[string]string{"state.json": "second"})
}
