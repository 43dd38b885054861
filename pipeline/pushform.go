package pipeline

// pushform.go: bodies of forms, as JSON objects of texts.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/value"
)

const (
	formURLEncoded = "application/x-www-form-urlencoded"
	formMultipart  = "multipart/form-data"
)

// maxFormFields bounds what a body of nothing but separators can make.
const maxFormFields = 10_000

// isForm reports whether a body is a form, by what it has to be or what its
// sender calls it.
func isForm(contentType, content string) bool {
	if content != "any" {
		return content == "form"
	}
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == formURLEncoded || kind == formMultipart
}

// formObject is a form as a JSON object: its names in the order in which they
// first come, with a text each, or a list of texts where a name comes again.
func formObject(contentType string, body []byte) ([]byte, error) {
	f := &form{values: map[string][]string{}}
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil && kind == formMultipart {
		err = f.multipart(body, params["boundary"])
	} else {
		err = f.urlencoded(string(body))
	}
	if err != nil {
		return nil, err
	}
	return f.json(), nil
}

type form struct {
	names  []string
	values map[string][]string
	fields int
}

func (f *form) add(name, text string) error {
	if !utf8.ValidString(name) || !utf8.ValidString(text) {
		return errors.New("a name or a value in it is not UTF-8")
	}
	if f.fields++; f.fields > maxFormFields {
		return fmt.Errorf("it has more than %d fields", maxFormFields)
	}
	if _, again := f.values[name]; !again {
		f.names = append(f.names, name)
	}
	f.values[name] = append(f.values[name], text)
	return nil
}

func (f *form) urlencoded(body string) error {
	for pair := range strings.SplitSeq(strings.TrimRight(body, "\r\n"), "&") {
		if pair == "" {
			continue
		}
		left, right, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(left)
		if err != nil {
			return errors.New("it has a % that is not followed by two hexadecimal digits")
		}
		text, err := url.QueryUnescape(right)
		if err != nil {
			return errors.New("it has a % that is not followed by two hexadecimal digits")
		}
		if err := f.add(name, text); err != nil {
			return err
		}
	}
	return nil
}

func (f *form) multipart(body []byte, boundary string) error {
	if boundary == "" {
		return errors.New("its content type names no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		switch {
		case err == io.EOF: //nolint:errorlint // wrapped, it is the end of a body without its last boundary
			return nil
		case err != nil:
			return errors.New("its parts are broken or cut off")
		case part.FileName() != "":
			return errors.New("it has a file in it")
		}
		text, err := io.ReadAll(part) // of a body that is bounded
		if err != nil {
			return errors.New("its parts are broken or cut off")
		}
		if err := f.add(part.FormName(), string(text)); err != nil {
			return err
		}
	}
}

func (f *form) json() []byte {
	out := []byte{'{'}
	for i, name := range f.names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(value.AppendJSONString(out, name), ':')
		texts := f.values[name]
		if len(texts) == 1 {
			out = value.AppendJSONString(out, texts[0])
			continue
		}
		for k, text := range texts {
			out = append(out, "[,"[min(k, 1)])
			out = value.AppendJSONString(out, text)
		}
		out = append(out, ']')
	}
	return append(out, '}')
}
