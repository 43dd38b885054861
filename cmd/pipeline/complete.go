package main

// complete.go: what the shell offers after the tab key. A command takes the
// functions that fit what it takes; none of them calls a platform.

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pipeline/pipeline/expression"
)

// completion is what cobra asks for when the tab key is pressed.
type completion = cobra.CompletionFunc

func (a *app) completionCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the script that makes the tab key complete commands, mappings and names",
		Long: `Print the script that makes the tab key complete commands, flags, mappings and
the names of connectors and functions. Load it where the shell starts:

  bash   source <(pipeline completion bash)     in ~/.bashrc; needs the package bash-completion
  zsh    source <(pipeline completion zsh)      in ~/.zshrc, after compinit
  fish   pipeline completion fish | source      in ~/.config/fish/config.fish`,
		Example: `  pipeline completion bash`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("completion needs the name of your shell: pipeline completion bash, zsh or fish")
			}
			return nil
		},
		ValidArgsFunction: once(words("bash", "zsh", "fish")),
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			}
			return usage("there is no completion for %q; there is one for bash, zsh and fish", args[0])
		},
	}
}

// completeFlag offers the values of a flag.
func completeFlag(cmd *cobra.Command, flag string, values completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // there is no such flag: a mistake here, which the first test finds
	}
}

// once offers something for the first argument alone.
func once(first completion) completion {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return first(cmd, args, toComplete)
	}
}

// words offers fixed words.
func words(list ...string) completion {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}

// folders offers folders.
func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// mappingFiles offers the mappings that were not said yet, and the folders that
// may hold some.
func mappingFiles(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	dir, _ := filepath.Split(toComplete)
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace // one goes on after a folder
	for _, e := range entries {
		path := dir + e.Name()
		info, err := os.Stat(path)
		switch {
		case err != nil, !strings.HasPrefix(path, toComplete), strings.HasPrefix(e.Name(), "."), slices.Contains(args, path):
		case info.IsDir():
			if holdsMappings(path) {
				found = append(found, path+"/")
			}
		case isYAML(path) && looksLikeMapping(path):
			found = append(found, path)
			directive = cobra.ShellCompDirectiveNoFileComp
		}
	}
	return found, directive
}

// holdsMappings reports whether there is a mapping in a folder, or a folder in
// which there may be one: golden cases alone are nothing to run.
func holdsMappings(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		path := filepath.Join(dir, e.Name())
		return e.IsDir() && !strings.HasPrefix(e.Name(), ".") || isYAML(path) && looksLikeMapping(path)
	})
}

// looksLikeMapping tells a mapping from other YAML by the keys at the start of
// its lines.
func looksLikeMapping(path string) bool {
	if isPipe(path) {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	version, fields := false, false
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for lines.Scan() {
		key, _, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		switch string(key) {
		case "extends":
			return true
		case "version":
			version = true
		case "source", "fields", "sinks":
			fields = true
		}
	}
	return version && fields
}

// connectorNames offers all connectors.
func (a *app) connectorNames(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	names, directive := a.platformNames(cmd, args, toComplete)
	for _, c := range a.registry.Sources {
		if !c.Remote {
			names = append(names, cobra.CompletionWithDesc(c.Name, c.Summary))
		}
	}
	for _, c := range a.registry.Sinks {
		names = append(names, cobra.CompletionWithDesc(c.Name, c.Summary))
	}
	return names, directive
}

// platformNames offers the connectors of platforms, which have a login and a
// sandbox.
func (a *app) platformNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, c := range a.registry.Sources {
		if c.Remote {
			names = append(names, cobra.CompletionWithDesc(c.Name, c.Summary))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// functionNames offers the functions of expressions.
func functionNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, f := range expression.Functions() {
		first, _, _ := strings.Cut(f.Doc, ". ")
		names = append(names, cobra.CompletionWithDesc(f.Name, strings.TrimSuffix(first, ".")))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// connectionNames offers the connections that are known here: those with a token
// in the environment, those that mappings in the working directory and its
// folder mappings name, and those that stored knows, which may be nil.
func (a *app) connectionNames(stored func() []string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if stored != nil {
			names = stored()
		}
		for _, variable := range os.Environ() {
			name, _, _ := strings.Cut(variable, "=")
			if rest, ok := strings.CutPrefix(name, "PIPELINE_"); ok && strings.HasSuffix(rest, "_TOKEN") {
				names = append(names, strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(rest, "_TOKEN"), "_", "-")))
			}
		}
		for _, pattern := range []string{"*.yaml", "mappings/*.yaml"} {
			files, _ := filepath.Glob(pattern) // the patterns are sound
			all, _ := a.check(slices.DeleteFunc(files, func(f string) bool { return !looksLikeMapping(f) }), "")
			for _, c := range all {
				if c.plan != nil && c.plan.Remote() {
					names = append(names, c.plan.Connection())
				}
			}
		}
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}
