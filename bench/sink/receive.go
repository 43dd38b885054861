package main

// receive.go: as much of HTTP/1.1 as the two senders speak.

import (
	"bufio"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// receive answers the requests of one connection, until it is closed or sends
// what is no request.
func (r *receiver) receive(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 64<<10)
	var body, out []byte
	seen := 0
	for {
		method, length, err := head(in)
		if err != nil {
			return
		}
		body = slices.Grow(body[:0], length)[:length]
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		answer := []byte("ok")
		if method == "GET" {
			if answer, err = r.report(); err != nil {
				return
			}
		} else {
			rows, sum := sumRows(body)
			r.took(rows, sum, &seen)
			time.Sleep(r.wait)
		}
		out = append(out[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "...)
		out = append(strconv.AppendInt(out, int64(len(answer)), 10), "\r\n\r\n"...)
		if _, err := conn.Write(append(out, answer...)); err != nil {
			return
		}
	}
}

var errLength = errors.New("the length of a body is no number")

// head reads a request up to its body, whose length it gives.
func head(in *bufio.Reader) (method string, length int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", 0, err
	}
	method = "POST"
	if bytes.HasPrefix(line, []byte("GET ")) {
		method = "GET"
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil || len(line) == len("\r\n") {
			return method, length, err
		}
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(n))); err != nil || length < 0 {
				return "", 0, errLength
			}
		}
	}
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli) // processors have it
	between    = []byte(`,{"attendee_id":`)        // rows of an array; a text has its quotes escaped
)

// sumRows counts the rows of a body, an object or an array of them, and sums
// them up: their order does not matter, and neither does which came together.
func sumRows(body []byte) (rows int, sum uint64) {
	if len(body) > 1 && body[0] == '[' {
		body = body[1 : len(body)-1]
	}
	for len(body) > 0 {
		row := body
		end := bytes.Index(body, between)
		if end < 0 {
			body = nil
		} else {
			row, body = body[:end], body[end+1:]
		}
		rows++
		sum += uint64(crc32.Checksum(row, castagnoli))
	}
	return rows, sum
}
