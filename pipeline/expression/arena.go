package expression

import (
	"strings"
	"unsafe"

	"pipeline/pipeline/value"
)

// Arena holds the texts that expressions make for the records of one page, so
// that they are not garbage one by one. Whoever gives a Machine an Arena says
// with Reset that none of the texts in it is used any more. The zero Arena is
// ready.
type Arena struct {
	block  []byte   // what is being filled
	filled [][]byte // blocks before it
	spare  [][]byte // blocks to fill next
	beside int      // bytes of texts that are too long for a block
}

const (
	arenaBlock = 16 << 10
	maxSpare   = 64 // blocks
)

// Size is how many bytes the texts take.
func (a *Arena) Size() int { return len(a.filled)*arenaBlock + len(a.block) + a.beside }

// Reset takes all texts back.
func (a *Arena) Reset() {
	if a.block != nil {
		a.spare = append(a.spare, a.block[:0])
	}
	for _, b := range a.filled {
		a.spare = append(a.spare, b[:0])
	}
	if len(a.spare) > maxSpare {
		clear(a.spare[maxSpare:])
		a.spare = a.spare[:maxSpare]
	}
	clear(a.filled)
	a.block, a.filled, a.beside = nil, a.filled[:0], 0
}

// room is an empty slice that n bytes can be appended to. What is made of it
// becomes a text with text.
func (a *Arena) room(n int) []byte {
	if a == nil || n > arenaBlock/4 {
		return make([]byte, 0, n)
	}
	if n > cap(a.block)-len(a.block) {
		if a.block != nil {
			a.filled = append(a.filled, a.block)
		}
		if last := len(a.spare) - 1; last >= 0 {
			a.block, a.spare = a.spare[last], a.spare[:last]
		} else {
			a.block = make([]byte, 0, arenaBlock)
		}
	}
	end := len(a.block)
	return a.block[end : end : end+n]
}

// text is what was appended to a room, as a text that lives in the arena.
func (a *Arena) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if a != nil && cap(b) <= cap(a.block)-len(a.block) && unsafe.SliceData(b) == unsafe.SliceData(a.block[len(a.block):cap(a.block)]) {
		a.block = a.block[:len(a.block)+len(b)]
	} else if a != nil {
		a.beside += len(b)
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// unescaped is the text that stands in JSON as inner, between its quotes.
func (a *Arena) unescaped(inner string) (value.Value, bool) {
	if strings.IndexByte(inner, '\\') < 0 {
		return value.Text(inner), true
	}
	b, err := appendUnescaped(a.room(len(inner)), inner)
	if err != nil {
		return value.Value{}, false
	}
	return value.Text(a.text(b)), true
}
