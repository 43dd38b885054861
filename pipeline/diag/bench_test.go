package diag

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkNodeSpan(b *testing.B) {
	var src strings.Builder
	src.WriteString("fields:\n")
	for i := range 300 {
		fmt.Fprintf(&src, "  field_%d: lower(trim(email_%d))\n", i, i)
	}
	src.WriteString("k: x\n")
	text := []byte(src.String())
	doc, diags := ParseYAML("a.yaml", text)
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	n := doc.Content[0].Content[3]
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewSource("a.yaml", text).NodeSpan(n)
		}
	})
	b.Run("indexed", func(b *testing.B) {
		s := NewSource("a.yaml", text)
		b.ReportAllocs()
		for b.Loop() {
			s.NodeSpan(n)
		}
	})
}
