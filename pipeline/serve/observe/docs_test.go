package observe

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func operations(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestMetricsDocumented holds docs/operations.md to the metrics that there are, with
// their labels.
func TestMetricsDocumented(t *testing.T) {
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`pipeline_.*?) \\|").FindAllStringSubmatch(operations(t), -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			documented = append(documented, strings.Trim(name, "`"))
		}
	}
	golden, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	there := []string{"pipeline_build_info{version,goversion}"}
	for line := range strings.Lines(string(golden)) {
		name, _, _ := strings.Cut(line, " ")
		if labels, _, ok := strings.Cut(line, "} "); ok {
			family, rest, _ := strings.Cut(labels, "{")
			name = family + "{" + strings.Join(labelNames(rest), ",") + "}"
		}
		name = strings.NewReplacer("_bucket", "", "_sum", "", "_count", "").Replace(name)
		name = strings.Replace(name, ",le}", "}", 1)
		there = append(there, strings.Replace(name, "{}", "", 1))
	}
	slices.Sort(there)
	slices.Sort(documented)
	there = slices.Compact(there)
	if !slices.Equal(there, documented) {
		t.Errorf("there are\n%s\ndocumented are\n%s", strings.Join(there, "\n"), strings.Join(documented, "\n"))
	}
}

func labelNames(labels string) (names []string) {
	for _, l := range regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(labels, -1) {
		names = append(names, l[1])
	}
	return names
}

// TestAlertsDocumented holds the page to the types of alerts.
func TestAlertsDocumented(t *testing.T) {
	_, part, _ := strings.Cut(operations(t), "\n## Alerts\n")
	part, _, _ = strings.Cut(part, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z.]+)` \\|").FindAllStringSubmatch(part, -1) {
		documented = append(documented, row[1])
	}
	there := append(slices.Collect(maps.Values(types)), "client.healthy")
	slices.Sort(there)
	slices.Sort(documented)
	if !slices.Equal(there, documented) {
		t.Errorf("there are %q, documented are %q", there, documented)
	}
}

// TestRules has the tool of Prometheus judge the rules of the page.
func TestRules(t *testing.T) {
	tool := os.Getenv("PROMTOOL")
	if tool == "" {
		t.Skip("PROMTOOL is not set: nobody has looked at the rules in docs/operations.md")
	}
	_, rules, _ := strings.Cut(operations(t), "```text\ngroups:")
	rules, _, _ = strings.Cut(rules, "```")
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte("groups:"+rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool, "check", "rules", file).CombinedOutput(); err != nil || !strings.Contains(string(out), "5 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
}
