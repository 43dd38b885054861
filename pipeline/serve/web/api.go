package web

// api.go: the same for programs: JSON below /api/v1/, for whoever has the token.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

// asked answers a question of a program.
type asked func(r *http.Request) (any, error)

// API answers below /api/v1/.
func (s *Site) API() http.Handler {
	mux := http.NewServeMux()
	for path, do := range map[string]asked{
		"GET /api/v1/clients":                          s.apiClients,
		"GET /api/v1/clients/{client}":                 s.apiClient,
		"GET /api/v1/runs":                             s.apiRuns,
		"GET /api/v1/runs/{run}":                       s.apiRun,
		"GET /api/v1/dead":                             s.apiDead,
		"GET /api/v1/dead/{client}/{seq}":              s.apiLetter,
		"POST /api/v1/dead/{client}/{seq}/{do}":        s.apiSettle,
		"POST /api/v1/dead/{do}":                       s.apiSettleAll,
		"POST /api/v1/mappings/{client}/run":           s.apiTell("run"),
		"POST /api/v1/mappings/{client}/pause":         s.apiTell("pause"),
		"POST /api/v1/mappings/{client}/resume":        s.apiTell("resume"),
		"POST /api/v1/mappings/{client}/enable/{sink}": s.apiTell("enable"),
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			out, err := do(r)
			if err != nil {
				s.refuse(w, r, err)
				return
			}
			status := http.StatusOK
			if r.Method == http.MethodPost {
				status = http.StatusAccepted
			}
			answer(w, status, out)
		})
	}
	if s.c.Status != nil {
		mux.Handle("GET /api/v1/status", s.c.Status)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, apiError{"there is no such path in this API; docs/page.md has those that there are"})
	})
	return s.Bearer(mux)
}

type apiError struct {
	Error string `json:"error"`
}

// Bearer lets in who has the token. A cookie is of no use here, so that no other
// site can make a browser ask.
func (s *Site) Bearer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		from := s.from(r)
		if wait := s.slow.wait(from); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			answer(w, http.StatusTooManyRequests, apiError{"there were too many wrong tokens; wait " + spoken(wait)})
			return
		}
		given, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !same(given, s.c.Token) {
			if found {
				s.slow.failed(from)
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, apiError{"the token of this serve is needed, as Authorization: Bearer"})
			return
		}
		s.slow.right(from)
		next.ServeHTTP(w, r)
	})
}

// refuse says what is wrong with a question.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, _, text := s.blame(r, err)
	answer(w, status, apiError{text})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(value) // nobody to tell
}

func (s *Site) apiClients(r *http.Request) (any, error) {
	all, err := s.c.Source.Clients(r.Context())
	return map[string]any{"clients": orEmpty(all)}, err
}

// orEmpty is a list that JSON shows as one, where there is none.
func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

// apiDiagnostic is a diagnostic without its line of the source.
type apiDiagnostic struct {
	Severity string    `json:"severity"`
	Code     string    `json:"code"`
	Place    diag.Span `json:"place"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint,omitempty"`
}

func (s *Site) apiClient(r *http.Request) (any, error) {
	c, err := s.find(r)
	if err != nil {
		return nil, err
	}
	destinations, err := s.c.Source.Destinations(r.Context(), c.Name)
	if err != nil {
		return nil, err
	}
	diagnostics := []apiDiagnostic{}
	for _, d := range c.Diags {
		diagnostics = append(diagnostics, apiDiagnostic{d.Severity.String(), d.Code, d.Span, d.Message, d.Hint})
	}
	return struct {
		Client
		Destinations []Destination   `json:"destinations"`
		Diagnostics  []apiDiagnostic `json:"diagnostics"`
	}{c, orEmpty(destinations), diagnostics}, nil
}

func (s *Site) apiRuns(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := history.RunsFilter{Mapping: q.Get("client"), Before: q.Get("before")}
	for _, result := range q["result"] {
		known := []history.Result{history.Done, history.Rejected, history.Failed, history.Stopped, history.Running, history.Lost}
		if !slices.Contains(known, history.Result(result)) {
			return nil, badRequest{fmt.Errorf("result is one of done, rejected, failed, stopped, running, lost, not %q", result)}
		}
		f.Results = append(f.Results, history.Result(result))
	}
	var err error
	if f.Limit, err = limitOf(q); err != nil {
		return nil, err
	}
	if since := q.Get("since"); since != "" {
		if f.Since, err = sinceOf(since, s.c.Now()); err != nil {
			return nil, badRequest{err}
		}
	}
	runs, err := s.c.Source.Runs(r.Context(), f)
	return map[string]any{"runs": orEmpty(runs)}, err
}

// limitOf is how many are wanted: 100 where that is not said.
func limitOf(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, badRequest{fmt.Errorf("limit is a number from 1 to 1000, not %q", text)}
	}
	return n, nil
}

func (s *Site) apiRun(r *http.Request) (any, error) {
	run, err := s.c.Source.Run(r.Context(), r.PathValue("run"))
	if err != nil {
		return nil, err
	}
	causes, err := s.c.Source.Causes(r.Context(), run.ID)
	if err != nil {
		return nil, err
	}
	return struct {
		history.Run
		Causes []pipeline.Cause `json:"causes"`
	}{run, orEmpty(causes)}, nil
}

func (s *Site) apiDead(r *http.Request) (any, error) {
	q := r.URL.Query()
	f, err := deadQueryOf(q).filter(s.c.Now())
	if err != nil {
		return nil, badRequest{err}
	}
	if f.Limit, err = limitOf(q); err != nil {
		return nil, err
	}
	if before := q.Get("before"); before != "" {
		if f.Before, err = strconv.ParseUint(before, 10, 64); err != nil {
			return nil, badRequest{fmt.Errorf("before is the number of a letter, not %q", before)}
		}
	}
	letters, err := s.c.Source.Dead(r.Context(), f)
	return map[string]any{"dead": orEmpty(letters)}, err
}

// apiLetter is a letter. What people wrote is in it where that is asked for, with
// data=shown: then it is noted.
func (s *Site) apiLetter(r *http.Request) (any, error) {
	client, seq, err := letterOf(r)
	if err != nil {
		return nil, err
	}
	l, err := s.c.Source.Letter(r.Context(), client, seq)
	if err != nil {
		return nil, err
	}
	out := struct {
		Letter
		Content []apiValue `json:"content"`
		Body    []byte     `json:"body,omitempty"` // base64
	}{Letter: l}
	switch data := r.URL.Query().Get("data"); data {
	case "":
	case "shown":
		out.Body = l.Body
		s.c.Source.Note(history.Event{Kind: history.DataShown, At: s.c.Now(), Mapping: client, Text: "a dead letter, " + strconv.FormatUint(seq, 10) + ", was shown to a program with the token"})
	default:
		return nil, badRequest{fmt.Errorf("data is shown or left out, not %q", data)}
	}
	for _, v := range contentOf("", l.Body, false).Values {
		out.Content = append(out.Content, apiValue{v.Path, v.Kind})
	}
	return out, nil
}

// apiValue is a value without what it says.
type apiValue struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (s *Site) apiSettle(r *http.Request) (any, error) {
	client, seq, err := letterOf(r)
	if err != nil {
		return nil, err
	}
	if err := s.deal(r.Context(), r.PathValue("do"), client, seq); err != nil {
		return nil, err
	}
	return map[string]int{"count": 1}, nil
}

// apiSettleAll deals with all open letters of a filter. expect is how many the
// caller thinks that there are: where it is another number, nothing is done.
func (s *Site) apiSettleAll(r *http.Request) (any, error) {
	do, until, q := r.PathValue("do"), s.c.Now(), r.URL.Query()
	if do != "replay" && do != "drop" {
		return nil, errNone
	}
	letters, err := s.matching(r.Context(), deadQueryOf(q), until)
	if err != nil {
		return nil, err
	}
	if q.Get("expect") != strconv.Itoa(len(letters)) {
		return nil, badRequest{fmt.Errorf("the filter shows %s that are open; say expect=%d, and they are dealt with", diag.Count(len(letters), "letter"), len(letters))}
	}
	n, err := s.dealAll(r.Context(), do, deadQueryOf(q), until)
	return map[string]int{"count": n}, err
}

func (s *Site) apiTell(do string) asked {
	return func(r *http.Request) (any, error) {
		c, err := s.find(r)
		if err != nil {
			return nil, err
		}
		if err := s.command(r.Context(), do, c.Name, r.PathValue("sink")); err != nil {
			return nil, err
		}
		return map[string]any{"mapping": c.Name, "at": s.c.Now().UTC().Truncate(time.Second)}, nil
	}
}
