//go:build linux

package main

// servecorpusmake_test.go: hostile requests from a seed, the same ones each time. Each
// knows what may become of it. What stands in a body or a header that nobody may say
// again starts with the marker.

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	marker     = "Zq7-"
	corpusHook = "Zq7-b6a1d04f8c2e9357a1b2c3d4e5f60718"
	corpusHMAC = "Zq7-hmac-key-0815-4711"
)

// corpusMappings are hooks for each proof there is.
var corpusMappings = map[string]string{
	"acme":   "",
	"basic":  `, basic: "us:Zq7-password-4711"`,
	"bearer": `, bearer: "Zq7-bearer-4711-0815"`,
	"hmac":   `, hmac: {secret: "` + corpusHMAC + `", header: X-Sum, prefix: "sha256="}`,
	"signed": `, secret: "whsec_` + signingKey + `"`,
}

// hostile is a request, and what may become of it.
type hostile struct {
	what    string
	mapping string // empty: no hook's
	wire    []byte
	body    []byte // what is stored where it is taken
	take    chance // whether it is answered with 202
	id      string // of the row that it has to become; empty: a row or rejects
	rejects int    // that come of it beside that row
	again   bool   // its webhook-id is another one's
	lost404 bool   // it is answered as every path that is nobody's
}

type chance int

const (
	never chance = iota
	perhaps
	always
)

// maker makes requests. One maker is used by one goroutine.
type maker struct {
	*rand.Rand
	n     int
	bombs map[int][]byte
}

func newMaker(seed uint64) *maker {
	return &maker{Rand: rand.New(rand.NewPCG(seed, 1)), bombs: map[int][]byte{}} //nolint:gosec // the same ones each time
}

func (m *maker) next() hostile {
	m.n++
	h := hostile{mapping: "acme", take: always}
	switch k := m.IntN(100); {
	case k < 40:
		kind := m.content(&h)
		m.frame(&h, hookPathOf(h.mapping), kind, m.headers())
	case k < 52:
		m.packed(&h)
	case k < 70:
		m.proof(&h)
	case k < 82:
		m.path(&h)
	case k < 92:
		m.broken(&h)
	default:
		m.head(&h)
	}
	return h
}

func hookPathOf(mapping string) string {
	if mapping == "acme" {
		return "/hooks/" + corpusHook
	}
	return "/hooks/" + mapping
}

func pick[T any](m *maker, of ...T) T { return of[m.IntN(len(of))] }

// rowID is an id that no other request has.
func (m *maker) rowID() string { return fmt.Sprintf("%s%d", marker, m.n) }

// junk is n bytes of anything.
func (m *maker) junk(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.IntN(256))
	}
	return b
}

// content is a body, and what its sender calls it.
func (m *maker) content(h *hostile) (kind string) {
	id, kind := m.rowID(), "application/json"
	good := fmt.Sprintf(`{"id": %q, "name": "p"}`, id)
	bodies := []struct{ what, kind, body, id string }{
		{"good", kind, good, id},
		{"good, with odd white space", kind, "\r\n\t " + strings.ReplaceAll(good, ":", "\n:\t") + " \r\n", id},
		{"good, with escapes", kind, `{"\u0069d": "` + id + `", "name": "\ud83d\ude00\\\"\/"}`, id},
		{"a huge number", kind, `{"id": "` + id + `", "n": ` + strings.Repeat("9", 1+m.IntN(5000)) + "e" + strings.Repeat("9", 1+m.IntN(9)) + "}", ""},
		{"a huge number as id", kind, `{"name": "` + id + `", "id": ` + strings.Repeat("7", 20+m.IntN(3000)) + ".5E+999}", ""},
		{"a number that is none", kind, `{"id": "` + id + `", "n": ` + pick(m, "NaN", "01", "1.", "-", "+1", ".5", "0x1F", "1e", "Infinity", "--1") + "}", ""},
		{"deep lists", kind, `{"id": "` + id + `", "n": ` + strings.Repeat("[", 1+m.IntN(60000)), ""},
		{"deep objects", kind, strings.Repeat(`{"id":`, 1+m.IntN(40000)) + `"` + id + `"`, ""},
		{"deep and whole", kind, `{"id": "` + id + `", "n": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}", ""},
		{"a name twice", kind, `{"id": "` + id + `", "id": "` + id + `-b"}`, ""},
		{"a name twice, once escaped", kind, `{"id": "` + id + `", "\u0069d": "` + id + `-b"}`, ""},
		{"invalid UTF-8", kind, `{"id": "` + id + `", "name": "` + pick(m, "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82") + `"}`, ""},
		{"half a surrogate", kind, `{"id": "` + id + `", "name": "` + pick(m, `\ud800`, `\udc00`, `\ud800\u0041`, `\ud8`) + `"}`, ""},
		{"controls in a text", kind, `{"id": "` + id + `", "name": "` + string(rune(m.IntN(32))) + `"}`, ""},
		{"escaped controls", kind, `{"id": "` + id + `", "name": "\u0000\u001b[31m\r\n"}`, ""},
		{"cut off JSON", kind, good[:len(good)-1-m.IntN(14)], ""},
		{"two values", kind, good + pick(m, good, " ", ",", "\x00", "]", "//", "null"), ""},
		{"a list of some", kind, `[` + good + `,` + fmt.Sprint(m.n) + `,{"id":"` + id + `-b"}, "` + id + `"]`, id},
		{"a list of lists", kind, `[[` + good + `]]`, ""},
		{"not an object", kind, pick(m, "null", "true", "7", `"t"`, "", "{", "}", "[", "\x00", "\""+id, "["+id, `{"id" "`+id+`"}`), ""},
		{"a mark before JSON", kind, "\xef\xbb\xbf" + good, ""},
		{"wrong types", kind, `{"id": ` + pick(m, "{}", "[]", "null", "true", `{"id": {}}`) + `, "name": "` + id + `"}`, ""},
		{"many names", kind, `{"id": "` + id + `"` + manyNames(m.IntN(8000)) + "}", ""},
		{"a long text", kind, `{"id": "` + id + `", "name": "` + strings.Repeat("é", m.IntN(40000)) + `"}`, id},
		{"CSV and HTML as a name", kind, `{"id": "` + id + `", "name": "=cmd|' /C calc'!A0\",\n<script>alert(1)</script>"}`, id},
		{"junk", pick(m, kind, "text/plain", "application/octet-stream"), string(m.junk(m.IntN(3000))), ""},
		{"a form", "application/x-www-form-urlencoded", "id=" + id + "&name=p", id},
		{"a form with odd escapes", "application/x-www-form-urlencoded; charset=utf-8", "id=" + id + "&" + pick(m, "name=%", "name=%zz", "name=%u0041", "%00=%00", "name=%ff", "&&&=", "name=a;b=c", "name[]=1&name[]=2", "id="+id), ""},
		{"a form of separators", "application/x-www-form-urlencoded", "id=" + id + strings.Repeat(pick(m, "&", "&a", "&=", "&a=b"), m.IntN(30000)), ""},
		{"multipart", "multipart/form-data; boundary=xyz", "--xyz\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n" + id + "\r\n--xyz--\r\n", id},
		{"odd multipart", pick(m, "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=xyz; boundary=xyz", "multipart/; boundary=xyz", "multipart/form-data; boundary=other", "multipart/form-data; boundary=\"a b\""),
			"--xyz\r\nContent-Disposition: form-data; name=\"id\"; filename=\"../../etc/passwd\"\r\n\r\n" + id, ""},
		{"multipart that breaks off", "multipart/form-data; boundary=xyz", "--xyz\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n" + id + pick(m, "", "\r\n--xyz", "\r\n--xyz\r\n", "\r\n--xyz--x"), ""},
		{"multipart of many parts", "multipart/form-data; boundary=xyz", "--xyz" + strings.Repeat("\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--xyz", 1+m.IntN(12000)) + "--\r\n", ""},
		{"an odd type", pick(m, "", ";", "application/json; charset=utf-16", "a/b/c", strings.Repeat("x", 3000), "json"), good, ""},
	}
	b := bodies[m.IntN(len(bodies))]
	h.what, h.body, h.id = b.what, []byte(b.body), b.id
	if m.IntN(100) == 0 { // about as much as is taken
		more := 1<<20 - len(good) + m.IntN(3) - 1
		h.what, h.body, h.id, b.kind = "a large body", []byte(good+strings.Repeat(" ", more)), id, kind
	}
	if h.what == "a list of some" {
		h.rejects = 2
	}
	if len(h.body) > 1<<20 {
		h.take, h.id = never, ""
	}
	return b.kind
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":%d`, i, i)
	}
	return b.String()
}

// headers are some that do not matter.
func (m *maker) headers() string {
	return pick(m, "", "", "", "X-A: "+strings.Repeat("a", m.IntN(9000))+"\r\n", strings.Repeat("X-B: "+marker+"\r\n", m.IntN(200)), "Traceparent: 00-zz\r\n",
		"X-Forwarded-For: 127.0.0.1\r\nX-Original-URL: /api/v1/status\r\nX-HTTP-Method-Override: GET\r\n", "Accept-Encoding: gzip\r\nTE: trailers\r\n", "Expect: 100-continue\r\n", "Cookie: pipeline="+marker+"\r\n")
}

// frame writes the request, with a length or in chunks of odd sizes.
func (m *maker) frame(h *hostile, path, kind, headers string) {
	head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers
	if kind != "" {
		head += "Content-Type: " + kind + "\r\n"
	}
	m.send(h, head, h.body)
}

func (m *maker) send(h *hostile, head string, sent []byte) {
	if len(sent) > 1<<16 || m.IntN(3) > 0 {
		h.wire = fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", head, len(sent), sent)
		return
	}
	wire := []byte(head + "Transfer-Encoding: chunked\r\n\r\n")
	for len(sent) > 0 {
		n := min(len(sent), 1+m.IntN(pick(m, 3, 100, 70000)))
		wire = fmt.Appendf(wire, pick(m, "%x\r\n", "%X\r\n", "000%x\r\n", "%x;a=b\r\n"), n)
		wire, sent = append(append(wire, sent[:n]...), "\r\n"...), sent[n:]
	}
	h.wire = append(wire, pick(m, "0\r\n\r\n", "0\r\nX-Sum: a\r\n\r\n", "00\r\n\r\n")...)
}

// bomb is n zeros as gzip.
func (m *maker) bomb(n int) []byte {
	if m.bombs[n] == nil {
		m.bombs[n] = []byte(gzipped(n))
	}
	return m.bombs[n]
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// packed is a body as gzip, or as what it says is gzip.
func (m *maker) packed(h *hostile) {
	id := m.rowID()
	good := []byte(fmt.Sprintf(`{"id": %q, "name": "p"}`, id))
	z := zipped(good)
	flipped := slices.Clone(z)
	flipped[len(z)-1-m.IntN(8)] ^= 1 << m.IntN(8) // of the sum or the length
	tries := []struct {
		what string
		sent []byte
		body []byte
		take chance
	}{
		{"gzip", z, good, always},
		{"gzip of two members", slices.Concat(zipped(good[:9]), zipped(good[9:])), good, always},
		{"gzip of gzip", zipped(z), z, always},
		{"a bomb", m.bomb(pick(m, 2<<20, 900<<10, 20<<20)), nil, never},
		{"a bomb of bombs", zipped(m.bomb(20 << 20)), m.bomb(20 << 20), perhaps},
		{"gzip that is cut off", z[:m.IntN(len(z))], nil, never},
		{"gzip with a wrong sum", flipped, nil, never},
		{"gzip with something behind", append(slices.Clone(z), pick(m, "x", "\x1f\x8b", "junk")...), nil, never},
		{"no gzip", good, nil, never},
	}
	t := tries[m.IntN(len(tries))]
	h.what, h.body, h.take = t.what, t.body, t.take
	if t.take == always && !bytes.Equal(t.body, z) {
		h.id = id
	}
	coding := "gzip"
	if m.IntN(5) == 0 {
		coding = pick(m, "GZIP", " gzip ", "x-gzip", "gzip, gzip", "br", "deflate", "gzip\r\nContent-Encoding: gzip", "identity, gzip", marker)
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			h.what, h.take = "the coding "+coding, never
		}
	}
	m.send(h, "POST "+hookPathOf("acme")+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Encoding: "+coding+"\r\n", t.sent)
}

// proof is a good body with a good proof, or with one that is not quite it.
func (m *maker) proof(h *hostile) {
	id := m.rowID()
	h.body, h.id = []byte(fmt.Sprintf(`{"id": %q, "name": "p"}`, id)), id
	h.mapping = pick(m, "basic", "bearer", "hmac", "signed")
	good := map[string]string{
		"basic":  "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("us:Zq7-password-4711")) + "\r\n",
		"bearer": "Authorization: Bearer Zq7-bearer-4711-0815\r\n",
		"hmac":   "X-Sum: sha256=" + hmacOf([]byte(corpusHMAC), h.body) + "\r\n",
		"signed": sign(id, string(h.body), time.Now()),
	}
	headers := good[h.mapping]
	h.what = h.mapping
	if m.IntN(3) > 0 {
		headers, h.take = m.garbled(h, good), never
		h.what += " garbled: " + headers
	}
	m.frame(h, hookPathOf(h.mapping), "application/json", headers)
}

func hmacOf(key, body []byte) string {
	sum := hmac.New(sha256.New, key)
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// garbled is a proof that is none.
func (m *maker) garbled(h *hostile, good map[string]string) string {
	line := good[h.mapping]
	name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": ")
	at := len(name) + 2 + len(value)/2
	common := []string{
		"", name + ":\r\n", name + ": " + value[:len(value)/2] + "\r\n", line[:at] + "\x80" + line[at+1:], line[:at] + line[at+1:], line[:at] + " " + line[at:],
		name + ": " + strings.Repeat(value[:1], 9000) + "\r\n", name + ": " + value + value + "\r\n", name + ": ,\r\n", name + "x: " + value + "\r\n",
		good[pick(m, slices.DeleteFunc([]string{"basic", "bearer", "hmac", "signed"}, func(s string) bool { return s == h.mapping })...)],
	}
	switch h.mapping {
	case "hmac":
		common = append(common, line+line, "X-Sum: "+strings.TrimPrefix(value, "sha256=")+"\r\n", "X-Sum: sha256="+hmacOf([]byte(corpusHMAC), nil)+"\r\n",
			"X-Sum: sha1="+hmacOf([]byte(corpusHMAC), h.body)+"\r\n", "X-Sum: sha256="+hmacOf(nil, h.body)+"\r\n", "X-Sum: sha256="+strings.Repeat("0", 64)+"\r\n")
	case "signed":
		now := time.Now()
		id := h.id
		common = []string{
			"", sign(id, string(h.body)+" ", now), sign(id, "", now), sign(id, string(h.body), now.Add(-6*time.Minute)), sign(id, string(h.body), now.Add(time.Hour)),
			strings.Replace(line, "webhook-id: ", "webhook-id: x", 1), strings.Replace(line, "v1,", pick(m, "v2,", "v1a,", "V1,", "v1;", "v1 ", ","), 1),
			strings.Replace(line, "webhook-timestamp: ", "webhook-timestamp: "+pick(m, "9", "-", "0x", "1e", "٣", "99999999999"), 1),
			strings.Replace(line, "webhook-signature: ", "webhook-signature: "+strings.Repeat("v1,AAAA ", 16), 1), strings.Replace(line, "webhook-signature", "webhook-sig", 1),
			strings.Replace(line, "v1,", "v1,"+strings.Repeat("A", 9000), 1), strings.Replace(line, "webhook-id", "webhook-idx", 1),
		}
	}
	return common[m.IntN(len(common))]
}

// path is one that is nearly a hook's.
func (m *maker) path(h *hostile) {
	h.what, h.mapping, h.take, h.lost404 = "a near miss", "", never, true
	h.body = []byte(fmt.Sprintf(`{"id": %q}`, m.rowID()))
	s := corpusHook
	i := m.IntN(len(s))
	path := "/hooks/" + pick(m,
		s[:i]+s[i+1:], s[:i]+"_"+s[i+1:], s[:i]+"%"+fmt.Sprintf("%02x", s[i])+s[i+1:], s[:i]+"/"+s[i:], s[:i]+"%2f"+s[i:], s[:i]+"%00"+s[i:], s[:i]+"%25"+s[i:],
		s+"/", s+"/.", s+"/../"+s, s+"%20", s+";", s+"%3Fa=b", s+"#", "./"+s, "../hooks/"+s, "%2e%2e/hooks/"+s, "x/../"+s, "/"+s, "\\"+s, "%5c"+s, strings.ToUpper(s), strings.ToLower(s),
		"", ".", "..", "*", "acme", "acme-"+s, s[:len(s)/2]+"*", s+strings.Repeat("a/", m.IntN(9000)), strings.Repeat("../", 50)+"etc/passwd", "%E2%80%AE"+s, "%c0%af"+s, s+"%0d%0aX-A:%20b")
	m.frame(h, path, "application/json", m.headers())
}

// broken is what is no whole request, or more than one.
func (m *maker) broken(h *hostile) {
	h.take, h.mapping = never, "acme"
	id := m.rowID()
	good := fmt.Sprintf(`{"id": %q, "name": "p"}`, id)
	head := "POST " + hookPathOf("acme") + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	chunked := head + "Transfer-Encoding: chunked\r\n\r\n"
	wires := []struct{ what, wire string }{
		{"a length that is too large", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(good)+1+m.IntN(1000)) + good},
		{"a length that is none", head + "Content-Length: " + pick(m, "-1", "+5", "0x5", "5 5", "1e2", "99999999999999999999", marker, "5,6") + "\r\n\r\n" + good},
		{"two lengths", head + "Content-Length: 3\r\nContent-Length: 5\r\n\r\n" + good},
		{"2 GB announced", head + "Content-Length: 2147483648\r\n\r\n" + good},
		{"an odd transfer", head + "Transfer-Encoding: " + pick(m, "gzip, chunked", "identity", "chunked, chunked", "xchunked", "\x0bchunked", "chunked\r\nTransfer-Encoding: identity") + "\r\n\r\n0\r\n\r\n"},
		{"a chunk that breaks off", chunked + fmt.Sprintf("%x\r\n%s", len(good)+5, good)},
		{"no last chunk", chunked + fmt.Sprintf("%x\r\n%s\r\n", len(good), good)},
		{"a size that is none", chunked + pick(m, "-1", "0x5", "ffffffffffffffffff", marker, "", " 5", "g") + "\r\n" + good + "\r\n0\r\n\r\n"},
		{"a chunk without its end", chunked + fmt.Sprintf("%x\r\n%sxx0\r\n\r\n", len(good), good)},
		{"a long line of a chunk", chunked + "5;" + strings.Repeat("a", 9000) + "\r\n12345\r\n0\r\n\r\n"},
		{"half a head", head[:m.IntN(len(head))]},
		{"no HTTP", string(m.junk(1 + m.IntN(500)))},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + marker},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00"},
		{"a request in a request of nobody", "POST /hooks/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + head + "Content-Length: 2\r\n\r\n{}"},
	}
	w := wires[m.IntN(len(wires))]
	h.what, h.wire = w.what, []byte(w.wire)
}

// head is a request whose first lines are odd.
func (m *maker) head(h *hostile) {
	h.take = never
	id := m.rowID()
	good := fmt.Sprintf(`{"id": %q, "name": "p"}`, id)
	rest := fmt.Sprintf("Connection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(good), good)
	url := hookPathOf("acme")
	wires := []struct {
		what, wire string
		take       chance
	}{
		{"another method", pick(m, "GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "post", "POSTX", "M-SEARCH", marker) + " " + url + " HTTP/1.1\r\nHost: x\r\n" + rest, never},
		{"a method that is none", pick(m, "", "PO ST", "POST\t", "P\x00ST", "(POST)") + " " + url + " HTTP/1.1\r\nHost: x\r\n" + rest, never},
		{"no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n" + rest, never},
		{"a tunnel", "CONNECT " + pick(m, "x:443", url, "127.0.0.1:22") + " HTTP/1.1\r\nHost: x\r\n" + rest, never},
		{"a version that is none", "POST " + url + " HTTP/" + pick(m, "1.2", "3.0", "9", "1.1x", "0.9", "-1.1") + "\r\nHost: x\r\n" + rest, perhaps},
		{"no host", "POST " + url + " HTTP/1.1\r\n" + rest, never},
		{"two hosts", "POST " + url + " HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + rest, never},
		{"a host that is none", "POST " + url + " HTTP/1.1\r\nHost: " + pick(m, "a b", "\x7f", "<x>") + "\r\n" + rest, perhaps},
		{"a whole address", "POST http://x" + url + "?a=" + marker + " HTTP/1.1\r\nHost: x\r\n" + rest, always},
		{"a query", "POST " + url + "?" + strings.Repeat("%zz&", m.IntN(900)) + " HTTP/1.1\r\nHost: x\r\n" + rest, always},
		{"HTTP/1.0", "POST " + url + " HTTP/1.0\r\n" + rest, always},
		{"lines that end in LF", strings.ReplaceAll("POST "+url+" HTTP/1.1\r\nHost: x\r\n"+rest, "\r\n", "\n"), always},
		{"a control in a header", "POST " + url + " HTTP/1.1\r\nHost: x\r\nX-A: " + pick(m, "\x00", "\x01", "\x7f", "a\rb") + "\r\n" + rest, never},
		{"a name that is none", "POST " + url + " HTTP/1.1\r\nHost: x\r\n" + pick(m, "X A: b", ": b", "X-A : b", "X\x80: b", "X-A") + "\r\n" + rest, never},
		{"a folded header", "POST " + url + " HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n" + rest, perhaps},
		{"a header that is too large", "POST " + url + " HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 1<<17) + "\r\n" + rest, never},
		{"a path that is too long", "POST /hooks/" + strings.Repeat("a", 1<<17) + " HTTP/1.1\r\nHost: x\r\n" + rest, never},
		{"an id that is another's", "POST " + url + " HTTP/1.1\r\nHost: x\r\nwebhook-id: " + marker + "same\r\n" + rest, always},
		{"an odd id", "POST " + url + " HTTP/1.1\r\nHost: x\r\nwebhook-id: " + id + pick(m, " b", "\xff", strings.Repeat("x", 5000), "\r\nwebhook-id: b", "/../../x", ">", "*") + "\r\n" + rest, always},
	}
	w := wires[m.IntN(len(wires))]
	h.what, h.wire, h.take, h.body = w.what, []byte(w.wire), w.take, []byte(good)
	h.again = strings.Contains(w.what, "another's")
	if w.take == always && !h.again {
		h.id = id
	}
}
