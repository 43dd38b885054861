package tape

import (
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
)

// page is the body of a page of n attendees.
func page(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		sep := ','
		if i == 0 {
			sep = '['
		}
		fmt.Fprintf(&b, `%c{"id":%d,"first_name":"Nguyễn","last_name":"Tan %d","email":"person%d@example.com","ticket":{"name":"Early bird","price":"120.50"},"status":"confirmed","custom_fields":[{"question":"Dietary requirements","answer":"none"},{"question":"Company","answer":"Acme %d"}]}`,
			sep, 100000+i*7919, i*31%977, i, i*17%389)
	}
	b.WriteByte(']')
	return b.Bytes()
}

func benchTape(b *testing.B) *Tape {
	s := must(Open(b.TempDir()))(b)
	b.Cleanup(func() { s.Close() })
	tape := must(s.Begin(header))(b)
	b.Cleanup(func() { tape.Close() })
	return tape
}

func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1, 1000} {
		body := page(n)
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			tape := benchTape(b)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				check(b, tape.Put(strconv.Itoa(i), body))
			}
			b.ReportMetric(float64(tape.end)/float64(tape.Len())/float64(len(body)), "stored/received")
		})
	}
}

func BenchmarkPutParallel(b *testing.B) {
	body, tape := page(1), benchTape(b)
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			check(b, tape.Put(strconv.FormatInt(n.Add(1), 10), body))
		}
	})
}

func BenchmarkGet(b *testing.B) {
	body, tape := page(1000), benchTape(b)
	check(b, tape.Put("GET /", body))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst, _, _ = tape.Get("GET /", dst[:0])
	}
}

// BenchmarkScan is how long a run waits for its tape to be looked through, per
// byte on disk.
func BenchmarkScan(b *testing.B) {
	beginning, frames, _ := small(b)
	m := &memory{data: beginning[:frames[1]:frames[1]]}
	tape := newTape(m, "t", frames[1], must(scan(m, frames[1]))(b))
	for i := range 500 {
		check(b, tape.Put(strconv.Itoa(i), page(1000)))
	}
	b.SetBytes(int64(len(m.data)))
	b.ReportAllocs()
	for b.Loop() {
		must(scan(m, int64(len(m.data))))(b)
	}
}
