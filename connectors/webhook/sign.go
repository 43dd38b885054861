package webhook

// sign.go: Standard Webhooks 1.0, and the key by which a receiver knows a
// delivery again.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
	"time"
)

// signer makes ids and signatures. One goroutine uses it at a time.
type signer struct {
	seed []byte // what ids depend on beside the body: mapping and url
	sum  hash.Hash
	mac  hash.Hash // nil: no secret
	out  [sha256.Size]byte
	text []byte
}

func newSigner(mapping, url string, secret []byte) *signer {
	s := &signer{sum: sha256.New()}
	for _, part := range []string{mapping, url} {
		s.seed = binary.AppendUvarint(s.seed, uint64(len(part)))
		s.seed = append(s.seed, part...)
	}
	if secret != nil {
		s.mac = hmac.New(sha256.New, secret)
	}
	return s
}

// generation is the first of the runs that ids are the same for.
func (s *signer) generation(n int64) { s.seed = binary.AppendVarint(s.seed, n) }

// id is the same for the same mapping, url, generation, push (0: none) and body.
func (s *signer) id(push uint64, body []byte) string {
	s.sum.Reset()
	s.sum.Write(s.seed)
	if push > 0 {
		s.text = binary.AppendUvarint(append(s.text[:0], 0), push) // no body begins with 0
		s.sum.Write(s.text)
	}
	s.sum.Write(body)
	s.text = append(s.text[:0], "msg_"...)
	s.text = base64.RawURLEncoding.AppendEncode(s.text, s.sum.Sum(s.out[:0])[:24])
	return string(s.text)
}

// sign is the values of webhook-timestamp and webhook-signature for a request
// that is sent now.
func (s *signer) sign(id string, now time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(now.Unix(), 10)
	s.mac.Reset()
	s.text = append(s.text[:0], id...)
	s.text = append(s.text, '.')
	s.text = append(s.text, timestamp...)
	s.text = append(s.text, '.')
	s.mac.Write(s.text)
	s.mac.Write(body)
	s.text = append(s.text[:0], "v1,"...)
	s.text = base64.StdEncoding.AppendEncode(s.text, s.mac.Sum(s.out[:0]))
	return timestamp, string(s.text)
}
