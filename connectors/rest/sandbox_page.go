package rest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// page answers with one page of the list of stream i.
func (s *Sandbox) page(w http.ResponseWriter, r *http.Request, i int, path string, f fault) {
	st := &s.d.streams[i]
	start, size, problem := s.window(st, r.URL.Query())
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	if f.kind == "repeat" {
		start = 0
	}
	end := min(start+size, s.records)
	people := newPeople(s.shapes[i], st.key, s.listSeed(path))
	list := []byte{'['}
	for n := start; n < end; n++ {
		if n > start {
			list = append(list, ',')
		}
		list = append(list, '\n')
		list = people.record(list, n)
	}
	list = append(list, "\n]"...)
	body := s.envelope(w, r, st, list, end)
	if f.kind == "cut" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body[:len(body)*2/3]) // the server closes the connection when it sees that the rest is missing
		return
	}
	send(w, r, body)
}

// listSeed differs from list to list, so that two events have other people.
func (s *Sandbox) listSeed(path string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %d %s", s.d.name, s.seed, path) // a hash never fails
	return h.Sum64()
}

// window is which records were asked for.
func (s *Sandbox) window(st *stream, q url.Values) (start, size int, problem string) {
	p := st.paging
	size = int(p.size.initial)
	if text := q.Get(p.size.param); p.size.param != "" && text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || int64(n) > p.size.max {
			return 0, 0, fmt.Sprintf("%s must be a number from 1 to %d", p.size.param, p.size.max)
		}
		size = n
	}
	if size == 0 {
		size = 100
	}
	param, text := p.param, q.Get(p.param)
	switch p.style {
	case styleNone, "":
		return 0, s.records, ""
	case styleLink:
		param, text = linkParam, q.Get(linkParam)
	}
	if text == "" {
		return 0, size, ""
	}
	n, problem := p.number(param, text)
	if p.style == stylePage {
		n = (n - int(p.first)) * size
	}
	if problem != "" || n < 0 {
		return 0, 0, fmt.Sprintf("%s is not known", param)
	}
	return min(n, s.records), size, ""
}

// linkParam is what the sandbox puts into its links.
const linkParam = "page_token"

// number is what a paging parameter says.
func (p paging) number(param, text string) (n int, problem string) {
	if p.style == styleCursor || p.style == styleLink {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return 0, param + " is not known"
		}
		text = strings.TrimPrefix(string(raw), "after ")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<31-1 {
		return 0, param + " is not known"
	}
	return n, ""
}

// envelope is the answer around a list that ends before record number end.
func (s *Sandbox) envelope(w http.ResponseWriter, r *http.Request, st *stream, list []byte, end int) []byte {
	p := st.paging
	next := ""
	if end < s.records {
		next = base64.RawURLEncoding.EncodeToString([]byte("after " + strconv.Itoa(end)))
		if p.style == styleLink {
			q := r.URL.Query()
			q.Set(linkParam, next)
			next = r.URL.EscapedPath() + "?" + q.Encode()
		}
	}
	if p.style == styleLink && len(p.next) == 0 && next != "" {
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	name := st.records[0]
	if name == "" && len(p.next)+len(p.total) > 0 {
		for _, n := range st.records {
			if n != "" {
				name = n
			}
		}
	}
	if name == "" {
		return append(list, '\n')
	}
	tree := map[string]any{name: json.RawMessage(list)}
	if len(p.next) > 0 {
		plant(tree, p.next, nullable(next))
	}
	if len(p.total) > 0 {
		plant(tree, p.total, s.records)
	}
	body, err := json.Marshal(tree)
	if err != nil {
		panic(err) // all of it was made here
	}
	return append(body, '\n')
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// plant puts a value under a path of names.
func plant(tree map[string]any, path []string, v any) {
	for _, step := range path[:len(path)-1] {
		below, ok := tree[step].(map[string]any)
		if !ok {
			below = map[string]any{}
			tree[step] = below
		}
		tree = below
	}
	tree[path[len(path)-1]] = v
}
