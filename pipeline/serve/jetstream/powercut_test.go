//go:build linux

package jetstream

// powercut_test.go: what was acknowledged is there after the power went. Each node
// keeps its store on a disk of its own (testdata/powerfs), which forgets what was
// not synced when the node is killed. It takes root and /dev/fuse, and
//
//	(cd testdata/powerfs && go build -o /tmp/powerfs .)
//	PIPELINE_POWERFS=/tmp/powerfs go test -v -run PowerCut ./pipeline/serve/jetstream

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pipeline/pipeline/serve/enginetest"
)

// powered is a disk whose power can be cut.
type powered struct {
	t       testing.TB
	mount   string
	control string
}

// powerfs is a disk; its test is skipped where there cannot be one.
func powerfs(t testing.TB, dir string) *powered {
	t.Helper()
	program := os.Getenv("PIPELINE_POWERFS")
	if program == "" {
		t.Skip("SKIPPED: no power can be cut: PIPELINE_POWERFS does not name a built testdata/powerfs")
	}
	d := &powered{t: t, mount: filepath.Join(dir, "mount")}
	cmd := exec.Command(program, "-back", filepath.Join(dir, "back"), "-mount", d.mount)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &strings.Builder{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Unmount(d.mount, syscall.MNT_DETACH)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("powerfs ended: %s", said)
	}
	d.control = strings.TrimSpace(line)
	return d
}

// cut drops what is not synced, and returns how many pages of files that were.
func (d *powered) cut() int {
	d.t.Helper()
	r, err := http.Post("http://"+d.control+"/cut", "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	pages, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || r.StatusCode != http.StatusOK {
		d.t.Fatalf("cut: %s %v", r.Status, err)
	}
	return pages
}

// cutOff takes the power of nodes and their disks, gives it back, and returns what
// their disks forgot and how long it took until each shard took something again.
func (l *load) cutOff(t testing.TB, disks []*powered) (pages int, backIn time.Duration) {
	t.Helper()
	for _, p := range l.nodes {
		_ = p.cmd.Process.Kill() // all at once, before anybody is waited for
	}
	for i, p := range l.nodes {
		_ = p.cmd.Wait()
		pages += disks[i].cut()
	}
	begin := time.Now()
	for _, p := range l.nodes {
		p.start()
	}
	l.everyTopic(t)
	return pages, time.Since(begin)
}

// cuts has nodes under load lose their power again and again.
func (l *load) cuts(t testing.TB, name string, disks []*powered, cuts int) {
	t.Helper()
	startAll(t, l.nodes)
	l.start()
	l.more(t, 50)
	pages := 0
	var backIn []time.Duration
	for range cuts {
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // the moment is what is tested
		forgotten, back := l.cutOff(t, disks)
		pages, backIn = pages+forgotten, append(backIn, back)
		l.more(t, 50)
	}
	l.verify(t, fmt.Sprintf("%s, %d × power cut (%d pages of 4 KB forgotten)", name, cuts, pages), backIn)
}

func TestPowerCutAlone(t *testing.T) {
	cuts := enginetest.Size(t, 5, 500)
	t.Parallel()
	d := powerfs(t, t.TempDir())
	l := &load{nodes: alone(t, filepath.Join(d.mount, "engine"))}
	l.cuts(t, "one node", []*powered{d}, cuts)
}

func TestPowerCutCluster(t *testing.T) {
	cuts := enginetest.Size(t, 2, 50)
	t.Parallel()
	l := &load{nodes: three(t)}
	var disks []*powered
	for _, p := range l.nodes {
		d := powerfs(t, p.Dir)
		p.Dir = filepath.Join(d.mount, "engine")
		disks = append(disks, d)
	}
	l.cuts(t, "three nodes", disks, cuts)
}

// With the server's own setting a cut takes what was acknowledged: the other tests
// would see it, and SyncAlways is what keeps it.
func TestPowerCutWithoutSync(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	d := powerfs(t, t.TempDir())
	l := &load{nodes: alone(t, filepath.Join(d.mount, "engine"))}
	l.nodes[0].LazySync = true
	startAll(t, l.nodes)
	l.start()
	l.more(t, 500)
	l.stop.Store(true)
	l.wg.Wait()
	l.nodes[0].kill()
	pages := d.cut()
	l.nodes[0].start()
	lost, _, _ := l.count(t)
	fmt.Printf("| one node without SyncAlways, 1 × power cut (%d pages forgotten) | acked %d | lost %d |\n", pages, l.acked.Load(), lost)
	if lost == 0 {
		t.Errorf("nothing of %d is lost where nothing was synced: the cut does not cut", l.acked.Load())
	}
}
