package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		options pipeline.Options
		want    []string
	}{
		{pipeline.Options{}, nil},
		{pipeline.Options{"url": "http://localhost:8080/x"}, nil},
		{pipeline.Options{"url": "http://LOCALHOST./x"}, nil},
		{pipeline.Options{"url": "http://api.localhost/x"}, nil},
		{pipeline.Options{"url": "http://127.9.9.9/x"}, nil},
		{pipeline.Options{"url": "http://[::1]:80/x"}, nil},
		{pipeline.Options{"url": "http://[::ffff:127.0.0.1]/x"}, nil},
		{pipeline.Options{"url": "https://10.0.0.1/x", "allow_private": true}, nil},
		{pipeline.Options{"url": "https://10.0.0.1/x"}, []string{"url: 10.0.0.1 is in a private network (add allow_private: true where that is meant)"}},
		{pipeline.Options{"url": "https://169.254.169.254/latest"}, []string{"url: 169.254.169.254 is a link-local address, where clouds serve their credentials (add allow_private: true where that is meant)"}},
		{pipeline.Options{"url": "https://[::ffff:10.0.0.1]/"}, []string{"url: ::ffff:10.0.0.1 is in a private network (add allow_private: true where that is meant)"}},
		{pipeline.Options{"url": "https://[fe80::1%25eth0]/"}, []string{"url: fe80::1%eth0 is a link-local address (add allow_private: true where that is meant)"}},
		{pipeline.Options{"url": "http://api.example.com/x?t=canary"}, []string{"url: api.example.com would get people's data over plain http (use https; plain http is for this machine only, such as http://localhost:8080)"}},
		{pipeline.Options{"url": "http://10.0.0.1/x", "allow_private": true}, []string{"url: 10.0.0.1 would get people's data over plain http (use https; plain http is for this machine only, such as http://localhost:8080)"}},
		{pipeline.Options{"url": "http://localhost.example.com/"}, []string{"url: localhost.example.com would get people's data over plain http (use https; plain http is for this machine only, such as http://localhost:8080)"}},
		{pipeline.Options{"url": "http://2130706433/"}, []string{"url: 2130706433 would get people's data over plain http (use https; plain http is for this machine only, such as http://localhost:8080)"}},
		{pipeline.Options{"url": "https://canary:canary@api.example.com/"}, []string{"url: the url holds a user or password, which end up in logs (put them into headers: {Authorization: \"Basic ${…}\"})"}},
		{pipeline.Options{"url": "https://api.example.com/#canary"}, []string{"url: the url has a part after #, which is never sent (leave it out)"}},
		{pipeline.Options{"url": "canary"}, []string{`url: the url is no address of the web (such as "https://api.example.com/v1/attendees")`}},
		{pipeline.Options{"url": "https://\x00canary"}, []string{`url: the url is no address of the web (such as "https://api.example.com/v1/attendees")`}},
		{pipeline.Options{"url": "file:///etc/passwd"}, []string{`url: the url is no address of the web (such as "https://api.example.com/v1/attendees")`}},
		{
			pipeline.Options{"batch": int64(0), "concurrency": int64(65), "timeout": int64(-1), "rate": "fast", "success": "ok", "secret": "canary", "headers": map[string]string{
				"": "", "X Y": "", "Host": "canary", "Webhook-Id": "canary", "X-Token": "canary\n",
			}},
			[]string{
				`headers: "" is no name of a header (a name has letters, digits and hyphens)`,
				"headers: the header Host is set by the sink itself (leave it out)",
				"headers: the header Webhook-Id is set by the sink itself (leave it out)",
				`headers: "X Y" is no name of a header (a name has letters, digits and hyphens)`,
				"headers: the value of the header X-Token holds a line break or another control character (a secret that was read from a file often ends in a line break)",
				"batch: 1 to 10000 rows are possible, found 0",
				"concurrency: 1 to 64 requests are possible, found 65",
				"timeout: 1 to 300 seconds are possible, found -1",
				`rate: a rate is written as calls per time, such as 500/min, 8/s, 40/4s or 1000/h; found "fast"`,
				"secret: the secret does not begin with whsec_ (the receiver shows it as whsec_…; keep it in the environment: ${WEBHOOK_SECRET})",
				`success: "ok" is no status of an answer that may mean delivered (such as 2xx, or 200,202)`,
			},
		},
		{pipeline.Options{"success": "200,302"}, []string{`success: "302" is no status of an answer that may mean delivered (such as 2xx, or 200,202)`}},
	} {
		options := pipeline.Options{"url": address}
		for k, v := range test.options {
			options[k] = v
		}
		var got []string
		for _, e := range Connector().Check(options) {
			line := e.Option + ": " + e.Message
			if e.Hint != "" {
				line += " (" + e.Hint + ")"
			}
			got = append(got, line)
			if strings.Contains(line, "canary") {
				t.Errorf("a secret is told: %s", line)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v: -want +got:\n%s", test.options, diff)
		}
	}
	if got := Connector().Target(pipeline.Options{"url": address}); got != "https://hooks.example.com/v1/people" {
		t.Errorf("the target is %s", got)
	}
}

// TestGuard is what a url may be connected to, by what its host resolved to.
func TestGuard(t *testing.T) {
	const name, local, plain = "https://hooks.example.com", "https://localhost", "http://localhost"
	private := []string{
		"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0.0.0.0", "::", "0.1.2.3",
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::ffff:192.168.1.1", "100.64.0.1", "100.127.255.255",
		"169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "fd00:ec2::254", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.170", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "::127.0.0.1", "::10.0.0.1", "100::1", "2001:db8::1",
	}
	public := []string{"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.1.1", "11.0.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "223.255.255.255"}
	for _, test := range []struct {
		url     string
		private bool
		allowed func(ip string) bool
	}{
		{name, false, func(ip string) bool { return contains(public, ip) }},
		{name, true, func(string) bool { return true }},
		{local, false, func(ip string) bool { return contains(public, ip) || isLoopback(ip) }},
		{plain, false, isLoopback},
		{plain, true, isLoopback},
	} {
		p, errs := compile(decoded(pipeline.Options{"url": test.url, "allow_private": test.private}))
		if errs != nil {
			t.Fatal(errs)
		}
		for _, ip := range append(private, public...) {
			err := guardOf(p).check(net.JoinHostPort(ip, "443"))
			if (err == nil) != test.allowed(ip) {
				t.Errorf("%s, allow_private: %t, resolved to %s: %v", test.url, test.private, ip, err)
			}
		}
		if err := guardOf(p).check("nonsense"); err == nil {
			t.Error("an address that cannot be read is connected to")
		}
	}
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func isLoopback(s string) bool {
	ip := net.ParseIP(s)
	return ip != nil && ip.IsLoopback()
}

// nameServer answers every question for an IPv4 address with the next of a list.
func nameServer(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buf := make([]byte, 1500)
		for asked := 0; ; {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			reply := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, buf[12:end+5]...)
			if kind := binary.BigEndian.Uint16(buf[end+1:]); kind == 1 {
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				reply = append(reply, net.ParseIP(answers[min(asked, len(answers)-1)]).To4()...)
				asked++
			}
			_ = n
			server.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// TestNoConnection has hosts resolve to what must not be reached, and a server
// there that would see it.
func TestNoConnection(t *testing.T) {
	var reached atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, host := range []string{"hooks.example.com", "localhost.example.com", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "017700000001", "127.0.0.1.nip.example"} {
		p, errs := compile(decoded(pipeline.Options{"url": "https://" + host + ":" + port + "/x"}))
		if errs != nil {
			t.Fatal(errs)
		}
		for _, resolver := range []*net.Resolver{nameServer(t, "127.0.0.1"), {PreferGo: false}} {
			if resolver.PreferGo == false && strings.Contains(host, "example") {
				continue // no question leaves this machine
			}
			w := newWriter(p, func() http.RoundTripper { return newConnection(p, resolver) }, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := errors.Join(w.Write(ctx, rows("a")), w.Abort())
			cancel()
			no := "deliver to https://" + host + ":" + port + "/x: " + host + " is this machine, though the url does not say so; add allow_private: true where that is meant"
			noHost := "deliver to https://" + host + ":" + port + "/x: there is no host of that name" // to resolvers that do not read numbers
			if err == nil || err.Error() != no && (err.Error() != noHost || strings.Contains(host, "example")) {
				t.Errorf("got %v, want %s", err, no)
			}
		}
	}
	if reached.Load() > 0 {
		t.Errorf("the server was reached %d times", reached.Load())
	}
}

// TestRebinding: a name that was good is looked at again for every connection.
func TestRebinding(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Addr().String())
	p, _ := compile(decoded(pipeline.Options{"url": "http://hooks.localhost:" + port}))
	c := newConnection(p, nameServer(t, "127.0.0.1", "10.0.0.1"))
	conn, err := c.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	_, err = c.open(t.Context())
	var no *forbidden
	if !errors.As(err, &no) || !no.plain {
		t.Errorf("got %v", err)
	}
}

// TestNothingIsTold: no error holds a secret, or what a person or receiver said.
func TestNothingIsTold(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buf, _ := w.(http.Hijacker).Hijack()
		fmt.Fprint(buf, "canary-answer "+r.Header.Get("X-Token")+"\r\n\r\n")
		buf.Flush()
		conn.Close()
	}))
	defer server.Close()
	p, errs := compile(decoded(pipeline.Options{"url": server.URL + "/x?token=canary-query", "headers": map[string]string{"X-Token": "canary-token"}}))
	if errs != nil {
		t.Fatal(errs)
	}
	worker := newWriter(p, func() http.RoundTripper { return newConnection(p, nil) }, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}}).workers[0]
	_, err := worker.send(t.Context(), p.url, "id", []byte("canary-person"))
	if err == nil {
		t.Fatal("that is no answer")
	}
	if got, want := worker.fault(err).Error(), "deliver to "+server.URL+"/x: its answer is no HTTP"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	err = sink(t, nil, pipeline.Options{"url": strings.Replace(untrusted.URL, "127.0.0.1", "localhost", 1) + "/x?token=canary"}).Write(t.Context(), rows("canary"))
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "its certificate is not to be trusted") {
		t.Errorf("got %v", err)
	}
}
