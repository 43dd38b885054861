package rest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"pipeline/pipeline"
)

// BenchmarkRead is a list of 20 pages with 1,000 records of about 900 bytes
// each, over loopback, without a tape and without a limit: calls, bodies and the
// cutting of pages. What the server does counts, too.
func BenchmarkRead(b *testing.B) {
	const pages, size = 20, 1000
	bodies := make([]string, pages+1)
	for p := range pages {
		records := make([]string, size)
		for i := range records {
			records[i] = `{"id":` + strconv.Itoa(p*size+i) + `,"custom_fields":[` + strings.Repeat(`{"question":"Interests","answer":"AI, \"Cloud\""},`, 18) + `{}]}`
		}
		bodies[p] = "[" + strings.Join(records, ",") + "]"
	}
	bodies[pages] = "[]"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offset, err := strconv.Atoi(r.FormValue("offset"))
		if err != nil {
			b.Error(err)
			return
		}
		body := bodies[offset/size]
		answering(http.StatusOK, body, "Content-Length", strconv.Itoa(len(body)))(w, r)
	}))
	defer server.Close()
	text := strings.NewReplacer("https://shop.example/api", server.URL, "limit: {rate: 100/min, concurrency: 4}\n", "", "default: 10, max: 20", "default: 1000, max: 1000").Replace(shopOffset)
	s := open(b, declare(b, New(), text), &newWorld(nil).World, nil)
	b.SetBytes(int64(pages * len(bodies[0])))
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		err := s.Read(b.Context(), "", func(p *pipeline.Page) error {
			read += len(p.Records)
			p.Release()
			return nil
		})
		if err != nil || read != pages*size {
			b.Fatal(read, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(pages*size), "ns/record")
}
