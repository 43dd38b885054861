package jetstream

// message.go: how a message of a log is written for the server. ID and header stand
// quoted in one header, so that no byte of them is ever changed, cut or read as
// something else.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"pipeline/pipeline/serve/engine"
)

// The headers that messages have.
const (
	headerTexts  = "Pipeline"        // ID, names and texts
	headerStored = "Pipeline-Stored" // when it was stored first, if it was moved here
	headerWrite  = "Nats-Msg-Id"     // tells doubles
	headerStream = "Nats-Expected-Stream"
)

// encode is a message for the server.
func encode(s stream, topic string, m engine.Message) (*nats.Msg, error) {
	size := len(m.ID)
	texts := strconv.AppendQuoteToASCII(nil, m.ID)
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		size += len(name) + len(m.Header[name])
		texts = strconv.AppendQuoteToASCII(append(texts, ' '), name)
		texts = strconv.AppendQuoteToASCII(append(texts, ' '), m.Header[name])
	}
	if len(m.Body) > engine.MaxBody {
		return nil, fmt.Errorf("its body has %d bytes, at most %d can be stored: %w", len(m.Body), engine.MaxBody, engine.ErrTooLarge)
	}
	if size > engine.MaxHeader {
		return nil, fmt.Errorf("its header has %d bytes, at most %d can be stored: %w", size, engine.MaxHeader, engine.ErrTooLarge)
	}
	msg := nats.NewMsg(s.subject(topic))
	msg.Header.Set(headerTexts, string(texts))
	msg.Header.Set(headerWrite, messageID(topic, m.ID))
	msg.Header.Set(headerStream, s.name)
	msg.Data = m.Body
	return msg, nil
}

// decode is the message that encode wrote, as it was stored.
func decode(sm *server.StoredMsg) (engine.Message, error) {
	m := engine.Message{Seq: sm.Sequence, Topic: untoken(sm.Subject), Stored: sm.Time, Body: sm.Data}
	header, err := nats.DecodeHeadersMsg(sm.Header)
	if err != nil {
		return m, fmt.Errorf("message %d: %w", sm.Sequence, err)
	}
	if first, err := time.Parse(time.RFC3339Nano, header.Get(headerStored)); err == nil {
		m.Stored = first
	}
	texts, err := unquoteAll(header.Get(headerTexts))
	if err != nil || len(texts)%2 != 1 {
		return m, fmt.Errorf("message %d was not written by pipeline", sm.Sequence)
	}
	m.ID = texts[0]
	for i := 1; i < len(texts); i += 2 {
		if m.Header == nil {
			m.Header = map[string]string{}
		}
		m.Header[texts[i]] = texts[i+1]
	}
	return m, nil
}

func unquoteAll(s string) ([]string, error) {
	var texts []string
	for s != "" {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, err
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
		s = strings.TrimPrefix(s[len(quoted):], " ")
	}
	return texts, nil
}
