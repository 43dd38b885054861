package jetstream

// log.go: the logs. Messages are read one by one from the leader of their stream, not
// through consumers: a consumer may sit on a copy that is damaged and skip what that
// one does not have, and one for each mapping would be a Raft group each.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"pipeline/pipeline/serve/engine"
)

// Append implements engine.Engine.
func (e *Engine) Append(ctx context.Context, log engine.Log, topic string, m engine.Message) (engine.Receipt, error) {
	if err := errors.Join(checkName("topic", topic), checkID(m.ID)); err != nil {
		return engine.Receipt{}, err
	}
	s, err := topicStream(log, topic)
	if err != nil {
		return engine.Receipt{}, err
	}
	msg, err := encode(s, topic, m)
	if err != nil {
		return engine.Receipt{}, err
	}
	ack, _, err := e.publish(ctx, msg)
	if err != nil {
		return engine.Receipt{}, doing("append to "+string(log), err)
	}
	return engine.Receipt{Seq: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

func checkID(id string) error {
	if id == "" {
		return errors.New("the message has no ID")
	}
	return nil
}

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, log engine.Log, topic string, after uint64, yield func(engine.Message) error) error {
	last, err := e.Last(ctx, log, topic)
	if err != nil {
		return err
	}
	s, _ := topicStream(log, topic)
	for after < last {
		sm, err := e.next(ctx, s, topic, after+1)
		if errors.Is(err, errNoMessage) {
			return nil // what there was is too old by now
		}
		if err != nil {
			return doing("read "+string(log), err)
		}
		if sm.Sequence > last {
			return nil
		}
		after = sm.Sequence
		if isFiller(sm.Subject) {
			continue
		}
		m, err := decode(sm)
		if err != nil {
			return doing("read "+string(log), err)
		}
		if err := yield(m); err != nil {
			return err
		}
	}
	return nil
}

// fillerToken stands for a topic in the subject of a message that only fills a hole.
// No topic is written like that.
const fillerToken = "=hole"

func isFiller(subject string) bool { return strings.HasSuffix(subject, "."+fillerToken) }

// Last implements engine.Engine.
func (e *Engine) Last(ctx context.Context, log engine.Log, topic string) (uint64, error) {
	s, err := topicStream(log, topic)
	if err != nil {
		return 0, err
	}
	sm, err := e.get(ctx, s, server.JSApiMsgGetRequest{LastFor: s.subject(topic)})
	if errors.Is(err, errNoMessage) {
		return 0, nil
	}
	if err != nil {
		return 0, doing("read "+string(log), err)
	}
	return sm.Sequence, nil
}

// poll is how late Wait may be where nobody told it.
const poll = time.Second

// Wait implements engine.Engine.
func (e *Engine) Wait(ctx context.Context, log engine.Log, topic string, after uint64) error {
	s, err := topicStream(log, topic)
	if err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		told := e.news.next(log, topic)
		_, err := e.next(ctx, s, topic, after+1)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errClosed):
			return err
		}
		timer.Reset(poll)
		select {
		case <-told:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is the first message of a topic from seq on.
func (e *Engine) next(ctx context.Context, s stream, topic string, seq uint64) (*server.StoredMsg, error) {
	return e.get(ctx, s, server.JSApiMsgGetRequest{Seq: seq, NextFor: s.subject(topic)})
}

func (e *Engine) get(ctx context.Context, s stream, r server.JSApiMsgGetRequest) (*server.StoredMsg, error) {
	var answer server.JSApiMsgGetResponse
	if err := e.call(ctx, "STREAM.MSG.GET."+s.name, r, &answer); err != nil {
		return nil, err
	}
	if answer.Message == nil {
		return nil, errNoMessage
	}
	return answer.Message, nil
}

// news tells those who wait that something was stored.
type news struct {
	mu    sync.Mutex
	topic map[string]chan struct{}
}

// next is closed when a message is stored after this call.
func (n *news) next(log engine.Log, topic string) <-chan struct{} {
	key := string(log) + "." + token(topic)
	n.mu.Lock()
	defer n.mu.Unlock()
	c, ok := n.topic[key]
	if !ok {
		c = make(chan struct{})
		n.topic[key] = c
	}
	return c
}

// hear is what the server says of a message that it has stored.
func (n *news) hear(msg *nats.Msg) {
	key := strings.TrimPrefix(msg.Subject, stored)
	log, _, _ := strings.Cut(key, ".")
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range []string{key, log + "."} {
		if c, ok := n.topic[k]; ok {
			close(c)
			delete(n.topic, k)
		}
	}
}
