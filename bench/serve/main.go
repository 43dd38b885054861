// Command serve answers with pages of records out of memory, on loopback:
//
//	go run ./bench/serve -in records.jsonl
//
// It prints its address and serves until it is stopped. A page is
// /records?offset=2000&limit=1000: a list, which is empty behind the last
// record.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

func main() {
	in := flag.String("in", "", "JSON lines to serve")
	address := flag.String("addr", "127.0.0.1:0", "where to listen; port 0 takes a free one")
	wait := flag.Duration("wait", 0, "how long each answer takes, such as 20ms")
	flag.Parse()
	if err := serve(os.Stdout, *in, *address, *wait); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func serve(out io.Writer, in, address string, wait time.Duration) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	server := http.Server{Handler: newRecords(text, wait), ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

// records are a text with a comma behind each record, and where each begins:
// any page is a part of it.
type records struct {
	text   []byte
	starts []int // one more than there are records
	wait   time.Duration
}

// newRecords takes over lines, each of which ends in a line break.
func newRecords(lines []byte, wait time.Duration) *records {
	r := &records{text: lines, starts: make([]int, 1, bytes.Count(lines, []byte("\n"))+1), wait: wait}
	for i := 0; i < len(lines); {
		i += bytes.IndexByte(lines[i:], '\n') + 1
		lines[i-1] = ','
		r.starts = append(r.starts, i)
	}
	return r
}

var opening, closing = []byte("["), []byte("]")

func (r *records) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	offset, err1 := strconv.Atoi(query.Get("offset"))
	limit, err2 := strconv.Atoi(query.Get("limit"))
	if req.URL.Path != "/records" || err1 != nil || err2 != nil || offset < 0 || limit < 1 {
		http.Error(w, "ask for /records?offset=0&limit=1000", http.StatusBadRequest)
		return
	}
	time.Sleep(r.wait)
	page := r.page(offset, limit)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)+2))
	for _, part := range [][]byte{opening, page, closing} {
		if _, err := w.Write(part); err != nil {
			return // nobody listens any more
		}
	}
}

// page is what stands between the brackets of a page.
func (r *records) page(offset, limit int) []byte {
	last := len(r.starts) - 1
	from, to := min(offset, last), min(offset+limit, last)
	if from == to {
		return nil
	}
	return slices.Clip(r.text[r.starts[from] : r.starts[to]-1])
}
