package jetstream

// scrub.go: reads what lies on this node's disk. The server finds a flipped bit only
// when somebody reads that message, and may then drop everything behind it in its
// block without a word; and a copy that nobody reads can rot for months. So the
// blocks that are written no more are read from time to time, and every message in
// them is compared with its checksum.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/highwayhash"
	"github.com/nats-io/nats-server/v2/server"
)

// How a message lies in a block: length, sequence, time, length of the subject; then
// subject, header, body; last the checksum of all but the length.
const (
	recordHead   = 22
	recordHash   = 8
	headerLength = 4
	hasHeader    = 1 << 31
)

// A block that was right is read again after scrubAgain, and in one go no more than
// scrubMost bytes of them.
const (
	scrubAgain = 6 * time.Hour
	scrubMost  = 512 << 20
)

// blocks remembers which blocks were read.
type blocks struct {
	mu   sync.Mutex
	read map[string]blockRead
}

type blockRead struct {
	size    int64
	changed time.Time
	at      time.Time
}

// scrub reads the sealed blocks of a stream that were not read since before, up to
// most bytes, and says which are damaged. It returns how much it read.
func (b *blocks) scrub(ctx context.Context, dir string, s stream, before time.Time, most int64) (damaged []string, n int64, err error) {
	sealed, err := sealedBlocks(dir, s)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range sealed {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // too old, or put together with another one
		}
		if err != nil {
			return damaged, n, err
		}
		if n >= most || b.fresh(name, info, before) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return damaged, n, err
		}
		n += info.Size()
		switch err := readBlock(s.name, name); {
		case err == nil:
			b.remember(name, info)
		case !errors.Is(err, fs.ErrNotExist):
			damaged = append(damaged, fmt.Sprintf("%s: %v", name, err))
		}
	}
	return damaged, n, nil
}

func (b *blocks) fresh(name string, info fs.FileInfo, before time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.read[name]
	return ok && r.size == info.Size() && r.changed.Equal(info.ModTime()) && r.at.After(before)
}

func (b *blocks) remember(name string, info fs.FileInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read == nil {
		b.read = map[string]blockRead{}
	}
	b.read[name] = blockRead{info.Size(), info.ModTime(), time.Now()}
}

// streamFolder is where the server keeps the blocks of a stream.
func streamFolder(dir string, s stream) string {
	return filepath.Join(dir, "jetstream", server.DEFAULT_GLOBAL_ACCOUNT, "streams", s.name, "msgs")
}

// sealedBlocks are all blocks of a stream but the one that is written.
func sealedBlocks(dir string, s stream) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(streamFolder(dir, s), "*.blk"))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int { return int(blockIndex(a)) - int(blockIndex(b)) })
	return names[:len(names)-1], nil
}

func blockIndex(name string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), ".blk"), 10, 32)
	return n
}

// readBlock says what is wrong with a block. The server may just be writing it anew,
// without what is too old, so that one that looks wrong is looked at again.
func readBlock(streamName, name string) error {
	const looks = 3
	var err error
	for look := range looks {
		var data []byte
		if data, err = os.ReadFile(name); err != nil {
			return err
		}
		if err = checkBlock(streamName, blockIndex(name), data); err == nil {
			return nil
		}
		if look < looks-1 {
			time.Sleep(50 * time.Millisecond)
		}
	}
	return err
}

// checkBlock compares each message of a block with its checksum.
func checkBlock(streamName string, index uint64, data []byte) error {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", streamName, index))
	hash, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return err
	}
	var sum [recordHash]byte
	for at := 0; at < len(data); {
		rest := data[at:]
		if len(rest) < recordHead+recordHash {
			return fmt.Errorf("it ends in a message, at byte %d", at)
		}
		length := binary.LittleEndian.Uint32(rest)
		body := recordHead + int(binary.LittleEndian.Uint16(rest[20:])) // where header or body begin
		size := int(length &^ hasHeader)
		skip := 0
		if length&hasHeader != 0 {
			skip = headerLength
		}
		if size > len(rest) || body+skip > size-recordHash {
			return fmt.Errorf("the message at byte %d has an impossible length", at)
		}
		hash.Reset()
		_, _ = hash.Write(rest[4:20])
		_, _ = hash.Write(rest[recordHead:body])
		_, _ = hash.Write(rest[body+skip : size-recordHash])
		if !bytes.Equal(hash.Sum(sum[:0]), rest[size-recordHash:size]) {
			return fmt.Errorf("the message at byte %d is not as it was written", at)
		}
		at += size
	}
	return nil
}
