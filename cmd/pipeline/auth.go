package main

// auth.go: the connections that are stored: which there are, and how to be rid
// of one. login.go and import.go fill the store.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/credentials"
	"pipeline/pipeline/diag"
)

func (a *app) authCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth",
		Short: "Log in to platforms, and see what is stored of it",
		Long: `Log in to platforms, and see what is stored of it. A connection is the
credentials of one account by name; mappings say which one they use:
connection: acme.

The store is one encrypted file for this user alone: PIPELINE_CREDENTIALS, else
$XDG_CONFIG_HOME/pipeline/credentials.age, else ~/.config/pipeline/credentials.age.
Its key is in the desktop's keyring where there is one, else in a file beside it.
Where PIPELINE_PASSPHRASE is set, it is encrypted with that instead.

A token in the environment, PIPELINE_<CONNECTION>_TOKEN, goes before the store.`,
		Example: `  pipeline auth import gevme-credentials.zip --connection acme
  pipeline auth login gevme --connection acme
  pipeline auth status`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			if near := diag.Suggest(args[0], names); near != "" {
				return usage("there is no command auth %s; did you mean auth %s?", args[0], near)
			}
			return usage("there is no command auth %s; there are %s", args[0], strings.Join(names, ", "))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.loginCommand(), a.statusCommand(), a.logoutCommand(), a.importCommand())
	return cmd
}

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Which connections are stored, since when, and until when they are good",
		Long: `Which connections are stored, since when, until when they are good, when a run
last used them, and which variable of the environment goes before them. Tokens
are never shown.`,
		Example: "  pipeline auth status\n  pipeline auth status --json",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.authStatus(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list on stdout")
	return cmd
}

// noArguments is the Args of commands that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, such as %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// connectionStatus is what can be said of a connection to anybody.
type connectionStatus struct {
	Connection   string    `json:"connection"`
	Connector    string    `json:"connector,omitempty"`
	BaseURL      string    `json:"base_url,omitempty"`
	LoggedIn     bool      `json:"logged_in"`
	Since        time.Time `json:"since,omitzero"`
	Expires      time.Time `json:"expires,omitzero"`
	NeverExpires bool      `json:"never_expires"`
	Renews       bool      `json:"renews"` // without a person
	LastUsed     time.Time `json:"last_used,omitzero"`
	OverriddenBy string    `json:"overridden_by,omitempty"`
}

func (a *app) authStatus(asJSON bool) error {
	store, book, err := a.vault.open(a)
	if err != nil {
		return err
	}
	getenv, err := a.workingEnvironment()
	if err != nil {
		return err
	}
	all := []connectionStatus{}
	for _, name := range book.Names() {
		all = append(all, a.statusOf(name, book[name], getenv))
	}
	if asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	if len(all) == 0 {
		fmt.Fprintf(a.stdout, "no connections in %s\nlog in: %s\n", store.Path, a.engine.LoginCommand("gevme", "acme", ""))
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "connection\tconnector\tlogged in\ttoken\tlast used")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Connection, cmp.Or(s.Connector, "-"), day(s.Since, "not yet"), s.tokenWords(), day(s.LastUsed, "never"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		if s.OverriddenBy != "" {
			fmt.Fprintf(a.stdout, "%s is set and goes before the connection %s\n", s.OverriddenBy, s.Connection)
		}
	}
	return nil
}

func (a *app) statusOf(name string, kept credentials.Connection, getenv func(string) (string, bool)) connectionStatus {
	auth, _ := a.engine.Auth(kept.Connector) // one that a file declares is not known here
	s := connectionStatus{
		Connection: name, Connector: kept.Connector, BaseURL: kept.BaseURL, LoggedIn: kept.Token != "",
		Since: kept.Since, Expires: kept.Expires, NeverExpires: kept.Token != "" && kept.Expires.IsZero() && auth.NeverExpires,
		Renews: kept.Refresh != "" || auth.Client, LastUsed: kept.Used,
	}
	if value, _ := getenv(rest.TokenVariable(name)); value != "" {
		s.OverriddenBy = rest.TokenVariable(name)
	}
	return s
}

// tokenWords is how long a token is good.
func (s connectionStatus) tokenWords() string {
	switch {
	case !s.LoggedIn:
		return "none; log in"
	case s.NeverExpires:
		return "never expires"
	case s.Expires.IsZero():
		return "until it is withdrawn" // the platform said nothing else
	case s.Renews:
		return "renewed by itself"
	case time.Now().After(s.Expires):
		return "expired; log in again"
	}
	return "until " + day(s.Expires, "")
}

// day is a time as people name it, to the minute.
func day(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.Local().Format("2006-01-02 15:04")
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout NAME",
		Short: "Forget a connection: its token, client id and secret",
		Long: `Forget a connection: its token, and the client id and secret that it was logged
in with. What the platform gave stays valid there until it is withdrawn there.`,
		Example: "  pipeline auth logout acme",
		ValidArgsFunction: once(func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return a.storedNames(), cobra.ShellCompDirectiveNoFileComp
		}),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("auth logout needs the name of one connection, as in: pipeline auth logout acme")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.logout(cmd.Context(), args[0]) },
	}
}

// storedNames are the connections in the store, for the tab key: what cannot be
// read is not offered.
func (a *app) storedNames() []string {
	store, err := a.openStore()
	if err != nil {
		return nil
	}
	book, err := store.Read()
	if err != nil {
		return nil
	}
	return book.Names()
}

func (a *app) logout(ctx context.Context, name string) error {
	store, book, err := a.vault.open(a)
	if err != nil {
		return err
	}
	kept, ok := book[name]
	if !ok {
		if near := diag.DidYouMean(name, book.Names()); near != "" {
			return usage("there is no connection %q in %s; %s", name, store.Path, near)
		}
		return usage("there is no connection %q in %s; see: pipeline auth status", name, store.Path)
	}
	err = store.Change(ctx, func(book credentials.Book) (bool, error) {
		kept = book[name]
		delete(book, name)
		return true, nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: removed from %s\n", name, store.Path)
	switch auth, _ := a.engine.Auth(kept.Connector); {
	case kept.Token == "":
	case auth.NeverExpires:
		fmt.Fprintf(a.stdout, "its token never expires: withdraw the access at %s too\n", origin(kept.BaseURL))
	case kept.Refresh == "" && !kept.Expires.IsZero():
		fmt.Fprintf(a.stdout, "its token stays valid at %s until %s, or until the access is withdrawn there\n", origin(kept.BaseURL), day(kept.Expires, ""))
	default:
		fmt.Fprintf(a.stdout, "its token stays valid at %s until the access is withdrawn there\n", origin(kept.BaseURL))
	}
	if variable := rest.TokenVariable(name); os.Getenv(variable) != "" {
		fmt.Fprintf(a.stdout, "%s is still set, and runs go on using it\n", variable)
	}
	return nil
}

// workingEnvironment is the environment, and behind it the .env of the working
// directory.
func (a *app) workingEnvironment() (func(string) (string, bool), error) {
	files := &pipeline.Files{Read: os.ReadFile}
	getenv, diags := pipeline.Environment("auth", files, os.LookupEnv)
	if diags.HasErrors() {
		if err := diag.Text(a.stderr, diags, files.Seen, a.colour()); err != nil {
			return nil, err
		}
		return nil, exitCode(exitWrong)
	}
	return getenv, nil
}
