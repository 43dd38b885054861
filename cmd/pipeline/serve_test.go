package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving is a serve of the folder clients in dir.
type serving struct {
	*exec.Cmd
	t      *testing.T
	dir    string
	url    string
	greets string
	stderr *bytes.Buffer
	client *http.Client
}

const hookPath = "/hooks/acme-0123456789abcdef0123456789abcdef"

// clientsFolder has one mapping that is pushed to.
func clientsFolder(t *testing.T, sink string) string {
	dir := t.TempDir()
	putFile(t, dir, "clients/acme.yaml", "version: 1\nsource:\n  webhook: {path: \""+strings.Replace(hookPath, "0123456789abcdef0123456789abcdef", "${ACME_HOOK}", 1)+"\", content: json}\nkey: [id]\nfields:\n  id: string(id)\n  name: {value: name, type: string}\nsinks:\n  - "+sink+"\n")
	putFile(t, dir, "clients/.env", "ACME_HOOK=0123456789abcdef0123456789abcdef\n")
	return dir
}

func putFile(t *testing.T, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startServe starts serve, and returns when the mappings are loaded.
func startServe(t *testing.T, dir string, args ...string) *serving {
	t.Helper()
	s, err := beginServe(t, dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// beginServe is startServe for where the test cannot be ended: beside it.
func beginServe(t *testing.T, dir string, args ...string) (*serving, error) {
	cmd, stderr := process(t, dir, append([]string{"serve", "clients", "--listen", "127.0.0.1:0"}, args...)...)
	s := &serving{Cmd: cmd, t: t, dir: dir, stderr: stderr, client: http.DefaultClient}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	for !strings.HasSuffix(s.greets, "ctrl-c ends it\n") {
		line, err := lines.ReadString('\n')
		if err != nil {
			_ = cmd.Wait()
			return nil, fmt.Errorf("serve ended: %w\n%s%s", err, s.greets, stderr)
		}
		s.greets += line
		if _, address, found := strings.Cut(line, " on http"); found {
			s.url = "http" + strings.TrimSpace(address)
		}
	}
	return s, nil
}

// push posts a body to the hook. The status is 0 where nobody answered.
func (s *serving) push(body string) int {
	answer, err := s.client.Post(s.url+hookPath, "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// api asks the API, with the token.
func (s *serving) api(method, path string, into any) int {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.dir, "clients/.pipeline/serve/token"))
	if err != nil {
		s.t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api/v1/"+path, nil)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			s.t.Fatal(err)
		}
	}
	return answer.StatusCode
}

// eventually looks until something holds. A disk that others sync to as well takes
// seconds for a run of a few rows.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("in five minutes it did not happen: %s", what)
}

func (s *serving) has(name, text string) func() bool {
	return func() bool {
		got, _ := os.ReadFile(filepath.Join(s.dir, name))
		return strings.Contains(string(got), text)
	}
}

// stop asks serve to end, and returns its exit code.
func (s *serving) stop() int {
	_ = s.Process.Signal(syscall.SIGTERM)
	_ = s.Wait()
	return s.ProcessState.ExitCode()
}

func TestServe(t *testing.T) {
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	putFile(t, dir, "clients/broken.yaml", "version: 1\nsource: {file: {path: people.jsonl}}\nfields: {id: emial}\nsinks: [csv: ]\n")
	s := startServe(t, dir)
	want := fmt.Sprintf(`serving the mappings of clients on %s
the token for the page and the API is in clients/.pipeline/serve/token
  broken.yaml  wrong: 2:23: cannot read clients/people.jsonl: there is no such file (and 1 error more); see: pipeline check clients/broken.yaml
  acme         when something is pushed to /hooks/acme-…
ctrl-c ends it
`, s.url)
	if s.greets != want {
		t.Errorf("it says\n%swant\n%s", s.greets, want)
	}
	for i := range 3 {
		if status := s.push(fmt.Sprintf(`{"id": %d, "name": "p%d"}`, i, i)); status != http.StatusAccepted {
			t.Fatalf("a push is answered with %d", status)
		}
	}
	eventually(t, "all are in the file", s.has("out.csv", "id,name\n0,p0\n1,p1\n2,p2\n"))

	var status struct {
		Clients []struct{ Name, State string }
	}
	eventually(t, "the API says that the client is healthy", func() bool {
		return s.api("GET", "status", &status) == http.StatusOK && len(status.Clients) == 2 && status.Clients[0].State == "wrong" && status.Clients[1].State == "healthy"
	})
	var refused struct{ Error string }
	if code := s.api("POST", "mappings/acme/run", &refused); code != http.StatusConflict || !strings.Contains(refused.Error, "it is pushed to") {
		t.Errorf("%d %s", code, refused.Error)
	}
	if code := s.api("POST", "mappings/nobody/run", &refused); code != http.StatusNotFound {
		t.Errorf("%d %s", code, refused.Error)
	}
	answer, err := http.Get(s.url + "/api/v1/status")
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the token: %v %v", answer.Status, err)
	}
	_ = answer.Body.Close()

	// The port is taken.
	second, said := process(t, dir, "serve", "clients", "--listen", strings.TrimPrefix(s.url, "http://"))
	_ = second.Run()
	if code := second.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(said.String(), " is taken; another serve may be running, or choose another address with --listen") {
		t.Errorf("exit code %d: %s", code, said)
	}

	// A changed mapping takes over.
	src, _ := os.ReadFile(filepath.Join(dir, "clients/acme.yaml"))
	putFile(t, dir, "clients/acme.yaml", strings.Replace(string(src), "value: name", "value: upper(name)", 1))
	eventually(t, "the changed mapping is used", func() bool {
		s.push(fmt.Sprintf(`{"id": 9, "name": "x%d"}`, time.Now().UnixNano()))
		return s.has("out.csv", "9,X")()
	})
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if strings.Contains(s.stderr.String(), "0123456789abcdef") || strings.Contains(s.stderr.String(), "p1") {
		t.Errorf("the log has secrets or people:\n%s", s.stderr)
	}
	assertNoSecretServe(t, dir)
}

// assertNoSecretServe checks that what serve keeps is for its owner.
func assertNoSecretServe(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "clients/.pipeline"), func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && filepath.Dir(name) == filepath.Join(dir, "clients/.pipeline/serve") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is answered with 202 is in the file once, however often serve is killed.
func TestKilledServe(t *testing.T) {
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	var want []string
	id := 0
	for round := range 6 {
		s := startServe(t, dir)
		killed := make(chan struct{})
		time.AfterFunc(time.Duration(250+97*round)*time.Millisecond, func() { _ = s.Process.Kill(); close(killed) })
		for running := true; running; {
			select {
			case <-killed:
				running = false
			default:
			}
			id++
			if s.push(fmt.Sprintf(`{"id": %d, "name": "p"}`, id)) == http.StatusAccepted {
				want = append(want, fmt.Sprintf("%d,p", id))
			}
		}
		_ = s.Wait()
	}
	s := startServe(t, dir)
	s.push(`{"id": "last", "name": "p"}`)
	eventually(t, "the last push is in the file", s.has("out.csv", "\nlast,p\n"))
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	times := map[string]int{}
	for line := range strings.Lines(string(got)) {
		times[strings.TrimSpace(line)]++
	}
	for _, row := range want {
		if times[row] == 0 {
			t.Errorf("%s was answered with 202, and is lost", row)
		}
	}
	for row, n := range times {
		if n > 1 {
			t.Errorf("%s is there %d times", row, n)
		}
	}
	t.Logf("%d pushes were answered with 202", len(want))
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: append}")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	putFile(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	s := startServe(t, dir, "--tls-cert", "cert.pem", "--tls-key", "key.pem")
	roots := x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(certificate)
	roots.AddCert(parsed)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: true}}
	answer, err := s.client.Get(s.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.ProtoMajor != 2 || answer.StatusCode != http.StatusOK {
		t.Errorf("it is answered with %s %s", answer.Proto, answer.Status)
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

// A folder without mappings is served: what is put into it runs.
func TestServeEmptyFolder(t *testing.T) {
	t.Parallel()
	filled, dir := clientsFolder(t, "csv: {path: out.csv, mode: append}"), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "clients"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, dir)
	if want := "there is no mapping (*.yaml) in clients yet; put one there, and it runs\n"; !strings.Contains(s.greets, want) {
		t.Errorf("it says\n%swant\n%s", s.greets, want)
	}
	var status struct{ Clients json.RawMessage }
	if s.api("GET", "status", &status); string(status.Clients) != "[]" {
		t.Errorf("the clients are %s", status.Clients)
	}
	for _, name := range []string{"clients/.env", "clients/acme.yaml"} {
		src, err := os.ReadFile(filepath.Join(filled, name))
		if err != nil {
			t.Fatal(err)
		}
		putFile(t, dir, name, string(src))
	}
	eventually(t, "it is pushed to", func() bool { return s.push(`{"id": 1, "name": "p"}`) == http.StatusAccepted })
	eventually(t, "it runs", s.has("out.csv", "1,p\n"))
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}
