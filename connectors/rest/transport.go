package rest

// transport.go makes one call and reads its answer within bounds: how long a
// platform may be silent, and how much it may say.

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline/diag"
)

// The bounds of one call.
const (
	connectTimeout   = 10 * time.Second
	firstByteTimeout = 60 * time.Second
	idleTimeout      = 30 * time.Second // between two pieces of a body
	maxHeader        = 64 << 10         // bytes
	maxBody          = 64 << 20         // bytes of a list, decoded
	maxDetail        = 8 << 20          // bytes of one record, decoded
	maxRatio         = 200              // decoded to compressed
	ratioFrom        = 1 << 20          // decoded bytes below which no ratio does harm
	maxDrain         = 64 << 10         // bytes of an unwanted body that are read, so that the connection can be used again
)

// newTransport is what calls go through outside of tests.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    connectTimeout,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    maxCallers,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // answers are decoded here, within bounds
	}
}

// answer is what a call returned: a success, a redirect or another status.
type answer struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte // of a success, in the caller's buf

	// Of a list whose pages are linked: path and query of the next page, without
	// a token; accept sets it, and it is on the tape with the answer.
	next string
	kept bool // it comes from the tape
}

// empty reports whether the answer is that there is nothing.
func (a *answer) empty() bool { return a.status >= 300 }

// silence is a platform that says nothing for too long.
type silence struct {
	after time.Duration
	what  string
}

func (s *silence) Error() string { return fmt.Sprintf("%s for %v", s.what, s.after) }

// tooLarge is an answer above the bounds.
type tooLarge string

func (t tooLarge) Error() string { return string(t) }

// exchange sends one GET and reads the answer into buf, which grows where it is
// too small; hint is how long the answer is likely to be, and most how long it
// may be.
func exchange(ctx context.Context, rt http.RoundTripper, u *url.URL, header http.Header, buf []byte, hint, most int) (_ *http.Response, body []byte, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(firstByteTimeout, func() { cancel(&silence{firstByteTimeout, "the platform did not answer"}) })
	defer watch.Stop()
	defer func() {
		// what a cancelled call says of itself is less than why it was cancelled
		var quiet *silence
		if err != nil && errors.As(context.Cause(ctx), &quiet) {
			err = quiet
		}
	}()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header = header
	res, err := rt.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }() // what matters of it was read
	watch.Stop()
	idle := time.AfterFunc(idleTimeout, func() { cancel(&silence{idleTimeout, "the platform fell silent in the middle of an answer"}) })
	defer idle.Stop()
	wire := &wireReader{r: res.Body, progress: func() { idle.Reset(idleTimeout) }}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		_, _ = io.CopyN(io.Discard, wire, maxDrain) // only for the sake of the connection
		return res, nil, nil
	}
	body, err = readBody(res, wire, buf, hint, most)
	return res, body, err
}

// wireReader counts what comes over the wire.
type wireReader struct {
	r        io.Reader
	n        int64
	progress func()
}

func (w *wireReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.n += int64(n)
		w.progress()
	}
	return n, err
}

// unzippers recycles what unpacks answers: 40 KiB for each call otherwise.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readBody is the decoded body, in buf where there is room.
func readBody(res *http.Response, wire *wireReader, buf []byte, hint, most int) ([]byte, error) {
	var src io.Reader = wire
	packed, length := false, hint
	switch encoding := strings.ToLower(res.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		if res.ContentLength > int64(most) {
			return nil, tooLarge(fmt.Sprintf("the answer has %d MiB; at most %d MiB are read", res.ContentLength>>20, most>>20))
		}
		length = int(max(res.ContentLength, 0)) + 1 // and the end
	case "gzip":
		z := unzippers.Get().(*gzip.Reader)
		defer unzippers.Put(z)
		if err := z.Reset(wire); err != nil {
			return nil, fmt.Errorf("unpack the answer: %w", err)
		}
		src, packed = z, true
	default:
		return nil, fmt.Errorf("the answer is packed as %q, which was not asked for", diag.Crop(encoding, 40))
	}
	body := buf[:0]
	if length > cap(body) || cap(body) == 0 {
		body = make([]byte, 0, max(length, hint, 4<<10)) // not grown: what is never written to takes no memory
	}
	return fill(body, func(p []byte, before int) (int, error) {
		n, err := src.Read(p)
		switch size := before + n; {
		case size > most:
			return n, tooLarge(fmt.Sprintf("the answer has more than %d MiB", most>>20))
		case packed && size > ratioFrom && int64(size) > maxRatio*wire.n:
			return n, tooLarge(fmt.Sprintf("the answer unpacks to more than %d times its size, as no list of records does", maxRatio))
		}
		return n, err
	})
}

// fill reads up to the end and appends all of it to body. What there is no room
// for is read in parts, and put together once its length is known: memory that
// grows by being copied would take several times what an answer may have. read
// is told how much came before.
func fill(body []byte, read func(p []byte, before int) (int, error)) ([]byte, error) {
	var full [][]byte // parts before the last
	part, size := body, len(body)
	for {
		if len(part) == cap(part) {
			full = append(full, part)
			part = make([]byte, 0, min(max(size/4, 4<<10), 1<<20))
		}
		n, err := read(part[len(part):cap(part)], size)
		part, size = part[:len(part)+n], size+n
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case err == nil:
		case full == nil:
			return part, nil
		default:
			return slices.Concat(append(full, part)...), nil
		}
	}
}
