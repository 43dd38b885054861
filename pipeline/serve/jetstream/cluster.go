package jetstream

// cluster.go: nodes that keep copies for each other. The only port that is open is
// the one between them, and nobody gets through it without a certificate of their
// own CA.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// clusterPort is where nodes meet if nothing else is said.
const clusterPort = "6222"

// tlsSeconds bounds a handshake between nodes.
const tlsSeconds = 10

// Peer is a node of a cluster.
type Peer struct {
	Name string
	Host string
	Port int
}

// Address is host:port.
func (p Peer) Address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// TLS are the files of a node: what it shows, and who may show what.
type TLS struct {
	CertFile, KeyFile, CAFile string
}

// ParsePeers reads a list of nodes: a,b,c or a=10.0.0.1:6222,… A node without a name
// has that of its host, one without a port has 6222.
func ParsePeers(list string) ([]Peer, error) {
	var peers []Peer
	seen := map[string]bool{}
	for part := range strings.SplitSeq(list, ",") {
		p, err := parsePeer(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("two nodes have the name %s: give each its own, as in a=%s", p.Name, p.Address())
		}
		seen[p.Name] = true
		peers = append(peers, p)
	}
	if len(peers) != 3 && len(peers) != 5 {
		return nil, fmt.Errorf("a cluster has 3 nodes, or 5, and %q names %d: with an even number nobody has the majority when half of them are gone", list, len(peers))
	}
	return peers, nil
}

func parsePeer(text string) (Peer, error) {
	name, address, named := strings.Cut(text, "=")
	if !named {
		name, address = "", text
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), clusterPort
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || number == 0 {
		return Peer{}, fmt.Errorf("%q is no node: expected HOST, HOST:PORT or NAME=HOST:PORT", text)
	}
	if name == "" {
		name = host
	}
	if token(name) != strings.NewReplacer(".", "=2E", ":", "=3A").Replace(name) {
		return Peer{}, fmt.Errorf("%q is no name of a node: letters, digits, dots, dashes and underscores", name)
	}
	return Peer{Name: name, Host: host, Port: int(number)}, nil
}

// checkCluster says what is missing for a node to be one.
func (c Config) checkCluster() error {
	if c.Mode() != Cluster {
		return nil
	}
	if _, err := c.here(); err != nil {
		return err
	}
	if c.TLS.CertFile == "" || c.TLS.KeyFile == "" || c.TLS.CAFile == "" {
		return errors.New("the nodes of a cluster need certificates, because what they send each other are people's data: pipeline engine certs makes them")
	}
	return nil
}

// here is this node among the peers.
func (c Config) here() (Peer, error) {
	var names []string
	for _, p := range c.Peers {
		if p.Name == c.Node {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if c.Node == "" {
		return Peer{}, fmt.Errorf("it is not said which node this is: one of %s", strings.Join(names, ", "))
	}
	return Peer{}, fmt.Errorf("this node is %s, and the cluster is %s", c.Node, strings.Join(names, ", "))
}

// addCluster makes the server one of the nodes.
func (c Config) addCluster(o *server.Options) error {
	here, err := c.here()
	if err != nil {
		return err
	}
	config, err := c.TLS.config()
	if err != nil {
		return err
	}
	o.Cluster = server.ClusterOpts{
		Name:           clusterName,
		Host:           listenHost(here.Host),
		Port:           here.Port,
		NoAdvertise:    true, // all nodes are named, and reached by that name
		TLSConfig:      config,
		TLSTimeout:     tlsSeconds,
		PingInterval:   pingNodes,
		ConnectRetries: -1,
	}
	for _, p := range c.Peers {
		if p != here {
			o.Routes = append(o.Routes, &url.URL{Scheme: "tls", Host: p.Address()})
		}
	}
	return nil
}

// listenHost is where a node listens: at its address if that is one, which keeps a
// cluster on one machine on that machine, else everywhere, because what a name means
// may be different inside of a container.
func listenHost(host string) string {
	if net.ParseIP(host) != nil {
		return host
	}
	return "0.0.0.0"
}

func (t TLS) config() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificates of the cluster: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate", t.CAFile)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	}, nil
}
