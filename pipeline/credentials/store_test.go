package credentials

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"
)

// newStore is a store in a folder that is not there yet.
func newStore(t *testing.T) *Store {
	t.Helper()
	return &Store{Path: filepath.Join(t.TempDir(), "pipeline", "credentials.age"), work: 10}
}

// put keeps a connection.
func put(t *testing.T, s *Store, name string, c Connection) {
	t.Helper()
	err := s.Change(t.Context(), func(b Book) (bool, error) { b[name] = c; return true, nil })
	if err != nil {
		t.Fatal(err)
	}
}

var acme = Connection{
	Connector: "gevme", BaseURL: "https://www.gevme.com/apiv2/api", ClientID: "id", ClientSecret: "s3cret", Token: "t0ken", Refresh: "r3fresh",
	Since: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC), Expires: time.Date(2026, 11, 22, 2, 2, 3, 0, time.UTC),
}

// fakeKeyring is the keyring of a desktop.
type fakeKeyring struct {
	secrets map[string]string
	err     error
}

func (k *fakeKeyring) Get(service, user string) (string, error) {
	if k.err != nil {
		return "", k.err
	}
	secret, ok := k.secrets[service+" "+user]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return secret, nil
}

func (k *fakeKeyring) Set(service, user, secret string) error {
	if k.err == nil {
		k.secrets[service+" "+user] = secret
	}
	return k.err
}

// What is kept comes back, wherever the key is, and nobody else can read it.
func TestStore(t *testing.T) {
	for name, set := range map[string]func(*Store){
		"key file":       func(*Store) {},
		"keyring":        func(s *Store) { s.Keyring = &fakeKeyring{secrets: map[string]string{}} },
		"passphrase":     func(s *Store) { s.Passphrase = "correct horse" },
		"broken keyring": func(s *Store) { s.Keyring = &fakeKeyring{err: errors.New("no such bus")} },
		"silent keyring": func(s *Store) { s.Keyring = &fakeKeyring{err: errKeyringSilent} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			set(s)
			if book, err := s.Read(); err != nil || len(book) != 0 {
				t.Fatalf("without a file: %v, %v", book, err)
			}
			put(t, s, "acme", acme)
			put(t, s, "other", Connection{Token: "x"})
			book, err := s.Read()
			if diff := cmp.Diff(Book{"acme": acme, "other": {Token: "x"}}, book); err != nil || diff != "" {
				t.Fatalf("%v\n%s", err, diff)
			}
			_, keyErr := os.Stat(s.keyFile())
			if inFile := keyErr == nil; inFile != (name != "keyring" && name != "passphrase") {
				t.Errorf("is the key in a file? %v", inFile)
			}
			entries, _ := os.ReadDir(filepath.Dir(s.Path))
			for _, e := range entries {
				text, _ := os.ReadFile(filepath.Join(filepath.Dir(s.Path), e.Name()))
				if info, _ := e.Info(); info.Mode().Perm() != 0o600 || strings.Contains(string(text), "t0ken") {
					t.Errorf("%s: %v, or the token is in it", e.Name(), info.Mode())
				}
				if strings.HasSuffix(e.Name(), ".partial") {
					t.Errorf("%s was left behind", e.Name())
				}
			}
		})
	}
}

// A store that cannot be trusted or read is said to be so, and stays as it is.
func TestStoresThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, s *Store)
		want  string // PATH and DIR stand for the file and its folder
	}{
		"damaged":   {func(t *testing.T, s *Store) { change(t, s.Path, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }) }, "read the credentials in PATH: the file is damaged; bring it back from a backup, or remove it and log in again"},
		"cut":       {func(t *testing.T, s *Store) { change(t, s.Path, func(b []byte) []byte { return b[:40] }) }, "read the credentials in PATH: the file is damaged; bring it back from a backup, or remove it and log in again"},
		"empty":     {func(t *testing.T, s *Store) { change(t, s.Path, func([]byte) []byte { return nil }) }, "read the credentials in PATH: the file is damaged; bring it back from a backup, or remove it and log in again"},
		"no key":    {func(t *testing.T, s *Store) { _ = os.Remove(s.keyFile()) }, "read the credentials in PATH: its key is neither in DIR/credentials.key nor in the desktop's keyring; bring the key back, or remove the file and log in again"},
		"other key": {func(t *testing.T, s *Store) { _ = os.Remove(s.keyFile()); _, _ = s.newKey(false) }, "read the credentials in PATH: it was encrypted with another key than the one in DIR/credentials.key; bring that key back, or remove the file and log in again"},
		"bad key": {func(t *testing.T, s *Store) {
			change(t, s.keyFile(), func([]byte) []byte { return []byte("no key\n") })
		}, "read the credentials in PATH: what is in DIR/credentials.key is not the key of the credentials; bring the key back, or remove both and log in again"},
		"open":     {func(t *testing.T, s *Store) { _ = os.Chmod(s.Path, 0o644) }, "read the credentials: PATH may be read or written by others (-rw-r--r--); keep them out: chmod 600 PATH"},
		"open key": {func(t *testing.T, s *Store) { _ = os.Chmod(s.keyFile(), 0o640) }, "read the credentials in PATH: read the key of the credentials: DIR/credentials.key may be read or written by others (-rw-r-----); keep them out: chmod 600 DIR/credentials.key"},
		"a link": {func(t *testing.T, s *Store) {
			_ = os.Rename(s.Path, s.Path+".real")
			_ = os.Symlink(filepath.Base(s.Path)+".real", s.Path)
		}, "read the credentials: PATH is a link, which somebody could have put there; put the file itself in its place: mv PATH.real PATH"},
		"a linked key": {func(_ *testing.T, s *Store) {
			_ = os.Rename(s.keyFile(), s.keyFile()+".real")
			_ = os.Symlink(s.keyFile()+".real", s.keyFile())
		}, "read the credentials in PATH: read the key of the credentials: DIR/credentials.key is a link, which somebody could have put there; put the file itself in its place: mv DIR/credentials.key.real DIR/credentials.key"},
		"a link to nothing": {func(_ *testing.T, s *Store) {
			_ = os.Remove(s.Path)
			_ = os.Symlink("gone", s.Path)
		}, "read the credentials: PATH is a link to nothing; remove it"},
		"a folder": {func(t *testing.T, s *Store) { _ = os.Remove(s.Path); _ = os.Mkdir(s.Path, 0o700) }, "read the credentials: PATH is not a file"},
		"huge":     {func(t *testing.T, s *Store) { _ = os.Truncate(s.Path, maxStore+1) }, "read the credentials: PATH has 1048577 bytes, and can only have 1048576; is it the right file?"},
		"passphrase gone": {func(t *testing.T, s *Store) {
			s.Passphrase = "correct horse"
			put(t, s, "acme", acme)
			s.Passphrase = ""
		}, "read the credentials in PATH: it is encrypted with a passphrase; set PIPELINE_PASSPHRASE"},
		"passphrase wrong": {func(t *testing.T, s *Store) {
			s.Passphrase = "correct horse"
			put(t, s, "acme", acme)
			s.Passphrase = "battery staple"
		}, "read the credentials in PATH: the passphrase in PIPELINE_PASSPHRASE is not the one that it was encrypted with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			put(t, s, "acme", acme)
			test.spoil(t, s)
			before, _ := os.ReadFile(s.Path)
			want := strings.NewReplacer("PATH", s.Path, "DIR", filepath.Dir(s.Path)).Replace(test.want)
			if _, err := s.Read(); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			err := s.Change(t.Context(), func(Book) (bool, error) { t.Error("it could be changed"); return true, nil })
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if after, _ := os.ReadFile(s.Path); string(before) != string(after) {
				t.Error("it was written over")
			}
		})
	}
}

func change(t *testing.T, path string, by func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, by(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A store of a newer program is not understood halfway.
func TestNewerStore(t *testing.T) {
	_, err := decode([]byte(`{"version": 2, "connections": {"acme": {"token": "t0ken"}}}`))
	if want := "it was written by a newer pipeline (version 2 of the file); update this one"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := decode([]byte(`{"version": 1, "connections": {"acme": {"token": t0ken}}}`)); err == nil || strings.Contains(err.Error(), "t0") {
		t.Errorf("got %v", err)
	}
}

// Changes at the same time are all kept: none is made on what another one read.
func TestChangesAtTheSameTime(t *testing.T) {
	s := newStore(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			other := &Store{Path: s.Path} // as in another process
			err := other.Change(t.Context(), func(b Book) (bool, error) {
				b[string(rune('a'+i))] = Connection{Token: "x"}
				return true, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if book, err := s.Read(); err != nil || len(book) != 20 {
		t.Errorf("%d connections, %v", len(book), err)
	}
}

// What fails or changes nothing leaves the store as it is, and nothing beside it.
func TestNoChange(t *testing.T) {
	s := newStore(t)
	put(t, s, "acme", acme)
	before, _ := os.ReadFile(s.Path)
	_ = os.WriteFile(s.partial(), []byte("of a killed process"), 0o600)
	failed := errors.New("the platform says no")
	if err := s.Change(t.Context(), func(b Book) (bool, error) { delete(b, "acme"); return true, failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if err := s.Change(t.Context(), func(b Book) (bool, error) { delete(b, "acme"); return false, nil }); err != nil {
		t.Error(err)
	}
	after, _ := os.ReadFile(s.Path)
	if _, err := os.Stat(s.partial()); err == nil || string(before) != string(after) {
		t.Error("something changed, or was left behind")
	}
}

// That nothing can be saved is known before anything is taken from a platform.
func TestFolderThatCannotBeWritten(t *testing.T) {
	s := newStore(t)
	put(t, s, "acme", acme)
	if err := os.Mkdir(s.partial(), 0o700); err != nil { // root may write to any folder
		t.Fatal(err)
	}
	_ = os.WriteFile(filepath.Join(s.partial(), "x"), nil, 0o600)
	err := s.Change(t.Context(), func(Book) (bool, error) { t.Error("the change was begun"); return true, nil })
	if err == nil || !strings.HasPrefix(err.Error(), "save the credentials: "+s.partial()+": ") {
		t.Errorf("got %v", err)
	}
}

// Where nobody has a desktop, no keyring is asked; where it does not answer, it
// is not waited for.
func TestDesktopKeyring(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if DesktopKeyring(time.Second) != nil {
		t.Error("there is a keyring without a bus")
	}
	hanging := make(chan struct{})
	defer close(hanging)
	_, err := desktop{time.Millisecond}.ask(func() (string, error) { <-hanging; return "", nil })
	if !errors.Is(err, errKeyringSilent) {
		t.Errorf("got %v", err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	if _, err := DesktopKeyring(10*time.Second).Get("pipeline", "x"); err == nil || errors.Is(err, errKeyringSilent) {
		t.Errorf("a bus that is not there: %v", err)
	}
}

func TestPath(t *testing.T) {
	for _, test := range []struct{ variable, config, want string }{
		{"", "", "/home/zoe/.config/pipeline/credentials.age"},
		{"", "/etc/zoe", "/etc/zoe/pipeline/credentials.age"},
		{"", "relative", "/home/zoe/.config/pipeline/credentials.age"},
		{"/run/creds.age", "/etc/zoe", "/run/creds.age"},
	} {
		t.Setenv("HOME", "/home/zoe")
		t.Setenv("PIPELINE_CREDENTIALS", test.variable)
		t.Setenv("XDG_CONFIG_HOME", test.config)
		if got, err := Path(); err != nil || got != test.want {
			t.Errorf("got %s, %v; want %s", got, err, test.want)
		}
	}
}
