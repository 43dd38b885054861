package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/connectors/file"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

func TestConformance(t *testing.T) {
	padding := strings.Repeat("x", 200)
	texts := map[string]func(i int) string{
		"jsonl": func(i int) string { return fmt.Sprintf("{\"id\": %d, \"pad\": %q}\n", i, padding) },
		"csv":   func(i int) string { return fmt.Sprintf("%d,%s\n", i, padding) },
		"json":  func(i int) string { return fmt.Sprintf("{\"id\": %d, \"pad\": %q},\n", i, padding) },
	}
	for format, text := range texts {
		t.Run(format, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(map[string]string{"csv": "id,pad\n", "json": "["}[format])
			for i := range 5000 {
				b.WriteString(text(i))
			}
			if format == "json" {
				b.WriteString("{}]")
			}
			path := filepath.Join(t.TempDir(), "people."+format)
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			connectortest.Source(t, func(t *testing.T) pipeline.Source {
				c := file.Connector()
				options := pipeline.Options{"path": path}
				for _, o := range c.Options {
					if _, given := options[o.Name]; !given && o.Default != nil {
						options[o.Name] = o.Default
					}
				}
				s, err := c.Open(t.Context(), pipeline.SourceConfig{Mapping: "test", Connector: "file", Options: options, World: &pipeline.World{}})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

// A file with the line ends of the old Mac is one long row of names to a reader
// of CSV; read as such it would have no records.
func TestCarriageReturnsAreNoLineEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte("id,email\r1,a\r2,b\r"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := file.Connector().Open(t.Context(), pipeline.SourceConfig{Options: pipeline.Options{"path": path, "delimiter": ","}, World: &pipeline.World{}})
	if err == nil {
		err = s.Read(t.Context(), "", func(p *pipeline.Page) error { return nil })
	}
	if err == nil || !strings.Contains(err.Error(), "carriage return") {
		t.Errorf("got %v", err)
	}
}
