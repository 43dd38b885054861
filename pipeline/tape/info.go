package tape

import (
	"os"
	"path/filepath"
)

// Info is what there is to say of one tape.
type Info struct {
	Header
	Path      string
	Complete  bool
	Exchanges int    // each key counted once
	Bytes     int64  // on disk
	Problem   string // empty for a sound tape, else why it cannot be used or as Tape.Damage
}

// Inspect looks at the tapes in dir, the unfinished one first. It neither
// locks nor changes anything, so it can be asked while a run is going on; a
// folder that is not there has no tapes.
func Inspect(dir string) ([]Info, error) {
	var found []Info
	for _, name := range []string{unfinishedName, lastName} {
		path := filepath.Join(dir, name)
		stat, err := os.Stat(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info := Info{Path: path, Bytes: stat.Size(), Complete: name == lastName}
		t, err := load(path, os.O_RDONLY)
		switch {
		case err != nil:
			info.Problem = err.Error()
		case t == nil: // it was removed since
			continue
		default:
			info.Header, info.Exchanges, info.Problem = t.header, len(t.index), t.damage
			if err := t.Close(); err != nil {
				return nil, err
			}
		}
		found = append(found, info)
	}
	return found, nil
}
