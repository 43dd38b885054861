package pipeline

// selection.go: which records a reject file is of. Its lines name the mapping
// and the stream; what else chooses records, such as the event, is kept in the
// state folder, so that people of one event are never delivered as those of
// another.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// selectionsFile is the note of what reject files are of.
const selectionsFile = "rejects.json"

// selection is a hash of each thing that chooses the records of a platform, by its
// name in the mapping. Options may hold a secret.
type selection map[string]string

// selections are those of reject files, by their paths from the state folder.
type selections map[string]selection

// selection is what chooses the records of the mapping.
func (p *Plan) selection() selection {
	s := p.source
	from := selection{"connection": hashed(s.connection)}
	for _, o := range s.connector.Options {
		if value, given := s.options[o.Name]; given && !o.Tuning {
			text, err := json.Marshal(value)
			if err != nil {
				panic(err) // options are texts, numbers and lists of them
			}
			from[o.Name] = hashed(string(text))
		}
	}
	return from
}

// changedSince are the names of what differs.
func (s selection) changedSince(before selection) []string {
	var names []string
	for name := range s {
		if s[name] != before[name] {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, still := s[name]; !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sameSelection reports that the open rejects at path are of other records than
// the mapping reads now. Where nothing was noted nothing is known.
func (r *run) sameSelection(path string) error {
	noted, err := r.selections()
	if err != nil {
		return err
	}
	before, known := noted[r.fromState(path)]
	if !known {
		return nil
	}
	changed := r.plan.selection().changedSince(before)
	if len(changed) == 0 {
		return nil
	}
	return fmt.Errorf("%s has open rejects of another source: since they were rejected, this mapping's %s was changed, and they must not be delivered as records of what it reads now; deliver them with the mapping as it was, or move that file away", path, strings.Join(changed, ", "))
}

// noteSelection notes that the reject file at path is of what the mapping reads.
func (r *run) noteSelection(path string) error {
	if r.o.State == "" || !r.plan.Remote() {
		return nil
	}
	noted, err := r.selections()
	if err != nil {
		return err
	}
	now := r.plan.selection()
	if maps.Equal(noted[r.fromState(path)], now) {
		return nil
	}
	if err := MakeState(r.o.State); err != nil {
		return err
	}
	noted[r.fromState(path)] = now
	return saveJSON(filepath.Join(r.o.State, selectionsFile), noted)
}

// selections are those that are noted.
func (r *run) selections() (selections, error) {
	noted := selections{}
	if r.o.State == "" || !r.plan.Remote() {
		return noted, nil
	}
	name := filepath.Join(r.o.State, selectionsFile)
	err := loadJSON(name, &noted, "what source the open rejects are of", "where that was not changed")
	if err == nil && noted == nil {
		err = fmt.Errorf("%s says null, and not what source the open rejects are of; remove it where that was not changed", name)
	}
	return noted, err
}

// fromState is a path as it stays where both are moved.
func (r *run) fromState(path string) string {
	file, err1 := filepath.Abs(path)
	state, err2 := filepath.Abs(r.o.State)
	if rel, err := filepath.Rel(state, file); errors.Join(err1, err2, err) == nil {
		return rel
	}
	return path
}

// publishRejects publishes the reject file, and notes what it is of: before where
// none is there, else behind, so that no line is ever taken for one of another
// source.
func (r *run) publishRejects() error {
	path := r.reject.path
	if r.reject.file != nil && !fileExists(path) {
		if err := r.noteSelection(path); err != nil {
			return err
		}
	}
	if err := r.reject.commit(); err != nil || !fileExists(path) {
		return err
	}
	return r.noteSelection(path)
}
