package serve_test

// pushlost_test.go: runs of pushes that die between two of the effects that they end
// with. Whatever came of a push the first time comes of it once more: each push is a
// row or a reject, and never neither.

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// folder is a folder of push runs: the mapping, the inbox, the state and what is made.
type folder struct {
	t   *testing.T
	dir string
}

func newFolder(t *testing.T, mapping string) folder {
	f := folder{t, t.TempDir()}
	f.write("m.yaml", mapping)
	f.write("end", "")
	return f
}

func (f folder) write(name, text string) {
	f.t.Helper()
	name = filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) run() {
	f.t.Helper()
	if err := pushRuns(f.dir); err != nil {
		f.t.Fatal(err)
	}
}

// files is all that is in the folder, by name.
func (f folder) files() map[string]string {
	f.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(f.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		inside, _ := filepath.Rel(f.dir, name)
		files[filepath.ToSlash(inside)] = string(text)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return files
}

// become makes the folder have these files, and no others.
func (f folder) become(files map[string]string) {
	f.t.Helper()
	for name := range f.files() {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
			f.t.Fatal(err)
		}
	}
	for name, text := range files {
		f.write(name, text)
	}
}

// made is what is left to see of push runs.
func (f folder) made() map[string]string {
	all := f.files()
	return map[string]string{"out.csv": all["out.csv"], "rejects": all["m.rejects.jsonl"], "pushed": all["state/pushed.json"]}
}

// choosy is a receiver that takes each request once, by its key, but for people who
// are called "no".
type choosy struct {
	*httptest.Server
	mu   sync.Mutex
	took map[string]string // bodies by idempotency key
}

func newChoosy(t *testing.T) *choosy {
	c := &choosy{took: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"name":"no"`) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.took[r.Header.Get("Idempotency-Key")] = string(body)
	}))
	t.Cleanup(c.Close)
	return c
}

// has is what was taken so far.
func (c *choosy) has() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.took)
}

// unmade is a mapping to a receiver whose body cannot be made of people who are
// called "bad", and to a file, which does not have whom the receiver refuses.
const unmade = `
version: 1
name: m
source: {webhook: {path: /hooks/m-0123456789abcdef0123456789abcdef}}
key: [id]
fields:
  id: {value: id, type: integer, required: true}
  name: {value: name, type: string, required: true}
sinks:
  - webhook: {url: %q, body: 'string(row) contains "bad" ? integer(string(row)) : row'}
  - csv: {path: out.csv, mode: append}
`

// ends are the effects that a run of pushes ends with, in their order, by how the
// names of their files begin: the rows of the file, the rejects, what the receiver has,
// and that the run is over.
var ends = [][]string{{"out.csv", "state/appended-"}, {"m.rejects.jsonl"}, {"state/ledger.db"}, {"state/pushed.json"}}

// diedAfter is a folder whose run died after some of the effects that it ends with.
func diedAfter(effects [][]string, before, after map[string]string) map[string]string {
	files := maps.Clone(before)
	for _, begins := range slices.Concat(effects...) {
		for name, text := range after {
			if strings.HasPrefix(name, begins) {
				files[name] = text
			}
		}
	}
	return files
}

const going = `{"started": "2030-01-01T00:00:00Z", "after": 2, "up_to": 8}`

func TestPushRunThatDiesKeepsItsRejects(t *testing.T) {
	receiver := newChoosy(t)
	f := newFolder(t, fmt.Sprintf(unmade, receiver.URL))
	f.write("inbox", `{"id": 1, "name": "Ada"}`+"\n"+`{"id": 2, "name": "bad"}`+"\n")
	f.run()
	f.write("inbox", f.files()["inbox"]+`{"id": 3, "name": "bad"}
{"id": 4, "name": "no"}
{"id": 5, "name": "Bo"}
{"id": 6, "name": null}
[{"id": 7, "name": "Cy"}, {"id": 8, "name": "bad"}, {"id": 7, "name": "Di"}, {"id": 9, "name": "no"}]
{"id": 1, "name": "bad"}
`)
	f.write("state/pushing.json", going)
	before := f.files()
	f.run()
	after, want := f.files(), f.made()
	took := receiver.has()
	if n := strings.Count(want["rejects"], "\n"); n != 8 || want["out.csv"] != "id,name\n1,Ada\n5,Bo\n7,Cy\n" || len(took) != 3 {
		t.Fatalf("%d rejects\n%s\n%s\n%v", n, want["rejects"], want["out.csv"], took)
	}
	for effects := range len(ends) {
		t.Run(fmt.Sprint(effects), func(t *testing.T) {
			f.become(diedAfter(ends[:effects], before, after))
			f.run()
			if diff := cmp.Diff(want, f.made()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(took, receiver.has()); diff != "" {
				t.Errorf("the receiver (-want +got)\n%s", diff)
			}
		})
	}
}

// pull runs the mapping over its source.
func (f folder) pull() {
	f.t.Helper()
	plan, err := planIn(f.dir)
	if err == nil {
		_, err = plan.Run(f.t.Context(), pipeline.RunOptions{World: &pipeline.World{Now: time.Now(), OutDir: f.dir}, State: filepath.Join(f.dir, "state")})
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// In a run that pulls the ledger is told of each row as it is delivered, long before
// there is a reject file, and never of one that was refused.
func TestPullThatDiesKeepsItsRejects(t *testing.T) {
	receiver := newChoosy(t)
	f := newFolder(t, "")
	records := filepath.Join(f.dir, "records.jsonl")
	f.write("records.jsonl", `{"id": 1, "name": "Ada"}
{"id": 2, "name": "bad"}
{"id": 3, "name": "no"}
{"id": 4, "name": null}
{"id": 5, "name": "Bo"}
`)
	mapping := strings.Replace(fmt.Sprintf(unmade, receiver.URL), "webhook: {path: /hooks/m-0123456789abcdef0123456789abcdef}", fmt.Sprintf("file: {path: %q}", records), 1)
	f.write("m.yaml", strings.Replace(mapping, ", mode: append", "", 1))
	before := f.files()
	f.pull()
	after, want := f.files(), f.made()
	took := receiver.has()
	if n := f.rejects(); n != 3 || want["out.csv"] != "id,name\n1,Ada\n5,Bo\n" || len(took) != 2 {
		t.Fatalf("%d rejects\n%s\n%s\n%v", n, want["rejects"], want["out.csv"], took)
	}
	// The ledger is the last as well: it notes that the run is over, which is as far
	// ahead of the rest as it can be.
	ends := [][]string{{"state/ledger.db"}, {"m.rejects.jsonl"}, {"out.csv"}}
	for effects := range len(ends) + 1 {
		f.become(diedAfter(ends[:effects], before, after))
		f.pull()
		if diff := cmp.Diff(want, f.made()); diff != "" {
			t.Errorf("died after %d effects (-want +got)\n%s", effects, diff)
		}
		if diff := cmp.Diff(took, receiver.has()); diff != "" {
			t.Errorf("died after %d effects: the receiver (-want +got)\n%s", effects, diff)
		}
	}
}

// rejects is how many lines the reject file has.
func (f folder) rejects() int { return strings.Count(f.made()["rejects"], "\n") }

// push adds pushes and runs what there is to run.
func (f folder) push(bodies ...string) {
	f.t.Helper()
	f.write("inbox", f.files()["inbox"]+strings.Join(bodies, "\n")+"\n")
	f.run()
}

const badge = `
version: 1
name: m
source: {webhook: {path: /hooks/m-0123456789abcdef0123456789abcdef}}
%s
fields:
  id: {value: id, type: integer, required: true}
  name: name ?? ""
sinks:
  - csv: {path: out.csv, mode: %s}
`

// Two pushes are two rejects, also where they are alike and nothing else tells them
// apart; the same push is one, however often it is mapped.
func TestPushesThatAreAlikeAreTwoRejects(t *testing.T) {
	for _, mode := range []string{"append", "merge"} {
		t.Run(mode, func(t *testing.T) {
			f := newFolder(t, fmt.Sprintf(badge, "key: [id]", mode))
			f.push(`hello`, `{"id": "x"}`, `hello`)
			before := f.files()
			f.push(`hello`, `{"id": 1}`, `{"id": "x"}`, `hello`)
			if n := f.rejects(); n != 6 {
				t.Fatalf("%d rejects of 6 bad pushes\n%s", n, f.made()["rejects"])
			}
			want := f.made()
			for effects := range 3 {
				// the start that it had is the only thing that is not in the files any more
				start := strings.Replace(want["pushed"], `"seq":7`, `"after":3,"up_to":7`, 1)
				before["state/pushing.json"], before["inbox"] = start, f.files()["inbox"]
				f.become(diedAfter(ends[:effects], before, f.files()))
				f.run()
				if diff := cmp.Diff(want, f.made()); diff != "" {
					t.Errorf("died after %d effects (-want +got)\n%s", effects, diff)
				}
			}
		})
	}
}

// A push that is mapped well closes the rejects of those that were alike, where it is
// the same row, and nobody else's where rows have no key.
func TestPushClosesRejectsThatAreTheSameRow(t *testing.T) {
	for _, test := range []struct {
		key, mode string
		rejects   int
		rows      string
	}{
		{"key: [id]", "merge", 1, "1,\n"},
		{"", "append", 3, "1,\n"},
	} {
		t.Run(test.mode, func(t *testing.T) {
			f := newFolder(t, fmt.Sprintf(badge, test.key, test.mode))
			f.push(`{"id": "one"}`, `{"id": "one"}`, `{"id": "x"}`)
			f.write("m.yaml", strings.Replace(f.files()["m.yaml"], "value: id", `value: 'id == "one" ? 1 : id'`, 1))
			f.push(`{"id": "one"}`)
			if n := f.rejects(); n != test.rejects || f.made()["out.csv"] != "id,name\n"+test.rows {
				t.Errorf("%d rejects are open\n%s\n%s", n, f.made()["rejects"], f.made()["out.csv"])
			}
			if err := replayRejects(f.dir); err != nil {
				t.Fatal(err)
			}
			if n := f.rejects(); n != 1 {
				t.Errorf("%d rejects are open\n%s", n, f.made()["rejects"])
			}
			if got, want := f.made()["out.csv"], "id,name\n"+strings.Repeat(test.rows, test.rejects); got != want {
				t.Errorf("the file is %q, want %q", got, want)
			}
		})
	}
}

// A row that is sent once, for the pushes in between are alike, is refused as often as it
// was pushed.
func TestPushesThatAreRefusedAlike(t *testing.T) {
	receiver := newChoosy(t)
	f := newFolder(t, fmt.Sprintf(unmade, receiver.URL))
	const bad, no, ada = `{"id": 1, "name": "bad"}`, `{"id": 2, "name": "no"}`, `{"id": 1, "name": "Ada"}`
	f.push(bad, no, bad, no, ada, ada, bad, no, ada)
	if n := f.rejects(); n != 6 {
		t.Errorf("%d rejects of 6 bad pushes\n%s", n, f.made()["rejects"])
	}
	if got, want := f.made()["out.csv"], "id,name\n"+strings.Repeat("1,Ada\n", 3); got != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
	if n := len(receiver.has()); n != 2 { // told of each change, and not of what is none
		t.Errorf("the receiver took %d requests", n)
	}
}

// Whatever moment it is killed at, each push is a row or a reject: here half of the bad
// ones are refused by the sink, half by the mapping, and all of a half are alike.
func TestKilledPushRunsAreRowsOrRejects(t *testing.T) {
	t.Parallel()
	receiver := newChoosy(t)
	dir := t.TempDir()
	pushes := 4 * killPushRuns(t, dir, fmt.Sprintf(`webhook: {url: %q, body: 'string(row) contains "bad" ? integer(string(row)) : row'}}, {csv: {path: out.csv, mode: append}`, receiver.URL), func(i int) string {
		switch i % 7 {
		case 2:
			return `{"id": 0, "name": "bad"}`
		case 5:
			return `hello`
		}
		return fmt.Sprintf(`{"id": %d, "name": "p%d"}`, i, i)
	})
	want, rejected := "id,name\n", map[uint64]int{}
	for i := range pushes {
		switch i % 7 {
		case 2, 5:
			rejected[uint64(i+1)] = 1
		default:
			want += fmt.Sprintf("%d,p%d\n", i, i)
		}
	}
	rows, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if diff := cmp.Diff(want, string(rows)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got := map[uint64]int{}
	err := pipeline.ReadRejects(filepath.Join(dir, "m.rejects.jsonl"), func(l *pipeline.RejectLine) error {
		got[l.Push]++
		return nil
	})
	if diff := cmp.Diff(rejected, got); diff != "" || err != nil {
		t.Errorf("rejects by push (-want +got)\n%s%v", diff, err)
	}
	if n := len(receiver.has()); n != pushes-len(rejected) {
		t.Errorf("the receiver took %d requests of %d good pushes", n, pushes-len(rejected))
	}
}

// Rejects that are alike stay as many as there were while the mapping is not mended, and
// are one row when it is, where the row has a key.
func TestReplayOfPushesThatAreAlike(t *testing.T) {
	f := newFolder(t, fmt.Sprintf(badge, "key: [id]", "merge"))
	f.push(`{"id": "one"}`, `hello`, `{"id": "one"}`, `hello`)
	replay := func(rejects int, rows string) {
		t.Helper()
		if err := replayRejects(f.dir); err != nil {
			t.Fatal(err)
		}
		if n, got := f.rejects(), f.made()["out.csv"]; n != rejects || got != rows {
			t.Errorf("%d rejects are open, want %d; the file is %q, want %q\n%s", n, rejects, got, rows, f.made()["rejects"])
		}
	}
	replay(4, "id,name\n")
	f.write("m.yaml", strings.Replace(f.files()["m.yaml"], "value: id", `value: 'id == "one" ? 1 : id'`, 1))
	replay(2, "id,name\n1,\n")
}

// A record that has one key in two of its rows is no row that is there.
func TestReplayOfAPushThatIsTwiceInItself(t *testing.T) {
	mapping := strings.Replace(fmt.Sprintf(badge, "key: [id]\neach: {one: list}", "merge"), "value: id", "value: integer(one.id)", 1)
	f := newFolder(t, mapping)
	f.push(`{"list": [{"id": 1}, {"id": "x"}, {"id": 1}]}`)
	f.write("m.yaml", strings.Replace(mapping, "integer(one.id)", `'one.id == "x" ? 2 : integer(one.id)'`, 1))
	if err := replayRejects(f.dir); err != nil {
		t.Fatal(err)
	}
	if got := f.made()["rejects"]; f.rejects() != 1 || !strings.Contains(got, `"code":"key-twice"`) {
		t.Errorf("the rejects are %q", got)
	}
}

// What was rejected, and pushed again well, is not set back to what it was when the
// mapping learns to map it: neither where the row of the reject was known, nor where
// the mapping says of which row it is only now. What was never pushed again is mapped.
func TestReplayOfAPushThatWasPushedAgain(t *testing.T) {
	mapping := strings.Replace(fmt.Sprintf(badge, "key: [id]", "merge"), `name ?? ""`, "{value: name, type: integer}", 1)
	f := newFolder(t, mapping)
	f.push(`{"id": 1, "name": "old"}`, `{"id": "two", "name": 1}`, `{"id": 3, "name": "old"}`, `{"id": 1, "name": 5}`, `{"id": 2, "name": 6}`)
	f.push(`{"id": 2, "name": 7}`, `{"id": 1, "name": "new"}`)
	if got := f.made(); got["out.csv"] != "id,name\n1,5\n2,7\n" || f.rejects() != 4 {
		t.Fatalf("%q\n%s", got["out.csv"], got["rejects"])
	}
	mapping = strings.Replace(mapping, "{value: name,", `{value: 'name == "old" ? 0 : name == "new" ? 8 : name',`, 1)
	f.write("m.yaml", strings.Replace(mapping, "value: id,", `value: 'id == "two" ? 2 : id',`, 1))
	before := f.files()
	for effects := range 3 { // a replay that dies is made again
		if err := replayRejects(f.dir); err != nil {
			t.Fatal(err)
		}
		if got := f.made(); got["out.csv"] != "id,name\n2,7\n1,8\n3,0\n" || f.rejects() != 0 {
			t.Errorf("%d: %q\n%s", effects, got["out.csv"], got["rejects"])
		}
		f.become(diedAfter([][]string{{"out.csv"}, {"state/versions.db"}}[:effects], before, f.files()))
	}
}

// Of a record with many rows those go that were pushed again, and the others stay.
func TestReplayOfRowsThatWerePushedAgain(t *testing.T) {
	receiver := newChoosy(t)
	mapping := strings.Replace(fmt.Sprintf(badge, "key: [id]\neach: {one: list}", "merge"), "value: id", "value: integer(one.id)", 1)
	mapping = strings.Replace(mapping, `name ?? ""`, "{value: one.name, type: string}", 1) + fmt.Sprintf("  - webhook: {url: %q}\n", receiver.URL)
	f := newFolder(t, mapping)
	f.push(`{"list": [{"id": 1, "name": "old"}, {"id": "x", "name": "old"}, {"id": 3, "name": "old"}]}`,
		`{"list": [{"id": "x", "name": "old"}, {"id": 3, "name": "older"}]}`,
		`{"list": [{"id": 1, "name": "new"}, {"id": 3, "name": "new"}]}`)
	f.write("m.yaml", strings.Replace(mapping, "integer(one.id)", `'one.id == "x" ? 2 : integer(one.id)'`, 1))
	if err := replayRejects(f.dir); err != nil {
		t.Fatal(err)
	}
	if got := f.made(); got["out.csv"] != "id,name\n1,new\n3,new\n2,old\n" || f.rejects() != 1 || !strings.Contains(got["rejects"], `"code":"key-twice"`) {
		t.Errorf("%q\n%s", got["out.csv"], got["rejects"])
	}
	if took := slices.Sorted(maps.Values(receiver.has())); !slices.Equal(took, []string{`{"id":1,"name":"new"}`, `{"id":2,"name":"old"}`, `{"id":3,"name":"new"}`}) {
		t.Errorf("the receiver took %q", took)
	}
}
