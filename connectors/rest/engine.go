package rest

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"sync"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/schemas"
)

// Engine makes source connectors out of declarations. All that it makes share
// its rate budgets: one per connector, base URL and connection. ShareLimits
// makes other processes share them too. An Engine may be used from several
// goroutines.
type Engine struct {
	mu           sync.Mutex
	declarations map[string]*declaration
	budgets      map[budgetKey]*budget
	calls        *callsFolder      // nil: the budgets are of this process alone
	cluster      Values            // nil: they are of this machine alone
	transport    http.RoundTripper // made on first use
}

// New is an engine that knows no connector yet.
func New() *Engine {
	return &Engine{declarations: map[string]*declaration{}, budgets: map[budgetKey]*budget{}}
}

// ShareLimits makes the rate budgets of the engine those of all processes that
// share the same folder, such as LimitsFolder. The folder is made, and its name
// asked for, with the first call; where that fails, so does the run: no call is
// made that others could not know of. It is called before any source is opened.
func (e *Engine) ShareLimits(folder func() (string, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = &callsFolder{find: folder}
}

// ShareLimitsOver makes the rate budgets of the engine those of all machines that
// share values, too. It is called before any source is opened.
func (e *Engine) ShareLimitsOver(values Values) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cluster = values
}

// Declare reads a connector's YAML. schema reads a schema that it names, as it
// names it; the path that people know a schema by is relative to file. Where
// the list has errors there is no connector.
func (e *Engine) Declare(file string, src []byte, schema func(name string) ([]byte, error)) (pipeline.SourceConnector, diag.List) {
	d, diags := parse(file, src, schema)
	if diags.HasErrors() {
		return pipeline.SourceConnector{}, diags
	}
	return e.add(d), diags
}

// Builtin is a connector that is built in: its schemas are those of package
// schemas. It panics where the declaration is wrong, which the first test finds.
func (e *Engine) Builtin(file string, src []byte) pipeline.SourceConnector {
	d, diags := parse(file, src, schemas.Read)
	if diags.HasErrors() {
		panic(fmt.Sprintf("%s:%d: %s", file, diags[0].Span.Start.Line, diags[0].Message))
	}
	d.file = ""
	for i := range d.streams {
		if s := &d.streams[i]; s.schema.Name != "" {
			s.schema.Name = path.Join("schemas", path.Base(s.schema.Name))
		}
	}
	return e.add(d)
}

func (e *Engine) add(d *declaration) pipeline.SourceConnector {
	e.mu.Lock()
	e.declarations[d.name] = d
	e.mu.Unlock()
	c := pipeline.SourceConnector{
		Name:    d.name,
		Summary: d.summary,
		Docs:    d.docs,
		Options: d.pipelineOptions(),
		Limit:   d.limit,
		Remote:  true,
		Check:   d.check,
		Open: func(_ context.Context, cfg pipeline.SourceConfig) (pipeline.Source, error) {
			return e.open(d, cfg)
		},
	}
	for _, s := range d.streams {
		c.Streams = append(c.Streams, pipeline.Stream{
			Name: s.name, Summary: s.summary, Key: s.key, Schema: s.schema,
			Incremental: s.changes.param != "", Detail: s.detail != nil, Pushed: s.pushed, Needs: s.needs,
		})
	}
	return c
}

// declaration is what was declared last under a name.
func (e *Engine) declaration(name string) (*declaration, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d, ok := e.declarations[name]
	if !ok {
		names := make([]string, 0, len(e.declarations))
		for n := range e.declarations {
			names = append(names, n)
		}
		if near := diag.DidYouMean(name, names); near != "" {
			return nil, fmt.Errorf("there is no declared connector %q; %s", name, near)
		}
		return nil, fmt.Errorf("there is no declared connector %q", name)
	}
	return d, nil
}

// roundTripper is what calls go through where the world brings nothing of its
// own. Its connections are shared by all sources of the engine.
func (e *Engine) roundTripper() http.RoundTripper {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.transport == nil {
		e.transport = newTransport()
	}
	return e.transport
}

// budget is the one that all sources of this connector, base URL and connection
// share.
func (e *Engine) budget(key budgetKey) *budget {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, ok := e.budgets[key]
	if !ok {
		var kept book = &memoryBook{}
		if e.calls != nil {
			kept = newSharedBook(e.calls, key)
		}
		if e.cluster != nil {
			kept = newClusterBook(kept, e.cluster, key)
		}
		b = newBudget(kept)
		e.budgets[key] = b
	}
	return b
}
