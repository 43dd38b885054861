package webhook

// address.go: where rows may go. A url is looked at when the mapping is checked,
// and again what it resolves to at the moment of connecting: a name can point
// anywhere, and elsewhere the next time.

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// parseURL reads the option, or says what is wrong with it without repeating it:
// it may hold a token.
func parseURL(s string, allowPrivate bool) (u *url.URL, message, hint string) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, "the url is no address of the web", `such as "https://api.example.com/v1/attendees"`
	case u.User != nil:
		return nil, "the url holds a user or password, which end up in logs", `put them into headers: {Authorization: "Basic ${…}"}`
	case u.Fragment != "":
		return nil, "the url has a part after #, which is never sent", "leave it out"
	}
	local := saysLocal(u.Hostname())
	if u.Scheme == "http" && !local {
		return nil, fmt.Sprintf("%s would get people's data over plain http", u.Host), "use https; plain http is for this machine only, such as http://localhost:8080"
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !local && !allowPrivate {
		if what := reserved(ip); what != "" {
			return nil, fmt.Sprintf("%s is %s", ip, what), "add allow_private: true where that is meant"
		}
	}
	return u, "", ""
}

// saysLocal reports whether a host is this machine by its very name.
func saysLocal(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// forbidden is a connection that was not made.
type forbidden struct {
	host, what string
	plain      bool // plain http, which no option allows
}

func (f *forbidden) Error() string {
	if f.plain {
		return fmt.Sprintf("%s is %s, and plain http is for this machine only", f.host, f.what)
	}
	return fmt.Sprintf("%s is %s; add allow_private: true where that is meant", f.host, f.what)
}

// guard says whether a url may be connected to at an address, which a resolver
// said is that of its host.
type guard struct {
	host         string // as the url names it
	local        bool   // and it says that it is this machine
	plain        bool   // http without s
	allowPrivate bool
}

func guardOf(p params) guard {
	host := p.url.Hostname()
	return guard{host: host, local: saysLocal(host), plain: p.url.Scheme == "http", allowPrivate: p.allowPrivate}
}

// check takes the address as a dialer gives it, with its port.
func (g guard) check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &forbidden{host: g.host, what: "at an address that cannot be read"}
	}
	ip := at.Addr().WithZone("").Unmap()
	switch {
	case g.local && ip.IsLoopback():
		return nil
	case g.plain:
		return &forbidden{host: g.host, what: "another machine", plain: true}
	case g.allowPrivate:
		return nil
	}
	if what := reserved(ip); what != "" {
		return &forbidden{host: g.host, what: what}
	}
	return nil
}

// ranges are the networks that are not the internet.
var ranges = []struct {
	network netip.Prefix
	what    string
}{
	{netip.MustParsePrefix("127.0.0.0/8"), "this machine, though the url does not say so"},
	{netip.MustParsePrefix("::1/128"), "this machine, though the url does not say so"},
	{netip.MustParsePrefix("0.0.0.0/8"), "an address of no machine"},
	{netip.MustParsePrefix("::/128"), "an address of no machine"},
	{netip.MustParsePrefix("10.0.0.0/8"), "in a private network"},
	{netip.MustParsePrefix("172.16.0.0/12"), "in a private network"},
	{netip.MustParsePrefix("192.168.0.0/16"), "in a private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "in the network of a carrier"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, where clouds serve their credentials"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "reserved for examples"},
	{netip.MustParsePrefix("198.51.100.0/24"), "reserved for examples"},
	{netip.MustParsePrefix("203.0.113.0/24"), "reserved for examples"},
	{netip.MustParsePrefix("198.18.0.0/15"), "reserved for tests of networks"},
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("fc00::/7"), "in a private network"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "in a private network"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("100::/64"), "an address of no machine"},
	{netip.MustParsePrefix("2001:db8::/32"), "reserved for examples"},
	// The rest hold an IPv4 address, which may be any of the above.
	{netip.MustParsePrefix("64:ff9b::/96"), "an IPv4 address in disguise"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "an IPv4 address in disguise"},
	{netip.MustParsePrefix("2001::/32"), "an IPv4 address in disguise"},
	{netip.MustParsePrefix("2002::/16"), "an IPv4 address in disguise"},
	{netip.MustParsePrefix("::/96"), "an IPv4 address in disguise"},
}

// reserved says what an address is that is not of the internet; empty for those
// that are.
func reserved(ip netip.Addr) string {
	ip = ip.WithZone("").Unmap()
	for _, r := range ranges {
		if r.network.Contains(ip) {
			return r.what
		}
	}
	return ""
}
