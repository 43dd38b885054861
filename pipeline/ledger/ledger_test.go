package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must is v, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
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

// rows are entries with the content that their key has, or "key=content".
func rows(texts ...string) (entries []Entry) {
	for _, text := range texts {
		key, content, _ := strings.Cut(text, "=")
		entries = append(entries, Entry{Key: []byte(key), Row: Sum([]byte(content))})
	}
	return entries
}

func seen(t testing.TB, keys ...string) *Keys {
	k := NewKeys(t.TempDir())
	for _, key := range keys {
		must(k.Add([]byte(key)))(t)
	}
	t.Cleanup(func() { check(t, k.Close()) })
	return k
}

func gone(t testing.TB, r *Run, seen *Keys) (keys []string) {
	t.Helper()
	check(t, r.Gone(seen, func(key []byte) error { keys = append(keys, string(key)); return nil }))
	if n := must(r.CountGone(seen))(t); n != len(keys) {
		t.Errorf("CountGone is %d of %q", n, keys)
	}
	return keys
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

const (
	crm = "https://crm.example.com/people"
	app = "https://app.example.com/attendees"
)

func TestThreeNights(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".pipeline", "acme", "ledger.db")
	l := must(Open(path))(t)
	r := must(l.Begin(crm, "id"))(t)
	all := rows("1=Ann", "2=Ben", "3=Cho", "=empty", "\x00\xff=bytes")
	equal(t, "first night, unchanged", []bool{false, false, false, false, false}, must(r.Unchanged(nil, all))(t))
	check(t, r.Delivered(nil))
	check(t, r.Delivered(all[:2]))
	check(t, r.Delivered(all[2:]))
	equal(t, "delivered in this run", []bool{true, true, true, true, true}, must(r.Unchanged(nil, all))(t))
	equal(t, "known when the first run began", 0, r.Known())
	check(t, r.Complete(seen(t, "1", "2", "3", "", "\x00\xff")))
	check(t, l.Close())

	l = must(Open(path))(t)
	r = must(l.Begin(crm, "id"))(t)
	other := must(l.Begin(app, "email"))(t)
	equal(t, "known", []int{5, 0}, []int{r.Known(), other.Known()})
	night := rows("1=Ann", "2=Benjamin", "4=Dee")
	equal(t, "second night, unchanged", []bool{true, false, false}, must(r.Unchanged(nil, night))(t))
	equal(t, "another sink", []bool{false, false, false}, must(other.Unchanged(nil, night))(t))
	check(t, r.Delivered(night[1:]))
	k := seen(t, "1", "2", "4", "3") // 3 was rejected
	equal(t, "gone", []string{"", "\x00\xff"}, gone(t, r, k))
	equal(t, "gone from the other sink", nil, nilIfEmpty(gone(t, other, k)))
	check(t, r.Gone(k, func(key []byte) error { return r.Deleted([][]byte{key}) }))
	equal(t, "gone once deleted", nil, nilIfEmpty(gone(t, r, k)))
	check(t, r.Deleted(nil))
	check(t, r.Deleted([][]byte{[]byte("never there")}))
	check(t, r.Complete(k))
	check(t, l.Close())

	l = must(Open(path))(t)
	r = must(l.Begin(crm, "id"))(t)
	equal(t, "known on the third night", 4, r.Known())
	equal(t, "third night", []bool{true, true, true, true, false},
		must(r.Unchanged(nil, rows("1=Ann", "2=Benjamin", "3=Cho", "4=Dee", "=empty")))(t))
	stop := errors.New("stop")
	if err := r.Gone(seen(t), func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Gone returned %v", err)
	}
	check(t, l.Close())
}

func nilIfEmpty(keys []string) any {
	if len(keys) == 0 {
		return nil
	}
	return keys
}

func TestOneKeyTwiceInABatch(t *testing.T) {
	l := must(Open(filepath.Join(t.TempDir(), "ledger.db")))(t)
	defer l.Close()
	r := must(l.Begin(crm, "id"))(t)
	check(t, r.Delivered(rows("2=old", "1=old", "2=new", "1=newer")))
	equal(t, "the last one holds", []bool{false, true, true}, must(r.Unchanged(nil, rows("2=old", "2=new", "1=newer")))(t))
	equal(t, "keys", 2, must(l.Begin(crm, "id"))(t).Known())
}

func TestAChangedKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	begin := func(keyDef string) (*Ledger, *Run) {
		t.Helper()
		l := must(Open(path))(t)
		t.Cleanup(func() { l.Close() })
		return l, must(l.Begin(crm, keyDef))(t)
	}
	l, r := begin("id")
	equal(t, "a new sink", false, r.KeyChanged())
	check(t, l.Close())
	l, r = begin("email")
	equal(t, "changed before anything was delivered", false, r.KeyChanged())
	check(t, r.Delivered(rows("ann@example.com", "both")))
	check(t, l.Close())
	l, r = begin("number")
	equal(t, "changed", true, r.KeyChanged())
	check(t, r.Delivered(rows("1", "2")))
	check(t, l.Close())
	// Interrupted, and then the old definition again: what is there is mixed.
	l, r = begin("email")
	equal(t, "changed back", true, r.KeyChanged())
	check(t, l.Close())
	l, r = begin("number")
	equal(t, "still changed", true, r.KeyChanged())
	check(t, r.Complete(seen(t, "1", "2", "both")))
	equal(t, "changed after Complete", false, r.KeyChanged())
	check(t, l.Close())
	_, r = begin("number")
	equal(t, "changed in the next run", false, r.KeyChanged())
	equal(t, "keys that are left", []string{"1", "2", "both"}, gone(t, r, seen(t)))
	equal(t, "known", 3, r.Known())
}

func TestManyPagesAreGone(t *testing.T) {
	l := must(Open(filepath.Join(t.TempDir(), "ledger.db")))(t)
	defer l.Close()
	r := must(l.Begin(crm, "id"))(t)
	var want []string
	var all []Entry
	for i := range 1200 { // a page is 1000
		key := strings.Repeat("\x00", i) // each is the next one there can be
		want, all = append(want, key), append(all, Entry{Key: []byte(key)})
	}
	check(t, r.Delivered(all))
	var got []string
	check(t, r.Gone(seen(t), func(key []byte) error {
		got = append(got, string(key))
		return r.Deleted([][]byte{key})
	}))
	equal(t, "gone", want, got)
	equal(t, "left", 0, must(l.Begin(crm, "id"))(t).Known())
}

func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := must(Open(path))(t)
	r := must(l.Begin(crm, "id"))(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 25 {
				row := rows(fmt.Sprintf("%d/%d=%d", worker, i, i))
				if err := r.Delivered(row); err != nil {
					t.Error(err)
				}
				if same, err := r.Unchanged(nil, row); err != nil || !same[0] {
					t.Errorf("%s: %v, %v", row[0].Key, same, err)
				}
			}
		})
	}
	wg.Wait()
	check(t, l.Close())
	l = must(Open(path))(t)
	defer l.Close()
	equal(t, "keys", 200, must(l.Begin(crm, "id"))(t).Known())
}

// The ledger is a map from key to content, over runs, interruptions and
// changes of what is seen.
func TestLikeAMap(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(base, fmt.Sprint(n), "ledger.db")
		model := map[string]string{}
		key := rapid.SampledFrom([]string{"", "a", "b", "b\x00", "c", "\xff", "\xff\xff", `["x",1]`})
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			l, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := l.Begin(crm, "id")
			if err != nil {
				t.Fatal(err)
			}
			if r.Known() != len(model) {
				t.Fatalf("known is %d, want %d", r.Known(), len(model))
			}
			seen := NewKeys(base)
			met := map[string]bool{}
			for range rapid.IntRange(0, 10).Draw(t, "rows") {
				k, content := key.Draw(t, "key"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "content")
				added, err := seen.Add([]byte(k))
				if err != nil || added == met[k] {
					t.Fatalf("added %q: %v, %v; want %v", k, added, err, !met[k])
				}
				if !added {
					continue
				}
				met[k] = true
				row := rows(k + "=" + content)
				same, err := r.Unchanged(nil, row)
				if was, known := model[k]; err != nil || same[0] != (known && was == content) {
					t.Fatalf("%q is unchanged: %v, %v; it was %q", k, same, err, was)
				}
				if rapid.Bool().Draw(t, "delivered") {
					if err := r.Delivered(row); err != nil {
						t.Fatal(err)
					}
					model[k] = content
				}
			}
			if rapid.Bool().Draw(t, "complete") {
				last := ""
				count := 0
				err := r.Gone(seen, func(k []byte) error {
					if _, known := model[string(k)]; !known || met[string(k)] || count > 0 && string(k) <= last {
						t.Fatalf("%q is gone; it is known: %v, and was met: %v", k, known, met[string(k)])
					}
					delete(model, string(k))
					last = string(k)
					count++
					return r.Deleted([][]byte{k})
				})
				if err != nil {
					t.Fatal(err)
				}
				for k := range model {
					if !met[k] {
						t.Fatalf("%q is not gone", k)
					}
				}
			}
			if err := errors.Join(seen.Close(), l.Close()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWhatIsNoLedger(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a ledger?#%41.db") // a name that is no URL
	l := must(Open(path))(t)
	_, err := Open(path)
	wantError(t, err, "ledger "+path, "another run is using it")
	r := must(l.Begin(crm, "id"))(t)
	check(t, r.Delivered(rows("1")))
	if runtime.GOOS != "windows" {
		for _, e := range must(os.ReadDir(dir))(t) {
			if mode := must(e.Info())(t).Mode().Perm(); mode != 0o600 {
				t.Errorf("%s: mode %o", e.Name(), mode)
			}
		}
	}
	_, err = l.db.Exec("PRAGMA user_version = 9")
	check(t, err)
	check(t, l.Close())
	_, err = Open(path)
	wantError(t, err, "newer pipeline (its format is 9, this program knows up to 1); update pipeline", "`pipeline purge`", "sends all rows again")
	if bytes := must(Remove(path))(t); bytes == 0 {
		t.Error("nothing was removed")
	}
	if left := must(os.ReadDir(dir))(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if bytes := must(Remove(path))(t); bytes != 0 {
		t.Error("something was removed twice")
	}

	check(t, os.WriteFile(path, []byte(strings.Repeat("no database. ", 500)), 0o600))
	_, err = Open(path)
	wantError(t, err, "it is damaged: remove it with `pipeline purge`")

	l = must(Open(filepath.Join(dir, "other.db")))(t)
	_, err = l.db.Exec("PRAGMA application_id = 77")
	check(t, err)
	check(t, l.Close())
	_, err = Open(filepath.Join(dir, "other.db"))
	wantError(t, err, "another program's database")

	_, err = Open(filepath.Join(path, "ledger.db"))
	wantError(t, err, "not a directory")
}

// A damaged file is an error or a row that is sent again, never a crash.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.db")
	l := must(Open(path))(t)
	r := must(l.Begin(crm, "id"))(t)
	var all []Entry
	for i := range 600 {
		all = append(all, rows(fmt.Sprintf("%05d=%d", i, i))...)
	}
	check(t, r.Delivered(all))
	check(t, l.Close())
	whole := must(os.ReadFile(path))(t)

	use := func() error {
		l, err := Open(path)
		if err != nil {
			return err
		}
		defer l.Close()
		r, err := l.Begin(crm, "id")
		if err != nil {
			return err
		}
		if _, err := r.Unchanged(nil, all); err != nil {
			return err
		}
		if err := r.Gone(NewKeys(dir), func([]byte) error { return nil }); err != nil {
			return err
		}
		return r.Delivered(rows("00300=changed", "new"))
	}
	noticed := 0
	attempt := func(what string, data []byte) {
		t.Helper()
		must(Remove(path))(t)
		check(t, os.WriteFile(path, data, 0o600))
		switch err := use(); {
		case err == nil:
		case strings.Contains(err.Error(), "it is damaged: remove it with `pipeline purge`"):
			noticed++
		case !strings.HasPrefix(err.Error(), "ledger "+path):
			t.Errorf("%s: %v", what, err)
		}
	}
	damaged := make([]byte, len(whole))
	for at := 0; at < len(whole); at += 307 {
		copy(damaged, whole)
		damaged[at] ^= byte(1 + at%255)
		attempt(fmt.Sprintf("byte %d", at), damaged)
	}
	for size := 0; size < len(whole); size += 4096 / 3 {
		attempt(fmt.Sprintf("cut at %d", size), whole[:size])
	}
	if noticed < len(whole)/4096 {
		t.Errorf("damage was noticed %d times only", noticed)
	}
}
