package deliver

// outbox.go: how a request lies in the log.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// The headers of a message in the outbox, and of one that was given up.
const (
	headerSink   = "sink"
	headerID     = "id"     // the idempotency key
	headerCoding = "coding" // "zstd", or none
	headerKeys   = "keys"   // how many hashes of keys are before the body
)

// squeezed is the length from which a body is compressed.
const squeezed = 16 << 10

// coder compresses and decompresses; both may be used at the same time.
var coder = struct {
	in  func() *zstd.Encoder
	out func() *zstd.Decoder
}{once(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
}), once(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
})}

// maxBody is the bound on a body before it is compressed.
const maxBody = 64 << 20

// Outbox is where the runs of a mapping leave what is to be delivered.
func (d *Deliveries) Outbox(mapping string) pipeline.Outbox { return outbox{d.Engine, mapping} }

type outbox struct {
	engine  engine.Engine
	mapping string
}

// Fits implements pipeline.Outbox. Most requests are so small that they need not be
// compressed for it.
func (outbox) Fits(r pipeline.Request) bool {
	if 8*len(r.Keys)+coder.in().MaxEncodedSize(len(r.Body)) <= engine.MaxBody {
		return true
	}
	return len(r.Body) <= maxBody && len(encode(r).Body) <= engine.MaxBody
}

// Put implements pipeline.Outbox.
func (o outbox) Put(ctx context.Context, r pipeline.Request) error {
	m := encode(r)
	_, err := o.engine.Append(ctx, engine.Outbox, o.mapping, m)
	if errors.Is(err, engine.ErrTooLarge) {
		return fmt.Errorf("keep a request for %s: its body of %d bytes is more than can be kept, even compressed", r.Sink, len(r.Body))
	}
	if err != nil {
		return fmt.Errorf("keep a request for %s until it is delivered: %w", r.Sink, err)
	}
	return nil
}

// encode is the message of a request: hashes of its keys, eight bytes each, and its
// body.
func encode(r pipeline.Request) engine.Message {
	header := map[string]string{headerSink: r.Sink, headerID: r.ID, headerKeys: strconv.Itoa(len(r.Keys))}
	text := make([]byte, 0, 8*len(r.Keys)+len(r.Body))
	for _, key := range r.Keys {
		text = binary.LittleEndian.AppendUint64(text, hash(key))
	}
	if len(r.Body) < squeezed {
		text = append(text, r.Body...)
	} else {
		header[headerCoding] = "zstd"
		text = coder.in().EncodeAll(r.Body, text)
	}
	return engine.Message{ID: r.Sink + " " + r.ID, Header: header, Body: text}
}

func hash(key []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(key) // never fails
	return h.Sum64()
}

// request is a message of the outbox that was read.
type request struct {
	seq  uint64
	id   string
	keys []uint64
	body []byte
}

// decode reads a message of a sink; ok is false where it is of another one.
func decode(m engine.Message, sink string) (r request, ok bool, err error) {
	if m.Header[headerSink] != sink {
		return request{}, false, nil
	}
	r = request{seq: m.Seq, id: m.Header[headerID]}
	n, err := strconv.Atoi(m.Header[headerKeys])
	if err != nil || n < 0 || 8*n > len(m.Body) {
		return r, true, fmt.Errorf("the request %d in the outbox is damaged: it says that it has %q keys", m.Seq, m.Header[headerKeys])
	}
	for i := range n {
		r.keys = append(r.keys, binary.LittleEndian.Uint64(m.Body[8*i:]))
	}
	r.body = slices.Clone(m.Body[8*n:])
	if m.Header[headerCoding] == "zstd" {
		if r.body, err = coder.out().DecodeAll(r.body, nil); err != nil {
			return r, true, fmt.Errorf("the request %d in the outbox is damaged: %w", m.Seq, err)
		}
	}
	return r, true, nil
}
