//go:build linux

package main

// servesecrets_test.go: what serve says and keeps, searched for the secrets that it
// was given and the people that were pushed to it.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// canaries are texts that are nowhere but where they are given.
var (
	secretCanaries = map[string]string{
		"PATH_SECRET": "c0ffee47110815ca4a7deadbeef01234", "BEARER": "canary-bearer-4711-0815", "PASSWORD": "canary-password-4711",
		"HMAC_SECRET": "canary-hmac-key-4711-0815-42", "SINK_TOKEN": "canary-sink-token-4711", "SINK_HEADER": "canary-header-4711",
	}
	peopleCanaries = []string{"Canary Lovelace", "canary.person@example.com", "+65 9123 4711"}
)

const canaryMapping = `version: 1
source:
  webhook: {path: "/hooks/%s", content: json%s}
key: [id]
fields:
  id: {value: id, type: integer, required: true}
  name: name
  email: {value: email, type: string, required: true}
  phone: phone
sinks:
  - %s
`

func TestServeKeepsSecrets(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest) // and it says again what it was sent
		_, _ = fmt.Fprintf(w, "refused: %s %s %v", body, r.URL, r.Header)
	}))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	env := ""
	for name, secret := range secretCanaries {
		env += name + "=" + secret + "\n"
	}
	putFile(t, dir, "clients/.env", env)
	csv := func(name string) string { return "csv: {path: " + name + ".csv, mode: append}" }
	for name, mapping := range map[string]string{
		"path":   fmt.Sprintf(canaryMapping, "path-${PATH_SECRET}", "", csv("path")),
		"bearer": fmt.Sprintf(canaryMapping, "bearer", `, bearer: "${BEARER}"`, csv("bearer")),
		"basic":  fmt.Sprintf(canaryMapping, "basic", `, basic: "us:${PASSWORD}"`, csv("basic")),
		"hmac":   fmt.Sprintf(canaryMapping, "hmac", `, hmac: {secret: "${HMAC_SECRET}", header: X-Sum}`, csv("hmac")),
		"sink":   fmt.Sprintf(canaryMapping, "sink", `, bearer: "${BEARER}"`, fmt.Sprintf(`webhook: {url: "%s/in?token=${SINK_TOKEN}", headers: {Authorization: "Bearer ${SINK_HEADER}"}}`, receiver.URL)),
		"wrong":  fmt.Sprintf(canaryMapping, "wrong-${PATH_SECRET}", `, bearer: "${BEARER}", hmac: {secret: "${HMAC_SECRET}", header: X-Sum}`, csv("wrong")),
	} {
		putFile(t, dir, "clients/"+name+".yaml", mapping)
	}
	s := startServe(t, dir, "--log", "json")
	good := fmt.Sprintf(`{"id": 1, "name": %q, "email": %q, "phone": %q}`, peopleCanaries[0], peopleCanaries[1], peopleCanaries[2])
	bad := strings.Replace(good, `"id": 1`, `"id": "`+peopleCanaries[0]+`"`, 1)
	garbage := `{"name": "` + peopleCanaries[0] + `", ` + peopleCanaries[1]
	signature := "canary-signature-4711"
	for _, body := range []string{good, bad, garbage} {
		for path, header := range map[string][2]string{
			"path-" + secretCanaries["PATH_SECRET"]: {"X-A", "b"},
			"bearer":                                {"Authorization", "Bearer " + secretCanaries["BEARER"]},
			"sink":                                  {"Authorization", "Bearer " + secretCanaries["BEARER"]},
			"hmac":                                  {"X-Sum", signature},
			"basic":                                 {"Authorization", "Basic " + signature},
			"path-" + signature:                     {"X-A", peopleCanaries[0]},
		} {
			status, _, err := post(http.DefaultClient, s.url+"/hooks/"+path, body, header[0], header[1], "webhook-id", fmt.Sprint("id ", peopleCanaries[1], len(body)))
			if want := strings.Contains(path, "canary-sig") || path == "hmac" || path == "basic"; err != nil || want != (status != http.StatusAccepted) {
				t.Errorf("%s: %d %v", path, status, err)
			}
		}
	}
	eventually(t, "rows are in the file", s.has("path.csv", peopleCanaries[0]))
	eventually(t, "the destination was asked", func() bool { return calls.Load() > 0 })
	token, err := os.ReadFile(filepath.Join(dir, "clients/.pipeline/serve/token"))
	if err != nil {
		t.Fatal(err)
	}
	said := s.everything(strings.TrimSpace(string(token)))
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	said["what it says"] = []byte(s.greets + s.stderr.String())
	search(t, said, append(peopleCanaries, strings.TrimSpace(string(token)), signature))
	files := keptBy(t, filepath.Join(dir, "clients/.pipeline"), "token")
	if len(files[filepath.Join(dir, "clients/.pipeline/serve/history.db")]) == 0 {
		t.Error("there is no history to look into")
	}
	search(t, files, nil)
}

// everything is what serve answers to whoever has its token, and to whoever has not.
func (s *serving) everything(token string) map[string][]byte {
	s.t.Helper()
	said := map[string][]byte{}
	jar, _ := cookiejar.New(nil)
	inside := &http.Client{Timeout: time.Minute, Jar: jar}
	if answer, err := inside.PostForm(s.url+"/login", url.Values{"token": {token}}); err == nil {
		_ = answer.Body.Close()
	}
	paths := []string{
		"/", "/login", "/client/path", "/client/sink", "/client/wrong", "/client/path/rejects", "/client/path/rejects/1", "/dead", "/dead/sink/1",
		"/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/clients", "/api/v1/clients/path", "/api/v1/clients/wrong", "/api/v1/runs", "/api/v1/dead",
	}
	for who, client := range map[string]*http.Client{"a stranger": http.DefaultClient, "who has the token": inside} {
		for _, path := range paths {
			r, _ := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
			if client == inside {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := client.Do(r)
			if err != nil {
				s.t.Fatal(err)
			}
			body, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			said[path+" to "+who] = fmt.Append(body, answer.Header)
		}
	}
	return said
}

// keptBy is what is on the disk of serve, but for the pushes themselves in the store
// of the engine, and the file of the token.
func keptBy(t *testing.T, dir string, but string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(name) == but {
			return err
		}
		src, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		files[name] = src
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// search fails where a canary is in what was said. Of what is kept, history.db may
// have no people either.
func search(t *testing.T, said map[string][]byte, more []string) {
	t.Helper()
	for where, text := range said {
		canaries := more
		if strings.Contains(where, "history.db") {
			canaries = append(canaries, peopleCanaries...)
		}
		for _, secret := range secretCanaries {
			canaries = append(canaries, secret)
		}
		for _, canary := range canaries {
			if at := bytes.Index(text, []byte(canary)); at >= 0 {
				t.Errorf("%s has %q: …%.200q…", where, canary, text[max(0, at-100):])
			}
		}
	}
}
