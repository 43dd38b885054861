package ledger

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// The test binary runs itself as the child that is killed.
const (
	childEnv = "LEDGER_TEST_CHILD" // the ledger's path
	killsEnv = "LEDGER_TEST_KILLS" // how often to kill; the release gate is 1000
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

// child delivers until it is killed and says of each batch when it is durable.
func child(path string) {
	fails := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	l, err := Open(path)
	fails(err)
	r, err := l.Begin(crm, "id")
	fails(err)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; ; i += 4 {
				n := r.Known() + i
				fails(r.Delivered(batchOf(n)))
				fmt.Println(n) // one write to the pipe
			}
		})
	}
	wg.Wait()
}

func batchOf(n int) (batch []Entry) {
	for i := range 5 {
		batch = append(batch, rows(fmt.Sprintf("%d/%d=%d", n, i, n))...)
	}
	return batch
}

// What Delivered returned for is known after the process was killed, and what
// the ledger counts is what it has.
func TestKilledWhileDelivering(t *testing.T) {
	kills := 10
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	said := map[int]bool{}
	for range kills {
		cmd := exec.Command(must(os.Executable())(t))
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		cmd.Stderr = os.Stderr
		out := must(cmd.StdoutPipe())(t)
		check(t, cmd.Start())
		enough := 1 + rand.IntN(40)
		for lines := bufio.NewScanner(out); lines.Scan(); enough-- {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("the child: %s", lines.Text())
			}
			said[n] = true
			if enough == 1 {
				check(t, cmd.Process.Kill())
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() && cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("the child ended with %v", err)
		}
		l := must(Open(path))(t)
		r := must(l.Begin(crm, "id"))(t)
		for n := range said {
			for i, same := range must(r.Unchanged(nil, batchOf(n)))(t) {
				if !same {
					t.Fatalf("row %d of batch %d is lost", i, n)
				}
			}
		}
		if n := must(r.CountGone(NewKeys(t.TempDir())))(t); n != r.Known() {
			t.Fatalf("it counts %d keys and has %d", r.Known(), n)
		}
		check(t, l.Close())
	}
	t.Logf("%d batches kept", len(said))
}
