package receive

// prove.go: whether a sender knows what it has to. All comparisons take the same
// time whatever is wrong.

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline"
)

// named reports whether the headers name the user or token that is wanted, where
// one is, so that the body of a stranger is not even read.
func named(a pipeline.Authenticator, h http.Header) bool {
	scheme, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	switch a.Kind {
	case pipeline.AuthBasic:
		got, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		return same(string(got), a.Basic) && err == nil && strings.EqualFold(scheme, "basic")
	case pipeline.AuthBearer:
		return same(strings.TrimSpace(rest), a.Bearer) && strings.EqualFold(scheme, "bearer")
	}
	return true
}

// same compares by hash, so that not even the length can be measured.
func same(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// signed reports whether the body as it was sent is signed, where it has to be.
func signed(a pipeline.Authenticator, h http.Header, sent []byte, now time.Time) bool {
	switch a.Kind {
	case pipeline.AuthHMAC:
		return signedBy(a.HMAC, h, sent)
	case pipeline.AuthStandard:
		return standard(a.Keys, h, sent, now)
	}
	return true
}

func signedBy(o pipeline.HMACOptions, h http.Header, sent []byte) bool {
	values := h.Values(o.Header)
	if len(values) != 1 {
		return false
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(values[0]), o.Prefix)
	if !ok {
		return false
	}
	decode := hex.DecodeString
	if o.Encoding == "base64" {
		decode = base64.StdEncoding.DecodeString
	}
	got, err := decode(text)
	if err != nil {
		return false
	}
	mac := hmac.New(o.Hash(), []byte(o.Secret))
	mac.Write(sent)
	return hmac.Equal(got, mac.Sum(nil))
}

// maxSignatures bounds the work that a header can make.
const maxSignatures = 16

// standard verifies by the rules of Standard Webhooks 1.0: one of the signatures,
// with one of the keys.
func standard(keys [][]byte, h http.Header, sent []byte, now time.Time) bool {
	id, timestamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return false
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > timestamped || off < -timestamped {
		return false
	}
	signatures := strings.Fields(h.Get("Webhook-Signature"))
	found := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(sent)
		want := mac.Sum(nil)
		for _, text := range signatures[:min(len(signatures), maxSignatures)] {
			version, packed, _ := strings.Cut(text, ",")
			got, err := base64.StdEncoding.DecodeString(packed)
			found = err == nil && version == "v1" && hmac.Equal(got, want) || found
		}
	}
	return found
}
