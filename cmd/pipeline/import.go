package main

// import.go: pipeline auth import, which takes the client id and secret out of
// the encrypted zip that a platform sends.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline/credentials"
)

// zipPassword is the variable that opens an archive where nobody is asked.
const zipPassword = "PIPELINE_ZIP_PASSWORD"

func (a *app) importCommand() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   "import FILE.zip",
		Short: "Take the client id and secret out of the encrypted zip that a platform sent",
		Long: `Take the client id and secret out of the encrypted zip that a platform sent, and
store them for auth login. They are found in text files of any name, as JSON,
client_id=…, "Client ID: …" or CSV. Nothing is unpacked to the disk.

The password is asked for, or taken from PIPELINE_ZIP_PASSWORD.`,
		Example:           "  pipeline auth import gevme-credentials.zip --connection acme",
		ValidArgsFunction: once(cobra.FixedCompletions([]string{"zip"}, cobra.ShellCompDirectiveFilterFileExt)),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("auth import needs one zip file, as in: pipeline auth import gevme-credentials.zip --connection acme")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("connection") && !isConnectionName(connection) {
				return usage("--connection %q cannot be a name; take letters, digits, - and _, as in acme-eu", connection)
			}
			if connection == "" {
				base := filepath.Base(args[0])
				connection = strings.TrimSuffix(base, filepath.Ext(base))
			}
			return a.importArchive(cmd.Context(), args[0], connection)
		},
	}
	cmd.Flags().StringVar(&connection, "connection", "", "the `NAME` by which mappings know these credentials (default: the name of the file)")
	completeFlag(cmd, "connection", a.connectionNames(a.storedNames))
	return cmd
}

func (a *app) importArchive(ctx context.Context, path, connection string) error {
	archive, err := credentials.OpenArchive(path)
	if err != nil {
		return err
	}
	var password credentials.Secret
	if archive.Encrypted {
		if password, err = a.zipPassword(path); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stderr, "warning: %s is not encrypted; whoever has seen it on its way has these credentials, so ask the platform for new ones\n", path)
	}
	found, err := archive.Find(password)
	if err != nil {
		return err
	}
	one, err := a.choose(archive, found, connection)
	if err != nil {
		return err
	}
	store, err := a.openStore()
	if err != nil {
		return err
	}
	err = store.Change(ctx, func(book credentials.Book) (bool, error) {
		kept := book[connection]
		if kept.ClientID != one.ID {
			kept.Token, kept.Refresh = "", "" // of another client
		}
		kept.ClientID, kept.ClientSecret = one.ID, one.Secret
		book[connection] = kept
		return true, nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "the client id and secret in %s are stored for the connection %s in %s\n", one.Name, connection, store.Path)
	fmt.Fprintf(a.stdout, "next: %s\n", a.engine.LoginCommand(a.connectorOf(archive), connection, ""))
	fmt.Fprintf(a.stderr, "%s is not needed any more; keep it where nobody else finds it, or remove it\n", path)
	return nil
}

// zipPassword is what opens an archive.
func (a *app) zipPassword(path string) (credentials.Secret, error) {
	if password := os.Getenv(zipPassword); password != "" {
		return credentials.Secret(password), nil
	}
	t := a.prompter()
	if t == nil {
		return "", fmt.Errorf("%s is encrypted, and nobody can be asked for its password: stdin is not a terminal; set %s", path, zipPassword)
	}
	return t.secret(fmt.Sprintf("password of %s (it is not shown): ", path))
}

// choose is the one client that an archive is about.
func (a *app) choose(archive *credentials.Archive, found []credentials.Found, connection string) (credentials.Found, error) {
	idVariable, secretVariable := rest.ClientVariables(connection)
	switch len(found) {
	case 0:
		return credentials.Found{}, fmt.Errorf("no client id with its secret was found in %s, which has %s; write them into a .env as %s and %s",
			archive.Path, cmp.Or(strings.Join(archive.Names, ", "), "no files"), idVariable, secretVariable)
	case 1:
		return found[0], nil
	}
	var list strings.Builder
	for i, f := range found {
		fmt.Fprintf(&list, "\n  %d. %s", i+1, f.Name)
	}
	t := a.prompter()
	if t == nil {
		return credentials.Found{}, fmt.Errorf("%s has several clients:%s\nrun this in a terminal to choose one, or set %s and %s", archive.Path, &list, idVariable, secretVariable)
	}
	fmt.Fprintf(a.stderr, "%s has several clients:%s\n", archive.Path, &list)
	answer, err := t.line("which one? ")
	if err != nil {
		return credentials.Found{}, err
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(found) {
		return credentials.Found{}, errors.New("that is none of them; nothing was stored")
	}
	return found[n-1], nil
}

// connectorOf is the connector whose name an archive bears.
func (a *app) connectorOf(archive *credentials.Archive) string {
	for _, name := range a.remote() {
		if archive.About(name) {
			return name
		}
	}
	return "CONNECTOR"
}
