package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPages(t *testing.T) {
	r := newRecords([]byte("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"), 0)
	for _, test := range []struct {
		query, want string
		status      int
	}{
		{"offset=0&limit=2", `[{"a":1},{"a":2}]`, http.StatusOK},
		{"offset=2&limit=2", `[{"a":3}]`, http.StatusOK},
		{"offset=0&limit=3", `[{"a":1},{"a":2},{"a":3}]`, http.StatusOK},
		{"offset=3&limit=2", `[]`, http.StatusOK},
		{"offset=9&limit=2", `[]`, http.StatusOK},
		{"offset=0&limit=0", "ask for /records?offset=0&limit=1000\n", http.StatusBadRequest},
		{"limit=2", "ask for /records?offset=0&limit=1000\n", http.StatusBadRequest},
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/records?"+test.query, nil))
		if w.Code != test.status || w.Body.String() != test.want {
			t.Errorf("%s: %d %s, want %d %s", test.query, w.Code, w.Body, test.status, test.want)
		}
	}
}

func TestNoRecords(t *testing.T) {
	if page := newRecords(nil, 0).page(0, 1000); len(page) != 0 {
		t.Errorf("a page of no records is %q", page)
	}
}
