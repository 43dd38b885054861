package main

// credentials.go: where a run finds the token of a connection, and how it gets
// the next one. The environment goes first; the store is opened only where the
// token is not there.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/credentials"
	"pipeline/pipeline/diag"
)

// vault is the credentials of all mappings of this process. The zero vault is
// ready.
type vault struct {
	mu      sync.Mutex
	opened  bool
	store   *credentials.Store
	book    credentials.Book                  // as it was read last
	err     error                             // why there is no store
	changed time.Time                         // when the file of the store was, as far as anybody has looked
	memory  map[string]credentials.Connection // tokens for clients that the environment names, by connection and id
}

const (
	keyringPatience       = 3 * time.Second  // where nobody is there to unlock it
	keyringPatienceAtHand = 30 * time.Second // where somebody is
	renewAhead            = time.Minute      // a token is not used in the last minute of its life
	usedEvery             = time.Hour        // how often it is written down that a token was used
	usedPatience          = time.Second      // … and how long that may take
)

// openStore is the store of this user.
func (a *app) openStore() (*credentials.Store, error) {
	patience := keyringPatience
	if a.prompter() != nil {
		patience = keyringPatienceAtHand
	}
	path, err := credentials.Path()
	if err != nil {
		return nil, err
	}
	return &credentials.Store{
		Path:       path,
		Passphrase: credentials.Secret(os.Getenv("PIPELINE_PASSPHRASE")),
		Keyring:    credentials.DesktopKeyring(patience),
	}, nil
}

// open reads the store once.
func (v *vault) open(a *app) (*credentials.Store, credentials.Book, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.opened {
		v.opened = true
		if v.store, v.err = a.openStore(); v.err == nil {
			v.book, v.err = v.store.Read()
		}
	}
	return v.store, v.book, v.err
}

// account is whose token a mapping wants.
type account struct {
	*app
	c          checked
	connection string
	auth       rest.Auth
}

func (a *app) account(c checked, connection string) account {
	auth, _ := a.engine.Auth(c.reads().SourceName()) // those that are not declared have no login
	return account{a, c, connection, auth}
}

// getenv is a variable of the environment that is not empty.
func (a account) getenv(name string) string {
	value, _ := a.c.getenv(name)
	return value
}

// client is the client id and secret from the environment.
func (a account) client() (id, secret string) {
	idVariable, secretVariable := rest.ClientVariables(a.connection)
	return a.getenv(idVariable), a.getenv(secretVariable)
}

// token is the token of the connection as it is now, without a call.
func (a account) token() (pipeline.Token, error) {
	variable := rest.TokenVariable(a.connection)
	if value := a.getenv(variable); value != "" {
		return pipeline.Token{Value: value, Source: variable}, nil
	}
	if id, _ := a.client(); id != "" && a.auth.Client {
		a.vault.mu.Lock()
		defer a.vault.mu.Unlock()
		return a.tokenOf(a.vault.memory[a.connection+"\x00"+id], id), nil
	}
	store, book, err := a.vault.open(a.app)
	if err != nil {
		return pipeline.Token{}, fmt.Errorf("no credentials for the connection %q: %s is not set, and the store cannot be used: %w", a.connection, variable, err)
	}
	kept, ok := book[a.connection]
	switch {
	case ok && kept.Token == "" && !(a.auth.Client && kept.ClientID != ""), !ok:
		return pipeline.Token{}, a.missing(store, book)
	}
	if err := a.belongs(kept); err != nil {
		return pipeline.Token{}, err
	}
	a.used(store, kept)
	return a.tokenOf(kept, store.Path), nil
}

// belongs reports that a connection is of another platform than the mapping's:
// a token is shown to the platform that gave it, and to no other.
func (a account) belongs(kept credentials.Connection) error {
	if kept.Connector == "" {
		return nil // imported, and not logged in yet
	}
	if name := a.c.reads().SourceName(); kept.Connector != name {
		return fmt.Errorf("the connection %q is of %s, and this mapping reads from %s; name another one with connection:, and log in: %s",
			a.connection, kept.Connector, name, a.engine.LoginCommand(name, name, a.baseURL()))
	}
	if base := a.baseURL(); origin(base) != origin(kept.BaseURL) {
		return fmt.Errorf("the connection %q was logged in to at %s, and this mapping calls %s; log in there: %s",
			a.connection, origin(kept.BaseURL), origin(base), a.engine.LoginCommand(kept.Connector, a.connection, base))
	}
	return nil
}

// baseURL is the platform that the mapping calls.
func (a account) baseURL() string {
	if given := a.c.reads().SourceOptions().String("base_url"); given != "" {
		return given
	}
	return a.auth.BaseURL
}

// origin is the scheme and host of an address.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// tokenOf is the token that is kept of a connection, found at source.
func (a account) tokenOf(kept credentials.Connection, source string) pipeline.Token {
	t := pipeline.Token{Value: string(kept.Token), Source: source}
	switch {
	case a.auth.Client && kept.Token == "":
		t.RenewAt = time.Now()
	case (a.auth.Client || kept.Refresh != "") && !kept.Expires.IsZero():
		// a token that lives for seconds is not asked for again with every call
		t.RenewAt = kept.Expires.Add(-min(renewAhead, kept.Expires.Sub(kept.Obtained)/2))
	}
	return t
}

// used writes down that a token was taken. That is for people who tidy up, and
// no reason to fail or to wait.
func (a account) used(store *credentials.Store, kept credentials.Connection) {
	if time.Since(kept.Used) < usedEvery {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), usedPatience)
	defer cancel()
	_ = store.Change(ctx, func(book credentials.Book) (bool, error) {
		now, ok := book[a.connection]
		now.Used = time.Now().UTC().Truncate(time.Second)
		book[a.connection] = now
		return ok, nil
	})
}

// renew gets a token in place of old. Of all processes one does it: who comes
// second finds the token of the first in the store.
func (a account) renew(ctx context.Context, old pipeline.Token) (fresh pipeline.Token, err error) {
	id, secret := a.client()
	if old.Source == rest.TokenVariable(a.connection) {
		return pipeline.Token{}, nil // nobody but who set it can
	}
	if a.auth.Client && old.Source == id {
		return a.renewInMemory(ctx, old, id, secret)
	}
	store, _, err := a.vault.open(a.app)
	if err != nil {
		return pipeline.Token{}, err
	}
	asked := false
	err = store.Change(ctx, func(book credentials.Book) (bool, error) {
		kept := book[a.connection]
		if found := a.tokenOf(kept, store.Path); found.Value != "" && found.Value != old.Value && a.belongs(kept) == nil && !found.Stale(time.Now()) {
			fresh = found
			return false, nil
		}
		if kept.Refresh == "" && !a.auth.Client {
			return false, nil
		}
		next, err := a.ask(ctx, kept)
		if err != nil {
			return false, err
		}
		asked, book[a.connection], fresh = true, next, a.tokenOf(next, store.Path)
		return true, nil
	})
	if err != nil && asked {
		err = fmt.Errorf("the platform gave a fresh token for the connection %q, which is not used because it cannot be kept: %w; mend that and log in again: %s", a.connection, err, a.toLogIn())
	}
	if err != nil {
		return pipeline.Token{}, err
	}
	return fresh, nil
}

// renewInMemory gets a token for a client that the environment names.
func (a account) renewInMemory(ctx context.Context, old pipeline.Token, id, secret string) (pipeline.Token, error) {
	v, key := &a.vault, a.connection+"\x00"+id
	v.mu.Lock()
	defer v.mu.Unlock()
	if found := a.tokenOf(v.memory[key], id); found.Value != "" && found.Value != old.Value && !found.Stale(time.Now()) {
		return found, nil
	}
	next, err := a.ask(ctx, credentials.Connection{BaseURL: a.baseURL(), ClientID: id, ClientSecret: credentials.Secret(secret)})
	if err != nil {
		return pipeline.Token{}, err
	}
	if v.memory == nil {
		v.memory = map[string]credentials.Connection{}
	}
	v.memory[key] = next
	return a.tokenOf(next, id), nil
}

// ask asks the platform for a fresh token.
func (a account) ask(ctx context.Context, kept credentials.Connection) (credentials.Connection, error) {
	client := rest.Client{BaseURL: kept.BaseURL, ID: kept.ClientID, Secret: string(kept.ClientSecret)}
	if client.BaseURL == "" {
		client.BaseURL = a.baseURL()
	}
	grant, err := a.engine.Renew(ctx, a.c.reads().SourceName(), client, string(kept.Refresh))
	var refused *rest.TokenRefused
	switch {
	case errors.As(err, &refused) && refused.Status < 500 && a.auth.Client:
		return kept, fmt.Errorf("the platform gives no token for the connection %q: %w; check the client id and secret", a.connection, err)
	case errors.As(err, &refused) && refused.Status < 500:
		return kept, fmt.Errorf("the login of the connection %q is over: %w; log in again: %s", a.connection, err, a.toLogIn())
	case err != nil:
		return kept, fmt.Errorf("get a fresh token for the connection %q: %w", a.connection, err)
	}
	return taken(kept, grant), nil
}

// taken is a connection with what a platform gave.
func taken(kept credentials.Connection, grant rest.Grant) credentials.Connection {
	kept.Token, kept.Refresh = credentials.Secret(grant.Token.Value), credentials.Secret(grant.Refresh.Value)
	kept.Obtained = time.Now().UTC().Truncate(time.Second)
	kept.Expires = time.Time{}
	if !grant.Expires.IsZero() {
		kept.Expires = grant.Expires.UTC().Truncate(time.Second)
	}
	return kept
}

// toLogIn is what to type to log in to the connection.
func (a account) toLogIn() string {
	return a.engine.LoginCommand(a.c.reads().SourceName(), a.connection, a.baseURL())
}

// missing says where credentials were looked for, and what to type.
func (a account) missing(store *credentials.Store, book credentials.Book) error {
	variable := rest.TokenVariable(a.connection)
	dotenv, inDotenv := filepath.Join(filepath.Dir(a.c.file), ".env"), "not in it"
	if _, err := os.Stat(dotenv); err != nil {
		inDotenv = "there is none"
	}
	inStore := "not in it"
	switch names := book.Names(); {
	case book[a.connection].ClientID != "":
		inStore = "it has the client id and secret; nobody has logged in yet"
	case len(names) == 0:
		inStore = "empty"
		if _, err := os.Stat(store.Path); err != nil {
			inStore = "there is none"
		}
	default:
		if near := diag.DidYouMean(a.connection, names); near != "" {
			inStore += "; " + near
		}
	}
	looked, toSet := "variable "+variable, "Or set a token:     export "+variable+"=…"
	if a.auth.Client { // nobody has to log in: id and secret are enough
		id, secret := rest.ClientVariables(a.connection)
		looked = fmt.Sprintf("variables %s and %s, or %s", id, secret, variable)
		toSet = fmt.Sprintf("Or set both:        export %s=… %s=…", id, secret)
	}
	lines := []string{
		fmt.Sprintf("no credentials for the connection %q. Looked in:", a.connection),
		fmt.Sprintf("  1. the environment %s (not set)", looked),
		fmt.Sprintf("  2. %s (%s)", dotenv, inDotenv),
		fmt.Sprintf("  3. the store %s (%s)", store.Path, inStore),
	}
	if a.auth.Login || a.auth.Client {
		lines = append(lines, "Log in:             "+a.toLogIn())
	}
	lines = append(lines, toSet,
		"Or try the sandbox: "+cmp.Or(a.c.withoutToken, "pipeline run --sandbox "+diag.ShellWord(a.c.file)))
	return errors.New(strings.Join(lines, "\n"))
}
