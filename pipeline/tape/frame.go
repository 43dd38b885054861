package tape

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// frame.go: the file format, version 1.
//
// A tape begins with one line of text,
//
//	pipeline-tape 1 5b0c7e1a
//
// the version of the format and the CRC-32C, in hex, of what stands before it
// in the line. The line stays the same in every version, so that an old
// program knows a newer file from a damaged one. Frames follow it, of 16 bytes
// in little-endian order, the key and the body:
//
//	0   4  CRC-32C of all that follows in this frame, begun with the CRC of
//	       the frame before (of the first line, for the first frame)
//	4   1  kind: 'h' header, 'x' exchange, 'e' end
//	5   1  coding of the body: 0 as it is, 1 zstd
//	6   2  length of the key
//	8   4  length of the body here
//	12  4  length of the body as it was received
//	16     key, body
//
// The first frame is the header, as JSON. A complete tape ends in the end
// frame. Because each checksum begins with the one before, a frame that was
// moved, left over from an older write or taken from another tape does not
// pass either.

const (
	version   = 1
	magic     = "pipeline-tape "
	headSize  = 16
	maxKey    = 1<<16 - 1
	maxBody   = 1 << 30 // far above the 64 MiB that a response may have
	maxLine   = 64      // bytes of a first line, of any version
	maxHeader = 1 << 20
)

const (
	kindHeader   = 'h'
	kindExchange = 'x'
	kindEnd      = 'e'
)

const (
	codingRaw  = 0
	codingZstd = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// firstLine is the line that a tape of this version begins with.
func firstLine() []byte {
	line := magic + strconv.Itoa(version) + " "
	return fmt.Appendf(nil, "%s%08x\n", line, crc32.Checksum([]byte(line), castagnoli))
}

// parseFirstLine takes the line without its newline and returns the version it
// names; ok is false where it is not such a line.
func parseFirstLine(line string) (v int, ok bool) {
	i := strings.LastIndexByte(line, ' ') + 1
	digits, isTape := strings.CutPrefix(line[:i], magic)
	if !isTape || line[i:] != fmt.Sprintf("%08x", crc32.Checksum([]byte(line[:i]), castagnoli)) {
		return 0, false
	}
	v, err := strconv.Atoi(strings.TrimSuffix(digits, " "))
	return v, err == nil && v > 0
}

// head is the fixed part of a frame.
type head struct {
	crc    uint32
	kind   byte
	coding byte
	key    int // length
	body   int // length here
	raw    int // length as received
}

// parseHead reads b, of headSize bytes. It reports false where no writer could
// have written this.
func parseHead(b []byte) (head, bool) {
	h := head{
		crc:    binary.LittleEndian.Uint32(b),
		kind:   b[4],
		coding: b[5],
		key:    int(binary.LittleEndian.Uint16(b[6:])),
		body:   int(binary.LittleEndian.Uint32(b[8:])),
		raw:    int(binary.LittleEndian.Uint32(b[12:])),
	}
	known := h.kind == kindHeader || h.kind == kindExchange || h.kind == kindEnd
	return h, known && h.coding <= codingZstd && h.body <= maxBody && h.raw <= maxBody
}

// size is the length of the whole frame.
func (h head) size() int64 { return headSize + int64(h.key) + int64(h.body) }

// appendFrame appends a frame without its checksum, which seal puts in once it
// is known which frame stands before.
func appendFrame(dst []byte, kind byte, key string, body []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headSize)...)
	dst = append(dst, key...)
	coding := byte(codingRaw)
	if packed := compress(dst, body); len(packed)-len(dst) < len(body) {
		coding, dst = codingZstd, packed
	} else {
		dst = append(dst, body...)
	}
	b := dst[start:]
	b[4], b[5] = kind, coding
	binary.LittleEndian.PutUint16(b[6:], uint16(len(key)))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-headSize-len(key)))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(body)))
	return dst
}

// seal puts the checksum into frame, which follows one with the checksum
// chain, and returns it.
func seal(frame []byte, chain uint32) uint32 {
	crc := checksum(frame, chain)
	binary.LittleEndian.PutUint32(frame, crc)
	return crc
}

// checksum is what the checksum of frame must be.
func checksum(frame []byte, chain uint32) uint32 {
	return crc32.Update(chain, castagnoli, frame[4:])
}
