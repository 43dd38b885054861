package main

// doctorchecks.go: the checks of doctor beside those on the disk.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/observe"
)

func (p *patient) mappings(context.Context) {
	names, err := expandFolders([]string{p.dir})
	if err != nil {
		p.wrong("mappings", "name the folder that serve is given: pipeline doctor DIR", "%v", err)
		return
	}
	all, _ := p.check(names, p.flags.state)
	errors, warnings := found(all).Count()
	fix := "pipeline check " + diag.ShellWord(p.dir)
	switch {
	case errors > 0:
		p.wrong("mappings", fix, "%s: %s", diag.Count(len(all), "mapping"), counts(errors, warnings))
	case warnings > 0:
		p.warn("mappings", fix, "%s: %s", diag.Count(len(all), "mapping"), counts(errors, warnings))
	default:
		p.ok("mappings", "%s: all right", diag.Count(len(all), "mapping"))
	}
	p.all = all
}

// credentials looks for the token of each connection, without a call.
func (p *patient) credentials(context.Context) {
	var there []string
	seen := map[string]bool{}
	for _, c := range p.all {
		if c.plan == nil || !c.plan.Remote() || c.plan.Connection() == "" || seen[c.plan.Connection()] {
			continue
		}
		connection := c.plan.Connection()
		seen[connection] = true
		a := p.account(c, connection)
		if _, err := a.token(); err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			p.wrong("credentials", a.toLogIn(), "%s", strings.TrimSuffix(first, " Looked in:"))
			continue
		}
		there = append(there, connection)
	}
	slices.Sort(there)
	switch {
	case len(there) > 0:
		p.ok("credentials", "there are some for %s", strings.Join(there, ", "))
	case len(seen) == 0:
		p.ok("credentials", "no mapping needs any")
	}
}

// address is how other commands reach a serve that is running.
type address struct {
	URL string `json:"url"`
}

// answerTime is how long somebody may take to answer.
const answerTime = 5 * time.Second

// serving asks a serve that is running, or whether its port is free.
func (p *patient) serving(ctx context.Context) {
	var at address
	src, err := os.ReadFile(filepath.Join(p.state, "serve", "address.json"))
	if err == nil && json.Unmarshal(src, &at) == nil && at.URL != "" {
		if p.ask(ctx, at.URL); p.running {
			return
		}
	}
	l, err := net.Listen("tcp", p.flags.listen)
	if err != nil {
		p.wrong("port", "end who uses it, or give serve another one with --listen", "%s cannot be listened on: %s", p.flags.listen, listenReason(err))
		return
	}
	_ = l.Close() // it was only tried
	p.ok("port", "%s is free, no serve is running here", p.flags.listen)
}

func listenReason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 { // what it was tried on is said already
		text = text[i+2:]
	}
	return text
}

// ask asks a serve whether it is ready.
func (p *patient) ask(ctx context.Context, base string) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/readyz", http.NoBody)
	if err != nil {
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return // it is not running any more
	}
	defer func() { _ = res.Body.Close() }() // only read
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	p.running = true
	if res.StatusCode/100 == 2 {
		p.ok("serve", "it is running at %s, and ready", base)
		return
	}
	why, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	p.wrong("serve", "look at its log", "it is running at %s, and not ready (%d %s)", base, res.StatusCode, why)
}

// What a clock may be off.
const (
	clockOff   = 2 * time.Second // a Date has whole seconds
	clockWrong = 60 * time.Second
)

// clock compares the clock with those of the platforms.
func (p *patient) clock(ctx context.Context) {
	if zone, err := time.LoadLocation("Asia/Singapore"); err != nil || time.Unix(0, 0).In(zone).Hour() != 7 {
		p.wrong("time zones", "install the package tzdata", "the data on time zones cannot be used: %v", err)
	} else {
		p.ok("time zones", "their data is there; this machine's is %s", time.Now().Format("MST"))
	}
	if !p.flags.online {
		return
	}
	seen := map[string]bool{}
	for _, c := range p.all {
		if c.plan == nil || !c.plan.Remote() {
			continue
		}
		at := origin(p.account(c, c.plan.Connection()).baseURL())
		if !seen[at] {
			seen[at] = true
			p.compareClock(ctx, at)
		}
	}
	if len(seen) == 0 {
		p.ok("clock", "no mapping calls a platform whose clock could be compared")
	}
}

func (p *patient) compareClock(ctx context.Context, at string) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, at, http.NoBody)
	if err != nil {
		return
	}
	began := time.Now()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.wrong("clock", "look at the network, the proxy (HTTPS_PROXY) and the firewall", "%s does not answer: %v", at, err)
		return
	}
	_ = res.Body.Close() // it has none
	there, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		p.warn("clock", "", "%s answers, and does not say what time it is", at)
		return
	}
	here := began.Add(time.Since(began) / 2)
	off := here.Sub(there.Add(time.Second / 2)).Round(time.Second)
	fix := "let the machine set its clock (timedatectl set-ntp true)"
	switch {
	case off.Abs() > clockWrong:
		p.wrong("clock", fix, "it differs from that of %s by %s: signatures and tokens are refused", at, off.Abs())
	case off.Abs() > clockOff:
		p.warn("clock", fix, "it differs from that of %s by %s", at, off.Abs())
	default:
		p.ok("clock", "it agrees with that of %s", at)
	}
}

// leastFiles is how many files serve may need open: each mapping has some, and each
// sender a connection.
const leastFiles = 4096

func (p *patient) files(context.Context) {
	most, ok := observe.OpenFilesLimit()
	switch {
	case !ok:
	case most < leastFiles:
		p.warn("open files", "LimitNOFILE=65536 in the systemd unit, or ulimit -n 65536", "at most %d may be open; %d and more are good", most, leastFiles)
	default:
		p.ok("open files", "%s may be open", diag.Thousands(int(min(most, 1<<31-1))))
	}
}

// soon is when a certificate that ends needs somebody.
const soon = 30 * 24 * time.Hour

func (p *patient) certificates(context.Context) {
	if p.flags.cert != "" {
		p.certificate()
	}
	if p.flags.ca == "" {
		return
	}
	src, err := os.ReadFile(p.flags.ca)
	if err != nil {
		p.wrong("tls ca", "name the file of the certificates that sign", "%s cannot be read: %s", p.flags.ca, reason(err))
		return
	}
	n := 0
	for block, rest := pem.Decode(src); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !c.IsCA {
			p.wrong("tls ca", "name the file of the certificates that sign", "%s has something that is no certificate of a CA", p.flags.ca)
			return
		}
		n++
		p.expiry("tls ca", p.flags.ca, c)
	}
	if n == 0 {
		p.wrong("tls ca", "name the file of the certificates that sign", "%s has no certificate", p.flags.ca)
	}
}

func (p *patient) certificate() {
	pair, err := tls.LoadX509KeyPair(p.flags.cert, p.flags.key)
	if err != nil {
		p.wrong("tls", "name a certificate and its key, both as PEM", "%s and %s make no pair: %s", p.flags.cert, p.flags.key, strings.TrimPrefix(err.Error(), "tls: "))
		return
	}
	if info, err := os.Stat(p.flags.key); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		p.warn("tls", "chmod 600 "+diag.ShellWord(p.flags.key), "%s can be read by others (%04o)", p.flags.key, info.Mode().Perm())
	}
	p.expiry("tls", p.flags.cert, pair.Leaf)
}

func (p *patient) expiry(check, file string, c *x509.Certificate) {
	now := time.Now()
	until := c.NotAfter.Format("2006-01-02")
	switch {
	case now.After(c.NotAfter):
		p.wrong(check, "renew it", "%s was good until %s", file, until)
	case now.Before(c.NotBefore):
		p.wrong(check, "look at the clock", "%s is good from %s on", file, c.NotBefore.Format("2006-01-02"))
	case now.Add(soon).After(c.NotAfter):
		p.warn(check, "renew it", "%s is good until %s only", file, until)
	default:
		p.ok(check, "%s is good until %s%s", file, until, names(c))
	}
}

// names are whom a certificate is for.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf(", for %s", strings.Join(all, ", "))
}
