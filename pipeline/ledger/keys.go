package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"syscall"

	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/internal/scratch"
)

// keys.go: which keys were seen in this run. Ten million keys in a map are a
// gigabyte; here they are a hash table of their hashes, which moves to a file
// when it outgrows memory: two system calls for a key, nothing to keep up to
// date, and nothing that has to be durable, because a resumed run sees all its
// keys again.

const (
	slotSize   = 16 // bytes of a key's hash; all zero is a free slot
	bucketSize = 64 * slotSize
	firstSize  = 64 << 10 // of the table, in bytes
	memorySize = 2 << 20  // above it the table is a file
)

// Keys is a set of keys that takes a bounded part of memory: the check that no
// key comes twice in one run. One goroutine may use it at a time.
type Keys struct {
	path  string
	seed  [16]byte // so that nobody can choose keys that meet in one bucket
	table table
	len   int
	buf   [bucketSize]byte
	text  []byte // that is hashed
}

// NewKeys is an empty set. It makes its file in the folder dir once it needs
// one.
func NewKeys(dir string) *Keys {
	k := &Keys{path: filepath.Join(dir, "seen.tmp"), table: newMemory(firstSize)}
	_, _ = rand.Read(k.seed[:]) // never fails
	return k
}

// Len is the number of keys in the set.
func (k *Keys) Len() int { return k.len }

// Add puts key into the set. It reports false where it was there already.
func (k *Keys) Add(key []byte) (added bool, err error) {
	hash := k.hash(key)
	at, err := k.find(hash)
	if err != nil || at < 0 {
		return false, err
	}
	if _, err := k.table.WriteAt(hash[:], at); err != nil {
		return false, k.errorf(err)
	}
	k.len++
	if int64(k.len)*slotSize > k.table.size()/10*7 {
		return true, k.grow()
	}
	return true, nil
}

// Has reports whether key is in the set.
func (k *Keys) Has(key []byte) (bool, error) {
	at, err := k.find(k.hash(key))
	return at < 0, err
}

// Close gives up the set and what it has on disk.
func (k *Keys) Close() error {
	t := k.table
	if m, ok := t.(memoryTable); ok && m.size() == firstSize { // a run of pushes begins a set for each
		clear(m)
		k.len = 0
		return nil
	}
	k.table, k.len = newMemory(firstSize), 0
	if err := t.Close(); err != nil {
		return k.errorf(err)
	}
	return nil
}

type hash [slotSize]byte

func (k *Keys) hash(key []byte) hash {
	k.text = append(append(k.text[:0], k.seed[:]...), key...)
	sum := sha256.Sum256(k.text)
	h := hash(sum[:slotSize])
	if h == (hash{}) {
		h[0] = 1
	}
	return h
}

// find looks for h: -1 where it is there, else the free slot where it belongs.
func (k *Keys) find(h hash) (at int64, err error) {
	size := k.table.size()
	for bucket := home(h, size); ; bucket = (bucket + bucketSize) % size {
		if _, err := k.table.ReadAt(k.buf[:], bucket); err != nil {
			return 0, k.errorf(err)
		}
		for i := 0; i < bucketSize; i += slotSize {
			switch hash(k.buf[i : i+slotSize]) {
			case h:
				return -1, nil
			case hash{}:
				return bucket + int64(i), nil
			}
		}
	}
}

// home is where the bucket of h begins in a table of size bytes, a power of
// two: the first bits of h are its number, so that a table that doubles keeps
// its order.
func home(h hash, size int64) int64 {
	buckets := uint64(size / bucketSize)
	number := binary.BigEndian.Uint64(h[:]) >> (64 - bits.TrailingZeros64(buckets))
	return int64(number) * bucketSize
}

// grow makes the table twice as large. It reads the old one and writes the new
// one from end to end, two buckets for each.
func (k *Keys) grow() error {
	old, size := k.table, 2*k.table.size()
	next, err := newTable(k.path, size)
	if err != nil {
		return k.errorf(err)
	}
	var (
		in   [64 * bucketSize]byte
		out  [2 * len(in)]byte
		left []hash // did not fit into their bucket, or stood in another's
	)
	for at := int64(0); at < old.size(); at += int64(len(in)) {
		if _, err := old.ReadAt(in[:], at); err != nil {
			return errors.Join(k.errorf(err), next.Close())
		}
		clear(out[:])
		for i := 0; i < len(in); i += slotSize {
			h := hash(in[i : i+slotSize])
			if h != (hash{}) && !place(out[:], home(h, size)-2*at, h) {
				left = append(left, h)
			}
		}
		if _, err := next.WriteAt(out[:], 2*at); err != nil {
			return errors.Join(k.errorf(err), next.Close())
		}
	}
	if err := old.Close(); err != nil {
		return errors.Join(k.errorf(err), next.Close())
	}
	k.table = next
	for _, h := range left {
		at, err := k.find(h)
		if err != nil {
			return err
		}
		if _, err := k.table.WriteAt(h[:], at); err != nil {
			return k.errorf(err)
		}
	}
	return nil
}

// place puts h into the bucket of out at bucket, where that is in out and has a
// free slot.
func place(out []byte, bucket int64, h hash) bool {
	if bucket < 0 || bucket >= int64(len(out)) {
		return false
	}
	b := out[bucket : bucket+bucketSize]
	for i := 0; i < bucketSize; i += slotSize {
		if hash(b[i:i+slotSize]) == (hash{}) {
			copy(b[i:], h[:])
			return true
		}
	}
	return false
}

func (k *Keys) errorf(err error) error {
	hint := ""
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		hint = "; make room and run again"
	}
	return fmt.Errorf("keep the keys of this run in %s: %w%s", k.path, disk.Cause(err), hint)
}

// table is the memory of a hash table, or its file.
type table interface {
	ReadAt(b []byte, at int64) (int, error)
	WriteAt(b []byte, at int64) (int, error)
	Close() error
	size() int64
}

func newTable(path string, size int64) (table, error) {
	if size <= memorySize {
		return newMemory(size), nil
	}
	f, err := scratch.Create(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return nil, err
	}
	t := fileTable{File: f, bytes: size}
	if err := f.Truncate(size); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

type memoryTable []byte

func newMemory(size int64) memoryTable { return make(memoryTable, size) }

func (m memoryTable) ReadAt(b []byte, at int64) (int, error)  { return copy(b, m[at:]), nil }
func (m memoryTable) WriteAt(b []byte, at int64) (int, error) { return copy(m[at:], b), nil }
func (m memoryTable) Close() error                            { return nil }
func (m memoryTable) size() int64                             { return int64(len(m)) }

type fileTable struct {
	scratch.File
	bytes int64
}

func (f fileTable) size() int64 { return f.bytes }
