package tape

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var started = time.Date(2026, 11, 21, 9, 30, 0, 123456789, time.FixedZone("", 8*3600))

var header = Header{Identity: "6b1f", Source: "gevme event 25198085, attendees", Started: started}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// must is v, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantBody(t testing.TB, tape *Tape, key, want string) {
	t.Helper()
	got, ok, err := tape.Get(key, []byte("before:"))
	if err != nil || !ok || string(got) != "before:"+want {
		t.Errorf("Get(%q) = %.60q, %v, %v; want %.60q", key, got, ok, err, want)
	}
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v; it should say %q", err, part)
		}
	}
}

// longBody is one that is compressed; it differs with n.
func longBody(n int) string {
	return fmt.Sprintf(`{"page":%d,"records":[%s]}`, n, strings.Repeat(`{"first_name":"Nguyễn","id":17},`, 40))
}

func TestARunGoesOnFromItsTape(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipeline", "acme")
	s := openStore(t, dir)
	if tape := must(s.Unfinished())(t); tape != nil {
		t.Fatal("a new store has an unfinished tape")
	}
	if tape := must(s.Last())(t); tape != nil {
		t.Fatal("a new store has a complete tape")
	}
	tape := must(s.Begin(header))(t)
	check(t, tape.Put("GET /a", []byte(`{"a":1}`)))
	check(t, tape.Put("GET /long", []byte(longBody(1))))
	check(t, tape.Put("GET /empty", nil))
	check(t, tape.Put("", []byte("no key")))
	wantBody(t, tape, "GET /long", longBody(1))
	check(t, tape.Close())
	check(t, s.Close())

	s = openStore(t, dir)
	tape = must(s.Unfinished())(t)
	if diff := cmp.Diff(header, tape.Header(), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("header:\n%s", diff)
	}
	wantBody(t, tape, "GET /a", `{"a":1}`)
	wantBody(t, tape, "GET /long", longBody(1))
	wantBody(t, tape, "GET /empty", "")
	wantBody(t, tape, "", "no key")
	if _, ok, err := tape.Get("GET /b", nil); ok || err != nil {
		t.Errorf("a key that was never put: %v, %v", ok, err)
	}
	check(t, tape.Put("GET /b", []byte(longBody(2))))
	check(t, tape.Put("GET /a", []byte(`{"a":2}`)))
	wantBody(t, tape, "GET /a", `{"a":2}`)
	check(t, tape.Complete())
	check(t, tape.Complete())
	wantBody(t, tape, "GET /b", longBody(2))
	wantError(t, tape.Put("GET /c", nil), "last.tape: it is complete")
	check(t, tape.Close())
	check(t, tape.Close())
	wantError(t, tape.Put("GET /c", nil), "file already closed")
	if _, _, err := tape.Get("GET /b", nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}

	if tape := must(s.Unfinished())(t); tape != nil {
		t.Error("the tape is complete, and unfinished too")
	}
	last := must(s.Last())(t)
	wantBody(t, last, "GET /a", `{"a":2}`)
	if last.Damage() != "" || last.Len() != 5 {
		t.Errorf("damage %q, %d exchanges; want none, 5", last.Damage(), last.Len())
	}
	wantError(t, last.Put("GET /c", nil), "it is complete")
	check(t, last.Close())
}

// The last complete tape stays until the next one is complete.
func TestANewTapeReplacesTheLast(t *testing.T) {
	s := openStore(t, t.TempDir())
	for run := range 3 {
		if run > 0 {
			last := must(s.Last())(t)
			wantBody(t, last, "GET /", longBody(run-1))
			check(t, last.Close())
		}
		tape := must(s.Begin(header))(t)
		check(t, tape.Put("GET /given-up", nil))
		check(t, tape.Close())
		tape = must(s.Begin(header))(t)
		if _, ok, _ := tape.Get("GET /given-up", nil); ok {
			t.Error("a new tape has what the one before it had")
		}
		check(t, tape.Put("GET /", []byte(longBody(run))))
		check(t, tape.Complete())
		check(t, tape.Close())
	}
	var names []string
	for _, e := range must(os.ReadDir(s.dir))(t) {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"last.tape", "lock"}, names); diff != "" {
		t.Errorf("files:\n%s", diff)
	}
}

// A run that dies after the end frame and before the rename completes it the
// next time, and may find that something more is to be fetched.
func TestDeathBetweenEndAndRename(t *testing.T) {
	s := openStore(t, t.TempDir())
	tape := must(s.Begin(header))(t)
	check(t, tape.Put("GET /1", []byte("one")))
	check(t, tape.Complete())
	check(t, tape.Close())
	check(t, os.Rename(s.path(lastName), s.path(unfinishedName)))

	tape = must(s.Unfinished())(t)
	if tape.Damage() != "" {
		t.Errorf("damage: %s", tape.Damage())
	}
	check(t, tape.Put("GET /2", []byte("two")))
	check(t, tape.Close())
	tape = must(s.Unfinished())(t)
	check(t, tape.Complete())
	check(t, tape.Close())
	last := must(s.Last())(t)
	wantBody(t, last, "GET /1", "one")
	wantBody(t, last, "GET /2", "two")
	check(t, last.Close())
}

func TestOneRunAtATime(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	_, err := Open(dir)
	wantError(t, err, "another run of this mapping is going on", fmt.Sprintf("process %d", os.Getpid()), dir, "--state DIR")
	check(t, s.Close())
	s = openStore(t, dir)
	check(t, s.Close())
}

func TestOnlyTheOwnerReads(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not bits here")
	}
	dir := filepath.Join(t.TempDir(), "state", "acme")
	s := openStore(t, dir)
	tape := must(s.Begin(header))(t)
	check(t, tape.Complete())
	check(t, tape.Close())
	tape = must(s.Begin(header))(t)
	check(t, tape.Close())
	for _, name := range []string{"..", ".", lockName, lastName, unfinishedName} {
		if mode := must(os.Stat(filepath.Join(dir, name)))(t).Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s: mode %o", name, mode)
		}
	}
}

func TestANewerTape(t *testing.T) {
	s := openStore(t, t.TempDir())
	line := "pipeline-tape 7 "
	text := fmt.Sprintf("%s%08x\nwhatever a later version does", line, crc32.Checksum([]byte(line), castagnoli))
	check(t, os.WriteFile(s.path(unfinishedName), []byte(text), 0o600))
	check(t, os.WriteFile(s.path(lastName), []byte(text), 0o600))
	for _, look := range []func() (*Tape, error){s.Unfinished, s.Last} {
		_, err := look()
		wantError(t, err, ".tape: newer version: its format is 7, this program knows up to 1; update pipeline, or remove the tape with `pipeline purge`")
		if !errors.Is(err, ErrNewer) {
			t.Errorf("%v is no ErrNewer", err)
		}
	}
	if bytes := must(s.Purge())(t); bytes != int64(2*len(text)) {
		t.Errorf("purged %d bytes", bytes)
	}
	if tape := must(s.Unfinished())(t); tape != nil {
		t.Error("still there")
	}
}

func TestADamagedCompleteTapeIsNotComplete(t *testing.T) {
	s := openStore(t, t.TempDir())
	tape := must(s.Begin(header))(t)
	for i := range 3 {
		check(t, tape.Put(fmt.Sprint(i), []byte(longBody(i))))
	}
	check(t, tape.Complete())
	check(t, tape.Close())
	whole := must(os.ReadFile(s.path(lastName)))(t)
	for _, c := range []struct {
		name string
		text []byte
		want string
	}{
		{"its end is missing", whole[:len(whole)-headSize], "damaged: cut off after 3 exchanges"},
		{"cut inside an exchange", whole[:len(whole)-headSize-5], "damaged: cut off after 2 exchanges"},
		{"longer than it was", append(whole[:len(whole):len(whole)], 0), "(1 bytes after its end)"},
		{"empty", nil, "damaged at its beginning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, os.WriteFile(s.path(lastName), c.text, 0o600))
			_, err := s.Last()
			wantError(t, err, c.want)
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is no ErrDamaged", err)
			}
		})
	}
}

func TestExpire(t *testing.T) {
	s := openStore(t, t.TempDir())
	complete := func(at time.Time) {
		tape := must(s.Begin(Header{Started: at}))(t)
		check(t, tape.Complete())
		check(t, tape.Close())
	}
	names := func() (names []string) {
		for _, info := range must(Inspect(s.dir))(t) {
			names = append(names, filepath.Base(info.Path))
		}
		return names
	}
	check(t, s.Expire(started)) // nothing there
	complete(started)
	check(t, must(s.Begin(Header{Started: started.Add(time.Hour)}))(t).Close())
	check(t, s.Expire(started))
	if diff := cmp.Diff([]string{unfinishedName, lastName}, names()); diff != "" {
		t.Errorf("one as old as allowed:\n%s", diff)
	}
	check(t, s.Expire(started.Add(time.Minute)))
	if diff := cmp.Diff([]string{unfinishedName}, names()); diff != "" {
		t.Errorf("one too old:\n%s", diff)
	}
	check(t, os.WriteFile(s.path(unfinishedName), []byte("junk"), 0o600))
	check(t, s.Expire(time.Now().Add(-time.Hour)))
	if diff := cmp.Diff([]string{unfinishedName}, names()); diff != "" {
		t.Errorf("an unreadable one, just written:\n%s", diff)
	}
	check(t, s.Expire(time.Now().Add(time.Hour)))
	if len(names()) != 0 {
		t.Errorf("an unreadable one, written before: still there")
	}
}

func TestInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if infos := must(Inspect(dir))(t); infos != nil {
		t.Errorf("no folder: %v", infos)
	}
	s := openStore(t, dir)
	tape := must(s.Begin(header))(t)
	check(t, tape.Put("GET /1", []byte("one")))
	check(t, tape.Complete())
	check(t, tape.Close())
	tape = must(s.Begin(header))(t)
	check(t, tape.Put("GET /1", []byte("one")))
	check(t, tape.Put("GET /1", []byte("again")))
	check(t, tape.Put("GET /2", []byte("two")))
	check(t, tape.Close())
	cut(t, s.path(unfinishedName), 1)

	got := must(Inspect(dir))(t) // while it is locked
	want := []Info{
		{Header: header, Path: s.path(unfinishedName), Exchanges: 1, Problem: "cut off after 1 exchange"},
		{Header: header, Path: s.path(lastName), Complete: true, Exchanges: 1},
	}
	for i := range want {
		want[i].Bytes = must(os.Stat(want[i].Path))(t).Size()
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
}

// cut takes n bytes off the end of a file.
func cut(t testing.TB, path string, n int64) {
	t.Helper()
	check(t, os.Truncate(path, must(os.Stat(path))(t).Size()-n))
}
