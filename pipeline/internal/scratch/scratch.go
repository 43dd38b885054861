// Package scratch makes files for what outgrows memory and is of no use when the
// process has ended.
package scratch

import (
	"errors"
	"os"
)

// File is gone when it is closed, and with the process, however that ends: it has
// no name where the system allows that.
type File struct {
	*os.File
	named bool
}

// Create makes an empty file in the folder dir, whose name begins with name for the
// moment that it has one. Nobody but its owner may read it.
func Create(dir, name string) (File, error) {
	f, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return File{}, err
	}
	removed := os.Remove(f.Name()) == nil
	return File{File: f, named: !removed}, nil
}

// Close gives up the file.
func (f File) Close() error {
	err := f.File.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
