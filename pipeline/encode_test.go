package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// bytesSink is a memorySink that takes rows as bytes, where it is given them so.
type bytesSink struct {
	memorySink
	text string
}

func (s *bytesSink) Write(_ context.Context, b *pipeline.Batch) error {
	for i := range b.Len() {
		s.text += string(s.EncodeRow(nil, b.Row(i)))
	}
	return nil
}

func (*bytesSink) EncodeRow(dst []byte, row []value.Value) []byte {
	for i, v := range row {
		if i > 0 {
			dst = append(dst, '|')
		}
		dst = v.AppendText(dst)
	}
	return append(dst, '\n')
}

func (s *bytesSink) WriteEncoded(_ context.Context, rows []byte) error {
	s.text += string(rows)
	return nil
}

// sinkNamed is a connector without options.
func sinkNamed(name string, rows bool, w pipeline.Writer) pipeline.SinkConnector {
	return pipeline.SinkConnector{Name: name, Rows: rows, Target: func(pipeline.Options) string { return name },
		Options: []pipeline.Option{{Name: "deletes", Type: pipeline.TypeString, Default: "ignore"}},
		Open:    func(context.Context, pipeline.SinkConfig) (pipeline.Writer, error) { return w, nil }}
}

// ticketsGen draws pages of records with tickets, of which some have no name.
func ticketsGen(t *rapid.T) [][]string {
	var pages [][]string
	for range rapid.IntRange(1, 6).Draw(t, "pages") {
		var page []string
		for range rapid.IntRange(0, 6).Draw(t, "records") {
			id, tickets := rapid.IntRange(0, 30).Draw(t, "id"), []string{}
			for range rapid.IntRange(0, 3).Draw(t, "tickets") {
				tickets = append(tickets, rapid.SampledFrom([]string{`{"n": "a"}`, `{"n": "b"}`, `{"n": null}`}).Draw(t, "ticket"))
			}
			page = append(page, fmt.Sprintf(`{"id": "%d", "tickets": [%s]}`, id, strings.Join(tickets, ", ")))
		}
		pages = append(pages, page)
	}
	return pages
}

// runTo runs a row for each ticket into sinks.
func runTo(t *rapid.T, pages [][]string, sinks ...pipeline.SinkConnector) {
	r := registry(nil)
	r.Sinks = sinks
	src := "version: 1\nsource: {test: }\neach: {ticket: tickets}\nkey: [id, n]\nfields:\n  id: id\n  n: {value: ticket.n, type: string, required: true}\nsinks:\n"
	for _, s := range sinks {
		src += "  - " + s.Name + ":\n"
	}
	dir, err := os.MkdirTemp("", "encode")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m, diags := pipeline.Parse("test.yaml", []byte(src))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: r, Files: &pipeline.Files{Read: os.ReadFile}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if _, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{OutDir: dir}, Source: &pagesSource{pages: pages}, AnyRejects: true}); err != nil {
		t.Fatal(err)
	}
}

// TestEncodedRows: a file of bytes has the rows that one of values has, whatever
// becomes of records: rejected at their second row, with a key for the second time,
// refused by a receiver.
func TestEncodedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := ticketsGen(t)
		once, alone, values := &bytesSink{}, &bytesSink{}, &memorySink{}
		hook := &receiver{has: map[string]string{}, refuses: map[string]bool{"3": true, "7": true}}
		if rapid.Bool().Draw(t, "delivered") {
			runTo(t, pages, sinkNamed("hook", true, hook), sinkNamed("bytes", false, once), sinkNamed("values", false, values))
		} else {
			runTo(t, pages, sinkNamed("bytes", false, once), sinkNamed("values", false, values))
			runTo(t, pages, sinkNamed("alone", false, alone))
			if alone.text != once.text {
				t.Fatal(cmp.Diff(once.text, alone.text))
			}
		}
		want := ""
		for _, row := range values.rows {
			want += row + "\n"
		}
		if diff := cmp.Diff(want, once.text); diff != "" {
			t.Fatalf("values, then bytes:\n%s", diff)
		}
	})
}
