package web

// view.go: what all pages have around them, and how templates find their words.

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline/diag"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// view is a page before what is around it.
type view struct {
	template string
	Title    string
	Here     string // the entry of the menu that it belongs to
	Renews   bool   // it shows what goes on, and nobody types into it
	Page     any
}

// frame is what templates see.
type frame struct {
	view
	In     bool   // somebody is logged in …
	User   string // … whom the proxy names so; empty: by the token
	Form   string // goes into every form
	At     string // the path of this page, to come back to
	Renew  int    // seconds until the page asks for itself again; 0: it does not
	Said   string // what was just done
	Now    time.Time
	Assets map[string]string
}

const (
	renewAfter    = 60 // seconds
	refreshCookie = "pipeline_refresh"
)

func (s *Site) frame(r *http.Request, v view) frame {
	f := frame{view: v, At: hereOf(r), Now: s.c.Now(), Assets: assetPaths()}
	if who, ok := s.visitor(r); ok {
		f.In, f.User, f.Form = true, who.name, s.sign("form", who.id)
		f.Said = said(r.URL.Query())
	}
	if cookie, err := r.Cookie(refreshCookie); v.Renews && f.Said == "" && (err != nil || cookie.Value != "off") { // it is said once
		f.Renew = renewAfter
	}
	return f
}

// hereOf is the address of a page to come back to, without what was said on it.
func hereOf(r *http.Request) string {
	at, query := *r.URL, r.URL.Query()
	query.Del("said")
	query.Del("n")
	at.RawQuery = query.Encode()
	if r.Method != http.MethodGet {
		at.RawQuery = ""
	}
	return at.RequestURI()
}

// refresh says whether pages renew themselves; see setRefresh.
func (s *Site) refresh(r *http.Request) (string, error) { return local(r.PostFormValue("back")), nil }

func (s *Site) setRefresh(w http.ResponseWriter, r *http.Request) {
	value := "on"
	if r.PostFormValue("refresh") == "off" {
		value = "off"
	}
	http.SetCookie(w, &http.Cookie{Name: refreshCookie, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode})
}

// templates are parsed when the first page is shown: other commands do not pay
// for them.
var templates = sync.OnceValue(func() *template.Template {
	functions := template.FuncMap{
		"count": diag.Count, "thousands": diag.Thousands, "many": many,
		"utc": utc, "stamp": stamp, "ago": ago, "inZone": inZone, "soFar": soFar, "took": took, "span": spoken,
		"path": pathTo, "trigger": triggerWords, "result": resultWords,
	}
	return template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.html"))
})

// pathTo is a path of parts that may hold anything.
func pathTo(parts ...any) string {
	var out strings.Builder
	for _, part := range parts {
		out.WriteString("/" + url.PathEscape(text(part)))
	}
	return out.String()
}

// assetPaths are the paths of what pages load, by name. They hold a hash, so that
// browsers may keep what is there.
var assetPaths = sync.OnceValue(func() map[string]string {
	paths := map[string]string{}
	entries, _ := assetFiles.ReadDir("assets") // it is embedded
	for _, e := range entries {
		content, _ := assetFiles.ReadFile("assets/" + e.Name())
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext)
		paths[name] = "/assets/" + name + "-" + hex.EncodeToString(sum[:6]) + ext
	}
	return paths
})

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// assets answers what pages load. It says nothing about anybody, and the page to
// log in needs it.
func assets(w http.ResponseWriter, r *http.Request) {
	for name, at := range assetPaths() {
		if r.URL.Path == at {
			content, _ := assetFiles.ReadFile("assets/" + name + path.Ext(at))
			w.Header().Set("Content-Type", assetTypes[path.Ext(at)])
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			_, _ = w.Write(content) // nobody to tell
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("not found\n"))
}
