package webhook

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// The comparison: rows over loopback on 32 connections, single and in batches of
// 100, beside the floor of raw sockets that write the same bodies. Both talk to
// the same receiver, whose share of the work counts for both.
const (
	benchConnections = 32
	benchRows        = 5000 // of one Write
)

// attendees are rows of twelve columns, about 300 bytes of JSON each.
func attendees(n int) *pipeline.Batch {
	b := &pipeline.Batch{}
	for _, name := range strings.Fields("attendee_id full_name email company country ticket amount vip dietary registered_on checked_in interests") {
		b.Columns = append(b.Columns, pipeline.Column{Name: name})
	}
	for i := range n {
		b.Append([]value.Value{
			value.Text(strconv.Itoa(9007199254740993 + i)), value.Text("Mei Tan"), value.Text(fmt.Sprintf("mei.tan.%d@example.com", i)), value.Text("Company Pte Ltd"),
			value.Text("SG"), value.Text("General"), value.DecimalText("24.17"), value.Bool(false), value.Text(""), value.Day(20000), value.Bool(true), value.Text("AI|Cloud"),
		})
	}
	return b
}

// listen is a receiver that reads requests and answers 200.
func listen(b *testing.B) string {
	b.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close() })
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go receive(conn)
		}
	}()
	return server.Addr().String()
}

const reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func receive(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		length := 0
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(n)))
			}
			if len(line) == 2 {
				break
			}
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	batch := attendees(benchRows)
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d/raw", size), func(b *testing.B) { raw(b, batch, size) })
		for _, options := range []pipeline.Options{{}, {"secret": testSecret}} {
			name := "sink"
			if options["secret"] != nil {
				name = "signed"
			}
			b.Run(fmt.Sprintf("batch=%d/%s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				all := pipeline.Options{"url": "http://" + listen(b) + "/people", "batch": int64(size), "concurrency": int64(benchConnections)}
				for k, v := range options {
					all[k] = v
				}
				w, err := Connector().Open(b.Context(), pipeline.SinkConfig{Mapping: "bench", Options: all, Columns: batch.Columns, Key: []int{0}, World: &pipeline.World{}})
				if err != nil {
					b.Fatal(err)
				}
				written := 0
				for b.Loop() {
					if err := w.Write(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
					written += batch.Len()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(written), "ns/row")
			})
		}
	}
}

// raw is the floor: as many sockets, nothing checked.
func raw(b *testing.B, batch *pipeline.Batch, size int) {
	b.ReportAllocs()
	address := listen(b)
	object := &writer{shared: &shared{rows: pipeline.NewRowJSON(batch.Columns)}}
	var conns []net.Conn
	for range benchConnections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	written := 0
	for b.Loop() {
		var group sync.WaitGroup
		for k, conn := range conns {
			group.Go(func() {
				var body, out []byte
				in := make([]byte, len(reply))
				for from := k * size; from < batch.Len(); from += size * len(conns) {
					if size == 1 {
						body = object.rows.AppendOf(body[:0], batch, from)
					} else {
						body = object.appendArray(body[:0], batch, from, min(from+size, batch.Len()))
					}
					out = append(out[:0], "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "...)
					out = append(strconv.AppendInt(out, int64(len(body)), 10), "\r\n\r\n"...)
					if _, err := conn.Write(append(out, body...)); err != nil {
						b.Error(err)
					}
					if _, err := io.ReadFull(conn, in); err != nil {
						b.Error(err)
					}
				}
			})
		}
		group.Wait()
		written += batch.Len()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(written), "ns/row")
}
