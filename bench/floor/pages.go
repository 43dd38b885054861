package main

// pages.go: pages of records from bench/serve, W3, until one of them is empty.

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// pages asks for one page after the other, or for some of them ahead.
type pages struct {
	client  *http.Client
	address string
	size    int
	number  int // of the next page, from 0

	ahead []chan fetched // of page n in ahead[n % len(ahead)]
	free  chan []byte
}

// fetched is a page, with a line break behind it, which no scanner goes over.
type fetched struct {
	text []byte
	err  error
}

func newPages(address string, size, ahead int) *pages {
	p := &pages{
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: max(ahead, 1), DisableCompression: true}},
		address: address, size: size, free: make(chan []byte, ahead),
	}
	for range ahead {
		p.ahead = append(p.ahead, make(chan fetched))
	}
	for i := range ahead { // only now: each looks at how many there are
		go p.fetchEvery(i)
	}
	return p
}

// fetchEvery fetches each page whose turn it is.
func (p *pages) fetchEvery(first int) {
	for n := first; ; n += len(p.ahead) {
		var buf []byte
		select {
		case buf = <-p.free:
		default:
		}
		text, err := p.fetch(n, buf)
		p.ahead[first] <- fetched{text, err}
		if err != nil {
			return
		}
	}
}

func (p *pages) next(buf []byte) ([]byte, error) {
	n := p.number
	p.number++
	if len(p.ahead) == 0 {
		return p.fetch(n, buf)
	}
	select {
	case p.free <- buf:
	default:
	}
	page := <-p.ahead[n%len(p.ahead)]
	return page.text, page.err
}

// fetch is page n, io.EOF where it is empty.
func (p *pages) fetch(n int, buf []byte) ([]byte, error) {
	resp, err := p.client.Get(p.address + "/records?limit=" + strconv.Itoa(p.size) + "&offset=" + strconv.Itoa(n*p.size))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode != http.StatusOK || resp.ContentLength < 0 {
		return nil, fmt.Errorf("page %d: %s, %d bytes", n, resp.Status, resp.ContentLength)
	}
	length := int(resp.ContentLength)
	buf = slices.Grow(buf[:0], length+1)[:length]
	if _, err := io.ReadFull(resp.Body, buf); err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	if string(buf) == "[]" {
		return nil, io.EOF
	}
	return append(buf, '\n'), nil
}

func (*pages) convert(c *converter, text []byte) error {
	return c.page(text)
}
