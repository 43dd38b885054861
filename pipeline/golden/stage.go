package golden

// stage.go: the connectors as a case sees them. Sources ask the case, files stay
// in a folder of their own, receivers are written down.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// staged is the registry whose connectors run on the stage of their context.
func staged(r *pipeline.Registry) *pipeline.Registry {
	out := &pipeline.Registry{}
	for _, s := range r.Sources {
		out.Sources = append(out.Sources, stagedSource(s))
	}
	for _, s := range r.Sinks {
		out.Sinks = append(out.Sinks, stagedSink(s))
	}
	if r.Declared != nil {
		out.Declared = func(file string, src []byte, open func(string) ([]byte, error)) (pipeline.SourceConnector, diag.List) {
			c, diags := r.Declared(file, src, open)
			return stagedSource(c), diags
		}
	}
	return out
}

// runs counts the runs of this process.
var runs atomic.Int64

// stagedSource reads for an account of its own, so that no case waits for the
// limit of those before it.
func stagedSource(c pipeline.SourceConnector) pipeline.SourceConnector {
	open := c.Open
	c.Open = func(ctx context.Context, cfg pipeline.SourceConfig) (pipeline.Source, error) {
		cfg.Connection = fmt.Sprintf("%s, run %d of a test", cfg.Connection, runs.Add(1))
		return open(ctx, cfg)
	}
	return c
}

// stage is what the sinks of one run leave behind, but for files.
type stage struct {
	mu       sync.Mutex
	received []*bytes.Buffer          // by webhook
	rows     map[string]*bytes.Buffer // of binary files, by path
}

type stageKey struct{}

// onStage lets the sinks that are opened with the context find s: they are wrapped
// when a mapping is compiled, and a compiled mapping runs many cases.
func onStage(ctx context.Context, s *stage) context.Context {
	return context.WithValue(ctx, stageKey{}, s)
}

// asWritten and inOrder are options that a case sets: files are compared as text,
// and a receiver takes all requests, one after another and at once.
var (
	asWritten = pipeline.Options{"compression": pipeline.CompressionNone}
	inOrder   = pipeline.Options{"concurrency": int64(1), "rate": "", "success": "2xx"}
)

func stagedSink(c pipeline.SinkConnector) pipeline.SinkConnector {
	open := c.Open
	c.Open = func(ctx context.Context, cfg pipeline.SinkConfig) (pipeline.Writer, error) {
		s := ctx.Value(stageKey{}).(*stage)
		switch {
		case c.Rows:
			cfg.Options = override(c, cfg.Options, inOrder)
			world := *cfg.World
			world.HTTP = s.receiver()
			cfg.World = &world
		case !c.Binary:
			cfg.Options = override(c, cfg.Options, asWritten)
		}
		w, err := open(ctx, cfg)
		if err == nil && c.Binary {
			return &rowWriter{Writer: w, to: s.table(outputOf(c, cfg.Options))}, nil
		}
		return w, err
	}
	return c
}

// override is the options with those of set that the sink has.
func override(c pipeline.SinkConnector, options, set pipeline.Options) pipeline.Options {
	out := maps.Clone(options)
	for name, v := range set {
		if slices.ContainsFunc(c.Options, func(o pipeline.Option) bool { return o.Name == name }) {
			out[name] = v
		}
	}
	return out
}

// outputOf is the path that a sink writes.
func outputOf(c pipeline.SinkConnector, options pipeline.Options) string {
	for _, o := range c.Options {
		if o.Type == pipeline.TypeOutput {
			return options.String(o.Name)
		}
	}
	return ""
}

// receiver takes everything that a webhook sends, and writes it down.
func (s *stage) receiver() http.RoundTripper {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := &bytes.Buffer{}
	s.received = append(s.received, to)
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		defer func() { _ = req.Body.Close() }() // it is in memory
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, err := io.Copy(to, req.Body); err != nil {
			return nil, err
		}
		to.WriteByte('\n')
		return response(req, http.StatusOK, nil, nil), nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (s *stage) table(path string) *bytes.Buffer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[string]*bytes.Buffer{}
	}
	s.rows[path] = &bytes.Buffer{}
	return s.rows[path]
}

// rowWriter writes the rows of a binary file down as JSON lines, beside the file.
type rowWriter struct {
	pipeline.Writer
	to *bytes.Buffer
}

func (w *rowWriter) Write(ctx context.Context, b *pipeline.Batch) error {
	var line []byte
	for i := range b.Len() {
		line = append(line[:0], '{')
		for column, v := range b.Row(i) {
			if column > 0 {
				line = append(line, ',')
			}
			line = append(value.AppendJSONString(line, b.Columns[column].Name), ':')
			line = v.AppendJSON(line)
		}
		w.to.Write(append(line, "}\n"...))
	}
	return w.Writer.Write(ctx, b)
}
