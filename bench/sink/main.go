// Command sink is a receiver of webhooks on loopback that costs as little as it
// can, and counts what it is given:
//
//	go run ./bench/sink -wait 5ms
//
// It prints its address, and answers each POST with 200 once the wait is over.
// GET /stats is what came since it was asked last, as JSON: requests, rows, the
// connections that they came over, and a sum over the rows by which two sets of
// them can be told apart, whatever their order.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

func main() {
	address := flag.String("addr", "127.0.0.1:0", "where to listen; port 0 takes a free one")
	wait := flag.Duration("wait", 0, "how long each answer takes, such as 5ms")
	flag.Parse()
	fmt.Fprintln(os.Stderr, "sink:", serve(os.Stdout, *address, *wait))
	os.Exit(1)
}

// serve ends with an error, and not before.
func serve(out io.Writer, address string, wait time.Duration) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	r := &receiver{wait: wait}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go r.receive(conn)
	}
}

// stats is what was received.
type stats struct {
	Requests    int    `json:"requests"`
	Rows        int    `json:"rows"`
	Connections int    `json:"connections"`
	Sum         uint64 `json:"sum"`
}

// receiver counts over all connections.
type receiver struct {
	wait time.Duration

	mu    sync.Mutex
	stats stats
	turn  int // counts the questions for stats: a connection counts once for each
}

// took counts a request. seen is the turn in which its connection was counted
// last.
func (r *receiver) took(rows int, sum uint64, seen *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Requests++
	r.stats.Rows += rows
	r.stats.Sum += sum
	if *seen != r.turn+1 {
		r.stats.Connections++
		*seen = r.turn + 1
	}
}

// report is what was received since the last report.
func (r *receiver) report() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, err := json.Marshal(r.stats)
	r.stats, r.turn = stats{}, r.turn+1
	return text, err
}
