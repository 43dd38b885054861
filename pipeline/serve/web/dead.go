package web

// dead.go: deliveries that were given up: a list with a filter, one of them, and
// what can be done with one or with all that the filter shows.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline/serve/history"
)

const (
	lettersOnPage = 100
	lettersAtOnce = 10_000 // that can be replayed or dropped
)

// letterStates are what a filter may ask for; "all" is every state.
var letterStates = []string{string(history.LetterOpen), string(history.LetterReplayed), string(history.LetterDropped), "all"}

// sinces are what the filter offers.
var sinces = []struct{ Name, Words string }{{"", "any time"}, {"1h", "the last hour"}, {"24h", "the last 24 hours"}, {"7d", "the last 7 days"}, {"30d", "the last 30 days"}}

// deadQuery is a filter as people wrote it.
type deadQuery struct {
	Client, Sink, Status, Reason, Since, State string
}

func deadQueryOf(q url.Values) deadQuery {
	return deadQuery{q.Get("client"), strings.TrimSpace(q.Get("sink")), strings.TrimSpace(q.Get("status")), strings.TrimSpace(q.Get("reason")), q.Get("since"), q.Get("state")}
}

// Values is the filter as a query again.
func (q deadQuery) Values() url.Values {
	v := url.Values{}
	for name, text := range map[string]string{"client": q.Client, "sink": q.Sink, "status": q.Status, "reason": q.Reason, "since": q.Since, "state": q.State} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return v
}

// at is the address of a page with this filter.
func (q deadQuery) at(path string) string {
	if query := q.Values().Encode(); query != "" {
		path += "?" + query
	}
	return path
}

// filter is what the query means.
func (q deadQuery) filter(now time.Time) (history.DeadFilter, error) {
	f := history.DeadFilter{Mapping: q.Client, Sink: q.Sink, Reason: q.Reason, Limit: lettersOnPage}
	if q.Status != "" {
		status, err := strconv.Atoi(q.Status)
		if err != nil || status < 100 || status > 599 {
			return f, fmt.Errorf("status is that of an answer, such as 410, not %q", q.Status)
		}
		f.Status = status
	}
	if q.Since != "" {
		since, err := sinceOf(q.Since, now)
		if err != nil {
			return f, err
		}
		f.Since = since
	}
	switch {
	case q.State == "all":
		f.States = []history.DeadState{history.LetterOpen, history.LetterReplayed, history.LetterDropped}
	case q.State != "" && !slices.Contains(letterStates, q.State):
		return f, fmt.Errorf("state is one of %s, not %q", strings.Join(letterStates, ", "), q.State)
	case q.State != "":
		f.States = []history.DeadState{history.DeadState(q.State)}
	}
	return f, nil
}

// sinceOf is a moment: 24h or 7d before now, or a time or day of its own.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 10_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("since is a time such as 24h, 7d or 2026-11-22, not %q", text)
}

type deadView struct {
	deadQuery
	Letters []history.DeadEntry
	Newest  string // the address of the first page …
	Older   string // … and of the next; empty: there is none
	Replay  string // the address that asks whether to replay all …
	Drop    string // … or to drop them
	More    bool   // this is a later page
	Clients []string
	States  []string
	Sinces  []struct{ Name, Words string }
	Open    bool // all that is shown can be dealt with
}

func (s *Site) dead(r *http.Request) (view, error) {
	q := deadQueryOf(r.URL.Query())
	f, err := q.filter(s.c.Now())
	if err != nil {
		return view{}, badRequest{err}
	}
	if before := r.URL.Query().Get("before"); before != "" {
		if f.Before, err = strconv.ParseUint(before, 10, 64); err != nil {
			return view{}, badRequest{fmt.Errorf("before is the number of a letter, not %q", before)}
		}
	}
	f.Limit++
	v := deadView{deadQuery: q, Newest: q.at("/dead"), Replay: q.at("/ask/replay"), Drop: q.at("/ask/drop"), States: letterStates, Sinces: sinces, More: f.Before > 0, Open: q.State == "" || q.State == string(history.LetterOpen)}
	if v.Letters, err = s.c.Source.Dead(r.Context(), f); err != nil {
		return view{}, err
	}
	if len(v.Letters) > lettersOnPage {
		v.Letters = v.Letters[:lettersOnPage]
		older := q.Values()
		older.Set("before", strconv.FormatUint(v.Letters[lettersOnPage-1].Seq, 10))
		v.Older = "/dead?" + older.Encode()
	}
	all, err := s.c.Source.Clients(r.Context())
	if err != nil {
		return view{}, err
	}
	for _, c := range all {
		v.Clients = append(v.Clients, c.Name)
	}
	if q.Client != "" && !slices.Contains(v.Clients, q.Client) {
		v.Clients = append(v.Clients, q.Client)
	}
	return view{template: "dead", Title: "Dead letters", Here: "dead", Page: v}, nil
}

type letterView struct {
	Letter
	Content content
}

// letter is one letter. Asked with POST, it shows what is in it.
func (s *Site) letter(r *http.Request) (view, error) {
	client, seq, err := letterOf(r)
	if err != nil {
		return view{}, err
	}
	l, err := s.c.Source.Letter(r.Context(), client, seq)
	if err != nil {
		return view{}, err
	}
	show := r.Method == http.MethodPost
	if show {
		s.noteShown(r, client, "a dead letter, "+strconv.FormatUint(seq, 10)+",")
	}
	return view{template: "letter", Title: "A dead letter of " + l.Mapping, Here: "dead", Page: letterView{l, contentOf("The body", l.Body, show)}}, nil
}

func letterOf(r *http.Request) (client string, seq uint64, err error) {
	seq, err = strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil || seq == 0 {
		return "", 0, ErrNone
	}
	return r.PathValue("client"), seq, nil
}

// settle replays or drops one letter.
func (s *Site) settle(r *http.Request) (string, error) {
	client, seq, err := letterOf(r)
	if err != nil {
		return "", err
	}
	do := r.PathValue("do")
	if err := s.deal(r.Context(), do, client, seq); err != nil {
		return "", err
	}
	s.log(r, do, client)
	return "/dead?said=" + do, nil
}

// deal replays or drops a letter.
func (s *Site) deal(ctx context.Context, do, client string, seq uint64) error {
	switch do {
	case "replay":
		return s.c.Source.Replay(ctx, client, seq)
	case "drop":
		return s.c.Source.Drop(ctx, client, seq)
	}
	return errNone
}

type askView struct {
	Do      string
	Count   int
	Until   string
	Query   deadQuery
	Back    string
	Clients []string // whose they are
}

// ask says how many letters it is about before anything is done with them.
func (s *Site) ask(r *http.Request) (view, error) {
	do := r.PathValue("do")
	if do != "replay" && do != "drop" {
		return view{}, errNone
	}
	q, until := deadQueryOf(r.URL.Query()), s.c.Now()
	letters, err := s.matching(r.Context(), q, until)
	if err != nil {
		return view{}, err
	}
	v := askView{Do: do, Count: len(letters), Until: until.UTC().Format(time.RFC3339Nano), Query: q, Back: q.at("/dead")}
	for _, l := range letters {
		if !slices.Contains(v.Clients, l.Mapping) {
			v.Clients = append(v.Clients, l.Mapping)
		}
	}
	slices.Sort(v.Clients)
	return view{template: "ask", Title: map[string]string{"replay": "Replay dead letters?", "drop": "Drop dead letters?"}[do], Here: "dead", Page: v}, nil
}

// matching are the open letters of a filter that died until then: those that come
// while somebody makes up their mind are not dealt with unseen.
func (s *Site) matching(ctx context.Context, q deadQuery, until time.Time) ([]history.DeadEntry, error) {
	f, err := q.filter(until)
	if err != nil {
		return nil, badRequest{err}
	}
	f.States, f.Limit = []history.DeadState{history.LetterOpen}, 1000
	var out []history.DeadEntry
	for {
		page, err := s.c.Source.Dead(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, l := range page {
			if !l.Died.After(until) {
				out = append(out, l)
			}
		}
		if len(page) < f.Limit {
			return out, nil
		}
		if len(out) >= lettersAtOnce {
			return out[:lettersAtOnce], nil
		}
		f.Before = page[len(page)-1].Seq
	}
}

// settleAll replays or drops what ask said.
func (s *Site) settleAll(r *http.Request) (string, error) {
	until, err := time.Parse(time.RFC3339Nano, r.PostFormValue("until"))
	if err != nil {
		return "", badRequest{errors.New("the form does not say until when")}
	}
	n, err := s.dealAll(r.Context(), r.PathValue("do"), deadQueryOf(r.PostForm), until)
	if err != nil {
		return "", err
	}
	s.log(r, r.PathValue("do")+" all", deadQueryOf(r.PostForm).Client)
	return fmt.Sprintf("/dead?said=%s&n=%d", url.QueryEscape(r.PathValue("do")), n), nil
}

// dealAll replays or drops all open letters of a filter, the oldest first.
func (s *Site) dealAll(ctx context.Context, do string, q deadQuery, until time.Time) (int, error) {
	letters, err := s.matching(ctx, q, until)
	if err != nil {
		return 0, err
	}
	slices.Reverse(letters)
	for n, l := range letters {
		if err := s.deal(ctx, do, l.Mapping, l.Seq); err != nil && !errors.Is(err, ErrNone) {
			return n, fmt.Errorf("after %d of %d: %w", n, len(letters), err)
		}
	}
	return len(letters), nil
}
