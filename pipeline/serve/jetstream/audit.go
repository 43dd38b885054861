package jetstream

// audit.go: whether everything that was acknowledged is still there, on every node.
// Nothing is ever deleted from a log but by age, so that a hole in it is damage.
//
// Each node looks at its own copy once a minute and stores what it saw as a value,
// audit.<node> in the cursors, where every other node reads it; so the nodes compare
// their copies without trusting the leader's word for them. Alone there is no other
// copy: then a store is compared with what it was a minute ago.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
)

const (
	auditEvery = time.Minute
	auditName  = "audit." // the values' names begin with it
	silent     = 5 * auditEvery
)

// Report is what an audit saw.
type Report struct {
	At       time.Time          `json:"at"`
	Mode     string             `json:"mode"`
	Problems []string           `json:"problems"`
	Losses   []string           `json:"losses,omitempty"` // among the problems, those that stay until they are accepted
	Logs     []engine.LogStatus `json:"logs"`
	Read     int64              `json:"read"` // bytes of blocks compared with their checksums, on this node
	Nodes    []NodeReport       `json:"nodes"`
}

// NodeReport is what a node saw of its own copy.
type NodeReport struct {
	Node    string       `json:"node"`
	Version string       `json:"version"`           // of the engine
	Program string       `json:"program,omitempty"` // of pipeline
	At      time.Time    `json:"at"`
	Streams []CopyReport `json:"streams"`
}

// CopyReport is a node's copy of a stream.
type CopyReport struct {
	Stream   string    `json:"stream"`
	Messages uint64    `json:"messages"`
	Bytes    uint64    `json:"bytes"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Oldest   time.Time `json:"oldest"`
	Missing  uint64    `json:"missing,omitempty"`
	Lost     uint64    `json:"lost,omitempty"`    // messages that the server found damaged when it started
	Damaged  []string  `json:"damaged,omitempty"` // blocks
}

func (n NodeReport) stream(name string) (CopyReport, bool) {
	i := slices.IndexFunc(n.Streams, func(c CopyReport) bool { return c.Stream == name })
	if i < 0 {
		return CopyReport{}, false
	}
	return n.Streams[i], true
}

// watch looks every minute, until Close.
func (e *Engine) watch() {
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.watches.Go(func() {
		for {
			if _, err := e.audit(ctx, scrubAgain, scrubMost); err != nil && ctx.Err() == nil {
				e.log.Warn("engine: audit", "error", err)
				e.last.Store(&Report{At: time.Now().UTC(), Mode: e.mode, Problems: []string{"the audit could not be made: " + err.Error()}})
			}
			select {
			case <-time.After(auditEvery):
			case <-ctx.Done():
				return
			}
		}
	})
}

// Audit reads all of this node's blocks, and compares the copies of all nodes as they
// last said that they are.
func (e *Engine) Audit(ctx context.Context) (Report, error) {
	return e.audit(ctx, 0, 1<<62)
}

// audit is one at a time. Blocks that were read within fresh are not read again.
func (e *Engine) audit(ctx context.Context, fresh time.Duration, most int64) (Report, error) {
	e.auditing.Lock()
	defer e.auditing.Unlock()
	now := time.Now()
	r := Report{At: now.UTC(), Mode: e.mode}
	if e.mode == External {
		return r, e.auditExternal(ctx, &r)
	}
	here, read, err := e.look(ctx, now.Add(-fresh), most)
	if err != nil {
		return r, err
	}
	r.Read = read
	if err := e.tell(ctx, here); err != nil { // alone, it shows that something can be stored
		return r, fmt.Errorf("store what was seen: %w", err)
	}
	var others []NodeReport
	if e.mode == Cluster {
		if others, err = e.told(ctx, here.Node); err != nil {
			return r, err
		}
		e.versions.look(e.log, here, others)
	}
	r.Nodes = append([]NodeReport{here}, others...)
	slices.SortFunc(r.Nodes, func(a, b NodeReport) int { return cmp.Compare(a.Node, b.Node) })
	e.judge(&r, readReport(e.config.Dir))
	r.Logs = logStatuses(r.Nodes, e.config.Most)
	e.last.Store(&r)
	return r, keep(e.config.Dir, r)
}

// look is what this node has.
func (e *Engine) look(ctx context.Context, before time.Time, most int64) (NodeReport, int64, error) {
	n := NodeReport{Node: e.name(), Version: server.VERSION, Program: e.config.Version, At: time.Now().UTC()}
	info, err := e.server.Jsz(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true})
	if err != nil {
		return n, 0, err
	}
	states := map[string]server.StreamState{}
	for _, a := range info.AccountDetails {
		for _, s := range a.Streams {
			states[s.Name] = s.State
		}
	}
	var read int64
	for _, s := range streams() {
		state, ok := states[s.name]
		if !ok {
			continue // not here yet
		}
		damaged, size, err := e.blocks.scrub(ctx, e.config.Dir, s, before, most-read)
		if err != nil {
			return n, read, err
		}
		read += size
		n.Streams = append(n.Streams, copyOf(s, state, damaged))
	}
	return n, read, nil
}

func copyOf(s stream, state server.StreamState, damaged []string) CopyReport {
	c := CopyReport{
		Stream: s.name, Messages: state.Msgs, Bytes: state.Bytes,
		First: state.FirstSeq, Last: state.LastSeq, Oldest: state.FirstTime, Damaged: damaged,
	}
	if state.Lost != nil {
		c.Lost = uint64(len(state.Lost.Msgs))
	}
	if s.log != "" && state.NumDeleted > 0 {
		c.Missing = uint64(state.NumDeleted) // of values, the old ones are gone by design
	}
	return c
}

// name is that of this node.
func (e *Engine) name() string {
	if e.config.Node != "" {
		return e.config.Node
	}
	return Embedded
}

// tell stores what this node saw.
func (e *Engine) tell(ctx context.Context, n NodeReport) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	for {
		old, err := e.Get(ctx, engine.Cursors, auditName+n.Node)
		if err != nil && !errors.Is(err, engine.ErrNoValue) {
			return err
		}
		// nobody else writes it, but an earlier try of our own may come late
		if _, err = e.Put(ctx, engine.Cursors, auditName+n.Node, data, old.Revision); !errors.Is(err, engine.ErrConflict) {
			return err
		}
	}
}

// told is what the other nodes saw.
func (e *Engine) told(ctx context.Context, here string) ([]NodeReport, error) {
	entries, err := e.List(ctx, engine.Cursors, auditName)
	if err != nil {
		return nil, err
	}
	var all []NodeReport
	for _, entry := range entries {
		var n NodeReport
		if err := json.Unmarshal(entry.Value, &n); err == nil && n.Node != here {
			all = append(all, n)
		}
	}
	return all, nil
}

// keep writes the report beside the store, for `pipeline engine audit` and for the
// next audit.
func keep(dir string, r Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, auditFile), append(data, '\n'))
}

// readReport is the last report that was kept, or the zero one.
func readReport(dir string) Report {
	r, _ := LastReport(dir)
	return r
}

// LastReport is what the last audit of a store saw. It can be asked while the store
// is in use.
func LastReport(dir string) (Report, error) {
	var r Report
	data, err := os.ReadFile(filepath.Join(dir, auditFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// AuditStore audits the store in dir, in use or not. Where it is in use, the counts
// are those of the last minute's audit, and the files are read now. A node of a
// cluster can say nothing of the others unless it runs.
func AuditStore(ctx context.Context, dir string, log *slog.Logger) (Report, error) {
	m, err := readMarker(dir)
	if err != nil {
		return Report{}, err
	}
	if m.Mode == Embedded {
		e, err := Open(ctx, Config{Dir: dir, Log: log})
		if err == nil {
			r, err := e.Audit(ctx)
			return r, errors.Join(err, e.Close(ctx))
		}
		if !errors.Is(err, ErrInUse) {
			return Report{}, err
		}
	}
	r, err := LastReport(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	r.Mode = m.Mode
	if age := time.Since(r.At); r.At.IsZero() {
		r.Problems = append(r.Problems, "the copies were never compared: is pipeline serve running here?")
	} else if age > silent {
		r.Problems = append(r.Problems, fmt.Sprintf("the copies were compared last %s ago: is pipeline serve running here?", age.Round(time.Minute)))
	}
	damaged, read, err := Scrub(ctx, dir)
	for _, d := range damaged {
		_, file, _ := strings.Cut(d, ": ")
		if !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, file) }) {
			r.Problems = append(r.Problems, "damaged file of the "+d)
		}
	}
	r.Read = read
	return r, err
}

// Scrub reads all blocks of a store that may be in use, and says which are damaged.
func Scrub(ctx context.Context, dir string) (damaged []string, read int64, err error) {
	var b blocks
	for _, s := range streams() {
		found, n, err := b.scrub(ctx, dir, s, time.Now(), 1<<62)
		if err != nil {
			return damaged, read, err
		}
		for _, d := range found {
			damaged = append(damaged, s.what()+": "+d)
		}
		read += n
	}
	return damaged, read, nil
}

// AcceptLosses has the audits say no more of what is gone for good and was reported
// until now. The store may be in use.
func AcceptLosses(dir string) error {
	r, err := LastReport(dir)
	if err != nil {
		return err
	}
	data, err := json.Marshal(append(acceptedLosses(dir), r.Losses...))
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, acceptedFile), append(data, '\n'))
}

// acceptedLosses are those that somebody knows of.
func acceptedLosses(dir string) []string {
	var all []string
	if data, err := os.ReadFile(filepath.Join(dir, acceptedFile)); err == nil {
		_ = json.Unmarshal(data, &all) // what cannot be read is not accepted
	}
	return all
}

// judge says what is wrong, in words that say what to do.
func (e *Engine) judge(r *Report, before Report) {
	for _, n := range r.Nodes {
		r.Problems = append(r.Problems, damages(n, e.mode)...)
	}
	if e.mode == Embedded {
		// a moment later the store looks whole again: what was seen once stays said
		accepted := acceptedLosses(e.config.Dir)
		r.Losses = slices.DeleteFunc(before.Losses, func(l string) bool { return slices.Contains(accepted, l) })
		for _, loss := range shrunk(r.Nodes[0], before) {
			r.Losses = append(r.Losses, r.At.Format(time.DateTime)+": "+loss)
		}
		r.Problems = append(r.Problems, r.Losses...)
		return
	}
	r.Problems = append(r.Problems, e.compare(*r)...)
}

// compare says how the copies of the nodes differ.
func (e *Engine) compare(r Report) []string {
	var all []string
	here := NodeReport{Node: e.name(), Version: server.VERSION, Program: e.config.Version}
	for _, n := range r.Nodes {
		if r.At.Sub(n.At) > silent {
			all = append(all, fmt.Sprintf("node %s has not looked at its copy since %s: is it running?", n.Node, n.At.Format(time.DateTime)))
		}
		if difference := otherVersion(n, here); difference != "" {
			all = append(all, difference)
		}
	}
	for _, p := range e.config.Peers {
		seen := slices.ContainsFunc(r.Nodes, func(n NodeReport) bool { return n.Node == p.Name })
		if !seen && r.At.Sub(e.opened) > silent {
			all = append(all, fmt.Sprintf("node %s has never looked at its copy: is it running?", p.Name))
		}
	}
	for _, s := range streams() {
		all = append(all, unequal(s, r.Nodes)...)
	}
	return all
}

// What to do about a damaged copy.
const (
	cureCopy  = "Stop that node, move its engine folder away and start it again: it copies everything from the others (docs/runbook.md)"
	cureAlone = "There is no other copy: see docs/runbook.md for what can be fetched again"
)

// damages are the problems of one copy, seen by itself.
func damages(n NodeReport, mode string) []string {
	where, cure := "the store", cureAlone
	if mode == Cluster {
		where, cure = "node "+n.Node, cureCopy
	}
	var all []string
	for _, s := range streams() {
		c, ok := n.stream(s.name)
		if !ok {
			continue
		}
		if c.Missing > 0 {
			all = append(all, fmt.Sprintf("%s misses %d messages of the %s. %s", where, c.Missing, s.what(), cure))
		}
		if c.Lost > 0 && c.Missing == 0 {
			all = append(all, fmt.Sprintf("%s found %d damaged messages of the %s when it started. %s", where, c.Lost, s.what(), cure))
		}
		if len(c.Damaged) > 0 {
			all = append(all, fmt.Sprintf("%s has damaged files of the %s (%s). %s", where, s.what(), strings.Join(c.Damaged, "; "), cure))
		}
	}
	return all
}

// shrunk compares a store that has no copies with what it was.
func shrunk(now NodeReport, before Report) []string {
	if before.Mode != Embedded || len(before.Nodes) != 1 {
		return nil
	}
	var all []string
	for _, s := range streams() {
		old, ok := before.Nodes[0].stream(s.name)
		c, here := now.stream(s.name)
		if !ok || !here || s.log == "" {
			continue
		}
		b, _ := logBounds(s.log)
		if c.Last < old.Last {
			all = append(all, fmt.Sprintf("the newest %d messages of the %s are gone: its end was cut off. %s", old.Last-c.Last, s.what(), cureAlone))
		}
		if c.First > old.First && old.Messages > 0 && now.At.Sub(old.Oldest) < b.age-time.Hour {
			all = append(all, fmt.Sprintf("the oldest %d messages of the %s are gone before their time. %s", c.First-old.First, s.what(), cureAlone))
		}
	}
	return all
}

// unequal compares the copies of a stream. Nodes look at different moments: copies
// that end at the same message have to be equal, and none may begin later than
// another whose first message is not about to go.
func unequal(s stream, nodes []NodeReport) []string {
	var all []string
	for i, n := range nodes {
		c, ok := n.stream(s.name)
		for _, other := range nodes[i+1:] {
			o, there := other.stream(s.name)
			if !ok || !there || c.Missing+o.Missing > 0 { // holes are said already
				continue
			}
			if c.Last == o.Last && c.First == o.First && c.Messages != o.Messages {
				worse := n.Node
				if o.Messages < c.Messages {
					worse = other.Node
				}
				all = append(all, fmt.Sprintf("the copies of the %s differ: node %s has %d messages and node %s %d. Node %s misses some. %s", s.what(), n.Node, c.Messages, other.Node, o.Messages, worse, cureCopy))
			}
			all = append(all, beginsLate(s, n, other, c, o)...)
			all = append(all, beginsLate(s, other, n, o, c)...)
		}
	}
	return all
}

func beginsLate(s stream, node, other NodeReport, c, o CopyReport) []string {
	b, err := logBounds(s.log)
	if err != nil || c.First <= o.First || o.Messages == 0 || c.Last == 0 || later(node.At, other.At).Sub(o.Oldest) > b.age-time.Hour {
		return nil
	}
	return []string{fmt.Sprintf("node %s misses the oldest %d messages of the %s. %s", node.Node, c.First-o.First, s.what(), cureCopy)}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
