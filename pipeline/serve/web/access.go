package web

// access.go: who may see the page: whoever typed the token, which a cookie says for
// twelve hours, or whom a proxy that is trusted names.

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	cookieName = "pipeline_session"
	cookieTime = 12 * time.Hour
	formToken  = "form" // the field of forms
)

// visitor is who asks.
type visitor struct {
	id   string // what forms are bound to
	name string // as the proxy says it; empty: somebody with the token
}

// inside lets in who is logged in, and shows everybody else where to log in.
func (s *Site) inside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.visitor(r); !ok {
			to := "/login"
			if r.Method == http.MethodGet && r.URL.RequestURI() != "/" {
				to += "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// visitor is who asks, where that is known.
func (s *Site) visitor(r *http.Request) (visitor, bool) {
	if name := s.proxied(r); name != "" {
		return visitor{id: "header\x00" + name, name: name}, true
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil || !s.valid(cookie.Value) {
		return visitor{}, false
	}
	return visitor{id: "cookie\x00" + cookie.Value}, true
}

// proxied is whom a trusted proxy names.
func (s *Site) proxied(r *http.Request) string {
	if s.c.AuthHeader == "" || !s.trusted(r) {
		return ""
	}
	names := r.Header.Values(s.c.AuthHeader)
	if len(names) != 1 { // somebody else set it too
		return ""
	}
	return strings.TrimSpace(names[0])
}

// trusted reports whether a request comes from a proxy whose word counts.
func (s *Site) trusted(r *http.Request) bool {
	peer := peerOf(r)
	for _, prefix := range s.c.TrustProxy {
		if peer.IsValid() && prefix.Contains(peer) {
			return true
		}
	}
	return false
}

func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// secure reports whether the browser speaks TLS, to us or to the proxy.
func (s *Site) secure(r *http.Request) bool {
	return r.TLS != nil || s.trusted(r) && r.Header.Get("X-Forwarded-Proto") == "https"
}

// session is a new value for the cookie: when it ends, something that nobody
// guesses, and what proves that it is from here.
func (s *Site) session() string {
	text := strconv.FormatInt(s.c.Now().Add(cookieTime).Unix(), 10) + "." + rand.Text()
	return text + "." + s.sign("session", text)
}

func (s *Site) valid(session string) bool {
	end := strings.LastIndexByte(session, '.')
	if end < 0 || len(session) > 200 || !same(session[end+1:], s.sign("session", session[:end])) {
		return false
	}
	until, _, _ := strings.Cut(session, ".")
	unix, err := strconv.ParseInt(until, 10, 64)
	return err == nil && s.c.Now().Before(time.Unix(unix, 0))
}

// sign proves that a text was said here, for one purpose.
func (s *Site) sign(purpose, text string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(purpose + "\x00" + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// same compares secrets, in a time that says nothing about them.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return b != "" && subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// ours reports whether a form comes from a page that we showed to this visitor.
func (s *Site) ours(r *http.Request) bool {
	who, ok := s.visitor(r)
	return ok && same(r.PostFormValue(formToken), s.sign("form", who.id))
}

// loginPage asks for the token.
func (s *Site) loginPage(w http.ResponseWriter, r *http.Request) {
	to := local(r.URL.Query().Get("next"))
	if _, ok := s.visitor(r); ok {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, view{template: "login", Title: "Log in", Page: loginView{Next: to}})
}

type loginView struct {
	Next  string
	Wrong string // what was wrong with the last try
}

// login takes the token.
func (s *Site) login(w http.ResponseWriter, r *http.Request) {
	to, from := local(r.PostFormValue("next")), s.from(r)
	again := func(status int, why string) {
		s.show(w, r, status, view{template: "login", Title: "Log in", Page: loginView{to, why}})
	}
	if wait := s.slow.wait(from); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		again(http.StatusTooManyRequests, "There were too many tries. Wait "+spoken(wait)+", then try again.")
		return
	}
	if !same(strings.TrimSpace(r.PostFormValue("token")), s.c.Token) {
		s.slow.failed(from)
		s.c.Log.Warn("somebody tried to log in with a wrong token", "from", from)
		again(http.StatusUnauthorized, "This is not the token. It is in the file that serve named when it began: serve/token in its state folder.")
		return
	}
	s.slow.right(from)
	http.SetCookie(w, s.cookie(r, s.session(), cookieTime))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// forget takes the cookie back.
func (s *Site) forget(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.SetCookie(w, s.cookie(r, "", -time.Second))
}

func (s *Site) cookie(r *http.Request, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode,
	}
}

// from is where a request comes from, as far as tries are counted: an address, or
// the network that one household has of the longer ones.
func (s *Site) from(r *http.Request) string {
	addr := peerOf(r)
	if s.trusted(r) { // the last one is what the proxy itself saw
		all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if a, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil {
			addr = a.Unmap().WithZone("")
		}
	}
	if !addr.Is6() {
		return addr.String()
	}
	network, _ := addr.Prefix(64) // 64 is a length that it has
	return network.String()
}
