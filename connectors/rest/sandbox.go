package rest

// sandbox.go serves the API that a declaration describes, on this machine: the
// login, people with awkward names, paging, the limit, and faults on request.
// It is made from the same YAML and schema as the connector, and is therefore
// not its judge: recorded exchanges are.

import (
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline"
)

// SandboxOptions say what a sandbox serves. The zero value serves what the
// connector declares.
type SandboxOptions struct {
	Records int           // in every list; 0: as declared
	Seed    uint64        // other seeds, other people; the same seed gives the same bytes
	Rate    pipeline.Rate // that is enforced; zero: as declared

	// Faults are what goes wrong, each as KIND@CALL or KIND@FIRST-LAST, where
	// calls to lists and details are counted from 1 and KIND is a status from 400 to 599
	// (429 comes with Retry-After: 1), cut (the answer breaks off), html (a
	// page instead of JSON), slow (three seconds of silence first) or repeat
	// (the first page, whatever was asked for).
	Faults []string
}

// Sandbox is the API of one declared connector as an http.Handler. It knows
// every id but those that begin with "missing", and every client but those
// whose id or secret begins with "wrong". Who is in a list is the same each
// time, there and in the detail, which is found by the key of the record.
type Sandbox struct {
	d       *declaration
	base    *url.URL
	records int
	seed    uint64
	rate    pipeline.Rate
	faults  []fault
	shapes  []*shape // of each stream

	mu    sync.Mutex
	calls int
	times []time.Time // of the calls in the last window
	codes map[string]grant
	live  *registrations // nil: nothing is pushed, and all is there from the start
}

// Sandbox makes a sandbox of the connector that was declared under a name.
func (e *Engine) Sandbox(name string, o SandboxOptions) (*Sandbox, error) {
	d, err := e.declaration(name)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(d.baseURL)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{d: d, base: base, records: d.sandbox.records, seed: o.Seed, rate: d.limit.Rate, codes: map[string]grant{}}
	if o.Rate.Calls > 0 {
		s.rate = o.Rate
	}
	if o.Records > 0 {
		s.records = o.Records
	}
	if s.faults, err = parseFaults(o.Faults); err != nil {
		return nil, err
	}
	for _, st := range d.streams {
		sh, err := parseShape(st.schema.Text)
		if err != nil {
			return nil, fmt.Errorf("sandbox of %s: read %s: %w", name, st.schema.Name, err)
		}
		s.shapes = append(s.shapes, sh)
	}
	return s, nil
}

// BaseURL is the base_url that reaches the sandbox where it is served at an
// origin such as http://127.0.0.1:8080.
func (s *Sandbox) BaseURL(origin string) string {
	return strings.TrimRight(origin, "/") + s.base.EscapedPath()
}

// Token is a token that the sandbox takes, for connectors whose tokens do not
// come from a login.
func (s *Sandbox) Token() pipeline.Token { return pipeline.Token{Value: s.token("sandbox")} }

// token is the token of a client. Nothing has to be remembered to know it
// again, so that a sandbox that was started again takes it too.
func (s *Sandbox) token(client string) string {
	mac := hmac.New(sha256.New, binary.BigEndian.AppendUint64([]byte("sandbox "+s.d.name), s.seed))
	_, _ = mac.Write([]byte(client)) // a hash never fails
	return base64.RawURLEncoding.EncodeToString([]byte(client)) + ":" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// knows reports whether a token is one of ours.
func (s *Sandbox) knows(token string) bool {
	name, _, _ := strings.Cut(token, ":")
	client, err := base64.RawURLEncoding.DecodeString(name)
	return err == nil && hmac.Equal([]byte(token), []byte(s.token(string(client))))
}

// ServeHTTP answers as the platform would.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), s.base.EscapedPath())
	switch flow := s.d.auth.oauth; {
	case !ok:
		refuse(w, http.StatusNotFound, "nothing here; this API is below "+s.base.Path)
	case s.d.auth.style == authOAuth2 && path == endpointPath(s.base, flow.authorize):
		s.authorize(w, r)
	case s.d.auth.style == authOAuth2 && path == endpointPath(s.base, flow.token):
		s.exchange(w, r)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "lists are read with GET")
	default:
		s.list(w, r, path)
	}
}

// endpointPath is an endpoint's path below base; that of an address elsewhere
// is the path alone.
func endpointPath(base *url.URL, endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return strings.TrimPrefix(u.EscapedPath(), base.EscapedPath())
}

// list answers a call to a list.
func (s *Sandbox) list(w http.ResponseWriter, r *http.Request, path string) {
	call, wait := s.count(time.Now())
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		refuse(w, http.StatusTooManyRequests, fmt.Sprintf("the limit is %d calls in %v", s.rate.Calls, s.rate.Per))
		return
	}
	f := s.fault(call)
	if f.answers(w, r) {
		return
	}
	if !s.authorized(r.Header) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "the token is missing or not known")
		return
	}
	for i := range s.d.streams {
		st := &s.d.streams[i]
		params, listed := st.path.match(path)
		one := false
		if !listed && st.detail != nil {
			params, one = st.detail.match(path)
		}
		if !listed && !one {
			continue
		}
		for name, value := range params {
			if strings.HasPrefix(value, "missing") {
				refuse(w, http.StatusNotFound, "there is no such "+name)
				return
			}
		}
		if made := s.people(i, params); one {
			s.one(w, r, st, made, params[st.key], f)
		} else {
			s.page(w, r, st, made, f)
		}
		return
	}
	refuse(w, http.StatusNotFound, "there is no such list")
}

// people are those of the list of stream i with these parameters.
func (s *Sandbox) people(i int, params map[string]string) *people {
	seed := s.listSeed(&s.d.streams[i], params)
	made := newPeople(s.shapes[i], s.d.streams[i].key, seed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != nil && s.live.seed == seed {
		made.revisions = append([]int{}, s.live.revisions...)
		made.version = s.live.version
		made.growing = true
	}
	return made
}

// count counts a call and says how long it is too early by.
func (s *Sandbox) count(now time.Time) (call int, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rate := s.rate; rate.Calls > 0 {
		for len(s.times) > 0 && now.Sub(s.times[0]) >= rate.Per {
			s.times = s.times[1:]
		}
		if len(s.times) >= rate.Calls {
			return 0, s.times[0].Add(rate.Per).Sub(now)
		}
		s.times = append(s.times, now)
	}
	s.calls++
	return s.calls, 0
}

// authorized reports whether a call bears a token of ours.
func (s *Sandbox) authorized(h http.Header) bool {
	a := s.d.auth
	switch a.style {
	case authOAuth2, authBearer:
		token, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
		return ok && s.knows(token)
	case authBasic:
		packed, ok := strings.CutPrefix(h.Get("Authorization"), "Basic ")
		token, err := base64.StdEncoding.DecodeString(packed)
		return ok && err == nil && s.knows(string(token))
	case authHeader:
		token, ok := strings.CutPrefix(h.Get(a.header), a.prefix)
		return ok && s.knows(token)
	}
	return true
}

// refuse answers with an error, as JSON.
func refuse(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(map[string]string{"error": message})
	if err != nil {
		panic(err) // a map of texts
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

// send answers with JSON, packed where the client takes that.
func send(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // a client that is gone needs no answer
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, err := gzip.NewWriterLevel(io.Writer(w), gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = z.Write(body)
	_ = z.Close()
}
