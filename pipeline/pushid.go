package pipeline

// pushid.go: what tells one push from another, so that the same one is not stored
// twice.

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline/expression"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// Identity is what tells pushes apart: the value of a header, or of an expression
// over the body. Many goroutines may use it at once.
type Identity struct {
	Header string // empty: it is an expression

	source     string
	program    *expression.Program
	projection *jsonrow.Projection
	at         []int
	workers    sync.Pool // of *identityWorker
}

type identityWorker struct {
	machine *expression.Machine
	decoder *jsonrow.Decoder
	slots   []value.Value
}

// headerWithHyphen is what a header looks like, and no expression that says
// something does: names with hyphens between them.
var headerWithHyphen = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)+$`) })

// compileIdentity compiles the text of an option of TypeIdentity.
func compileIdentity(src string) (*Identity, []expression.Problem) {
	if headerWithHyphen().MatchString(src) {
		return &Identity{Header: src, source: src}, nil
	}
	program, problems := expression.Compile(src, expression.Scope{})
	if program == nil {
		return nil, problems
	}
	var read paths
	id := &Identity{source: src, program: program}
	for _, r := range program.Reads() {
		id.at = append(id.at, read.slot(r.Path))
	}
	id.projection = jsonrow.NewProjection(read.list)
	id.workers.New = func() any {
		return &identityWorker{machine: expression.NewMachine(time.Time{}), decoder: jsonrow.NewDecoder(id.projection), slots: make([]value.Value, id.projection.Slots())}
	}
	return id, problems
}

// String is the header or the expression, as it is written.
func (id *Identity) String() string { return id.source }

// MarshalJSON is the text of it.
func (id *Identity) MarshalJSON() ([]byte, error) { return json.Marshal(id.source) }

// Of is what the expression makes of a body; ok is false where that is nothing to
// tell by: the body is no object, or what is read of it is missing.
func (id *Identity) Of(contentType string, body []byte, content string) (text string, ok bool) {
	if isForm(contentType, content) {
		made, err := formObject(contentType, body)
		if err != nil {
			return "", false
		}
		body = made
	}
	w := id.workers.Get().(*identityWorker)
	defer id.workers.Put(w)
	w.decoder.Reset()
	clear(w.slots)
	if w.decoder.Decode(withoutMark(body), w.slots) != nil {
		return "", false
	}
	v, err := w.machine.Eval(id.program, w.slots, id.at)
	if err != nil || v.IsNull() {
		return "", false
	}
	text = strings.Clone(string(v.AppendJSON(nil)))
	return text, text != `""`
}
