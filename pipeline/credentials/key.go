package credentials

// key.go: the key of the store. Where the desktop has a keyring it is in there,
// else in a file beside the store, which keeps the store from being read in a
// backup or a copy of it alone, and no more than that.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/zalando/go-keyring"

	"pipeline/pipeline/internal/disk"
)

// Keyring is where a desktop keeps secrets.
type Keyring interface {
	Get(service, user string) (string, error) // keyring.ErrNotFound where there is none
	Set(service, user, secret string) error
}

const keyringService = "pipeline"

var errNoKey = errors.New("there is no key yet")

// DesktopKeyring is the keyring of this desktop, which may ask the user to unlock
// it and is waited for that long. It is nil where there is none.
func DesktopKeyring(patience time.Duration) Keyring {
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" && !hasSessionBus() {
		return nil // asking would start a bus, or hang
	}
	return desktop{patience}
}

// hasSessionBus reports whether there is a desktop session to ask.
func hasSessionBus() bool {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address != "disabled:"
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, "bus"))
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

// desktop asks the keyring for so long.
type desktop struct{ patience time.Duration }

func (d desktop) Get(service, user string) (string, error) {
	return d.ask(func() (string, error) { return keyring.Get(service, user) })
}

func (d desktop) Set(service, user, secret string) error {
	_, err := d.ask(func() (string, error) { return "", keyring.Set(service, user, secret) })
	return err
}

// errKeyringSilent is a keyring that is there and does not answer.
var errKeyringSilent = errors.New("the desktop's keyring does not answer; unlock it")

func (d desktop) ask(question func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the process where the keyring never answers
		text, err := question()
		answered <- answer{text, err}
	}()
	timer := time.NewTimer(d.patience)
	defer timer.Stop()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-timer.C:
		return "", errKeyringSilent
	}
}

// keyFile is where the key is, where there is no keyring.
func (s *Store) keyFile() string {
	return strings.TrimSuffix(s.Path, filepath.Ext(s.Path)) + ".key"
}

// keyPlace is where the key is, in messages.
func (s *Store) keyPlace() string {
	if _, err := os.Lstat(s.keyFile()); err == nil {
		return s.keyFile()
	}
	return "the desktop's keyring"
}

// key is the key of the store, or errNoKey.
func (s *Store) key() (*age.X25519Identity, error) {
	text, err := readPrivate(s.keyFile(), 4096)
	switch {
	case err == nil:
		return parseKey(string(text), s.keyFile())
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the key of the credentials: %w", err)
	case s.Keyring == nil:
		return nil, errNoKey
	}
	switch secret, err := s.Keyring.Get(keyringService, s.Path); {
	case err == nil:
		return parseKey(secret, "the desktop's keyring")
	case errors.Is(err, errKeyringSilent):
		return nil, err
	}
	return nil, errNoKey // it has none, or there is no keyring behind the bus
}

func parseKey(text, place string) (*age.X25519Identity, error) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if key, err := age.ParseX25519Identity(line); err == nil {
				return key, nil
			}
			break
		}
	}
	return nil, fmt.Errorf("what is in %s is not the key of the credentials; bring the key back, or remove both and log in again", place)
}

// newKey makes the key of a store that has none. It is durable, and can be read
// again, before anything is encrypted with it.
func (s *Store) newKey(tryKeyring bool) (*age.X25519Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	if tryKeyring && s.Keyring != nil && s.Keyring.Set(keyringService, s.Path, key.String()) == nil {
		if kept, err := s.Keyring.Get(keyringService, s.Path); err == nil && kept == key.String() {
			return key, nil
		}
	}
	file, err := createPrivate(s.keyFile() + ".partial")
	if err != nil {
		return nil, fmt.Errorf("save the key of the credentials: %w", err)
	}
	_, err = fmt.Fprintf(file, "# the key of %s: who has both can log in as you\n%s\n", filepath.Base(s.Path), key)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), s.keyFile())
	}
	if err = errors.Join(err, disk.SyncDir(filepath.Dir(s.Path))); err != nil {
		return nil, fmt.Errorf("save the key of the credentials: %w", err)
	}
	return key, nil
}

// KeyIsIn is where the key of the store is, for people.
func (s *Store) KeyIsIn() string {
	if s.Passphrase != "" {
		return "PIPELINE_PASSPHRASE"
	}
	return s.keyPlace()
}
