package credentials

// store.go: reading and changing the store. It is changed under a lock that all
// processes share, from the moment it is read to the moment it is durable.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"

	"pipeline/pipeline/internal/disk"
)

// Store is one file of connections. Its methods may be called at the same time,
// in several processes.
type Store struct {
	Path string

	// Passphrase encrypts the store instead of a key, where it is not empty.
	Passphrase Secret

	// Keyring is the desktop's; nil where there is none, and then the key is in
	// a file beside the store.
	Keyring Keyring

	work int // of scrypt, as a power of two; 0: scryptWork
}

const (
	maxStore     = 1 << 20               // bytes of the file
	lockInterval = 20 * time.Millisecond // between two tries to get the lock
	lockPatience = 2 * time.Minute       // a renewal of a token is made under the lock
	scryptWork   = 16                    // 2^16, at the start of each run that has a passphrase: 64 MiB, a quarter of a second
	scryptMost   = 20                    // what a store may ask of us
)

// Read is the connections as they are now. Without a file there are none.
func (s *Store) Read() (Book, error) {
	text, err := readPrivate(s.Path, maxStore)
	if errors.Is(err, fs.ErrNotExist) {
		return Book{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	book, err := s.open(text)
	if err != nil {
		return nil, fmt.Errorf("read the credentials in %s: %w", s.Path, err)
	}
	return book, nil
}

// Change gives the connections to do, which changes them, and saves them. Nobody
// else changes them meanwhile. They are durable when Change returns nil; where do
// fails nothing is saved, and where do reports no change nothing is written.
//
// That a file can be written beside the store is known before do is called: do
// may take something from a platform that is given only once.
func (s *Store) Change(ctx context.Context, do func(Book) (changed bool, err error)) error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return fmt.Errorf("make a folder for the credentials: %w", err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	book, err := s.Read()
	if err != nil {
		return err
	}
	file, err := createPrivate(s.partial())
	if err != nil {
		return fmt.Errorf("save the credentials: %w", err)
	}
	changed, err := do(book)
	if err != nil || !changed {
		return errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	if err := s.save(file, book); err != nil {
		return fmt.Errorf("save the credentials: %w", err)
	}
	return nil
}

func (s *Store) partial() string {
	dir, base := filepath.Split(s.Path)
	return filepath.Join(dir, "."+base+".partial")
}

// lock waits for the lock of the store, which is a file that stays.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := flock.New(s.Path+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("another pipeline has held it for %v", lockPatience)
		}
		return nil, fmt.Errorf("lock the credentials in %s: %w", s.Path, errors.Join(err, lock.Close()))
	}
	return func() { _ = lock.Close() }, nil // closing gives the lock back in any case
}

// save writes the connections to file and gives it the name of the store.
func (s *Store) save(file *os.File, book Book) error {
	err := s.seal(file, book)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), s.Path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return disk.SyncDir(filepath.Dir(s.Path))
}

// seal encrypts the connections.
func (s *Store) seal(w io.Writer, book Book) error {
	text, err := book.encode()
	if err != nil {
		return err
	}
	recipient, err := s.recipient()
	if err != nil {
		return err
	}
	sealed, err := age.Encrypt(w, recipient)
	if err != nil {
		return err
	}
	_, err = sealed.Write(text)
	return errors.Join(err, sealed.Close())
}

// recipient is whom the store is encrypted for.
func (s *Store) recipient() (age.Recipient, error) {
	if s.Passphrase != "" {
		r, err := age.NewScryptRecipient(string(s.Passphrase))
		if err != nil {
			return nil, err
		}
		r.SetWorkFactor(cmp.Or(s.work, scryptWork))
		return r, nil
	}
	key, err := s.key()
	if errors.Is(err, errNoKey) || errors.Is(err, errKeyringSilent) {
		// whoever changes a store has read it: there is none yet
		key, err = s.newKey(errors.Is(err, errNoKey))
	}
	if err != nil {
		return nil, err
	}
	return key.Recipient(), nil
}

// open decrypts the connections. What they were encrypted with stands in the
// second line of the file.
func (s *Store) open(text []byte) (Book, error) {
	lines := bytes.SplitN(text, []byte("\n"), 3)
	if len(lines) < 3 || string(lines[0]) != "age-encryption.org/v1" {
		return nil, errDamaged
	}
	open, wrong := s.openWithKey, fmt.Errorf("it was encrypted with another key than the one in %s; bring that key back, or remove the file and log in again", s.keyPlace())
	if bytes.HasPrefix(lines[1], []byte("-> scrypt ")) {
		open, wrong = s.openWithPassphrase, errors.New("the passphrase in PIPELINE_PASSPHRASE is not the one that it was encrypted with")
	}
	identity, err := open()
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(text), identity)
	var mismatch *age.NoIdentityMatchError
	if errors.As(err, &mismatch) {
		return nil, wrong
	}
	var plain []byte
	if err == nil {
		plain, err = io.ReadAll(io.LimitReader(r, maxStore))
	}
	if err != nil {
		return nil, errDamaged
	}
	return decode(plain)
}

var errDamaged = errors.New("the file is damaged; bring it back from a backup, or remove it and log in again")

func (s *Store) openWithKey() (age.Identity, error) {
	key, err := s.key()
	if errors.Is(err, errNoKey) {
		return nil, fmt.Errorf("its key is neither in %s nor in the desktop's keyring; bring the key back, or remove the file and log in again", s.keyFile())
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) openWithPassphrase() (age.Identity, error) {
	if s.Passphrase == "" {
		return nil, errors.New("it is encrypted with a passphrase; set PIPELINE_PASSPHRASE")
	}
	identity, err := age.NewScryptIdentity(string(s.Passphrase))
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(scryptMost)
	return identity, nil
}
