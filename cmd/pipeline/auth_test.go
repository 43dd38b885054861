package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline/credentials"
)

// doorman is a platform whose tokens run out. A refresh token is good for once,
// as RFC 9700 has it: a second use ends the login.
type doorman struct {
	*platform

	guard   sync.Mutex
	token   string // that is good now
	refresh string
	renewed int
	reused  bool                        // a refresh token came a second time
	sees    func(call int, path string) // is told of each request before it is answered
	seen    int
}

func newDoorman(t *testing.T) *doorman {
	d := &doorman{platform: newPlatform(t, 110, 20), token: "token-0", refresh: "refresh-0"}
	d.Config.Handler = http.HandlerFunc(d.serveGuarded)
	return d
}

func (d *doorman) serveGuarded(w http.ResponseWriter, r *http.Request) {
	d.guard.Lock()
	d.seen++
	call, sees := d.seen, d.sees
	d.guard.Unlock()
	if sees != nil {
		sees(call, r.URL.Path)
	}
	d.guard.Lock()
	token := d.token
	d.guard.Unlock()
	switch {
	case r.URL.Path == "/oauth/access_token":
		d.renew(w, r)
	case r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, "who are you?", http.StatusUnauthorized)
	default:
		d.serve(w, r)
	}
}

func (d *doorman) renew(w http.ResponseWriter, r *http.Request) {
	d.guard.Lock()
	defer d.guard.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if got := r.FormValue("refresh_token"); got != d.refresh {
		d.reused = d.reused || strings.HasPrefix(got, "refresh-")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error": "invalid_grant"}`)
		return
	}
	d.renewed++
	d.token, d.refresh = fmt.Sprintf("token-%d", d.renewed), fmt.Sprintf("refresh-%d", d.renewed)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": d.token, "refresh_token": d.refresh, "token_type": "Bearer", "expires_in": 3600})
}

// told is what the platform has seen.
func (d *doorman) told() (renewed int, reused bool, token string) {
	d.guard.Lock()
	defer d.guard.Unlock()
	return d.renewed, d.reused, d.token
}

func (d *doorman) set(token, refresh string, sees func(int, string)) {
	d.guard.Lock()
	defer d.guard.Unlock()
	d.token, d.refresh, d.sees = token, refresh, sees
}

// storeIn is the store of the processes that run in a folder.
func storeIn(dir string) *credentials.Store {
	return &credentials.Store{Path: filepath.Join(dir, "config", "pipeline", "credentials.age")}
}

// login keeps a connection gevme as a login would have.
func (d *doorman) login(t *testing.T, dir string, change func(*credentials.Connection)) {
	t.Helper()
	c := credentials.Connection{Connector: "gevme", BaseURL: d.URL, ClientID: "id", ClientSecret: "s3cret", Token: "token-0", Refresh: "refresh-0", Since: time.Now(), Obtained: time.Now().Add(-2 * time.Hour), Expires: time.Now().Add(-time.Hour)}
	if change != nil {
		change(&c)
	}
	err := storeIn(dir).Change(t.Context(), func(b credentials.Book) (bool, error) { b["gevme"] = c; return true, nil })
	if err != nil {
		t.Fatal(err)
	}
}

// kept is the connection as the store has it.
func kept(t *testing.T, dir string) credentials.Connection {
	t.Helper()
	book, err := storeIn(dir).Read()
	if err != nil {
		t.Fatal(err)
	}
	return book["gevme"]
}

// stored is the program in a folder, with credentials from the store alone.
func stored(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd, said := process(t, dir, args...)
	env := []string{"XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "PIPELINE_GEVME_TOKEN=", "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="}
	cmd.Env = append(cmd.Env, env...)
	return cmd, said
}

// A token that ran out is renewed once, though several processes find out at the
// same time, and each of them goes on.
func TestOneOfAllProcessesRenews(t *testing.T) {
	began := time.Now()
	d := newDoorman(t)
	first := workplace(t, d.platform)
	d.login(t, first, nil)
	dirs := []string{first, workplace(t, d.platform), workplace(t, d.platform)}
	var all sync.WaitGroup
	for _, dir := range dirs {
		cmd, said := stored(t, dir, "run", "m.yaml")
		cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+filepath.Join(first, "config"))
		all.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	all.Wait()
	renewed, reused, token := d.told()
	if c := kept(t, first); renewed != 1 || reused || string(c.Token) != token || c.Refresh != "refresh-1" || c.Expires.Sub(began) < 59*time.Minute || c.Used.IsZero() {
		t.Errorf("renewed %d times, reused: %v, kept until %v", renewed, reused, c.Expires)
	}
}

// A token that is refused in the middle of a run is renewed too, and the run does
// not notice.
func TestRevokedTokenIsRenewed(t *testing.T) {
	d := newDoorman(t)
	dir := workplace(t, d.platform)
	d.login(t, dir, func(c *credentials.Connection) { c.Expires = time.Now().Add(time.Hour) })
	d.hook(nil, func(call int) {
		if call == 3 {
			d.set("withdrawn", "refresh-0", nil)
		}
	})
	cmd, said := stored(t, dir, "run", "m.yaml")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if renewed, reused, _ := d.told(); renewed != 1 || reused {
		t.Errorf("renewed %d times, reused: %v", renewed, reused)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	assertWhole(t, string(got), 110)
}

// What the platform gave is durable before it is used: a process that is killed
// at the first use leaves it for the next one.
func TestKilledBetweenSavingAndUse(t *testing.T) {
	d := newDoorman(t)
	dir := workplace(t, d.platform)
	d.login(t, dir, nil)
	cmd, _ := stored(t, dir, "run", "m.yaml")
	first := newVictim(cmd)
	d.set("token-0", "refresh-0", func(_ int, path string) {
		if strings.HasPrefix(path, "/events/") {
			first.signal(os.Kill)
		}
	})
	if err := first.run(t); err == nil {
		t.Fatal("it was not killed")
	}
	_, _, token := d.told()
	d.set(token, "refresh-1", nil)
	second, said := stored(t, dir, "run", "m.yaml")
	if err := second.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if renewed, reused, _ := d.told(); renewed != 1 || reused {
		t.Errorf("renewed %d times, reused: %v", renewed, reused)
	}
}

// Where nothing can be saved nothing is taken: a refresh token is good for once.
func TestRenewalThatCannotBeSaved(t *testing.T) {
	d := newDoorman(t)
	dir := workplace(t, d.platform)
	d.login(t, dir, nil)
	partial := filepath.Join(dir, "config", "pipeline", ".credentials.age.partial", "x")
	if err := os.MkdirAll(partial, 0o700); err != nil { // a full disk, for root too
		t.Fatal(err)
	}
	cmd, said := stored(t, dir, "run", "m.yaml")
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(said.String(), "save the credentials: ") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if renewed, _, _ := d.told(); renewed != 0 {
		t.Errorf("renewed %d times", renewed)
	}
}

// A login that is over ends the run, says what to type, and loses nothing: after
// the login the same command goes on.
func TestLogInAgainAndGoOn(t *testing.T) {
	d := newDoorman(t)
	dir := workplace(t, d.platform)
	d.login(t, dir, func(c *credentials.Connection) { c.Refresh, c.Expires = "", time.Time{} })
	d.hook(nil, func(call int) {
		if call == 2 {
			d.set("withdrawn", "", nil)
		}
	})
	cmd, said := stored(t, dir, "run", "m.yaml")
	_ = cmd.Run()
	command := "log in again: pipeline auth login gevme --connection gevme --base-url " + d.URL
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(said.String(), command) {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	d.hook(nil, nil)
	d.login(t, dir, func(c *credentials.Connection) { c.Token, c.Refresh, c.Expires = "withdrawn", "", time.Time{} })
	second, said := stored(t, dir, "run", "m.yaml")
	if err := second.Run(); err != nil || !strings.Contains(said.String(), "4 calls, 2 answers from the tape") {
		t.Fatalf("%v\n%s", err, said)
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	assertWhole(t, string(got), 110)
	assertNoSecret(t, filepath.Join(dir, ".pipeline"))
}

// What keeps a stored connection from being used is said, and no call is made.
func TestConnectionsThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*credentials.Connection)
		spoil  func(t *testing.T, dir string)
		want   string
	}{
		"of another connector": {change: func(c *credentials.Connection) { c.Connector = "floktu" }, want: `the connection "gevme" is of floktu, and this mapping reads from gevme; name another one with connection:, and log in: pipeline auth login gevme --connection gevme`},
		"of another platform":  {change: func(c *credentials.Connection) { c.BaseURL = "https://other.example/api" }, want: `the connection "gevme" was logged in to at https://other.example, and this mapping calls URL; log in there: pipeline auth login gevme --connection gevme --base-url URL`},
		"imported alone":       {change: func(c *credentials.Connection) { *c = credentials.Connection{ClientID: "id", ClientSecret: "s"} }, want: `(it has the client id and secret; nobody has logged in yet)`},
		"refused":              {change: func(c *credentials.Connection) { c.Refresh = "old" }, want: `gevme: the login of the connection "gevme" is over: URL/oauth/access_token answered 400 Bad Request (invalid_grant); log in again: pipeline auth login gevme --connection gevme --base-url URL`},
		"in a damaged store": {spoil: func(t *testing.T, dir string) {
			if err := os.WriteFile(storeIn(dir).Path, []byte("junk"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: `no credentials for the connection "gevme": PIPELINE_GEVME_TOKEN is not set, and the store cannot be used: read the credentials in STORE: the file is damaged; bring it back from a backup, or remove it and log in again`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoorman(t)
			dir := workplace(t, d.platform)
			d.login(t, dir, test.change)
			if test.spoil != nil {
				test.spoil(t, dir)
			}
			cmd, said := stored(t, dir, "run", "m.yaml")
			_ = cmd.Run()
			want := strings.NewReplacer("URL", d.URL, "STORE", storeIn(dir).Path).Replace(test.want)
			if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(said.String(), want) {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, said, want)
			}
			if total, _ := d.counts(); total != 0 {
				t.Errorf("%d calls were made", total)
			}
		})
	}
}

// logIn runs a login as a person with a browser would: it opens the address that
// is printed alone on a line.
func logIn(cmd *exec.Cmd) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	if lines.Scan() {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(lines.Text())
		if err == nil {
			_ = res.Body.Close()
		}
	}
	more := lines.Scan()
	if err := cmd.Wait(); err != nil {
		return err
	}
	if more {
		return fmt.Errorf("stdout has more than the address: %q", lines.Text())
	}
	return nil
}

// Two logins that end at the same time are both kept.
func TestLoginsAtTheSameTime(t *testing.T) {
	engine := rest.New()
	connectors.All(engine)
	sandbox, err := engine.Sandbox("floktu", rest.SandboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sandbox)
	defer server.Close()
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 4 {
		name := fmt.Sprintf("client-%d", i)
		cmd, said := stored(t, dir, "auth", "login", "floktu", "--connection", name, "--base-url", sandbox.BaseURL(server.URL), "--no-browser")
		id, secret := rest.ClientVariables(name)
		cmd.Env = append(cmd.Env, id+"="+name, secret+"=s3cret")
		all.Go(func() {
			if err := logIn(cmd); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	all.Wait()
	book, err := storeIn(dir).Read()
	if err != nil || len(book) != 4 {
		t.Fatalf("%v, %v", book.Names(), err)
	}
	for name, c := range book {
		if c.ClientID != name || c.Token == "" || !strings.HasPrefix(string(c.Token), base64.RawURLEncoding.EncodeToString([]byte(name))+":") {
			t.Errorf("%s has the token of another client", name)
		}
	}
}

// A client without a person is asked for nothing: its id and secret are enough,
// from the environment in memory, and from the store in the store.
func TestClientCredentials(t *testing.T) {
	d := newDoorman(t)
	var tokens atomic.Int64
	d.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			d.serve(w, r)
			return
		}
		token := tokens.Add(1)
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_secret") != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token": "secret-%d", "token_type": "Bearer", "expires_in": 3600}`, token)
	})
	dir := workplace(t, d.platform)
	put(t, filepath.Join(dir, "shop.yaml"), "name: shop\nbase_url: "+d.URL+"\nauth: {oauth2: {grant: client_credentials, token: /token}}\nlimit: {rate: 1000/min, concurrency: 1}\nstreams: {people: {path: /people, key: id, page: {style: offset, param: offset, size: {param: limit, default: 20, max: 20}}}}\n")
	put(t, filepath.Join(dir, "m.yaml"), "version: 1\nsource:\n  ./shop.yaml: {}\n  connection: acme\nfields: {id: string(id)}\nsinks: [{csv: {path: out.csv}}]\n")
	client := []string{"PIPELINE_ACME_CLIENT_ID=id", "PIPELINE_ACME_CLIENT_SECRET=s3cret"}
	do := func(env []string, args ...string) string {
		t.Helper()
		cmd, said := stored(t, dir, args...)
		cmd.Env = append(cmd.Env, env...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, said)
		}
		return said.String()
	}
	do(client, "run", "m.yaml")
	if _, err := os.Stat(storeIn(dir).Path); err == nil || tokens.Load() != 1 {
		t.Errorf("%d tokens; is there a store? %v", tokens.Load(), err == nil)
	}
	do(client, "auth", "login", "./shop.yaml", "--connection", "acme")
	do(nil, "run", "m.yaml")
	if tokens.Load() != 2 {
		t.Errorf("%d tokens, want one more with the login and none for the run", tokens.Load())
	}
	book, _ := storeIn(dir).Read()
	c := book["acme"]
	c.Expires = time.Now()
	if err := storeIn(dir).Change(t.Context(), func(b credentials.Book) (bool, error) { b["acme"] = c; return true, nil }); err != nil {
		t.Fatal(err)
	}
	do(nil, "run", "m.yaml")
	if book, _ := storeIn(dir).Read(); tokens.Load() != 3 || book["acme"].Token != "secret-3" {
		t.Errorf("%d tokens", tokens.Load())
	}
	assertNoSecret(t, filepath.Join(dir, ".pipeline"))
}
