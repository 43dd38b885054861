package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// start is the address of a receiver that ends with the test.
func start(t *testing.T) string {
	t.Helper()
	out, in := io.Pipe()
	go func() { _ = serve(in, "127.0.0.1:0", 0) }() // it ends with the process
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func ask(t *testing.T, address string) (s stats) {
	t.Helper()
	resp, err := http.Get(address + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReceiver(t *testing.T) {
	address := start(t)
	post := func(client *http.Client, body string) {
		t.Helper()
		resp, err := client.Post(address, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "ok" || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %q %v", resp.Status, text, err)
		}
	}
	const a, b, c = `{"attendee_id":"1","x":",{\"attendee_id\":"}`, `{"attendee_id":"2"}`, `{"attendee_id":"3"}`
	one, two := &http.Client{Transport: &http.Transport{}}, &http.Client{Transport: &http.Transport{}}
	post(one, "["+a+","+b+"]")
	post(two, "["+c+"]")
	batches := ask(t, address)
	if batches.Requests != 2 || batches.Rows != 3 || batches.Connections != 2 {
		t.Errorf("batches: %+v", batches)
	}
	for _, row := range []string{c, a, b} {
		post(one, row)
	}
	singles := ask(t, address)
	if singles.Requests != 3 || singles.Rows != 3 || singles.Connections != 1 {
		t.Errorf("singles: %+v", singles)
	}
	if singles.Sum != batches.Sum {
		t.Error("the same rows have another sum in another order")
	}
	post(one, a)
	post(one, b)
	post(one, b)
	if other := ask(t, address); other.Sum == singles.Sum {
		t.Error("other rows have the same sum")
	}
	if empty := ask(t, address); empty != (stats{}) {
		t.Errorf("nothing came since, and it counts %+v", empty)
	}
}

func TestNoRequest(t *testing.T) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(start(t), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(conn); err != nil || len(text) > 0 {
		t.Errorf("the answer is %q (%v), want none", text, err)
	}
}
