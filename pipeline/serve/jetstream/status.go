package jetstream

// status.go: how the engine is, now.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
)

// statusWithin bounds a status: one who asks wants to hear also that nobody answers.
const statusWithin = 3 * time.Second

// Status implements engine.Engine.
func (e *Engine) Status(ctx context.Context) (engine.Status, error) {
	if e.closed.Load() {
		return engine.Status{}, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	s := engine.Status{Mode: e.mode, Version: e.conn.ConnectedServerVersion(), Ready: true}
	s.Free, _ = e.space.now()
	if err := e.room(); err != nil {
		s.Ready = false
		s.Problems = append(s.Problems, err.Error())
	}
	seen := newNodes(e)
	logs := map[engine.Log]*engine.LogStatus{}
	for _, st := range streams() {
		info, err := e.info(ctx, st)
		if errors.Is(err, errStopped) {
			s.Ready = false
			s.Problems = append(s.Problems, err.Error())
			break
		}
		if err != nil {
			s.Ready = false
			s.Problems = append(s.Problems, fmt.Sprintf("the %s cannot be asked: %v", st.what(), err))
			break // the others would take as long again
		}
		seen.add(info)
		if st.log == "" {
			continue
		}
		l, ok := logs[st.log]
		if !ok {
			l = &engine.LogStatus{Log: st.log}
			logs[st.log] = l
		}
		l.Messages += info.State.Msgs
		l.Bytes += info.State.Bytes
		l.Most += uint64(info.Config.MaxBytes)
		if full := info.State.Bytes; full > 0 && full >= uint64(info.Config.MaxBytes)/10*9 {
			s.Problems = append(s.Problems, fmt.Sprintf("%s is full to 9 tenths: %d of %d MB", st.name, full>>20, info.Config.MaxBytes>>20))
		}
	}
	report := e.last.Load()
	for _, log := range engine.Logs {
		if l := logs[log]; l != nil {
			if report != nil {
				l.Copies = copiesOf(log, report.Nodes)
			}
			s.Logs = append(s.Logs, *l)
		}
	}
	if report != nil {
		s.Problems = append(s.Problems, report.Problems...)
	}
	s.Nodes = seen.list(report)
	return s, nil
}

// copiesOf is what each node has of a log.
func copiesOf(log engine.Log, nodes []NodeReport) []engine.CopyStatus {
	var all []engine.CopyStatus
	for _, n := range nodes {
		c := engine.CopyStatus{Node: n.Node}
		for _, s := range streams() {
			if s.log != log {
				continue
			}
			r, _ := n.stream(s.name)
			c.Messages += r.Messages
			c.Missing += r.Missing
		}
		all = append(all, c)
	}
	return all
}

// logStatuses is what a report says of the logs: the most that any node has.
func logStatuses(nodes []NodeReport, most map[engine.Log]int64) []engine.LogStatus {
	var all []engine.LogStatus
	for _, log := range engine.Logs {
		l := engine.LogStatus{Log: log, Copies: copiesOf(log, nodes)}
		for _, n := range nodes {
			var messages, bytes uint64
			for _, s := range streams() {
				if r, ok := n.stream(s.name); ok && s.log == log {
					messages, bytes = messages+r.Messages, bytes+r.Bytes
				}
			}
			l.Messages, l.Bytes = max(l.Messages, messages), max(l.Bytes, bytes)
		}
		b, _ := logBounds(log)
		if n := most[log]; n > 0 {
			b.most = n
		}
		l.Most = uint64(b.most)
		all = append(all, l)
	}
	return all
}

// nodeList gathers what the streams' leaders say of the nodes.
type nodeList struct {
	here string
	all  map[string]*engine.NodeStatus
}

func newNodes(e *Engine) *nodeList {
	n := &nodeList{here: e.name(), all: map[string]*engine.NodeStatus{}}
	for _, p := range e.config.Peers {
		n.all[p.Name] = &engine.NodeStatus{Name: p.Name, Here: p.Name == n.here, Online: p.Name == n.here}
	}
	return n
}

func (n *nodeList) node(name string) *engine.NodeStatus {
	s, ok := n.all[name]
	if !ok {
		s = &engine.NodeStatus{Name: name}
		n.all[name] = s
	}
	return s
}

func (n *nodeList) add(info *server.StreamInfo) {
	if info.Cluster == nil || info.Cluster.Leader == "" || len(info.Cluster.Replicas) == 0 {
		return
	}
	leader := n.node(info.Cluster.Leader)
	leader.Online, leader.Leads = true, leader.Leads+1
	for _, p := range info.Cluster.Replicas {
		s := n.node(p.Name)
		s.Online = s.Online || !p.Offline
		s.Behind = max(s.Behind, p.Lag)
		s.Active = max(s.Active, p.Active)
	}
}

func (n *nodeList) list(report *Report) []engine.NodeStatus {
	var all []engine.NodeStatus
	for _, s := range n.all {
		if report != nil {
			for _, r := range report.Nodes {
				if r.Node == s.Name {
					s.Version = r.Version
				}
			}
		}
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b engine.NodeStatus) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return all
}
