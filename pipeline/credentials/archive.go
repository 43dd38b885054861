package credentials

// archive.go: the encrypted zip in which a platform sends its credentials. It
// came by mail, so everything about it is bounded and nothing of it is believed.

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	encrypted "github.com/yeka/zip"
)

// The bounds of an archive.
const (
	maxArchive = 10 << 20 // bytes of the file
	maxEntries = 64
	maxEntry   = 1 << 20  // bytes of one, unpacked
	maxAll     = 10 << 20 // … and of all
)

// ErrWrongPassword is an archive that this password does not open.
var ErrWrongPassword = errors.New("the password is wrong, or the file is damaged")

// Archive is a zip with credentials.
type Archive struct {
	Path      string
	Encrypted bool
	Names     []string // of the files in it

	text []byte
}

// OpenArchive reads a zip as far as it can be read without a password.
func OpenArchive(path string) (*Archive, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	// the standard library reads the directory: it is the one that was fuzzed
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, fmt.Errorf("%s is not a zip file, or is damaged", path)
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("%s has %d files in it, and credentials need no more than %d; is it the right file?", path, len(z.File), maxEntries)
	}
	a := &Archive{Path: path, text: text}
	for _, f := range z.File {
		if f.CompressedSize64 > uint64(len(text)) {
			return nil, fmt.Errorf("%s is damaged: a file in it is longer than the whole", path)
		}
		if f.Flags&1 != 0 {
			a.Encrypted = true
		}
		if !f.FileInfo().IsDir() {
			a.Names = append(a.Names, printable(f.Name))
		}
	}
	return a, nil
}

func readBounded(path string) (_ []byte, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return nil, plain(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err := io.ReadAll(io.LimitReader(file, maxArchive+1))
	if err != nil {
		return nil, plain(path, err)
	}
	if len(text) > maxArchive {
		return nil, fmt.Errorf("%s has more than 10 MiB, which is not what credentials come in; is it the right file?", path)
	}
	return text, nil
}

// Find is every client in the files of the archive, the same one once.
func (a *Archive) Find(password Secret) (found []Found, err error) {
	// the library is not made for files that lie; what it trips over is not ours
	// to show
	defer func() {
		if recover() != nil {
			found, err = nil, fmt.Errorf("%s is damaged", a.Path)
		}
	}()
	z, err := encrypted.NewReader(bytes.NewReader(a.text), int64(len(a.text)))
	if err != nil {
		return nil, fmt.Errorf("%s is damaged", a.Path)
	}
	all := 0
	for i, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if i >= maxEntries || f.CompressedSize64 > uint64(len(a.text)) {
			return nil, fmt.Errorf("%s is damaged", a.Path) // OpenArchive saw another directory
		}
		text, err := unpack(f, password, min(maxEntry, maxAll-all))
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", printable(f.Name), a.Path, err)
		}
		all += len(text)
		for _, one := range Find(printable(f.Name), text) {
			if !slices.ContainsFunc(found, func(f Found) bool { return f.ID == one.ID && f.Secret == one.Secret }) {
				found = append(found, one)
			}
		}
	}
	return found, nil
}

// unpack is one file of an archive.
func unpack(f *encrypted.File, password Secret, most int) ([]byte, error) {
	if f.IsEncrypted() { // and to set a password makes it so
		f.SetPassword(string(password))
	}
	r, err := f.Open()
	if err != nil {
		return nil, unpackFault(f, err)
	}
	defer func() { _ = r.Close() }() // what matters of it was read
	text, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	switch {
	case len(text) > most:
		// before the error: a bomb is not unpacked to its end to see whether it is whole
		return nil, errors.New("it unpacks to more than 1 MiB, or all of them to more than 10 MiB, which credentials do not")
	case err != nil:
		return nil, unpackFault(f, err)
	}
	return text, nil
}

func unpackFault(f *encrypted.File, err error) error {
	switch {
	case errors.Is(err, encrypted.ErrAlgorithm):
		return errors.New("it is packed in a way that is not known; pack it again as a plain zip")
	case f.IsEncrypted():
		return ErrWrongPassword
	}
	return errors.New("it is damaged")
}

// About reports whether the names of the archive and its files speak of word.
func (a *Archive) About(word string) bool {
	return strings.Contains(strings.ToLower(a.Path+"\n"+strings.Join(a.Names, "\n")), word)
}
