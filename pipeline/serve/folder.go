package serve

// folder.go: the mappings of a folder, as they come, change and go. It is looked
// at, again and again: that works on every file system and needs no one's help. What is
// found changed is taken at the next look, when it is still the same: an editor may
// be in the middle of writing it.

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// folder is the mapping files of a folder as they were looked at last.
type folder struct {
	dir   string
	load  Loader
	files map[string]*watched
}

// watched is one mapping file.
type watched struct {
	reads, needs []string // of what was loaded last
	last         string   // how the files looked the last time
	settled      bool     // … and the time before
	loaded       string   // how they looked before they were loaded; empty: they have to be
	gone         bool     // it was not there the last time
	known        string   // what was said of it last
	good         string   // the hash of what is used; empty: nothing is
}

// change is a mapping file that is new, changed or gone.
type change struct {
	file string
	gone bool
	Mapping
}

func newFolder(dir string, load Loader) *folder {
	return &folder{dir: dir, load: load, files: map[string]*watched{}}
}

// look is what has changed. The first look takes everything as it is.
func (f *folder) look(first bool) ([]change, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	changes := f.lost(names)
	load := len(changes) > 0
	for _, name := range names {
		w := f.files[name]
		if w == nil {
			w = &watched{}
			f.files[name] = w
		}
		now := w.looks(name)
		w.settled = now == w.last || first
		w.last = now
		load = load || w.settled && now != w.loaded
	}
	if !load {
		return changes, nil
	}
	order := f.order(names)
	for i, m := range f.load(order) {
		w := f.files[order[i]]
		if !w.settled || w.last != w.looks(order[i]) {
			continue // it is being written
		}
		if w.take(m) {
			changes = append(changes, change{file: m.File, Mapping: m})
		}
	}
	return changes, nil
}

// names are the mapping files that there are.
func (f *folder) names() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("look for mappings: %w", err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
			continue // what begins with a dot is an editor's
		}
		names = append(names, filepath.Join(f.dir, name))
	}
	return names, nil
}

// lost are the files that are gone for the second time: between two steps of
// saving, one is gone for a moment.
func (f *folder) lost(names []string) []change {
	var out []change
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		w := f.files[name]
		switch there := slices.Contains(names, name); {
		case there:
			w.gone = false
		case !w.gone:
			w.gone = true
		default:
			delete(f.files, name)
			out = append(out, change{file: name, gone: true})
		}
	}
	return out
}

// order is the files in the order in which they are loaded: of two that do not
// go together, the one that is used already and has not changed is right.
func (f *folder) order(names []string) []string {
	rank := func(name string) int {
		w := f.files[name]
		switch {
		case w.good != "" && w.last == w.loaded:
			return 0
		case w.good != "":
			return 1
		}
		return 2
	}
	out := slices.Clone(names)
	slices.SortStableFunc(out, func(a, b string) int { return rank(a) - rank(b) })
	return out
}

// take notes what was loaded, and reports whether it is news.
func (w *watched) take(m Mapping) bool {
	w.loaded = w.last
	if !slices.Equal(w.reads, m.Reads) || !slices.Equal(w.needs, m.Needs) {
		w.reads, w.needs, w.loaded = m.Reads, m.Needs, "" // these were not looked at before: once more
	}
	says := m.Hash
	if m.Plan == nil {
		says += "\x00" + m.Problems()
	}
	if says == w.known {
		return false
	}
	w.known = says
	if m.Plan != nil {
		w.good = m.Hash
	}
	return true
}

// looks is how all files of a mapping look from outside.
func (w *watched) looks(file string) string {
	var b strings.Builder
	for _, name := range append([]string{file}, w.reads...) {
		info, err := os.Stat(name)
		if err != nil {
			fmt.Fprintf(&b, "%s: none\n", name)
			continue
		}
		fmt.Fprintf(&b, "%s: %d %d\n", name, info.Size(), info.ModTime().UnixNano())
	}
	for _, name := range w.needs {
		_, err := os.Stat(name)
		fmt.Fprintf(&b, "%s: %t\n", name, err == nil)
	}
	return b.String()
}
