package jetstream

// bucket.go: values by name. A value is the newest message of its subject, its
// revision that message's place in the stream, and a change is made only if nothing
// came after the revision that is given. The server decides that, in one place.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"pipeline/pipeline/serve/engine"
)

const (
	headerExpected = "Nats-Expected-Last-Subject-Sequence"
	headerRemoved  = "Pipeline-Removed" // the mark of a value that is no more
	headerTTL      = "Nats-TTL"
	markFor        = "24h"
)

// Get implements engine.Engine.
func (e *Engine) Get(ctx context.Context, b engine.Bucket, name string) (engine.Entry, error) {
	s, err := e.valueStream(b, name)
	if err != nil {
		return engine.Entry{}, err
	}
	v, err := e.newest(ctx, s, name)
	if err != nil {
		return engine.Entry{}, doing("get "+name+" of "+string(b), err)
	}
	if v.removed || v.Revision == 0 {
		return engine.Entry{}, engine.ErrNoValue
	}
	return v.Entry, nil
}

// Put implements engine.Engine.
func (e *Engine) Put(ctx context.Context, b engine.Bucket, name string, value []byte, revision uint64) (uint64, error) {
	s, err := e.valueStream(b, name)
	if err != nil {
		return 0, err
	}
	if len(value) > engine.MaxValue {
		return 0, fmt.Errorf("put %s into %s: it has %d bytes, at most %d can be stored: %w", name, b, len(value), engine.MaxValue, engine.ErrTooLarge)
	}
	msg := nats.NewMsg(s.subject(name))
	msg.Data = value
	made, err := e.change(ctx, s, name, msg, revision)
	if revision == 0 && errors.Is(err, engine.ErrConflict) {
		// what is there may be the mark of a value that was removed
		v, failed := e.newest(ctx, s, name)
		if failed == nil && v.removed {
			made, err = e.change(ctx, s, name, msg, v.Revision)
		}
	}
	return made, doing("put "+name+" into "+string(b), err)
}

// Remove implements engine.Engine.
func (e *Engine) Remove(ctx context.Context, b engine.Bucket, name string, revision uint64) error {
	s, err := e.valueStream(b, name)
	if err != nil {
		return err
	}
	if revision == 0 {
		return engine.ErrConflict
	}
	v, err := e.newest(ctx, s, name)
	if err != nil {
		return doing("remove "+name+" from "+string(b), err)
	}
	if v.removed || v.Revision != revision {
		return engine.ErrConflict
	}
	msg := nats.NewMsg(s.subject(name))
	msg.Header.Set(headerRemoved, "true")
	msg.Header.Set(headerTTL, markFor)
	_, err = e.change(ctx, s, name, msg, revision)
	return doing("remove "+name+" from "+string(b), err)
}

// List implements engine.Engine.
func (e *Engine) List(ctx context.Context, b engine.Bucket, prefix string) ([]engine.Entry, error) {
	s, err := bucketStream(b)
	if err != nil {
		return nil, err
	}
	names, err := e.names(ctx, s, prefix)
	if err != nil {
		return nil, doing("list "+string(b), err)
	}
	var all []engine.Entry
	for _, name := range names {
		v, err := e.newest(ctx, s, name)
		if err != nil {
			return nil, doing("list "+string(b), err)
		}
		if !v.removed && v.Revision != 0 {
			all = append(all, v.Entry)
		}
	}
	return all, nil
}

// names are those in a bucket that begin with prefix, of removed values too.
func (e *Engine) names(ctx context.Context, s stream, prefix string) ([]string, error) {
	var names []string
	for seen := 0; ; {
		var page server.JSApiStreamInfoResponse
		request := server.JSApiStreamInfoRequest{SubjectsFilter: s.subjects(), ApiPagedRequest: server.ApiPagedRequest{Offset: seen}}
		if err := e.call(ctx, "STREAM.INFO."+s.name, request, &page); err != nil {
			return nil, err
		}
		if page.StreamInfo == nil || len(page.State.Subjects) == 0 {
			break
		}
		for subject := range page.State.Subjects {
			if name := untoken(subject); strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		if seen += len(page.State.Subjects); seen >= page.Total {
			break
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (e *Engine) valueStream(b engine.Bucket, name string) (stream, error) {
	if err := checkName("value", name); err != nil {
		return stream{}, err
	}
	return bucketStream(b)
}

// change writes msg over revision, once. Where an answer was lost, a conflict can be
// with itself: that is seen by the mark of this write.
func (e *Engine) change(ctx context.Context, s stream, name string, msg *nats.Msg, revision uint64) (uint64, error) {
	write := rand.Text()
	msg.Header.Set(headerWrite, write)
	msg.Header.Set(headerStream, s.name)
	msg.Header.Set(headerExpected, strconv.FormatUint(revision, 10))
	ack, again, err := e.publish(ctx, msg)
	if again && errors.Is(err, engine.ErrConflict) {
		v, failed := e.newest(ctx, s, name)
		switch {
		case failed != nil:
			return 0, failed // whose conflict it is, is not known
		case v.write == write:
			return v.Revision, nil
		}
	}
	return ack.Sequence, err
}

// value is an entry as it is stored.
type value struct {
	engine.Entry
	removed bool
	write   string
}

// newest is what there is under a name; its revision is 0 if there never was anything.
func (e *Engine) newest(ctx context.Context, s stream, name string) (value, error) {
	sm, err := e.get(ctx, s, server.JSApiMsgGetRequest{LastFor: s.subject(name)})
	if errors.Is(err, errNoMessage) {
		return value{}, nil
	}
	if err != nil {
		return value{}, err
	}
	return valueOf(sm), nil
}

func valueOf(sm *server.StoredMsg) value {
	header, _ := nats.DecodeHeadersMsg(sm.Header)
	return value{
		Entry:   engine.Entry{Name: untoken(sm.Subject), Value: sm.Data, Revision: sm.Sequence},
		removed: header.Get(headerRemoved) != "",
		write:   header.Get(headerWrite),
	}
}

// doing wraps an error with what was being done; nil stays nil.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
