package jetstream

// request.go: asking the server, and asking again. Between two leaders nobody
// answers for 4 to 10 seconds; whoever asks here does not see that, but waits.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"pipeline/pipeline/serve/engine"
)

// How long is waited, for one answer, before it is asked again (at first and at most),
// and in all where the context has no end.
const (
	answerWithin = 4 * time.Second
	askAgain     = 5 * time.Millisecond
	askRarely    = 100 * time.Millisecond
	patience     = 15 * time.Second
)

// The errors of the server that mean something here.
const (
	codeNoPeers      = 10005
	codeNotAvailable = 10008
	codeInsufficient = 10023
	codeNoMessage    = 10037
	codeNoSpace      = 10047
	codeNoStream     = 10059
	codeWrongLast    = 10071
	codeStoreFailed  = 10077
	codeInProcess    = 10158
	// the last change of this value is under way. The leader of a cluster forgets that
	// only after it has acknowledged the change, and so says it of what is long stored
	codeChanging = 10164
)

var (
	errClosed    = errors.New("the engine was closed")
	errStopped   = errors.New("the store has stopped, as it does when its disk is full. Make room and start pipeline serve again: what was acknowledged is there")
	errNoMessage = errors.New("there is no such message")
	errNoPeers   = errors.New("there are not enough servers with room for the copies")
	errNoStream  = errors.New("there is no such stream")
)

// publish stores a message and returns where. It sends it again, which has to be
// safe, until it knows what became of it, but never says that it was stored before
// the server said so. again is true where a change by an earlier attempt is possible.
func (e *Engine) publish(ctx context.Context, msg *nats.Msg) (ack server.PubAck, again bool, err error) {
	if err := e.room(); err != nil {
		return ack, false, err
	}
	tries := 0
	err = e.ask(ctx, func(ctx context.Context) error {
		tries++
		answer, err := e.conn.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return err
		}
		var r server.JSPubAckResponse
		if err := json.Unmarshal(answer.Data, &r); err != nil {
			return final(fmt.Errorf("the answer of the store cannot be read: %w", err))
		}
		if r.Error != nil {
			return meaning(r.Error)
		}
		if r.PubAck == nil || r.Sequence == 0 {
			return final(errors.New("the answer of the store names no place"))
		}
		ack = *r.PubAck
		return nil
	})
	return ack, tries > 1, err
}

// call is a request of JetStream's interface.
func (e *Engine) call(ctx context.Context, subject string, request, response any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	return e.ask(ctx, func(ctx context.Context) error {
		answer, err := e.conn.RequestWithContext(ctx, "$JS.API."+subject, body)
		if err != nil {
			return err
		}
		var failed server.ApiResponse
		if err := json.Unmarshal(answer.Data, &failed); err != nil {
			return final(fmt.Errorf("the answer of the store cannot be read: %w", err))
		}
		if failed.Error != nil {
			return meaning(failed.Error)
		}
		return json.Unmarshal(answer.Data, response)
	})
}

// ask tries until there is an answer that means something, or no time.
func (e *Engine) ask(ctx context.Context, try func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	for pause := askAgain; ; pause = min(2*pause, askRarely) {
		attempt, cancel := context.WithTimeout(ctx, answerWithin)
		err := try(attempt)
		cancel()
		var end finalError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &end):
			return end.error
		case e.stopped():
			return errStopped
		case e.closed.Load() || errors.Is(err, nats.ErrConnectionClosed):
			return errClosed
		case ctx.Err() != nil:
			return fmt.Errorf("the store did not answer: %w", ctx.Err())
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("the store did not answer: %w", errors.Join(ctx.Err(), unlessContext(err)))
		}
	}
}

// unlessContext is err, if it says more than that time is up.
func unlessContext(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// finalError is an answer: asking again would not change it.
type finalError struct{ error }

func (f finalError) Unwrap() error { return f.error }

func final(err error) error { return finalError{err} }

// meaning is what an error of the server is to us.
func meaning(e *server.ApiError) error {
	full := strings.Contains(e.Description, server.ErrMaxBytes.Error()) || strings.Contains(e.Description, server.ErrMaxMsgs.Error())
	switch code := e.ErrCode; {
	case code == codeNoMessage:
		return final(errNoMessage)
	case code == codeNoPeers:
		return final(errNoPeers)
	case code == codeNoStream:
		return final(errNoStream)
	case code == codeWrongLast:
		return final(engine.ErrConflict)
	case code == codeStoreFailed && full, code == codeInsufficient, code == codeNoSpace:
		return final(fmt.Errorf("%w: %s", engine.ErrFull, e.Description))
	case code == codeInProcess || code == codeChanging || code == codeNotAvailable || e.Code == 503 || e.Code == 504 || e.Code == 408:
		return errors.New(e.Description)
	}
	return final(fmt.Errorf("the store says: %s (%d)", e.Description, e.ErrCode))
}
