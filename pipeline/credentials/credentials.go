// Package credentials is where logins are kept: one file, encrypted with age,
// for this user alone. A connection is the credentials of one account by name.
package credentials

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Secret is a text that nobody is to see. It prints as ***; in the store it is
// itself.
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// Connection is what is kept of one account.
type Connection struct {
	Connector string `json:"connector,omitempty"` // where the login was; empty where none was yet
	BaseURL   string `json:"base_url,omitempty"`  // of the platform that was logged in to

	ClientID     string `json:"client_id,omitempty"`
	ClientSecret Secret `json:"client_secret,omitempty"`

	Token   Secret `json:"token,omitempty"`
	Refresh Secret `json:"refresh,omitempty"` // makes the next token; empty: a person has to log in again

	Since    time.Time `json:"since,omitzero"`    // of the login
	Obtained time.Time `json:"obtained,omitzero"` // of the token
	Expires  time.Time `json:"expires,omitzero"`  // of the token; zero: not said
	Used     time.Time `json:"used,omitzero"`     // when a run last took the token, to the hour
}

// Book is all connections by name.
type Book map[string]Connection

// Names are the connections in order.
func (b Book) Names() []string { return slices.Sorted(maps.Keys(b)) }

// stored is the content of the file before it is encrypted.
type stored struct {
	Version     int  `json:"version"`
	Connections Book `json:"connections"`
}

const storeVersion = 1

func (b Book) encode() ([]byte, error) {
	return json.Marshal(stored{storeVersion, b})
}

func decode(text []byte) (Book, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("what is in it is not a list of connections") // the cause would show some of it
	}
	if s.Version != storeVersion {
		return nil, fmt.Errorf("it was written by a newer pipeline (version %d of the file); update this one", s.Version)
	}
	if s.Connections == nil {
		s.Connections = Book{}
	}
	return s.Connections, nil
}

// Path is where the store is: PIPELINE_CREDENTIALS, else
// $XDG_CONFIG_HOME/pipeline/credentials.age, else the same below ~/.config.
func Path() (string, error) {
	if path := os.Getenv("PIPELINE_CREDENTIALS"); path != "" {
		return filepath.Abs(path)
	}
	if config := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(config) { // a relative one is invalid, says the XDG specification
		return filepath.Join(config, "pipeline", "credentials.age"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the store of credentials: %w; set PIPELINE_CREDENTIALS to a file", err)
	}
	return filepath.Join(home, ".config", "pipeline", "credentials.age"), nil
}
