package pipeline

// versions.go: records that are pushed and pulled. Pushes may come late, twice or
// never, and a pull may be behind a push. So the version of each record that was seen
// is kept, by its key: what is older is not delivered over what is newer, and what
// the pushes were worth is counted.

import (
	"cmp"
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"time"

	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/ledger"
	"pipeline/pipeline/value"
)

// VersionsFile is the file of versions in a state folder.
const VersionsFile = "versions.db"

// pushGrace is how old a change has to be for a pull to find that nobody told of it:
// a push may be on its way.
const pushGrace = 2 * time.Minute

// versions is what a run notes of its records; the zero versions notes nothing.
type versions struct {
	*ledger.Versions
	key, version []string // where they are in a record
	pulled       bool     // by this run; else pushed
	first        bool     // no pull came to its end before: all is new
	started      time.Time
	rows         *rowOrder // versions are not of records, but of rows; nil: of records
}

// pushCounts is what a page says of the pushes.
type pushCounts struct{ late, doubled, missed int }

// openVersions opens the file of versions, where records are pushed that have one, or
// where the push in which a row came stands for it.
func (r *run) openVersions(ctx context.Context) error {
	p := r.plan.push
	if p == nil || r.o.State == "" || r.looks || r.o.Limit > 0 || r.o.Source != nil || r.kept.replay || r.kept.store == nil {
		return nil
	}
	byRow := r.ordersRows()
	if !byRow && (p.Key == "" || p.Version == "" || r.o.Rejects) {
		return nil
	}
	started := r.o.World.Now
	file, err := ledger.OpenVersions(ctx, filepath.Join(r.o.State, VersionsFile), started.UTC().Format(time.RFC3339Nano), rand.Text())
	if err != nil {
		return err
	}
	v := &r.versions
	v.Versions, v.pulled, v.started = file, r.push == nil && !byRow, started
	if byRow {
		v.rows, err = r.newRowOrder()
		return err
	}
	v.key, v.version = strings.Split(p.Key, "."), strings.Split(p.Version, ".")
	pulls, err := v.Pulls()
	v.first = pulls == 0
	return err
}

func (v *versions) close() error {
	if v.Versions == nil {
		return nil
	}
	return v.Close()
}

// keep keeps what was noted, when all is published.
func (v *versions) keep() error {
	if v.Versions == nil {
		return nil
	}
	return v.Commit(v.pulled)
}

// outdated takes those rows of a page out that are of records of which something
// newer was seen, and notes the others.
func (r *run) outdated(j *job) error {
	clear(j.late)
	if r.versions.Versions == nil || r.versions.rows != nil {
		return nil
	}
	for item := range j.page.Records {
		late, err := r.see(j, j.page.Records[item].Text)
		if err != nil {
			return err
		}
		if !late {
			continue
		}
		if j.late == nil {
			j.late = map[int]bool{}
		}
		j.late[item] = true
		if first, last := j.rowsOf(item); last > 0 {
			j.takeOut(first, last)
			j.filtered++
		}
	}
	return nil
}

// see notes the version of a record, and reports whether a newer one was seen.
func (r *run) see(j *job, record []byte) (late bool, err error) {
	v := &r.versions
	key, err1 := jsonrow.Lookup(record, v.key)
	version, err2 := jsonrow.Lookup(record, v.version)
	if err1 != nil || err2 != nil || key.IsNull() || version.IsNull() {
		return false, nil //nolint:nilerr // nothing is known of it; that it is no record, the mapper says
	}
	name, now := key.AppendJSON(nil), string(version.AppendText(nil))
	known, found, err := v.Get(name)
	if err != nil {
		return false, err
	}
	order := 1
	if found {
		order = compareVersions(now, known.Version)
	}
	if order < 0 {
		j.pushes.late++
		return true, nil
	}
	told := r.told(j, known.Told, now, order)
	if order == 0 && told == known.Told {
		return false, nil
	}
	return false, v.Set(name, ledger.Version{Version: now, Told: told})
}

// told is how a version was seen, counting what that says of the pushes. order is 0
// where it was seen before, as known.
func (r *run) told(j *job, known ledger.Told, version string, order int) ledger.Told {
	v := &r.versions
	switch {
	case !v.pulled:
		if order == 0 && known == ledger.Pushed {
			j.pushes.doubled++
		}
		return ledger.Pushed
	case v.first:
		return ledger.Pushed // there was nobody yet who could have told
	case order == 0 && known != ledger.Pulled:
		return known
	}
	if at, ok := versionTime(version); ok && v.started.Sub(at) < pushGrace {
		return ledger.Pulled
	}
	j.pushes.missed++
	return ledger.Missed
}

// compareVersions compares two versions of one record: times as times, numbers as
// numbers, and what is neither as texts.
func compareVersions(a, b string) int {
	if x, ok := versionTime(a); ok {
		if y, ok := versionTime(b); ok {
			return x.Compare(y)
		}
	}
	if x, ok := value.ParseNumeral(a); ok {
		if y, ok := value.ParseNumeral(b); ok {
			return x.Cmp(y)
		}
	}
	return cmp.Compare(a, b)
}

// versionTime is a version that is a time.
func versionTime(version string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, version)
	return at, err == nil
}
