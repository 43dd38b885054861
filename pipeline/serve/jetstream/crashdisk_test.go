//go:build linux

package jetstream

// crashdisk_test.go: a disk that is full, and has room again.

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// TestCrashFullDisk fills a small disk, with and without the watch.
func TestCrashFullDisk(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	for _, unwatched := range []bool{false, true} {
		t.Run(fmt.Sprintf("unwatched %v", unwatched), func(t *testing.T) {
			dir := t.TempDir()
			mount := func(options string) {
				if err := syscall.Mount("tmpfs", dir, "tmpfs", mountFlags(options), strings.TrimPrefix(options, "remount,")); err != nil {
					t.Skipf("SKIPPED: a small disk cannot be made here: %v", err)
				}
			}
			mount("size=230m")
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			l := &load{nodes: alone(t, dir)}
			l.nodes[0].DiskUnwatched = unwatched
			startAll(t, l.nodes)
			l.start()
			l.more(t, 50)
			leave := uint64(150 << 20) // less than has to be free
			if unwatched {
				leave = 0
			}
			if err := fillDisk(dir, leave); err != nil {
				t.Fatal(err)
			}
			full := l.untilRefused(t)
			mount("remount,size=500m")
			if unwatched { // the server has stopped for good: a restart is in the runbook
				l.nodes[0].kill()
				l.nodes[0].start()
			}
			backIn := l.more(t, 50)
			l.verify(t, fmt.Sprintf("one node, full disk, unwatched %v (%d refused)", unwatched, full), []time.Duration{backIn})
		})
	}
}

func mountFlags(options string) uintptr {
	if strings.HasPrefix(options, "remount,") {
		return syscall.MS_REMOUNT
	}
	return 0
}

// fillDisk leaves no more than leave bytes.
func fillDisk(dir string, leave uint64) error {
	f, err := os.Create(dir + "/ballast")
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		if free, _, err := diskSpace(dir); err != nil || leave > 0 && free < leave {
			return err
		}
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// untilRefused waits until nothing is acknowledged any more, and counts refusals.
func (l *load) untilRefused(t testing.TB) int {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	refused := 0
	for begin := time.Now(); refused < 2; {
		if time.Since(begin) > 3*time.Minute {
			t.Fatal("it takes more and more")
		}
		r, err := client.Post(l.nodes[0].url("/append?topic=full&id="+fmt.Sprint(time.Now().UnixNano())), "", strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != http.StatusOK {
			refused++
			if !l.nodes[0].DiskUnwatched && !strings.Contains(string(text), engine.ErrFull.Error()) {
				t.Errorf("it says %s", text)
			}
		}
	}
	return refused
}
