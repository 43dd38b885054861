package main

// docs_test.go: every snippet of README.md and docs/ is run, page by page, from the
// top, as somebody would type it. A page begins in a copy of the repository's
// mappings and schemas; one that calls git, in a git repository with one commit. What
// a fenced block is, its first line says:
//
//	```sh             commands; each has to succeed, and the next block begins in the
//	                  folder in which this one ends
//	```sh exit 3      commands of which the last one ends with that exit code
//	```output         what the commands above said, stdout and stderr together; …
//	                  stands for any text in its line, and alone in a line for any
//	                  lines; durations and ports are not compared
//	```yaml acme.yaml a file of that name, in any language; mappings and connectors
//	                  among them have to be right at the end of the page
//	```diff acme.yaml a change of that file: lines with - become those with +
//
// Other blocks are only shown: those without a language, text, json, and those behind
// a line <!-- not run: REASON -->. Of those, the commands of pipeline have to exist,
// with all their flags. `go test ./cmd/pipeline -run TestDocuments -update` writes the
// output that is not as shown.

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pipeline/connectors/rest"
)

// generated are the pages that are written from code, whose own tests run their examples.
var generated = []string{"commands.md", "diagnostics.md", "functions.md"}

func TestDocuments(t *testing.T) {
	pages, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		t.Run(strings.TrimPrefix(name, "../../"), func(t *testing.T) {
			t.Parallel()
			p := &page{T: t, source: read(t, name), files: map[string]string{}}
			p.begin()
			for _, b := range blocks(p.source) {
				p.run(b)
			}
			p.checkFiles()
			if *update && p.updated != p.source {
				if err := os.WriteFile(name, []byte(p.updated), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// documents are the files of all pages that people have written.
func documents() ([]string, error) {
	pages := []string{"../../README.md"}
	err := filepath.WalkDir("../../docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".md" && !slices.Contains(generated, d.Name()) {
			pages = append(pages, name)
		}
		return err
	})
	return pages, err
}

// block is a fenced block of a page.
type block struct {
	language string
	about    string // what its first line says behind the language
	text     string
	line     int
	notRun   string // why, if it is not run
}

var (
	fence    = regexp.MustCompile("(?ms)((?:^<!--[^\n]*-->\n)*)^```(\\w*)([^\n]*)\n(.*?)^```$")
	notRunIs = regexp.MustCompile(`<!-- not run: (.+?) -->`)
)

func blocks(source string) []block {
	var out []block
	for _, at := range fence.FindAllStringSubmatchIndex(source, -1) {
		part := func(n int) string { return source[at[2*n]:at[2*n+1]] }
		b := block{language: part(2), about: strings.TrimSpace(part(3)), text: part(4), line: 1 + strings.Count(source[:at[4]], "\n")}
		if reason := notRunIs.FindStringSubmatch(part(1)); reason != nil {
			b.notRun = reason[1]
		}
		out = append(out, b)
	}
	return out
}

// page is a page that is being run.
type page struct {
	*testing.T
	source, updated string
	root            string            // the folder in which everything of this page happens
	dir             string            // where its commands are
	said            string            // what the last commands said
	files           map[string]string // the files that it shows: their paths, and the names by which it calls them
}

// begin makes the folder in which a page begins.
func (p *page) begin() {
	p.root, p.updated = p.TempDir(), p.source
	p.dir = filepath.Join(p.root, "pipeline")
	for _, folder := range []string{"mappings", "schemas"} {
		if err := os.CopyFS(filepath.Join(p.dir, folder), os.DirFS("../../"+folder)); err != nil {
			p.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.dir, "gevme-credentials.zip"), credentialsZip(p.T), 0o600); err != nil {
		p.Fatal(err)
	}
	if !strings.Contains(p.source, "\ngit ") {
		return
	}
	if said, err := p.shell("git init -q -b main && git add mappings schemas && git commit -q -m begin"); err != nil {
		p.Fatalf("%v\n%s", err, said)
	}
}

// credentialsZip is what a platform sends: client id and secret in an archive.
func credentialsZip(t *testing.T) []byte {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.Create("keys.txt")
	if err == nil {
		_, err = w.Write([]byte("client_id=a\nclient_secret=b\n"))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func (p *page) run(b block) {
	switch {
	case b.notRun != "":
		p.commandsExist(b)
	case b.language == "sh":
		p.runCommands(b)
	case b.language == "output":
		p.compare(b)
	case b.language == "diff":
		p.change(b)
	case b.about != "":
		p.write(b)
	case b.language != "" && b.language != "text" && b.language != "json":
		p.Errorf("line %d: this block has no file name behind %q, and no line <!-- not run: REASON --> above it", b.line, b.language)
	}
}

// shell runs a script in the folder of the page, and keeps where it ends.
func (p *page) shell(script string) (string, error) {
	where := filepath.Join(p.root, "where")
	cmd := exec.CommandContext(p.Context(), "sh", "-e", "-c", `trap 'pwd > "$WHERE"' EXIT`+"\n"+script)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.root, "XDG_STATE_HOME=" + p.root + "/.state", "WHERE=" + where,
		"NO_COLOR=1", "LC_ALL=C.UTF-8", "DBUS_SESSION_BUS_ADDRESS=disabled:",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	said, err := cmd.CombinedOutput()
	if now, _ := os.ReadFile(where); len(now) > 0 {
		p.dir = strings.TrimSpace(string(now))
	}
	return string(said), err
}

// built are the ways in which pages call the program before it is on the PATH.
var built = regexp.MustCompile(`go run \./cmd/pipeline|bin/pipeline`)

func (p *page) runCommands(b block) {
	want := "0"
	if code, ok := strings.CutPrefix(b.about, "exit "); ok {
		want = code
	} else if b.about != "" {
		p.Errorf("line %d: behind sh stands nothing, or exit and a number, and not %q", b.line, b.about)
	}
	said, err := p.shell(built.ReplaceAllString(b.text, "pipeline"))
	p.said = said
	got := "0"
	if err != nil {
		got = exitText(err)
	}
	if got != want {
		p.Fatalf("line %d: exit code %s, want %s\n%s%s", b.line, got, want, b.text, said)
	}
}

// passing is what differs each time: durations, and the ports of sandboxes.
var passing = regexp.MustCompile(`\d+(?:\.\d+)? m?s\b|127\.0\.0\.1:\d+`)

// progress is the lines that a run of more than some seconds says on its way; the
// one of its end has others behind it.
var progress = regexp.MustCompile(`(?m)^(?:\S+: [0-9,]+ read, [0-9,]+ written, .*\n)+(\S+: [0-9,]+ read, [0-9,]+ written, .*\n)`)

// compare holds what the commands above said against what the page shows.
func (p *page) compare(b block) {
	var pattern strings.Builder
	for line := range strings.Lines(passing.ReplaceAllString(b.text, "…")) {
		if line == "…\n" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(line, " \n")), "…", ".*") + "\n")
	}
	var got strings.Builder
	for line := range strings.Lines(progress.ReplaceAllString(p.said, "$1")) {
		got.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	switch {
	case regexp.MustCompile(`^(?:` + pattern.String() + `)$`).MatchString(got.String()):
	case *update:
		p.updated = strings.Replace(p.updated, "```output\n"+b.text+"```", "```output\n"+got.String()+"```", 1)
	default:
		p.Errorf("line %d: the commands above do not say this, but:\n%s", b.line, &got)
	}
}

func (p *page) write(b block) {
	name := filepath.Join(p.dir, filepath.FromSlash(b.about))
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(b.text), 0o644)); err != nil {
		p.Fatal(err)
	}
	p.files[name] = b.about
	if strings.HasPrefix(b.about, ".github/") {
		p.commandsExist(b)
	}
}

// change makes the change that a diff shows, in the one place where it can be made.
func (p *page) change(b block) {
	var before, after strings.Builder
	for line := range strings.Lines(b.text) {
		switch line[0] {
		case '-':
			before.WriteString(line[1:])
		case '+':
			after.WriteString(line[1:])
		default:
			before.WriteString(strings.TrimPrefix(line, " "))
			after.WriteString(strings.TrimPrefix(line, " "))
		}
	}
	name := filepath.Join(p.dir, filepath.FromSlash(b.about))
	text := read(p.T, name)
	if n := strings.Count(text, before.String()); n != 1 {
		p.Fatalf("line %d: these lines are %d times in %s, and not once:\n%s", b.line, n, b.about, &before)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(text, before.String(), after.String(), 1)), 0o644); err != nil {
		p.Fatal(err)
	}
}

// checkFiles checks the mappings and connectors that the page has shown, as they are
// at its end.
func (p *page) checkFiles() {
	for name, about := range p.files {
		text, err := os.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // a command has moved it away
		case err != nil:
			p.Error(err)
		case isMapping.Match(text):
			p.dir = filepath.Dir(name)
			if said, err := p.shell("pipeline check " + filepath.Base(name)); err != nil {
				p.Errorf("%s is wrong:\n%s", about, said)
			}
		case bytes.Contains(text, []byte("\nstreams:")):
			schema := func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(filepath.Dir(name), file)) }
			if _, diags := rest.New().Declare(about, text, schema); len(diags) > 0 {
				p.Errorf("%s is wrong: %v", about, diags)
			}
		}
	}
}

var aCommand = regexp.MustCompile(`(?m)^(?:- run:|[ $]|\S+\$ )*pipeline ([a-z].*)$`)

// commandsExist has the commands of a block parsed that is not run.
func (p *page) commandsExist(b block) {
	for _, found := range aCommand.FindAllStringSubmatch(b.text, -1) {
		command, _, _ := strings.Cut(found[1], " #")
		command, _, _ = strings.Cut(command, " >")
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append(strings.Fields(command), "--help"), nil, &stdout, &stderr)
		if code != exitDone || strings.HasPrefix(stdout.String(), "Move event") {
			p.Errorf("line %d: pipeline %s: exit code %d\n%s", b.line, command, code, &stderr)
		}
	}
}

var (
	links   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unnamed = regexp.MustCompile(`[^\pL\pN _-]`)
)

// TestLinks follows the links between pages, and to files of the repository.
func TestLinks(t *testing.T) {
	pages, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, link := range links.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(link[1], "#")
			name := page
			if file != "" {
				name = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(name); err != nil || anchor != "" && !slices.Contains(anchors(read(t, name)), anchor) {
				t.Errorf("%s: the link %s leads nowhere", page, link[1])
			}
		}
	}
}

// anchors are the names that a page's headings have on GitHub.
func anchors(source string) (out []string) {
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(source, ""), -1) {
		name := unnamed.ReplaceAllString(strings.ToLower(h[1]), "")
		out = append(out, strings.ReplaceAll(name, " ", "-"))
	}
	return out
}
