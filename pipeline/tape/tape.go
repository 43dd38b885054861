// Package tape keeps what a run fetched, on disk, durable before it is used.
//
// A tape is a log of exchanges with a source, at the level of its HTTP client:
// a key such as "GET /events/1/attendees?offset=0", relative to the base URL
// and never with a secret in it, and the body that came back, as decoded text.
// A run that was interrupted begins again from the beginning: each call that
// is on the tape is answered from it, what is missing is fetched and put on
// it. So no position needs to be kept, concurrency does not matter, and no
// call is made twice.
//
// What is on a tape is people's data: files are for their owner alone, and the
// next complete tape replaces the last one.
package tape

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// Header says what a tape belongs to.
type Header struct {
	Identity string    `json:"identity"`       // hash over connector, base URL, stream, options and connection
	Source   string    `json:"source"`         // the same in words, for people
	Since    time.Time `json:"since,omitzero"` // what an incremental run asked for, so that a resumed one asks the same
	Started  time.Time `json:"started"`        // of the run; kept, so that now() stays the same over a resume
}

// id is a key in the index: the first 16 bytes of its SHA-256.
type id [16]byte

func idOf(key []byte) id {
	sum := sha256.Sum256(key)
	return id(sum[:16])
}

// file is what a tape needs of an *os.File.
type file interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Tape is one open tape. Its methods can be used by many goroutines at once.
type Tape struct {
	header Header
	damage string
	path   string                 // where it lies
	finish func() (string, error) // publishes it as complete; returns its new path

	commit sync.Mutex // held while writing; guards the fields up to mu
	tail   bool       // there is something to cut off behind end
	end    int64      // where the next frame goes
	chain  uint32     // checksum of the frame before it

	mu       sync.RWMutex // guards what follows
	file     file         // nil once closed
	complete bool
	index    map[id]entry // what is durable
	next     *batch       // the Puts that wait for the one that is writing
}

// batch is the Puts that share one fsync. The first one to join writes it.
type batch struct {
	ids    []id
	frames []*[]byte
	done   chan struct{}
	err    error // valid once done is closed
}

// newTape is a tape of what a scan found in f, which has size bytes.
func newTape(f file, path string, size int64, c *contents) *Tape {
	return &Tape{
		header: c.header, damage: c.damage, path: path,
		tail: size > c.good, end: c.good, chain: c.chain,
		file: f, index: c.index,
	}
}

// Header is what the tape belongs to.
func (t *Tape) Header() Header { return t.header }

// Damage says what was wrong with the tape when it was opened, in words:
// "cut off after 41 exchanges". It is empty for a sound one. What Get answers
// is sound in any case.
func (t *Tape) Damage() string { return t.damage }

// Len is the number of exchanges on the tape, each key counted once.
func (t *Tape) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.index)
}

// frames recycles the memory of frames on their way.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// Get appends the body that was put last under key to dst. ok is false where
// there is none.
func (t *Tape) Get(key string, dst []byte) (body []byte, ok bool, err error) {
	t.mu.RLock()
	defer t.mu.RUnlock() // the file stays open meanwhile
	if t.file == nil {
		return dst, false, t.errorf("read", fs.ErrClosed)
	}
	e, ok := t.index[idOf([]byte(key))]
	if !ok {
		return dst, false, nil
	}
	buf := frames.Get().(*[]byte)
	defer frames.Put(buf)
	*buf = slices.Grow((*buf)[:0], int(e.size))[:e.size]
	if _, err := t.file.ReadAt(*buf, e.offset); err != nil {
		return dst, false, t.errorf("read", err)
	}
	body, err = open(dst, *buf, e.chain, key)
	if err != nil {
		return dst, false, t.errorf("read", fmt.Errorf("at byte %d: %w", e.offset, err))
	}
	return body, true, nil
}

// open appends the body of a frame to dst, after the frame was checked again:
// the disk may have changed its mind since it was scanned.
func open(dst, frame []byte, chain uint32, key string) ([]byte, error) {
	h, ok := parseHead(frame)
	if !ok || int64(len(frame)) != h.size() || checksum(frame, chain) != h.crc {
		return dst, fmt.Errorf("%w since it was opened; `--fresh` fetches all again", ErrDamaged)
	}
	if string(frame[headSize:headSize+h.key]) != key {
		return dst, errors.New("another key of the same SHA-256")
	}
	return decompress(dst, h, frame[headSize+h.key:])
}

// Put keeps body under key, durable when it returns nil. Puts at the same time
// share an fsync. A key that is put again has the newer body.
func (t *Tape) Put(key string, body []byte) error { return t.Pack(key, body)() }

// Pack is the part of Put that takes a processor: it compresses. put is the rest,
// and is called once or not at all.
func (t *Tape) Pack(key string, body []byte) (put func() error) {
	if len(key) > maxKey {
		return t.cannot(fmt.Errorf("a key of %d bytes, where at most %d are possible", len(key), maxKey))
	}
	if len(body) > maxBody {
		return t.cannot(fmt.Errorf("a body of %d bytes, where at most %d are possible", len(body), maxBody))
	}
	frame := frames.Get().(*[]byte)
	*frame = appendFrame((*frame)[:0], kindExchange, key, body)
	return func() error {
		defer frames.Put(frame)
		return t.put(idOf([]byte(key)), frame)
	}
}

func (t *Tape) cannot(err error) (put func() error) {
	return func() error { return t.errorf("write", err) }
}

// put makes a frame durable.
func (t *Tape) put(key id, frame *[]byte) error {
	b, first := t.join(key, frame)
	if !first {
		<-b.done
		return b.err
	}
	t.commit.Lock() // others join the batch while we wait for it
	defer t.commit.Unlock()
	t.mu.Lock()
	t.next = nil
	t.mu.Unlock()
	b.err = t.write(b)
	close(b.done)
	return b.err
}

// join adds a frame to the batch that is written next; first tells the one who
// writes it.
func (t *Tape) join(key id, frame *[]byte) (b *batch, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next, first = &batch{done: make(chan struct{})}, true
	}
	t.next.ids = append(t.next.ids, key)
	t.next.frames = append(t.next.frames, frame)
	return t.next, first
}

// write makes a batch durable and lets Get see it, or leaves the tape as it
// was. commit is held.
func (t *Tape) write(b *batch) error {
	entries := make([]entry, len(b.frames))
	end, chain := t.end, t.chain
	for i, frame := range b.frames {
		entries[i] = entry{offset: end, chain: chain, size: uint32(len(*frame))}
		end, chain = end+int64(len(*frame)), seal(*frame, chain)
	}
	if err := t.append(b.frames); err != nil {
		return err
	}
	t.end, t.chain = end, chain
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, key := range b.ids {
		t.index[key] = entries[i]
	}
	return nil
}

// append writes sealed frames at the end and makes them durable. After an
// error the file is cut back, so that the next Put finds room once there is
// some. commit is held.
func (t *Tape) append(sealed []*[]byte) error {
	switch {
	case t.file == nil:
		return t.errorf("write", fs.ErrClosed)
	case t.complete:
		return t.errorf("write", errors.New("it is complete"))
	}
	if t.tail {
		if err := t.file.Truncate(t.end); err != nil {
			return t.errorf("write", err)
		}
		t.tail = false
	}
	err := func() error {
		at := t.end
		for _, frame := range sealed {
			if _, err := t.file.WriteAt(*frame, at); err != nil {
				return err
			}
			at += int64(len(*frame))
		}
		return t.file.Sync()
	}()
	if err != nil {
		// A tail that cannot be cut off now is cut off before the next write;
		// until then its checksums keep it from being read.
		t.tail = t.file.Truncate(t.end) != nil
		return t.errorf("write", err)
	}
	return nil
}

// Complete says that everything was fetched: durable when it returns nil, this
// is the store's last complete tape, and the one before is gone. Nothing can be
// put on it any more. Twice is safe. After an error the tape is closed and
// still unfinished.
func (t *Tape) Complete() error {
	t.commit.Lock()
	defer t.commit.Unlock()
	if t.complete {
		return nil
	}
	end := appendFrame(nil, kindEnd, "", nil)
	seal(end, t.chain)
	if err := t.append([]*[]byte{&end}); err != nil {
		return errors.Join(err, t.close())
	}
	// An open file cannot be renamed on every system. Those who read meanwhile
	// wait.
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.closeFile(); err != nil {
		return err
	}
	path, err := t.finish()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return t.errorf("open", err)
	}
	t.file, t.path, t.complete = f, path, true
	return nil
}

// Close ends the use of the tape; what was put stays. Twice is safe.
func (t *Tape) Close() error {
	t.commit.Lock()
	defer t.commit.Unlock()
	return t.close()
}

// close is Close for one who holds commit.
func (t *Tape) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closeFile()
}

// closeFile is close for one who holds mu as well.
func (t *Tape) closeFile() error {
	if t.file == nil {
		return nil
	}
	f := t.file
	t.file = nil
	if err := f.Close(); err != nil {
		return t.errorf("close", err)
	}
	return nil
}
