package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/connectors/rest"
)

// What docs/deploy starts is a command that there is, with flags that it has.
func TestDeploymentsStartWhatThereIs(t *testing.T) {
	for file, args := range map[string]func(*testing.T, []byte) [][]string{
		"pipeline.service": unitCommands, "Dockerfile": dockerCommands, "kubernetes.yaml": podCommands,
	} {
		src, err := os.ReadFile("../../docs/deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		commands := args(t, src)
		if len(commands) == 0 {
			t.Errorf("%s starts nothing", file)
		}
		for _, command := range commands {
			cmd, flags, err := (&app{engine: rest.New()}).root().Find(command)
			if err != nil {
				t.Errorf("%s: %v: %v", file, command, err)
				continue
			}
			if err := cmd.ParseFlags(flags); err != nil {
				t.Errorf("%s: %v: %v", file, command, err)
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %v: %v", file, command, err)
			}
		}
	}
}

func unitCommands(_ *testing.T, src []byte) (commands [][]string) {
	for _, m := range regexp.MustCompile(`(?m)^ExecStart=\S+/pipeline (.*)$`).FindAllStringSubmatch(string(src), -1) {
		commands = append(commands, strings.Fields(m[1]))
	}
	return commands
}

// dockerCommands are the lists of CMD and HEALTHCHECK.
func dockerCommands(t *testing.T, src []byte) (commands [][]string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)CMD (\[.*\])$`).FindAllStringSubmatch(string(src), -1) {
		var words []string
		if err := yaml.Unmarshal([]byte(m[1]), &words); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, slices.DeleteFunc(words, func(w string) bool { return w == "/pipeline" }))
	}
	return commands
}

func podCommands(t *testing.T, src []byte) (commands [][]string) {
	t.Helper()
	for _, part := range strings.Split(string(src), "\n---\n") {
		var document struct {
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct{ Args []string }
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(part), &document); err != nil {
			t.Fatal(err)
		}
		for _, c := range document.Spec.Template.Spec.Containers {
			commands = append(commands, c.Args)
		}
	}
	return commands
}
