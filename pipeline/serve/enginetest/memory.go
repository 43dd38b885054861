// Package enginetest is what an engine has to be, as tests that each one passes,
// and an engine in memory for the tests of those who use one.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline/serve/engine"
)

// Memory is an engine that keeps everything in memory, for tests.
type Memory struct {
	mu       sync.Mutex
	changed  chan struct{} // closed when a message was added
	logs     map[engine.Log][]engine.Message
	values   map[engine.Bucket]map[string]engine.Entry
	revision uint64
	closed   bool

	// Fail, where it is not nil, is asked before each change and each look; its
	// error is returned instead.
	Fail func(what string) error
}

// NewMemory is an empty engine.
func NewMemory() *Memory {
	return &Memory{changed: make(chan struct{}), logs: map[engine.Log][]engine.Message{}, values: map[engine.Bucket]map[string]engine.Entry{}}
}

func (m *Memory) fail(ctx context.Context, what string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	closed := m.closed
	m.mu.Unlock()
	if closed {
		return errors.New("the engine was closed")
	}
	if m.Fail != nil {
		return m.Fail(what)
	}
	return nil
}

// check is what the names of a log or a bucket, and of what is in it, have to be.
func check[K comparable](known []K, kind K, name string) error {
	switch {
	case !slices.Contains(known, kind):
		return fmt.Errorf("there is no %v", kind)
	case name == "":
		return errors.New("it has no name")
	}
	return nil
}

// headerSize is what engine.MaxHeader bounds.
func headerSize(m engine.Message) int {
	size := len(m.ID)
	for name, text := range m.Header {
		size += len(name) + len(text)
	}
	return size
}

// Append implements engine.Engine.
func (m *Memory) Append(ctx context.Context, log engine.Log, topic string, msg engine.Message) (engine.Receipt, error) {
	if err := m.fail(ctx, "append"); err != nil {
		return engine.Receipt{}, err
	}
	if err := check(engine.Logs, log, topic); err != nil {
		return engine.Receipt{}, err
	}
	if msg.ID == "" {
		return engine.Receipt{}, errors.New("the message has no ID")
	}
	if len(msg.Body) > engine.MaxBody || headerSize(msg) > engine.MaxHeader {
		return engine.Receipt{}, engine.ErrTooLarge
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, old := range m.logs[log] {
		if old.Topic == topic && old.ID == msg.ID && time.Since(old.Stored) < engine.Window {
			return engine.Receipt{Seq: old.Seq, Duplicate: true}, nil
		}
	}
	msg.Seq, msg.Topic, msg.Stored = uint64(len(m.logs[log])+1), topic, time.Now()
	msg.Body, msg.Header = bytes.Clone(msg.Body), maps.Clone(msg.Header)
	m.logs[log] = append(m.logs[log], msg)
	close(m.changed)
	m.changed = make(chan struct{})
	return engine.Receipt{Seq: msg.Seq}, nil
}

// Read implements engine.Engine.
func (m *Memory) Read(ctx context.Context, log engine.Log, topic string, after uint64, yield func(engine.Message) error) error {
	if err := m.fail(ctx, "read"); err != nil {
		return err
	}
	m.mu.Lock()
	all := slices.Clone(m.logs[log])
	m.mu.Unlock()
	for _, msg := range all {
		if msg.Seq <= after || topic != "" && msg.Topic != topic {
			continue
		}
		if err := yield(msg); err != nil {
			return err
		}
	}
	return nil
}

// Last implements engine.Engine.
func (m *Memory) Last(ctx context.Context, log engine.Log, topic string) (uint64, error) {
	var last uint64
	err := m.Read(ctx, log, topic, 0, func(msg engine.Message) error { last = msg.Seq; return nil })
	return last, err
}

// Wait implements engine.Engine.
func (m *Memory) Wait(ctx context.Context, log engine.Log, topic string, after uint64) error {
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		last, err := m.Last(ctx, log, topic)
		if err != nil || last > after {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Get implements engine.Engine.
func (m *Memory) Get(ctx context.Context, b engine.Bucket, name string) (engine.Entry, error) {
	if err := m.fail(ctx, "get"); err != nil {
		return engine.Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.values[b][name]
	if !ok {
		return engine.Entry{}, engine.ErrNoValue
	}
	e.Value = bytes.Clone(e.Value)
	return e, nil
}

// Put implements engine.Engine.
func (m *Memory) Put(ctx context.Context, b engine.Bucket, name string, value []byte, revision uint64) (uint64, error) {
	if err := m.fail(ctx, "put"); err != nil {
		return 0, err
	}
	if err := check(engine.Buckets, b, name); err != nil {
		return 0, err
	}
	if len(value) > engine.MaxValue {
		return 0, engine.ErrTooLarge
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values[b][name].Revision != revision {
		return 0, engine.ErrConflict
	}
	if m.values[b] == nil {
		m.values[b] = map[string]engine.Entry{}
	}
	m.revision++
	m.values[b][name] = engine.Entry{Name: name, Value: bytes.Clone(value), Revision: m.revision}
	return m.revision, nil
}

// Remove implements engine.Engine.
func (m *Memory) Remove(ctx context.Context, b engine.Bucket, name string, revision uint64) error {
	if err := m.fail(ctx, "remove"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision == 0 || m.values[b][name].Revision != revision {
		return engine.ErrConflict
	}
	delete(m.values[b], name)
	return nil
}

// List implements engine.Engine.
func (m *Memory) List(ctx context.Context, b engine.Bucket, prefix string) ([]engine.Entry, error) {
	if err := m.fail(ctx, "list"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []engine.Entry
	for _, name := range slices.Sorted(maps.Keys(m.values[b])) {
		if strings.HasPrefix(name, prefix) {
			e := m.values[b][name]
			e.Value = bytes.Clone(e.Value)
			out = append(out, e)
		}
	}
	return out, nil
}

// Status implements engine.Engine.
func (m *Memory) Status(ctx context.Context) (engine.Status, error) {
	if err := m.fail(ctx, "status"); err != nil {
		return engine.Status{}, err
	}
	return engine.Status{Mode: "memory", Ready: true}, nil
}

// Close implements engine.Engine.
func (m *Memory) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.changed) // those who wait are told
		m.changed = make(chan struct{})
	}
	return nil
}

var _ engine.Engine = (*Memory)(nil)
