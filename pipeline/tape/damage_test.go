package tape

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// small is a tape of a few exchanges, as bytes, with the places where its
// frames begin; the first is the header's, the last one the end.
func small(t testing.TB) (data []byte, frames []int64, bodies map[string]string) {
	t.Helper()
	s := must(Open(t.TempDir()))(t)
	defer s.Close()
	tape := must(s.Begin(header))(t)
	bodies = map[string]string{"GET /1": `{"id":1}`, "GET /2": longBody(2)[:300], "GET /3": "", "GET /4": `[4]`}
	frames = []int64{int64(len(firstLine()))}
	for i := range len(bodies) {
		frames = append(frames, tape.end)
		key := fmt.Sprintf("GET /%d", i+1)
		check(t, tape.Put(key, []byte(bodies[key])))
	}
	frames = append(frames, tape.end)
	check(t, tape.Close())
	return must(os.ReadFile(s.path(unfinishedName)))(t), frames, bodies
}

// sound tests that what data holds is what was put before frame n, and nothing
// else: no wrong body ever, and the good prefix is kept.
func sound(t *testing.T, data []byte, n int, bodies map[string]string, what string) *Tape {
	t.Helper()
	c, err := scan(bytes.NewReader(data), int64(len(data)))
	if n < 1 { // in the first line or the header
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v; want ErrDamaged", what, err)
		}
		return nil
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return nil
	}
	tape := newTape(&memory{data: data}, "t", int64(len(data)), c)
	for i := range len(bodies) {
		key := fmt.Sprintf("GET /%d", i+1)
		got, ok, err := tape.Get(key, nil)
		switch {
		case err != nil:
			t.Errorf("%s: %s: %v", what, key, err)
		case ok != (i+1 < n):
			t.Errorf("%s: %s is there: %v; frame %d is the first bad one", what, key, ok, n)
		case ok && string(got) != bodies[key]:
			t.Errorf("%s: %s: a wrong body %q", what, key, got)
		}
	}
	return tape
}

// frameAt is the number of the frame that has this byte; -1 is the first line.
func frameAt(frames []int64, offset int64) int {
	n := -1
	for n+1 < len(frames) && frames[n+1] <= offset {
		n++
	}
	return n
}

func TestCutOffAtEveryByte(t *testing.T) {
	data, frames, bodies := small(t)
	for n := range int64(len(data)) {
		tape := sound(t, data[:n], frameAt(frames, n), bodies, fmt.Sprintf("cut at byte %d", n))
		if tape == nil {
			continue
		}
		at := frameAt(frames, n)
		want := fmt.Sprintf("cut off after %s", exchanges(at-1))
		if frames[at] == n { // between two frames: as if the run had died there
			want = ""
		}
		if tape.Damage() != want {
			t.Errorf("cut at byte %d: damage is %q, want %q", n, tape.Damage(), want)
		}
	}
}

func TestFlippedAtEveryBit(t *testing.T) {
	data, frames, bodies := small(t)
	for offset := range int64(len(data)) {
		for bit := range 8 {
			flipped := bytes.Clone(data)
			flipped[offset] ^= 1 << bit
			what := fmt.Sprintf("bit %d of byte %d", bit, offset)
			tape := sound(t, flipped, frameAt(frames, offset), bodies, what)
			if tape != nil && tape.Damage() == "" {
				t.Errorf("%s: no damage found", what)
			}
		}
	}
}

func TestDamageInWords(t *testing.T) {
	data, frames, _ := small(t)
	for _, c := range []struct {
		name string
		do   func([]byte) []byte
		want string
	}{
		{"nothing", func(b []byte) []byte { return b }, ""},
		{"a flipped bit in a body", func(b []byte) []byte { b[frames[2]-1] ^= 1; return b },
			fmt.Sprintf("damaged at byte %d (checksum); 3 exchanges after it are fetched again", frames[1])},
		{"a flipped bit in the last body", func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			fmt.Sprintf("damaged at byte %d (checksum)", frames[4])},
		{"an unknown kind", func(b []byte) []byte { b[frames[2]+4] = 'z'; return b },
			fmt.Sprintf("damaged at byte %d (checksum)", frames[2])},
		{"zeroes at the end, as after a power cut", func(b []byte) []byte { return append(b, make([]byte, 5000)...) },
			fmt.Sprintf("damaged at byte %d (checksum)", frames[5])},
		{"a frame twice", func(b []byte) []byte { return append(b, b[frames[4]:]...) },
			fmt.Sprintf("damaged at byte %d (checksum)", frames[5])},
		{"a frame missing", func(b []byte) []byte { return append(b[:frames[2]], b[frames[3]:]...) },
			fmt.Sprintf("damaged at byte %d (checksum); 1 exchange after it is fetched again", frames[2])},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.do(bytes.Clone(data))
			got := must(scan(bytes.NewReader(b), int64(len(b))))(t)
			if got.damage != c.want {
				t.Errorf("damage is\n  %s\nwant\n  %s", got.damage, c.want)
			}
		})
	}
}

// What is damaged is written over, and the tape is sound again.
func TestGoingOnAfterDamage(t *testing.T) {
	data, frames, _ := small(t)
	s := openStore(t, t.TempDir())
	data[frames[3]+5] ^= 0x40
	check(t, os.WriteFile(s.path(unfinishedName), data, 0o600))
	tape := must(s.Unfinished())(t)
	check(t, tape.Put("GET /new", []byte("new")))
	check(t, tape.Close())

	tape = must(s.Unfinished())(t)
	if tape.Damage() != "" || tape.Len() != 3 {
		t.Errorf("damage %q, %d exchanges; want none, 3", tape.Damage(), tape.Len())
	}
	wantBody(t, tape, "GET /new", "new")
	check(t, tape.Close())
}

func TestDamageSinceItWasOpened(t *testing.T) {
	s := openStore(t, t.TempDir())
	tape := must(s.Begin(header))(t)
	check(t, tape.Put("GET /1", []byte("one")))
	f := must(os.OpenFile(s.path(unfinishedName), os.O_RDWR, 0))(t)
	must(f.WriteAt([]byte("x"), tape.end-1))(t)
	check(t, f.Close())
	_, ok, err := tape.Get("GET /1", nil)
	wantError(t, err, "unfinished.tape: at byte", "damaged since it was opened")
	if ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("ok is %v, error %v", ok, err)
	}
	check(t, tape.Close())
}

func TestTooLargeToPut(t *testing.T) {
	s := openStore(t, t.TempDir())
	tape := must(s.Begin(header))(t)
	wantError(t, tape.Put(strings.Repeat("k", maxKey+1), nil), "a key of 65536 bytes, where at most 65535")
	check(t, tape.Put(strings.Repeat("k", maxKey), []byte("long key")))
	wantBody(t, tape, strings.Repeat("k", maxKey), "long key")
	check(t, tape.Close())
}

func FuzzScan(f *testing.F) {
	data, frames, _ := small(f)
	f.Add(data)
	f.Add(data[:frames[3]+7])
	f.Add([]byte("pipeline-tape 2 \n"))
	f.Add(firstLine())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := scan(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		// What it accepts can be read and written on.
		mem := &memory{data: bytes.Clone(data)}
		tape := newTape(mem, "t", int64(len(data)), c)
		for key := range c.index {
			e := c.index[key]
			frame := mem.data[e.offset : e.offset+int64(e.size)]
			h, _ := parseHead(frame)
			if _, err := open(nil, frame, e.chain, string(frame[headSize:headSize+h.key])); errors.Is(err, ErrDamaged) {
				t.Errorf("scan took a frame that open refuses: %v", err)
			}
		}
		if err := tape.Put("GET /", []byte("after")); err != nil {
			t.Fatal(err)
		}
		again, err := scan(mem, int64(len(mem.data)))
		if err != nil || again.damage != "" {
			t.Errorf("after a Put: %v, %v", err, again)
		}
	})
}
