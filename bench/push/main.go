// Command push sends pushes to the hook of a pipeline serve, and says how many were
// stored a second and how long each took:
//
//	go run ./bench/push -senders 64 http://127.0.0.1:8600/hooks/acme-…
//	go run ./bench/push -rate 100 -for 30s http://127.0.0.1:8600/hooks/acme-…
//
// Without -rate each sender sends the next push when the one before is answered:
// that is how much there can be. With -rate pushes are due at their times whatever
// becomes of the ones before, as those of a platform are, and what one took is
// counted from when it was due. Several URLs, of the nodes of a cluster, are sent to
// in turn. What is not taken is not sent again, and counted.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	var l load
	flag.Float64Var(&l.rate, "rate", 0, "pushes a second; 0: as many as there can be")
	flag.IntVar(&l.senders, "senders", 64, "connections")
	flag.DurationVar(&l.length, "for", 10*time.Second, "how long")
	flag.IntVar(&l.size, "size", 1000, "bytes of a push, about")
	flag.Parse()
	l.urls = flag.Args()
	if len(l.urls) == 0 || l.senders < 1 {
		fmt.Fprintln(os.Stderr, "push: name the URL of a hook, as in: push http://127.0.0.1:8600/hooks/acme-…")
		os.Exit(2)
	}
	fmt.Println(l.run(context.Background()))
}

// load is what is sent.
type load struct {
	urls    []string
	rate    float64
	senders int
	length  time.Duration
	size    int
}

// result is what became of it.
type result struct {
	took    []time.Duration // of those that were stored, sorted
	refused map[string]int  // by their answer
	length  time.Duration
}

// run sends until the time is over and everything is answered.
func (l load) run(ctx context.Context) result {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: l.senders}}
	filler := strings.Repeat("x", l.size)
	r := result{refused: map[string]int{}}
	began := time.Now()
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range l.senders {
		wg.Go(func() {
			for {
				n := next.Add(1) - 1
				due := time.Now()
				if l.rate > 0 {
					due = began.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
				}
				if due.Sub(began) >= l.length {
					return
				}
				time.Sleep(time.Until(due))
				id := fmt.Sprintf("%d-%d", began.UnixNano(), n)
				answer := push(ctx, client, l.urls[n%int64(len(l.urls))], id, fmt.Sprintf(`{"id": %q, "name": %q}`, id, filler))
				took := time.Since(due)
				mu.Lock()
				if answer == "202" {
					r.took = append(r.took, took)
				} else {
					r.refused[answer]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.length = time.Since(began)
	slices.Sort(r.took)
	return r
}

// push sends one, and returns the status, or why there is none.
func push(ctx context.Context, client *http.Client, url, id, body string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Webhook-Id", id)
	answer, err := client.Do(r)
	if err != nil {
		return "no answer"
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return "no answer"
	}
	return fmt.Sprint(answer.StatusCode)
}

// String is a line of a table.
func (r result) String() string {
	at := func(part float64) time.Duration {
		if len(r.took) == 0 {
			return 0
		}
		return r.took[int(part*float64(len(r.took)-1))].Round(100 * time.Microsecond)
	}
	text := fmt.Sprintf("%d stored, %.0f/s, p50 %v, p99 %v, max %v", len(r.took), float64(len(r.took))/r.length.Seconds(), at(0.5), at(0.99), at(1))
	for answer, n := range r.refused {
		text += fmt.Sprintf(", %d × %s", n, answer)
	}
	return text
}
