package credentials

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	encrypted "github.com/yeka/zip"
)

func TestFind(t *testing.T) {
	one := []Found{{"keys", "abc-123", "S/ecr=et+"}}
	for name, test := range map[string]struct {
		text string
		want []Found
	}{
		"json":             {`{"client_id": "abc-123", "client_secret": "S/ecr=et+"}`, one},
		"json camel":       {`{"clientId": "abc-123", "clientSecret": "S/ecr=et+", "other": [1, null]}`, one},
		"json object":      {`{"client": {"id": "abc-123", "secret": "S/ecr=et+"}}`, []Found{{"keys", "abc-123", "S/ecr=et+"}}},
		"json number":      {`{"client_id": 1234567, "client_secret": "x"}`, []Found{{"keys", "1234567", "x"}}},
		"env":              {"# GEVME\nexport CLIENT_ID=abc-123\nCLIENT_SECRET=\"S/ecr=et+\"\n", one},
		"env named":        {"GEVME_CLIENT_ID=abc-123\nGEVME_CLIENT_SECRET='S/ecr=et+'\n", []Found{{"keys, gevme", "abc-123", "S/ecr=et+"}}},
		"ini":              {"[gevme]\nclient_id = abc-123\nclient_secret = S/ecr=et+\n", []Found{{"keys, gevme", "abc-123", "S/ecr=et+"}}},
		"letter":           {"Dear Zoë,\r\n\r\nClient ID: abc-123\r\nClient Secret: S/ecr=et+\r\n\r\nKind regards\r\n", one},
		"letter, below":    {"Client ID\n  abc-123\n\nClient Secret:\nS/ecr=et+\n", one},
		"markdown":         {"- **Client ID:** abc-123\n- **Client Secret:** `S/ecr=et+`\n", one},
		"markdown table":   {"| Client ID | abc-123 |\n|---|---|\n| Client Secret | S/ecr=et+ |\n", one},
		"yaml":             {"client_id: abc-123\nclient_secret: S/ecr=et+\n", one},
		"csv":              {"Name,Client ID,Client Secret\nacme,abc-123,S/ecr=et+\n", one},
		"csv, semicolons":  {"\ufeffClient ID;Client Secret\r\nabc-123;S/ecr=et+\r\n", one},
		"other words":      {"App ID = abc-123\nApp Secret = S/ecr=et+\n", one},
		"utf-16":           {wide("Client ID: abc-123\r\nClient Secret: S/ecr=et+\r\n"), one},
		"two":              {"STAGING_CLIENT_ID=a\nSTAGING_CLIENT_SECRET=b\nLIVE_CLIENT_ID=c\nLIVE_CLIENT_SECRET=d\n", []Found{{"keys, staging", "a", "b"}, {"keys, live", "c", "d"}}},
		"two rows":         {"Client ID,Client Secret\na,b\nc,d\n", []Found{{"keys, row 2", "a", "b"}, {"keys, row 3", "c", "d"}}},
		"two in json":      {`{"live": {"client_id": "c", "client_secret": "d"}, "test": {"client_id": "a", "client_secret": "b"}}`, []Found{{"keys, live", "c", "d"}, {"keys, test", "a", "b"}}},
		"no secret":        {"client_id=abc-123\n", nil},
		"nothing":          {"Please call us for the credentials: +65 1234", nil},
		"not text":         {"\x00\x01client_id=abc\nclient_secret=x", nil},
		"not the end":      {"my_client_id_is=abc\nclient_secret_of=x\n", nil},
		"empty":            {"", nil},
		"control in value": {"client_id=a\x1b[31m\nclient_secret=x\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Find("keys", []byte(test.text))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wide is UTF-16 with a mark, as Windows writes it.
func wide(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestSecretsDoNotPrint(t *testing.T) {
	found := Find("keys", []byte("client_id=abc\nclient_secret=hidden\n"))
	if text := fmt.Sprintf("%v %+v %#v %s", found, found, found, acme); strings.Contains(text, "hidden") || strings.Contains(text, "s3cret") {
		t.Error(text)
	}
}

func FuzzFind(f *testing.F) {
	for _, text := range []string{`{"client": {"id": "a", "secret": "b"}}`, "[x]\nclient id: a\nclient secret\nb", "client id,client secret\na,b\n", wide("Client ID = a"), "| Client ID | a |"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, one := range Find("keys", text) {
			if one.ID == "" || one.Secret == "" || strings.ContainsAny(one.Name+one.ID+string(one.Secret), "\n\x00\x1b") {
				t.Errorf("found %q %q %q", one.Name, one.ID, string(one.Secret))
			}
		}
	})
}

// zipped is an archive with files, which are names and texts in turn.
func zipped(t *testing.T, password string, method encrypted.EncryptionMethod, files ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "creds.zip")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := encrypted.NewWriter(out)
	for i := 0; i < len(files); i += 2 {
		var w io.Writer
		if password == "" {
			w, err = z.Create(files[i])
		} else {
			w, err = z.Encrypt(files[i], password, method)
		}
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const keysText = "client_id=abc\nclient_secret=hidden\n"

func TestArchive(t *testing.T) {
	for name, method := range map[string]encrypted.EncryptionMethod{"AES-256": encrypted.AES256Encryption, "AES-128": encrypted.AES128Encryption, "ZipCrypto": encrypted.StandardEncryption} {
		t.Run(name, func(t *testing.T) {
			path := zipped(t, "pass word", method, "readme.txt", "hello", "in/keys.txt", keysText, "copy.txt", keysText)
			a, err := OpenArchive(path)
			if err != nil || !a.Encrypted {
				t.Fatalf("%+v, %v", a, err)
			}
			found, err := a.Find("pass word")
			if diff := cmp.Diff([]Found{{"in/keys.txt", "abc", "hidden"}}, found); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			for _, wrong := range []Secret{"", "pass", "Pass word"} {
				if found, err := a.Find(wrong); !errors.Is(err, ErrWrongPassword) {
					t.Errorf("with password %q: %v, %v", string(wrong), found, err)
				}
			}
		})
	}
	a, err := OpenArchive(zipped(t, "", 0, "keys.txt", keysText))
	if err != nil || a.Encrypted {
		t.Fatalf("%+v, %v", a, err)
	}
	if found, err := a.Find(""); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestArchivesThatAreRefused(t *testing.T) {
	many := []string{}
	for i := range maxEntries + 1 {
		many = append(many, fmt.Sprint(i), "x")
	}
	ten := []string{}
	for i := range 12 {
		ten = append(ten, fmt.Sprintf("%02d.txt", i), strings.Repeat("x", maxEntry))
	}
	junk := filepath.Join(t.TempDir(), "junk.zip")
	if err := os.WriteFile(junk, []byte("PK\x03\x04 not a zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"no file":   {"nowhere.zip", "there is no file nowhere.zip"},
		"no zip":    {junk, "PATH is not a zip file, or is damaged"},
		"many":      {zipped(t, "p", encrypted.AES256Encryption, many...), "PATH has 65 files in it, and credentials need no more than 64; is it the right file?"},
		"a bomb":    {zipped(t, "p", encrypted.AES256Encryption, "big.txt", strings.Repeat("0", 50<<20)), "big.txt in PATH: it unpacks to more than 1 MiB, or all of them to more than 10 MiB, which credentials do not"},
		"old bomb":  {zipped(t, "p", encrypted.StandardEncryption, "big.txt", strings.Repeat("0", 50<<20)), "big.txt in PATH: it unpacks to more than 1 MiB, or all of them to more than 10 MiB, which credentials do not"},
		"many bits": {zipped(t, "p", encrypted.AES256Encryption, ten...), "10.txt in PATH: it unpacks to more than 1 MiB, or all of them to more than 10 MiB, which credentials do not"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := OpenArchive(test.path)
			if err == nil {
				_, err = a.Find("p")
			}
			if want := strings.ReplaceAll(test.want, "PATH", test.path); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// An archive whose directory lies about lengths is damaged, and no more than that.
func FuzzArchive(f *testing.F) {
	var plain bytes.Buffer
	z := zip.NewWriter(&plain)
	w, _ := z.Create("keys.txt")
	_, _ = io.WriteString(w, keysText)
	_ = z.Close()
	f.Add(plain.Bytes())
	for _, method := range []encrypted.EncryptionMethod{encrypted.AES256Encryption, encrypted.StandardEncryption} {
		var b bytes.Buffer
		z := encrypted.NewWriter(&b)
		w, _ := z.Encrypt("keys.txt", "p", method)
		_, _ = io.WriteString(w, keysText)
		_ = z.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "f.zip")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err := OpenArchive(path); err == nil {
			_, _ = a.Find("p")
		}
	})
}
