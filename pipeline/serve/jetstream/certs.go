package jetstream

// certs.go: the certificates of a cluster. Its CA is for nothing else, so that a
// certificate of it means: a node of this cluster.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// certificatesFor is how long certificates are good: nodes that must not be lost have
// no calendar.
const certificatesFor = 10 * 365 * day

// CAName is the name of the CA's files: CAName.pem is for every node, CAName.key for
// none of them, only for making more certificates.
const CAName = "ca"

// MakeCertificates writes a CA and a certificate for each node into dir, and returns
// the names of the files that it wrote. What is there already stays: with the same CA
// another node's certificate can be added or renewed.
func MakeCertificates(dir string, peers []Peer, now time.Time) ([]string, error) {
	for _, p := range peers {
		if p.Name == CAName {
			return nil, fmt.Errorf("a node cannot be called %s: the files of the CA are", CAName)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w := &certificateWriter{dir: dir, now: now}
	ca, err := w.authority()
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		if err := w.node(ca, p); err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", p.Name, err)
		}
	}
	return w.wrote, nil
}

// signed is a certificate with its key.
type signed struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

type certificateWriter struct {
	dir   string
	now   time.Time
	wrote []string
}

// authority is the CA of dir, made if there is none.
func (w *certificateWriter) authority() (signed, error) {
	ca, err := w.load(CAName)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	return w.issue(CAName, &x509.Certificate{
		Subject:               pkix.Name{CommonName: "pipeline cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, nil)
}

func (w *certificateWriter) node(ca signed, p Peer) error {
	if _, err := w.load(p.Name); !errors.Is(err, fs.ErrNotExist) {
		return err // it is there, or it cannot be read
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: p.Name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(p.Host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{p.Host}
	}
	if net.ParseIP(p.Name) == nil && !slices.Contains(template.DNSNames, p.Name) {
		template.DNSNames = append(template.DNSNames, p.Name)
	}
	_, err := w.issue(p.Name, template, &ca)
	return err
}

// issue makes a key and a certificate for it, signed by ca, or by itself.
func (w *certificateWriter) issue(name string, template *x509.Certificate, ca *signed) (signed, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signed{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return signed{}, err
	}
	template.NotBefore, template.NotAfter = w.now.Add(-time.Hour), w.now.Add(certificatesFor)
	if ca == nil {
		ca = &signed{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, &key.PublicKey, ca.key)
	if err != nil {
		return signed{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return signed{}, err
	}
	if err := errors.Join(w.write(name+".key", "PRIVATE KEY", private), w.write(name+".pem", "CERTIFICATE", der)); err != nil {
		return signed{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return signed{certificate, key}, err
}

// write makes a file that only its owner can read, and never replaces one.
func (w *certificateWriter) write(name, kind string, der []byte) error {
	path := filepath.Join(w.dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w.wrote = append(w.wrote, path)
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Close())
}

// load reads a certificate and its key. The error is fs.ErrNotExist if neither of the
// two is there.
func (w *certificateWriter) load(name string) (signed, error) {
	private, failed := w.read(name+".key", "PRIVATE KEY")
	der, err := w.read(name+".pem", "CERTIFICATE")
	if errors.Is(err, fs.ErrNotExist) && errors.Is(failed, fs.ErrNotExist) {
		return signed{}, fs.ErrNotExist
	}
	if err := errors.Join(err, failed); err != nil {
		return signed{}, fmt.Errorf("%s has only one of %s.pem and %s.key, or one that cannot be read: %w", w.dir, name, name, notNotExist{err})
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return signed{}, fmt.Errorf("%s.pem: %w", name, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return signed{}, fmt.Errorf("%s.key: %w", name, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return signed{}, fmt.Errorf("%s.key is not of a kind that is used here", name)
	}
	return signed{certificate, ec}, nil
}

// notNotExist is an error that is not taken for an absent file.
type notNotExist struct{ err error }

func (n notNotExist) Error() string { return n.err.Error() }

func (w *certificateWriter) read(name, kind string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s is no %s", name, kind)
	}
	return block.Bytes, nil
}
