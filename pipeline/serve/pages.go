package serve

// pages.go: what a pull has fetched, where another node can go on with it. It is a
// copy: what is not in it is fetched again.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

const (
	pieceBytes  = 768 << 10       // of an answer, in a message
	longRequest = 4 << 10         // what is longer is not kept
	pageTime    = 5 * time.Second // for keeping a piece
)

// fetching says which run of a mapping did not come to its end.
type fetching struct {
	Tape  json.RawMessage `json:"tape"`  // what its tape is of
	After uint64          `json:"after"` // where its answers begin
	Run   string          `json:"run"`   // which of those there they are
}

// pages keeps the answers of one run; it implements pipeline.Mirror.
type pages struct {
	keeper *keeper
	ctx    context.Context //nolint:containedctx // the run's, which Tape.Pack is not given
	run    string
}

// packer compresses answers.
var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
})

// Begins implements pipeline.Mirror.
func (p *pages) Begins(ctx context.Context, header json.RawMessage) error {
	sum := sha256.Sum256(header)
	p.ctx, p.run = ctx, hex.EncodeToString(sum[:12])
	k := p.keeper
	if f := k.at.value.Fetching; f != nil && f.Run == p.run {
		return nil // it is gone on with
	}
	last, err := k.service.c.Engine.Last(ctx, engine.Pages, k.name)
	if err != nil {
		return err
	}
	now := k.at.value
	now.Fetching = &fetching{Tape: header, After: last, Run: p.run}
	k.changed = true
	return k.move(ctx, now)
}

// Pack implements pipeline.Mirror.
func (p *pages) Pack(request string, body []byte) (put func()) {
	z, err := packer()
	if err != nil || len(request) > longRequest {
		return func() {}
	}
	packed := z.EncodeAll(body, nil)
	return func() {
		if err := p.keep(request, packed); err != nil {
			p.keeper.service.c.Log.Warn("an answer is not kept for the other nodes", "mapping", p.keeper.name, "error", err.Error())
		}
	}
}

// keep stores an answer in pieces.
func (p *pages) keep(request string, packed []byte) error {
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	defer cancel()
	sum := sha256.Sum256(append([]byte(request+"\x00"), packed...))
	id := p.run + "-" + hex.EncodeToString(sum[:12])
	count := max(1, (len(packed)+pieceBytes-1)/pieceBytes)
	for n := range count {
		piece := packed[n*pieceBytes : min((n+1)*pieceBytes, len(packed))]
		header := map[string]string{"run": p.run, "request": request, "piece": strconv.Itoa(n), "of": strconv.Itoa(count)}
		if _, err := p.keeper.service.c.Engine.Append(ctx, engine.Pages, p.keeper.name, engine.Message{ID: id + "." + strconv.Itoa(n), Header: header, Body: piece}); err != nil {
			return err
		}
	}
	return nil
}

// fill makes the tape of a run that another node did not bring to its end.
func (k *keeper) fill(ctx context.Context, m *Mapping, f *fetching) error {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	begun := map[string][]byte{} // answers of which pieces came
	return pipeline.FillTape(m.State, f.Tape, func(yield func(string, []byte) error) error {
		return k.service.c.Engine.Read(ctx, engine.Pages, k.name, f.After, func(msg engine.Message) error {
			request, count := msg.Header["request"], msg.Header["of"]
			if msg.Header["run"] != f.Run {
				return nil
			}
			n, _ := strconv.Atoi(msg.Header["piece"])
			packed := slices.Concat(begun[request], msg.Body)
			if n == 0 { // what came before was not stored whole
				packed = bytes.Clone(msg.Body)
			}
			if strconv.Itoa(n+1) != count {
				begun[request] = packed
				return nil
			}
			delete(begun, request)
			body, err := z.DecodeAll(packed, nil)
			if err != nil {
				return nil //nolint:nilerr // a piece is missing: it is fetched again
			}
			return yield(request, body)
		})
	})
}
