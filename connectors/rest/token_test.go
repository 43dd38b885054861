package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
)

// shopLogin has tokens from a login, and a list whose records are completed by a
// call each.
const shopLogin = `name: shop
base_url: https://shop.example/api
options: {event: {doc: id}}
auth: {oauth2: {authorize: /authorize, token: /token}}
limit: {rate: 10000/min, concurrency: 8}
streams: {people: {path: /people, key: id, detail: "/people/{id}"}}
`

// doors is a platform that takes one token at a time.
type doors struct {
	mu    sync.Mutex
	good  string
	calls int
}

func (d *doors) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	d.calls++
	ok := r.Header.Get("Authorization") == "Bearer "+d.good
	d.mu.Unlock()
	switch {
	case !ok:
		return handled{answering(401, "")}.RoundTrip(r)
	case strings.HasSuffix(r.URL.Path, "/people"):
		return handled{answering(200, list(0, 40))}.RoundTrip(r)
	}
	return handled{answering(200, "{}")}.RoundTrip(r)
}

// renewing is a world whose tokens are one, two, three and so on.
func renewing(d *doors, first pipeline.Token) (*world, *int) {
	w := newWorld(d)
	n := 0
	w.Token = func(string) (pipeline.Token, error) { return first, nil }
	w.Renew = func(_ context.Context, connection string, old pipeline.Token) (pipeline.Token, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		n++
		d.good = fmt.Sprintf("renewed-%d", n)
		return pipeline.Token{Value: d.good}, nil
	}
	return w, &n
}

func records(pages []got) int {
	n := 0
	for _, p := range pages {
		n += len(p.Records)
	}
	return n
}

// A token that ran out, or is refused, is replaced once, though many callers
// find out at the same time; and no call is lost.
func TestTokensAreRenewedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		first pipeline.Token
		calls int
	}{
		"ran out":        {pipeline.Token{Value: "old", RenewAt: time.Now().Add(-time.Second)}, 41},
		"refused":        {pipeline.Token{Value: "old"}, 42},
		"none yet":       {pipeline.Token{RenewAt: time.Now()}, 41},
		"refused, early": {pipeline.Token{Value: "old", RenewAt: time.Now().Add(time.Hour)}, 42},
	} {
		t.Run(name, func(t *testing.T) {
			d := &doors{good: "nothing"}
			w, renewed := renewing(d, test.first)
			pages, err := readAll(t.Context(), open(t, declare(t, New(), shopLogin), &w.World, nil), "")
			if err != nil || records(pages) != 40 || *renewed != 1 || d.calls != test.calls {
				t.Errorf("%d records, renewed %d times in %d calls: %v", records(pages), *renewed, d.calls, err)
			}
		})
	}
}

// A token that is refused while callers are under way is replaced once.
func TestRevokedInTheMiddle(t *testing.T) {
	d := &doors{good: "old"}
	w, renewed := renewing(d, pipeline.Token{Value: "old"})
	s := open(t, declare(t, New(), shopLogin), &w.World, nil)
	w.Calls = func(c pipeline.Call) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.good == "old" && d.calls > 5 {
			d.good = "nothing"
		}
	}
	pages, err := readAll(t.Context(), s, "")
	if err != nil || records(pages) != 40 || *renewed != 1 {
		t.Errorf("%d records, renewed %d times: %v", records(pages), *renewed, err)
	}
}

func TestTokensThatCannotBeRenewed(t *testing.T) {
	login := `log in again: pipeline auth login shop.yaml --connection acme-eu`
	for name, test := range map[string]struct {
		first, next pipeline.Token
		err         error
		want        string
	}{
		"refused":               {first: pipeline.Token{Value: "old"}, want: `shop: GET /api/people: 401 Unauthorized: the token of connection "acme-eu" is not accepted any more; ` + login},
		"refused, of a setting": {first: pipeline.Token{Value: "old", Source: "PIPELINE_ACME_EU_TOKEN"}, want: `shop: GET /api/people: 401 Unauthorized: the token of connection "acme-eu" is not accepted any more; ` + login + `; PIPELINE_ACME_EU_TOKEN goes before that login: unset it, or set it to a fresh token`},
		"the same again":        {first: pipeline.Token{Value: "old"}, next: pipeline.Token{Value: "old"}, want: `shop: GET /api/people: 401 Unauthorized: the token of connection "acme-eu" is not accepted any more; ` + login},
		"another, refused too":  {first: pipeline.Token{Value: "old"}, next: pipeline.Token{Value: "new"}, want: `shop: GET /api/people: 401 Unauthorized: the token of connection "acme-eu" is not accepted any more; ` + login},
		"ran out":               {first: pipeline.Token{Value: "old", RenewAt: time.Now()}, want: `shop: the token of connection "acme-eu": it has run out; ` + login},
		"it cannot be kept":     {first: pipeline.Token{Value: "old"}, err: errors.New("save the credentials: no space left"), want: `shop: save the credentials: no space left`},
		"broken":                {first: pipeline.Token{Value: "old"}, next: pipeline.Token{Value: "a\nb"}, want: `shop: the token of connection "acme-eu": it holds a line break or another character that no token has; copy it again`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(&doors{good: "nothing"})
			w.Token = func(string) (pipeline.Token, error) { return test.first, nil }
			w.Renew = func(context.Context, string, pipeline.Token) (pipeline.Token, error) { return test.next, test.err }
			_, err := readAll(t.Context(), open(t, declare(t, New(), shopLogin), &w.World, nil), "")
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// A platform that has a problem is asked for a token again; one that refuses is
// not.
func TestRenew(t *testing.T) {
	good := answering(200, `{"access_token": "new", "token_type": "bearer", "refresh_token": "next", "expires_in": 3600}`)
	for name, test := range map[string]struct {
		answers []http.HandlerFunc
		want    string
		calls   int
	}{
		"good":          {[]http.HandlerFunc{good}, "", 1},
		"busy, good":    {[]http.HandlerFunc{answering(503, ""), answering(429, ""), good}, "", 3},
		"busy":          {[]http.HandlerFunc{answering(503, "")}, "https://shop.example/api/token answered 503 Service Unavailable", 3},
		"refused":       {[]http.HandlerFunc{answering(400, `{"error": "invalid_grant", "error_description": "r3fresh"}`), good}, "https://shop.example/api/token answered 400 Bad Request (invalid_grant)", 1},
		"odd":           {[]http.HandlerFunc{answering(400, `{"error": "a\u001b[31m"}`)}, `https://shop.example/api/token answered 400 Bad Request ("a\x1b[31m")`, 1},
		"without a new": {[]http.HandlerFunc{answering(200, `{"access_token": "new", "expires_in": 3600}`)}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New()
				declare(t, e, shopLogin)
				calls := 0
				answer := inTurn(test.answers...)
				rt := roundTrip(func(r *http.Request) (*http.Response, error) {
					calls++
					return handled{answer}.RoundTrip(r)
				})
				grant, err := e.Renew(t.Context(), "shop", Client{ID: "id", Secret: "s", HTTP: rt}, "r3fresh")
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != test.want || calls != test.calls {
					t.Errorf("%d calls, want %d\ngot  %s\nwant %s", calls, test.calls, got, test.want)
				}
				wantRefresh := map[string]string{"good": "next", "busy, good": "next", "without a new": "r3fresh"}[name]
				if grant.Refresh.Value != wantRefresh || err == nil && (grant.Token.Value != "new" || time.Until(grant.Expires) < 59*time.Minute) {
					t.Errorf("got %q, %q until %v", grant.Token.Value, grant.Refresh.Value, grant.Expires)
				}
			})
		})
	}
}
