package serve

// clients.go: how the clients are, for people and programs.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/engine"
)

// State is how a client is.
type State string

// How clients are. Of several that hold it is the first.
const (
	Ill     State = "ill"     // runs fail: somebody has to do something
	Wrong   State = "wrong"   // its file has mistakes; what was there before runs on; or other nodes have another one
	Late    State = "late"    // something is due, and did not happen or end
	Running State = "running" //
	Paused  State = "paused"  // by hand
	Healthy State = "healthy" //
)

// Client is one mapping of the folder.
type Client struct {
	Name  string `json:"name"` // empty where its file was never right
	File  string `json:"file"`
	State State  `json:"state"`
	// Why it is in that state, and what to do about it.
	Why   string    `json:"why,omitempty"`
	Next  string    `json:"next,omitempty"`
	Since time.Time `json:"since,omitzero"` // that it is ill

	Schedule  string          `json:"schedule,omitempty"`
	Reconcile pipeline.Period `json:"reconcile,omitempty"`
	Pushed    bool            `json:"pushed,omitempty"`

	Node    string           `json:"node,omitempty"` // who works for it
	Here    bool             `json:"here"`           // … and that is this process
	Running Trigger          `json:"running,omitempty"`
	Began   time.Time        `json:"began,omitzero"`    // of the run that goes on …
	Reading *pipeline.Report `json:"reading,omitempty"` // … and how far it is
	Last    *LastRun         `json:"last,omitempty"`
	Due     time.Time        `json:"due,omitzero"`   // the next pull
	Retry   time.Time        `json:"retry,omitzero"` // no run before, for those before failed

	Rejects    int `json:"rejects"`    // that are open
	Pushes     int `json:"pushes"`     // that are not mapped yet
	Deliveries int `json:"deliveries"` // that have not arrived yet

	Mapping *Mapping  `json:"-"` // what runs; nil where nothing does
	Diags   diag.List `json:"-"` // what is wrong with its file now, or doubtful

	reached uint64 // how far runs of what was pushed got
}

// patience is how long after its time a run is not late yet.
const patience = 2 * time.Minute

// Clients are the mappings of the folder, by name and file.
func (s *Service) Clients(ctx context.Context) []Client {
	return s.each(func(c *client) Client { return c.count(ctx, c.look(ctx, time.Now())) })
}

// Served are the mappings of the folder, by name and file, with what their files say
// and nothing of how they are: that may take a while to find out.
func (s *Service) Served() []Client { return s.each((*client).said) }

func (s *Service) each(look func(*client) Client) []Client {
	s.mu.Lock()
	var all []*client
	for _, c := range s.clients {
		all = append(all, c)
	}
	s.mu.Unlock()
	out := []Client{} // JSON shows it as a list where there is none
	for _, c := range all {
		out = append(out, look(c))
	}
	slices.SortFunc(out, func(a, b Client) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File))
	})
	return out
}

// showEvery is how often other processes are told how a client is, at most.
const showEvery = 2 * time.Second

// show tells other processes how the client is, where that is news.
func (w *worker) show(ctx context.Context) {
	now := time.Now()
	if w.service.c.Alone {
		return
	}
	if w.unshown = now.Sub(w.lookedAt) < showEvery; w.unshown {
		return // there may be news by then
	}
	w.lookedAt = now
	c := w.look(ctx, now)
	c.Reading = nil // it changes all the time
	news, err := json.Marshal(c)
	if err != nil || w.shown.load(ctx) != nil {
		return // the next time
	}
	if old, err := json.Marshal(w.shown.value); err == nil && bytes.Equal(old, news) {
		return
	}
	_ = w.shown.save(ctx, c) // it is for people; what decides is the lease
}

// elsewhere is how a client is that another process works for.
func (c *client) elsewhere(ctx context.Context, here Client) Client {
	there := cursor[Client]{engine: c.service.c.Engine, bucket: engine.Cursors, name: "client." + here.Name}
	if there.load(ctx) != nil || there.value.Name == "" {
		return here
	}
	out := there.value
	out.File, out.Here, out.Mapping, out.Diags = here.File, false, here.Mapping, here.Diags
	out.reached = here.reached
	if here.State == Wrong && out.State != Ill {
		out.State, out.Why, out.Next = here.State, here.Why, here.Next
	}
	return out
}

// said is what the file of a client says.
func (c *client) said() Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return saidBy(c.file, c.current, c.bad)
}

func saidBy(file string, m, bad *Mapping) Client {
	if m == nil {
		return Client{File: file, State: Wrong, Why: bad.Problems(), Diags: bad.Diags}
	}
	out := Client{Name: m.Plan.Name(), File: file, State: Healthy, Reconcile: pipeline.Period(m.Reconcile), Pushed: m.Pushed, Mapping: m, Diags: m.Diags}
	if m.Schedule != nil {
		out.Schedule = m.Schedule.String()
	}
	return out
}

// look is how a client is now, without what has to be counted.
func (c *client) look(ctx context.Context, now time.Time) Client {
	c.mu.Lock()
	m, bad, st := c.current, c.bad, c.status
	var running running
	if st.running != nil {
		running = *st.running
	}
	ill, isIll := worst(st.trouble)
	c.mu.Unlock()

	out := saidBy(c.file, m, bad)
	if m == nil {
		return out
	}
	out.Here, out.Last, out.Due = st.works, st.last, st.due
	if st.works {
		out.Node = c.service.c.Node
	}
	if st.running != nil {
		out.Running, out.Began, out.Reading = running.trigger, running.since, &running.report
	}
	if !st.works || !st.placed {
		st.pushed = c.reachedBefore(ctx, out.Name)
	}
	var oldest time.Time
	if m.Pushed {
		oldest, _ = oldestPush(ctx, c.service.c.Engine, out.Name, st.pushed) // that the engine is unwell, its own state says
	}
	out.reached = st.pushed
	switch {
	case isIll:
		out.State, out.Why, out.Next, out.Since, out.Retry = Ill, ill.why, ill.next, ill.since, ill.retry
		if ill.token {
			out.Retry = time.Time{}
		}
	case st.handover != "":
		out.State, out.Why, out.Next = Ill, st.handover, "the other nodes go on with it; docs/cluster.md says what helps"
	case bad != nil:
		out.State, out.Why, out.Diags = Wrong, bad.Problems(), bad.Diags
		out.Next = "mend " + c.file + "; until then the mapping runs as it was"
	case st.paused:
		out.State, out.Why = Paused, "it was paused by hand"
	default:
		out.State, out.Why = st.pace(m, now, oldest)
		if why := c.service.differs(ctx, m, now); why != "" && st.works && out.State != Late {
			out.State, out.Why, out.Next = Wrong, why, "copy the folder of the mappings to all nodes: whoever takes it over runs its own"
		}
	}
	if !st.works && !c.service.c.Alone && st.handover == "" {
		return c.elsewhere(ctx, out)
	}
	return out
}

// worst is the trouble that is longest.
func worst(all map[Trigger]trouble) (t trouble, found bool) {
	for _, one := range all {
		if !found || one.since.Before(t.since) {
			t, found = one, true
		}
	}
	return t, found
}

// pace is how a client is where nothing fails.
func (st *status) pace(m *Mapping, now, oldest time.Time) (State, string) {
	clock := func(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }
	if r := st.running; r != nil {
		if m.Schedule != nil && r.trigger != ByPush {
			if next := m.Schedule.Next(r.since); !next.IsZero() && now.After(next.Add(patience)) {
				return Late, fmt.Sprintf("the run of %s goes on, and the one of %s is due", clock(r.since), clock(next))
			}
		}
		return Running, ""
	}
	switch {
	case !st.due.IsZero() && now.After(st.due.Add(patience)):
		return Late, fmt.Sprintf("the run of %s has not begun", clock(st.due))
	case !oldest.IsZero() && now.After(oldest.Add(patience)):
		return Late, fmt.Sprintf("what was pushed at %s is not mapped yet", clock(oldest))
	}
	return Healthy, ""
}

// reachedBefore is how far runs of what was pushed got before this process works for
// the mapping, or elsewhere.
func (c *client) reachedBefore(ctx context.Context, mapping string) uint64 {
	there := cursor[reached]{engine: c.service.c.Engine, bucket: engine.Cursors, name: "pushed." + mapping}
	_ = there.load(ctx) // that the engine is unwell, its own state says
	return there.value.Seq
}

// count adds to a look how much there is of what waits and of rejects.
func (c *client) count(ctx context.Context, out Client) Client {
	m := out.Mapping
	if m == nil {
		return out
	}
	if m.Pushed { // what cannot be counted is none here: that the engine is unwell, its own state says
		out.Pushes, _ = c.backlog.count(ctx, c.service.c.Engine, out.Name, out.reached)
	}
	out.Rejects = c.openRejects(m)
	if d := c.service.c.Deliveries; d != nil {
		out.Deliveries, _ = d.Waiting(ctx, *m) // the deliveries say why
	}
	return out
}

// rejectFile is what a reject file held when it was read.
type rejectFile struct {
	size     int64
	modified time.Time
	open     int
}

// openRejects is how many rejects of a mapping are open.
func (c *client) openRejects(m *Mapping) int {
	path := m.Plan.RejectsPath(m.OutDir)
	info, err := os.Stat(path)
	if err != nil {
		return 0 // mostly there is none
	}
	c.mu.Lock()
	known := c.rejects
	c.mu.Unlock()
	if info.Size() == known.size && info.ModTime().Equal(known.modified) {
		return known.open
	}
	now := rejectFile{size: info.Size(), modified: info.ModTime()}
	_ = pipeline.ReadRejects(path, func(*pipeline.RejectLine) error { now.open++; return nil }) // what there was until then
	c.mu.Lock()
	c.rejects = now
	c.mu.Unlock()
	return now.open
}
