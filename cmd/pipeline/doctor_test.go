package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// examine runs doctor and returns what it says.
func examine(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if code := run(context.Background(), append([]string{"doctor", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), &out, &out); code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
	return out.String()
}

// hears holds doctor to a line.
func hears(t *testing.T, said string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
}

// clientFolder is a folder with a mapping that reads from base.
func clientFolder(t *testing.T, base string) string {
	t.Helper()
	dir := t.TempDir()
	mapping := fmt.Sprintf("version: 1\nsource:\n  gevme: {event: \"1\", base_url: %q}\n  connection: acme\nfields:\n  id: id\nsinks:\n  - csv: {path: a.csv}\n", base)
	if err := os.WriteFile(filepath.Join(dir, "acme.yaml"), []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDoctorServing has a serve that is ready, then not, then gone.
func TestDoctorServing(t *testing.T) {
	t.Setenv("PIPELINE_ACME_TOKEN", "t")
	dir := clientFolder(t, "https://api.gevme.com")
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready {
			http.Error(w, "the store is full\nmore", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	if err := os.MkdirAll(filepath.Join(dir, ".pipeline", "serve"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".pipeline", "serve", "address.json"), []byte(`{"url":"`+server.URL+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	hears(t, examine(t, exitDone, dir), "ok     serve        it is running at "+server.URL+", and ready\n")
	ready = false
	hears(t, examine(t, exitFailed, dir), "wrong  serve        it is running at "+server.URL+", and not ready (503 the store is full)\n")
	server.Close()
	hears(t, examine(t, exitDone, dir), "ok     port         127.0.0.1:0 is free, no serve is running here\n")
}

func TestDoctorPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hears(t, examine(t, exitFailed, "../../mappings", "--listen", l.Addr().String()), "wrong  port         "+l.Addr().String()+" cannot be listened on: address already in use\n")
}

func TestDoctorOnline(t *testing.T) {
	t.Setenv("PIPELINE_ACME_TOKEN", "canary")
	var date func() string // when it is asked: doctor looks at other things before
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.Header().Set("Date", date())
	}))
	defer server.Close()
	dir := clientFolder(t, server.URL+"/v2")
	for _, test := range []struct {
		off  time.Duration
		code int
		want string
	}{
		{0, exitDone, "ok     clock        it agrees with that of " + server.URL},
		{-30 * time.Second, exitDone, "warn   clock        it differs from that of " + server.URL + " by "},
		{time.Hour, exitFailed, "wrong  clock        it differs from that of " + server.URL + " by "},
	} {
		date = func() string { return time.Now().Add(test.off).UTC().Format(http.TimeFormat) }
		hears(t, examine(t, test.code, dir, "--online"), test.want)
	}
	date = func() string { return "soon" }
	hears(t, examine(t, exitDone, dir, "--online"), "answers, and does not say what time it is")
	if len(asked) != 4 || asked[0] != "HEAD / " {
		t.Errorf("%q", asked) // one call each, without the token
	}
	server.Close()
	hears(t, examine(t, exitFailed, dir, "--online"), "wrong  clock        "+server.URL+" does not answer: ")
}

// makePair makes a certificate that is good between two moments, and its key.
func makePair(t *testing.T, from, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, NotBefore: from, NotAfter: until, DNSNames: []string{"node-a"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestDoctorCertificates(t *testing.T) {
	now, day := time.Now(), 24*time.Hour
	dir := clientFolder(t, "https://api.gevme.com")
	t.Setenv("PIPELINE_ACME_TOKEN", "t")
	for _, test := range []struct {
		from, until time.Time
		code        int
		want        string
	}{
		{now.Add(-day), now.Add(90 * day), exitDone, "ok     tls          CERT is good until " + now.Add(90*day).UTC().Format("2006-01-02") + ", for node-a\n"},
		{now.Add(-day), now.Add(5 * day), exitDone, "warn   tls          CERT is good until " + now.Add(5*day).UTC().Format("2006-01-02") + " only\n"},
		{now.Add(-9 * day), now.Add(-5 * day), exitFailed, "wrong  tls          CERT was good until " + now.Add(-5*day).UTC().Format("2006-01-02") + "\n"},
		{now.Add(2 * day), now.Add(5 * day), exitFailed, "wrong  tls          CERT is good from " + now.Add(2*day).UTC().Format("2006-01-02") + " on\n"},
	} {
		cert, key := makePair(t, test.from, test.until)
		said := examine(t, test.code, dir, "--tls-cert", cert, "--tls-key", key, "--tls-ca", cert)
		hears(t, said, strings.ReplaceAll(test.want, "CERT", cert), strings.ReplaceAll(strings.Replace(test.want, "tls   ", "tls ca", 1), "CERT", cert))
	}
	cert, _ := makePair(t, now, now.Add(day))
	_, key := makePair(t, now, now.Add(day))
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	hears(t, examine(t, exitFailed, dir, "--tls-cert", cert, "--tls-key", key), "make no pair: private key does not match public key\n")
}
