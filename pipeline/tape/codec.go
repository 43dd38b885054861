package tape

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// codec.go: bodies are JSON, which zstd makes about eight times smaller at its
// fastest level. One coder each way is enough: the source is always slower.

// smallest is the length below which a body is kept as it is.
const smallest = 128

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(512<<10))
	if err != nil {
		panic(err) // only for options out of range
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxBody))
	if err != nil {
		panic(err) // only for options out of range
	}
	return d
})

// compress appends body to dst, compressed where it is long enough to gain
// from it.
func compress(dst, body []byte) []byte {
	if len(body) < smallest {
		return append(dst, body...)
	}
	return encoder().EncodeAll(body, dst)
}

// decompress appends the body of a frame to dst.
func decompress(dst []byte, h head, body []byte) ([]byte, error) {
	if h.coding == codingRaw {
		return append(dst, body...), nil
	}
	out, err := decoder().DecodeAll(body, dst)
	if err != nil {
		return dst, err
	}
	if got := len(out) - len(dst); got != h.raw {
		return dst, fmt.Errorf("a body of %d bytes where %d were put", got, h.raw)
	}
	return out, nil
}
