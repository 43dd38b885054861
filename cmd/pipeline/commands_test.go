package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"pipeline/connectors"
	"pipeline/connectors/rest"
)

// notRun are the examples of commands that no test can run, each with its reason.
var notRun = map[string]string{
	"pipeline rejects mappings/acme.yaml --deliveries --status 410 --replay":                         "it asks a serve that runs: TestServeDelivers does",
	"pipeline serve mappings --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --log json": "needs a certificate; TestServeTLS",
	"pipeline serve mappings --cluster a=10.0.0.1,b=10.0.0.2,c=10.0.0.3 --node a --certs certs":      "needs three machines",
	"pipeline state rewind mappings/gevme-attendees.yaml --to 24h":                                   "the mapping is not incremental; TestStateRewind runs it on one that is",
	"pipeline state export mappings/gevme-attendees.yaml > state.tar":                                "needs a run before it; TestStateExportImport",
	"pipeline state import mappings/gevme-attendees.yaml state.tar":                                  "needs the archive; TestStateExportImport",
	"pipeline runs mappings/": "needs the history of a serve; the script runs.txtar has one",
	"pipeline runs mappings/gevme-attendees.yaml --failed --since 7d":                           "needs the history of a serve; the script runs.txtar has one",
	"pipeline runs mappings/ --json --limit 1000":                                               "needs the history of a serve; the script runs.txtar has one",
	"pipeline doctor mappings/":                                                                 "the port may be taken; the script doctor.txtar",
	"pipeline doctor mappings/ --json":                                                          "the port may be taken; the script doctor.txtar",
	"pipeline auth login gevme --connection acme":                                               "a person logs in; the script auth.txtar does",
	"pipeline auth login floktu --connection acme-eu --redirect http://127.0.0.1:8765/callback": "a person logs in, and the port may be taken",
	"pipeline auth login ./eventbrite.yaml --connection acme --no-browser":                      "a person logs in",

	"pipeline engine audit mappings":        "needs the store of serve; TestEngineAudit",
	"pipeline engine audit mappings --json": "needs the store of serve; TestEngineAudit",
	"pipeline engine migrate --from mappings --to /var/lib/pipeline/engine --cluster a,b,c --node a --certs certs": "needs three machines; TestEngineMigrate",
	"pipeline engine join /var/lib/pipeline/engine --cluster a,b,c --node c --certs certs":                         "needs three machines; TestEngineMigrate",
}

// commands are the program's own, in the order of its help.
func commands() []*cobra.Command {
	engine := rest.New()
	var own []*cobra.Command
	var add func(*cobra.Command)
	add = func(c *cobra.Command) {
		own = append(own, c)
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	add((&app{engine: engine, registry: connectors.All(engine)}).root())
	return own
}

// TestExamples runs the examples of each command as they stand in its help, in a
// copy of the mappings whose platforms are sandboxes.
func TestExamples(t *testing.T) {
	skipped := map[string]bool{}
	for _, c := range commands() {
		var lines []string
		excused := false
		for line := range strings.Lines(c.Example) {
			line = strings.TrimSpace(line)
			switch {
			case line == "", strings.HasPrefix(line, "#"):
			case notRun[line] != "":
				skipped[line], excused = true, true
			case strings.HasPrefix(line, "pipeline"):
				lines = append(lines, line)
			default:
				t.Errorf("%s: the example %q is neither a command nor a comment", c.CommandPath(), line)
			}
		}
		if len(lines) == 0 && !excused && c.Runnable() && c.Name() != "version" && !c.HasSubCommands() {
			t.Errorf("%s has no example that runs", c.CommandPath())
		}
		t.Run(c.Name(), func(t *testing.T) {
			exampleFolder(t)
			for _, line := range lines {
				runExample(t, line)
			}
		})
	}
	for line := range notRun {
		if !skipped[line] {
			t.Errorf("no help has the example %q", line)
		}
	}
}

func runExample(t *testing.T, line string) {
	command, into, redirected := strings.Cut(line, " > ")
	if strings.ContainsAny(command, `"'|$&;<>\`) {
		t.Fatalf("%q needs a shell; this test has none", line)
	}
	args := strings.Fields(command)[1:]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if len(args) > 0 && args[0] == "sandbox" { // it serves until it is stopped, and the port may be taken
		cancel()
		args = strings.Fields(strings.ReplaceAll(strings.Join(args, " "), "--port 8080", "--port 0"))
	}
	var stdout, stderr bytes.Buffer
	var out io.Writer = &stdout
	if len(args) > 0 && args[0] == "serve" { // so does it
		args = append(args, "--listen", "127.0.0.1:0")
		out = &until{Buffer: &stdout, says: "ctrl-c ends it", then: cancel}
	}
	if code := run(ctx, args, strings.NewReader(""), out, &stderr); code != exitDone {
		t.Errorf("%s\nexit code %d\n%s%s", line, code, &stdout, &stderr)
	}
	if redirected { // the next example may read it
		if err := os.WriteFile(into, stdout.Bytes(), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// until does something when a text was written.
type until struct {
	*bytes.Buffer
	says string
	then func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if strings.Contains(u.String(), u.says) {
		u.then()
	}
	return n, err
}

// exampleFolder makes the working directory one like that of the repository, for
// one test. The platforms of its mappings are sandboxes.
func exampleFolder(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"mappings", "schemas"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS("../../"+folder)); err != nil {
			t.Fatal(err)
		}
	}
	// what the examples of diff have git write
	if err := os.CopyFS(filepath.Join(dir, "before"), os.DirFS("../../mappings")); err != nil {
		t.Fatal(err)
	}
	mappings, err := filepath.Glob(filepath.Join(dir, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	engine := rest.New()
	for _, platform := range connectors.All(engine).Sources {
		if !platform.Remote {
			continue
		}
		sandbox, err := engine.Sandbox(platform.Name, rest.SandboxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(sandbox)
		t.Cleanup(server.Close)
		begin := platform.Name + ": {"
		for _, name := range mappings {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(text, []byte(begin)) {
				continue
			}
			text = bytes.Replace(text, []byte(begin), fmt.Appendf(nil, "%sbase_url: %q, ", begin, sandbox.BaseURL(server.URL)), 1)
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if platform.Name == "gevme" { // which the examples read from; the connection of the ready mappings is acme
			t.Setenv(rest.TokenVariable("acme"), sandbox.Token().Value)
		}
	}
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, ".state"))
	t.Setenv("PIPELINE_CREDENTIALS", filepath.Join(dir, "credentials.age"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
	t.Chdir(dir)
	if err := os.WriteFile("gevme-credentials.zip", credentialsZip(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"auth", "import", "gevme-credentials.zip", "--connection", "acme"}, nil, io.Discard, io.Discard); code != exitDone {
		t.Fatal("the credentials of the examples could not be stored")
	}
}

// TestCommandsDocument holds docs/commands.md against the help of the commands.
func TestCommandsDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Commands\n\nWritten from what `pipeline COMMAND --help` says. Every example is run by the tests.\n\n| command | does |\n|---|---|\n")
	all := commands()
	for _, c := range all[1:] {
		if !c.HasSubCommands() {
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", strings.TrimPrefix(c.CommandPath(), "pipeline "), anchor(c), c.Short)
		}
	}
	for _, c := range all[1:] {
		b.WriteString(commandDocument(c))
	}
	goldenFile(t, "../../docs/commands.md", b.String())
}

// anchor is what links to the section of a command.
func anchor(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// commandDocument is the section of one command.
func commandDocument(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n", c.CommandPath())
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	for _, paragraph := range strings.Split(about, "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			paragraph = "```\n" + unindented(paragraph) + "\n```"
		}
		b.WriteString(paragraph + "\n\n")
	}
	if !c.Runnable() {
		return b.String()
	}
	fmt.Fprintf(&b, "```sh\n%s\n```\n", c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n\n```sh\n%s\n```\n", unindented(c.Example))
	}
	if flags := c.LocalFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(&b, "\nFlags:\n\n```\n%s```\n", flags)
	}
	return b.String()
}

func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return b.String()
}
