// identity.go: names for things and pseudonyms for people.

package expression

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

func identityFunctions() []*function {
	text := param{name: "text", want: isText}
	return []*function{
		{Function: Function{Name: "sha256", Group: "identity", Signature: "sha256(text)", Doc: "The SHA-256 of the text, in hex. An address can be found again from it by trying; use hmac for pseudonyms.",
			Example: `sha256("abc")`, Result: `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
			params: []param{text}, result: textual, run: func(_ *Machine, a []any) (any, error) {
				sum := sha256.Sum256([]byte(a[0].(string)))
				return hex.EncodeToString(sum[:]), nil
			}},
		{Function: Function{Name: "hmac", Group: "identity", Signature: "hmac(text, key)", Doc: "The HMAC-SHA-256 of the text under a key, in hex: the same pseudonym for the same person, and no way back without the key.",
			Example: `hmac("what do ya want for nothing?", "Jefe")`, Result: `"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"`},
			params: []param{text, {name: "key", want: isText, literal: notEmpty("the key of hmac")}}, result: textual, run: keyed},
		{Function: Function{Name: "uuid5", Group: "identity", Signature: "uuid5(namespace, name)", Doc: `The version 5 UUID of a name. The namespace is a UUID, or "dns", "url", "oid" or "x500".`,
			Example: `uuid5("dns", "www.example.com")`, Result: `"2ed6657d-e927-568b-95e1-2665a8aea6a2"`},
			params: []param{{name: "namespace", want: isText, literal: checkNamespace}, {name: "name", want: isText}}, result: textual, run: uuid5},
	}
}

func keyed(_ *Machine, a []any) (any, error) {
	key := a[1].(string)
	if key == "" {
		return nil, because(codeValue, "the key of hmac is empty")
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(a[0].(string)))
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// namespaces are those of RFC 9562.
var namespaces = map[string]string{
	"dns":  "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	"url":  "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
	"oid":  "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
	"x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}

// parseNamespace is the 16 bytes of a namespace.
func parseNamespace(s string) ([]byte, error) {
	if known, ok := namespaces[s]; ok {
		s = known
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 || len(s) != 36 {
		return nil, because(codeValue, `a namespace is a UUID, or "dns", "url", "oid" or "x500"`)
	}
	return b, nil
}

func checkNamespace(s string) error {
	_, err := parseNamespace(s)
	return err
}

func uuid5(_ *Machine, a []any) (any, error) {
	namespace, err := parseNamespace(a[0].(string))
	if err != nil {
		return nil, err
	}
	h := sha1.Sum(append(namespace, a[1].(string)...))
	id := h[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	s := hex.EncodeToString(id)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:], nil
}
