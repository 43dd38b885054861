package connectortest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// FileSink exercises a sink that publishes a file. options make it write to
// path, which is relative to the folder of the run.
func FileSink(t *testing.T, c pipeline.SinkConnector, path string, options pipeline.Options) {
	all := pipeline.Options{}
	for _, o := range c.Options {
		if o.Default != nil {
			all[o.Name] = o.Default
		}
	}
	for name, v := range options {
		all[name] = v
	}
	s := &sinkTest{connector: c, path: path, options: all}
	t.Run("whole or not at all", s.whole)
	t.Run("the same bytes twice", s.same)
	t.Run("the same bytes from mappers", s.encoded)
	t.Run("abort leaves what was there", s.abort)
	t.Run("commit twice", s.commitTwice)
	t.Run("no rows", s.empty)
	t.Run("no goroutine is left", func(t *testing.T) {
		leaves(t, func() { s.publish(t, t.TempDir(), 100) })
	})
}

type sinkTest struct {
	connector pipeline.SinkConnector
	path      string
	options   pipeline.Options
}

var columns = []pipeline.Column{
	{Name: "id", Type: value.Type{Kind: value.Integer}},
	{Name: "name", Type: value.Type{Kind: value.String}, Nullable: true},
}

func (s *sinkTest) open(t *testing.T, dir string) pipeline.Writer {
	t.Helper()
	w, err := s.connector.Open(t.Context(), pipeline.SinkConfig{Mapping: "test", Options: s.options, Columns: columns, World: &pipeline.World{OutDir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, w pipeline.Writer, from, rows int) {
	t.Helper()
	if err := w.Write(t.Context(), rowsFrom(from, rows)); err != nil {
		t.Fatal(err)
	}
}

func rowsFrom(from, rows int) *pipeline.Batch {
	b := &pipeline.Batch{Columns: columns}
	for i := from; i < from+rows; i++ {
		name := value.Text("Zoë, \"the\" one\n")
		if i%3 == 0 {
			name = value.Value{}
		}
		b.Append([]value.Value{value.Int(int64(i)), name})
	}
	return b
}

// publish writes rows in several batches and returns the file.
func (s *sinkTest) publish(t *testing.T, dir string, rows int) []byte {
	t.Helper()
	w := s.open(t, dir)
	for from := 0; from < rows; from += 7 {
		write(t, w, from, min(7, rows-from))
	}
	return s.published(t, w, dir)
}

// published publishes what w was given and returns the file.
func (s *sinkTest) published(t *testing.T, w pipeline.Writer, dir string) []byte {
	t.Helper()
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, s.path))
	if err != nil {
		t.Fatal(err)
	}
	onlyOne(t, dir)
	return data
}

// onlyOne checks that nothing but published files is in dir.
func onlyOne(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name()[0] == '.' {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func (s *sinkTest) whole(t *testing.T) {
	dir := t.TempDir()
	w := s.open(t, dir)
	write(t, w, 0, 50)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, s.path)); err == nil {
		t.Error("the file is visible before Commit")
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, s.path)); err != nil || info.Size() == 0 {
		t.Errorf("the file is not there after Commit: %v", err)
	}
}

func (s *sinkTest) same(t *testing.T) {
	if !bytes.Equal(s.publish(t, t.TempDir(), 1000), s.publish(t, t.TempDir(), 1000)) {
		t.Error("the same rows gave different bytes")
	}
}

// encoded gives an Encoder its rows as bytes.
func (s *sinkTest) encoded(t *testing.T) {
	dir := t.TempDir()
	w := s.open(t, dir)
	e, ok := w.(pipeline.Encoder)
	if !ok {
		t.Skip("it is no Encoder")
	}
	for from := 0; from < 1000; from += 10 {
		b, page := rowsFrom(from, 10), []byte(nil)
		for i := range b.Len() {
			page = e.EncodeRow(page, b.Row(i))
		}
		if err := e.WriteEncoded(t.Context(), page); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.published(t, w, dir); !bytes.Equal(got, s.publish(t, t.TempDir(), 1000)) {
		t.Error("rows that were encoded before gave other bytes")
	}
}

func (s *sinkTest) abort(t *testing.T) {
	dir := t.TempDir()
	before := s.publish(t, dir, 10)
	w := s.open(t, dir)
	write(t, w, 0, 50)
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(dir, s.path))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("Abort changed the file of the run before: %v", err)
	}
	onlyOne(t, dir)
}

func (s *sinkTest) commitTwice(t *testing.T) {
	dir := t.TempDir()
	w := s.open(t, dir)
	write(t, w, 0, 5)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Abort(); err != nil {
		t.Errorf("Abort after Commit: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, s.path)); err != nil {
		t.Errorf("Abort after Commit removed the file: %v", err)
	}
}

func (s *sinkTest) empty(t *testing.T) {
	if dir := t.TempDir(); s.publish(t, dir, 0) == nil {
		t.Error("a run without rows publishes no file")
	}
}
