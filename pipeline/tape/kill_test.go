package tape

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The test binary runs itself as the child that is killed.
const (
	childEnv = "TAPE_TEST_CHILD"
	dirEnv   = "TAPE_TEST_DIR"
	killsEnv = "TAPE_TEST_KILLS" // how often to kill; the release gate is 1000
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "put":
		childPuts(os.Getenv(dirEnv))
	case "complete":
		childCompletes(os.Getenv(dirEnv))
	default:
		os.Exit(m.Run())
	}
}

func childFails(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// childPuts puts until it is killed and says of each key when it is durable.
func childPuts(dir string) {
	s, err := Open(dir)
	childFails(err)
	tape, err := s.Unfinished()
	childFails(err)
	if tape == nil {
		tape, err = s.Begin(header)
		childFails(err)
	}
	first := tape.Len()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				n := first + 4*i + worker
				childFails(tape.Put(strconv.Itoa(n), []byte(childBody(n))))
				fmt.Println(n) // one write to the pipe
			}
		})
	}
	wg.Wait()
}

func childBody(n int) string { return longBody(n)[:n*37%1300] }

// childCompletes completes tape after tape until it is killed.
func childCompletes(dir string) {
	s, err := Open(dir)
	childFails(err)
	n := 0
	if last, err := s.Last(); last != nil {
		childFails(err)
		n, err = strconv.Atoi(last.Header().Identity)
		childFails(err)
		childFails(last.Close())
	}
	for {
		n++
		tape, err := s.Begin(Header{Identity: strconv.Itoa(n)})
		childFails(err)
		for key := range 3 {
			childFails(tape.Put(strconv.Itoa(key), []byte(childBody(n+key))))
		}
		childFails(tape.Complete())
		childFails(tape.Close())
		fmt.Println(n)
	}
}

// kill runs the child until it has said a number of lines, kills it, and
// returns all that it said.
func kill(t *testing.T, child, dir string, lines int) (said []string) {
	t.Helper()
	cmd := exec.Command(must(os.Executable())(t))
	cmd.Env = append(os.Environ(), childEnv+"="+child, dirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out := must(cmd.StdoutPipe())(t)
	check(t, cmd.Start())
	for r := bufio.NewScanner(out); r.Scan(); {
		if _, err := strconv.Atoi(r.Text()); err != nil {
			t.Fatalf("the child: %s", r.Text())
		}
		if said = append(said, r.Text()); len(said) == lines {
			check(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "signal") && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("the child ended with %v", err)
	}
	return said
}

func kills() int {
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		return n
	}
	if testing.Short() {
		return 3
	}
	return 15
}

// What a Put returned for is there after the process was killed, byte for
// byte, over many lives of one tape.
func TestKilledWhilePutting(t *testing.T) {
	dir := t.TempDir()
	said := map[string]bool{}
	for range kills() {
		for _, key := range kill(t, "put", dir, 1+rand.IntN(60)) {
			said[key] = true
		}
		s := openStore(t, dir) // the lock of the killed one is gone
		tape := must(s.Unfinished())(t)
		for key := range said {
			n, _ := strconv.Atoi(key)
			wantBody(t, tape, key, childBody(n))
		}
		if d := tape.Damage(); d != "" && !strings.HasPrefix(d, "cut off after") && !strings.HasPrefix(d, "damaged at byte") {
			t.Errorf("damage: %s", d)
		}
		check(t, tape.Close())
		check(t, s.Close())
	}
	t.Logf("%d exchanges kept", len(said))
}

// There is always a last complete tape, whole, at least as new as said.
func TestKilledWhileCompleting(t *testing.T) {
	dir := t.TempDir()
	for range kills() {
		said := kill(t, "complete", dir, 1+rand.IntN(5))
		s := openStore(t, dir)
		last := must(s.Last())(t)
		n := must(strconv.Atoi(last.Header().Identity))(t)
		if least := must(strconv.Atoi(said[len(said)-1]))(t); n != least && n != least+1 {
			t.Errorf("the last complete tape is %d, the child said %d", n, least)
		}
		for key := range 3 {
			wantBody(t, last, strconv.Itoa(key), childBody(n+key))
		}
		check(t, last.Close())
		must(s.Unfinished())(t)
		check(t, s.Close())
	}
}
