package main

// login.go: pipeline auth login.

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/credentials"
	"pipeline/pipeline/diag"
)

// loginFlags are the flags of auth login.
type loginFlags struct {
	connection, baseURL, redirect string
	noBrowser                     bool
}

func (a *app) loginCommand() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login CONNECTOR",
		Short: "Log in to a platform in the browser, and store the token",
		Long: `Log in to a platform in the browser, and store the token. CONNECTOR is the name of
one (pipeline connectors lists them) or the file that declares it, ./x.yaml.

The client id and secret are those that the platform gave for your integration.
They are looked for in PIPELINE_<CONNECTION>_CLIENT_ID and
PIPELINE_<CONNECTION>_CLIENT_SECRET (environment, then the .env of the working
directory), then in the store (see auth import); else they are asked for.

The address to log in at is printed alone on a line of stdout. The answer comes
back to this machine; where the browser is on another one, paste the address that
it ends at. After five minutes without an answer the login ends.

Where the platform takes only a registered redirect address, register
http://127.0.0.1:8765/callback (or another port), and give it with --redirect. An
https address elsewhere works too: then the code is pasted.`,
		Example: `  pipeline auth login gevme --connection acme
  pipeline auth login floktu --connection acme-eu --redirect http://127.0.0.1:8765/callback
  pipeline auth login ./eventbrite.yaml --connection acme --no-browser`,
		ValidArgsFunction: once(a.platformNames),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("auth login needs one connector, as in: pipeline auth login gevme --connection acme")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("connection") && !isConnectionName(f.connection) {
				return usage("--connection %q cannot be a name; take letters, digits, - and _, as in acme-eu", f.connection)
			}
			if err := rest.CheckLogin(f.baseURL, f.redirect); err != nil {
				return usage("%v", err)
			}
			return a.login(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.connection, "connection", "", "the `NAME` by which mappings know these credentials (default: the connector's name)")
	flags.StringVar(&f.baseURL, "base-url", "", "log in at `URL` instead of the connector's base_url, such as a sandbox")
	flags.StringVar(&f.redirect, "redirect", "", "the redirect `URL` that is registered at the platform (default: any free port of this machine)")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "print the address to log in at, and open no browser")
	completeFlag(cmd, "connection", a.connectionNames(a.storedNames))
	completeFlag(cmd, "base-url", words())
	completeFlag(cmd, "redirect", words())
	return cmd
}

// isConnectionName reports whether s can name a connection.
func isConnectionName(s string) bool {
	return s != "" && len(s) <= 100 && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (a *app) login(ctx context.Context, connector string, f loginFlags) error {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	name, err := a.declaredConnector(connector)
	if err != nil {
		return err
	}
	auth, err := a.engine.Auth(name)
	connection := cmp.Or(f.connection, name)
	switch {
	case err != nil:
		return usage("%v; one logs in to %s", err, strings.Join(a.remote(), ", "))
	case !auth.Login && !auth.Client:
		return usage("%s has no login: its tokens are handed out by the platform; set %s", name, rest.TokenVariable(connection))
	}
	store, err := a.openStore()
	if err != nil {
		return err
	}
	kept, err := a.storedFor(ctx, store, name, connection)
	if err != nil {
		return err
	}
	id, secret, err := a.client(connection, name, kept, store)
	if err != nil {
		return err
	}
	grant, err := a.engine.Login(ctx, name, a.loginOptions(rest.Client{BaseURL: f.baseURL, ID: id, Secret: string(secret)}, f))
	var refused *rest.TokenRefused
	switch {
	case errors.As(err, &refused) && !refused.OfGrant() && kept.ClientID == id && kept.ClientSecret == secret:
		return fmt.Errorf("%w, which are those in the store; to be asked for others: pipeline auth logout %s", err, diag.ShellWord(connection))
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.stderr, "the login was given up; nothing was stored")
		return exitCode(exitStopped)
	case err != nil:
		return err
	}
	now := credentials.Connection{Connector: name, BaseURL: strings.TrimRight(cmp.Or(f.baseURL, auth.BaseURL), "/"), ClientID: id, ClientSecret: secret, Since: time.Now().UTC().Truncate(time.Second)}
	now = taken(now, grant)
	err = store.Change(context.WithoutCancel(ctx), func(book credentials.Book) (bool, error) {
		book[connection] = now
		return true, nil
	})
	if err != nil {
		return err
	}
	a.loggedIn(connection, name, store)
	return nil
}

// loggedIn says what is stored, where, and what to type next.
func (a *app) loggedIn(connection, connector string, store *credentials.Store) {
	fmt.Fprintf(a.stderr, "logged in: the connection %s of %s is stored in %s (its key: %s)\n", connection, connector, store.Path, store.KeyIsIn())
	if variable := rest.TokenVariable(connection); os.Getenv(variable) != "" {
		fmt.Fprintf(a.stderr, "%s is set and goes before it: unset %s\n", variable, variable)
	}
	mapping := "mapping.yaml"
	if connection != connector {
		mapping += "   # whose source says connection: " + connection
	}
	fmt.Fprintf(a.stderr, "next: pipeline run --limit 10 %s\n", mapping)
}

// declaredConnector is the name of a connector, which may be a file that declares
// it.
func (a *app) declaredConnector(arg string) (string, error) {
	if !isYAML(arg) {
		return arg, nil
	}
	c, err := a.declared(arg)
	return c.Name, err
}

// declared is the connector that a file declares.
func (a *app) declared(arg string) (c pipeline.SourceConnector, err error) {
	files := &pipeline.Files{Read: os.ReadFile}
	src, err := files.Open(arg)
	if err != nil {
		return c, usage("cannot read %s: %s", arg, reason(err))
	}
	c, diags := a.engine.Declare(arg, src, func(ref string) ([]byte, error) {
		return files.Open(filepath.Join(filepath.Dir(arg), ref))
	})
	if !diags.HasErrors() {
		return c, nil
	}
	if err := diag.Text(a.stderr, diags, files.Seen, a.colour()); err != nil {
		return c, err
	}
	return c, exitCode(exitWrong)
}

// remote are the connectors of platforms.
func (a *app) remote() []string {
	var names []string
	for _, c := range a.registry.Sources {
		if c.Remote {
			names = append(names, c.Name)
		}
	}
	return names
}

// storedFor is what is stored of a connection. That the store can be changed is
// found out before a person logs in, and not after.
func (a *app) storedFor(ctx context.Context, store *credentials.Store, connector, connection string) (kept credentials.Connection, err error) {
	err = store.Change(ctx, func(book credentials.Book) (bool, error) {
		kept = book[connection]
		return false, nil
	})
	if err == nil && kept.Connector != "" && kept.Connector != connector {
		return kept, usage("the connection %s is of %s; choose another name with --connection, or forget it first: pipeline auth logout %s", connection, kept.Connector, diag.ShellWord(connection))
	}
	return kept, err
}

// client is the client id and secret to log in with: from the environment, the
// store, or the person.
func (a *app) client(connection, connector string, kept credentials.Connection, store *credentials.Store) (id string, secret credentials.Secret, err error) {
	getenv, err := a.workingEnvironment()
	if err != nil {
		return "", "", err
	}
	idVariable, secretVariable := rest.ClientVariables(connection)
	id, _ = getenv(idVariable)
	text, hasSecret := getenv(secretVariable)
	secret = credentials.Secret(text)
	if kept.ClientID != "" && (id == "" || id == kept.ClientID) && !hasSecret {
		return kept.ClientID, kept.ClientSecret, nil
	}
	if id != "" && hasSecret {
		return id, secret, nil
	}
	t := a.prompter()
	if t == nil {
		return "", "", fmt.Errorf(`no client id and secret for the connection %q. Looked in:
  1. the environment variables %s and %s (not both set)
  2. .env of the working directory (not in it)
  3. the store %s (not in it)
Set both, or import what %s sent: pipeline auth import FILE.zip --connection %s`, connection, idVariable, secretVariable, store.Path, connector, connection)
	}
	if id == "" {
		if id, err = t.line(fmt.Sprintf("client id that %s gave you: ", connector)); err != nil {
			return "", "", err
		}
	}
	if !hasSecret {
		secret, err = t.secret("client secret (it is not shown): ")
	}
	if err == nil && id == "" {
		err = errors.New("without a client id nobody can log in")
	}
	return id, secret, err
}

// loginOptions let a person log in at this terminal.
func (a *app) loginOptions(client rest.Client, f loginFlags) rest.LoginOptions {
	o := rest.LoginOptions{Client: client, Redirect: f.redirect, Notice: func(message string) { fmt.Fprintln(a.stderr, message) }}
	if a.prompter() != nil {
		lines := make(chan string)
		o.Pasted = lines
		go func() { // ends with stdin, or with the process
			defer close(lines)
			for s := bufio.NewScanner(a.stdin); s.Scan(); {
				lines <- s.Text()
			}
		}()
	}
	o.Browser = func(address string) error {
		fmt.Fprintln(a.stderr, "log in at this address:")
		if _, err := fmt.Fprintln(a.stdout, address); err != nil {
			return err
		}
		a.whereItEnds(address, o.Pasted != nil)
		if !f.noBrowser {
			openBrowser(address)
		}
		return nil
	}
	return o
}

// whereItEnds says what happens after the person has logged in.
func (a *app) whereItEnds(address string, pasted bool) {
	u, err := url.Parse(address)
	if err != nil {
		return // the platform says so too
	}
	back := u.Query().Get("redirect_uri")
	switch listens := strings.HasPrefix(back, "http:"); {
	case !listens:
		fmt.Fprintf(a.stderr, "the platform then sends the browser to %s; paste the address that it ends at, or the code:\n", back)
	case pasted:
		fmt.Fprintf(a.stderr, "the platform then sends the browser to %s, where this login waits for 5 minutes (ctrl-c ends it)\nis the browser on another machine? paste the address that it ends at, or the code:\n", back)
	default:
		fmt.Fprintf(a.stderr, "the platform then sends the browser to %s, where this login waits for 5 minutes\n", back)
	}
}

// openBrowser shows an address in the user's browser, where there is one; where
// there is none the address was printed.
func openBrowser(address string) {
	command := []string{"xdg-open", address}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open", address}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", address}
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return // it would open one in this terminal
		}
	}
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // the browser outlives the login
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // what became of it does not matter
	}
}
