package pipeline

// files.go: the files that mappings name, as Load and Compile read them.

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"pipeline/pipeline/diag"
)

// Files reads the files that mappings name, and remembers them: a diagnostic
// shows their lines.
type Files struct {
	Read func(name string) ([]byte, error)
	Stat func(name string) error // nil: Read says it
	// Near is the name of the file in the same folder that was most likely
	// meant, or empty. It may be nil.
	Near func(name string) string
	Seen diag.Files

	found []string // by Exists
}

// Names are the files that there are among those that were asked for, in order.
func (f *Files) Names() []string {
	names := append(slices.Collect(maps.Keys(f.Seen)), f.found...)
	slices.Sort(names)
	return slices.Compact(names)
}

// Exists reports why a file cannot be read, or nil, without reading it whole.
func (f *Files) Exists(name string) error {
	if f.Stat == nil {
		_, err := f.Open(name)
		return err
	}
	if err := f.Stat(name); err != nil {
		return err
	}
	f.found = append(f.found, name)
	return nil
}

// Open is the content of a file.
func (f *Files) Open(name string) ([]byte, error) {
	if src, ok := f.Seen[name]; ok {
		return src, nil
	}
	src, err := f.Read(name)
	if err == nil {
		f.show(name, src)
	}
	return src, err
}

// show lets diagnostics show the lines of a file.
func (f *Files) show(name string, src []byte) {
	if f.Seen == nil {
		f.Seen = diag.Files{}
	}
	f.Seen[name] = src
}

// near offers a file that there is in place of one that there is not; path is
// how its name was written.
func (f *Files) near(path, name string) string {
	if f.Near == nil {
		return ""
	}
	near := f.Near(name)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", filepath.Join(filepath.Dir(path), near))
}

// inputHint is what to do about a file that a mapping names and that cannot be
// read.
func (f *Files) inputHint(path, name string) string {
	if near := f.near(path, name); near != "" || filepath.IsAbs(path) {
		return near
	}
	return "the path is relative to this mapping's folder"
}
