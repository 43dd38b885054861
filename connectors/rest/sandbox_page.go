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
	"time"

	"pipeline/pipeline"
)

// page answers with one page of the list of a stream.
func (s *Sandbox) page(w http.ResponseWriter, r *http.Request, st *stream, made *people, f fault) {
	q := r.URL.Query()
	who, problem := s.changed(st, made, q)
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	start, size, problem := window(st, q, len(who))
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	if f.kind == "repeat" {
		start = 0
	}
	end := min(start+size, len(who))
	list := []byte{'['}
	for n, index := range who[start:end] {
		if n > 0 {
			list = append(list, ',')
		}
		list = append(list, '\n')
		list = made.listed(list, index, st.listed)
	}
	list = append(list, "\n]"...)
	s.answer(w, r, envelope(w, r, st, list, end, len(who)), f)
}

// one answers with one whole record.
func (s *Sandbox) one(w http.ResponseWriter, r *http.Request, st *stream, made *people, id string, f fault) {
	index, ok := indexOf(id, len(made.all(s.records)))
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such "+st.key)
		return
	}
	s.answer(w, r, append(made.record(nil, index), '\n'), f)
}

// answer sends a body, or breaks off in it.
func (s *Sandbox) answer(w http.ResponseWriter, r *http.Request, body []byte, f fault) {
	if f.kind == "cut" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body[:len(body)*2/3]) // the server closes the connection when it sees that the rest is missing
		return
	}
	send(w, r, body)
}

// listSeed differs from list to list, so that two events have other people.
func (s *Sandbox) listSeed(st *stream, params map[string]string) uint64 {
	h := fnv.New64a()
	path := st.path.path(func(name string) string { return url.PathEscape(params[name]) })
	_, _ = fmt.Fprintf(h, "%s %d %s", s.d.name, s.seed, path) // a hash never fails
	return h.Sum64()
}

// changed is the numbers of the records that were asked for: all, or those that
// were changed after a time.
func (s *Sandbox) changed(st *stream, made *people, q url.Values) (who []int, problem string) {
	c := st.changes
	var since time.Time
	if text := q.Get(c.param); c.param != "" && text != "" {
		t, ok := c.form.time(text)
		if !ok {
			return nil, fmt.Sprintf("%s is not a time as %s", c.param, c.form)
		}
		since = t
	}
	who = make([]int, 0, s.records)
	var record []byte
	for _, n := range made.all(s.records) {
		if !since.IsZero() {
			record = made.record(record[:0], n)
			field, err := pipeline.Lookup(record, c.field)
			if err != nil {
				panic(err) // it was made here
			}
			if at, err := time.Parse(time.RFC3339, field.Text()); err != nil || at.Before(since) {
				continue
			}
		}
		who = append(who, n)
	}
	return who, ""
}

// window is which of so many records were asked for.
func window(st *stream, q url.Values, total int) (start, size int, problem string) {
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
		return 0, total, ""
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
	return min(n, total), size, ""
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

// envelope is the answer around a list that ends before record number end of so
// many.
func envelope(w http.ResponseWriter, r *http.Request, st *stream, list []byte, end, total int) []byte {
	p := st.paging
	next := ""
	if end < total {
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
		plant(tree, p.total, total)
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
