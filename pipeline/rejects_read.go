package pipeline

// rejects_read.go: the reject file, read back.

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/internal/jsonrow"
)

// maxRejectLine is the bound on a line: the largest record there is, with every
// byte of it escaped.
const maxRejectLine = 6*(64<<20) + 1<<20

// RejectLine is one line of a reject file. It is borrowed: copy what you keep.
type RejectLine struct {
	Number int    // 1-based line of the reject file
	Damage string // why the line is no reject, in words; nothing else is set then

	Mapping, Source     string
	Page, Item, Line    int    // where the record stood; 0 what does not apply
	Push                uint64 // the push that it came in; 0: it was fetched
	Key                 []byte // a JSON object; nil where it is not known
	Code, Field, Reason string
	Value               []byte // what was read, as JSON; nil where nothing was

	text   []byte // the line without its end
	record []byte // the original; nil where it was too large to keep
	raw    bool   // the original is no JSON
	sha256 string // of what was too large to keep
}

// Record is the record as it was read, as JSON, or where raw is true as bytes that
// are no JSON. It is nil where it was too large to keep.
func (l *RejectLine) Record() (record []byte, raw bool) { return l.record, l.raw }

// rejectKeys are the names in a line.
var rejectKeys = []string{"mapping", "source", "page", "item", "line", "push", "key", "code", "field", "reason", "value", "record", "raw", "raw_base64", "offset", "bytes", "sha256"}

// ReadRejects gives each line of the reject file at path to see. A line that is
// damaged comes with its Damage, and reading goes on behind it.
func ReadRejects(path string, see func(*RejectLine) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the rejects in %s: %w", path, disk.Cause(err))
	}
	defer func() { _ = f.Close() }() // only read
	in := bufio.NewReaderSize(f, 64<<10)
	var buf []byte
	for number := 1; ; number++ {
		line, err := readLine(in, buf[:0])
		buf = line
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the rejects in %s: line %d: %w", path, number, disk.Cause(err))
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			continue
		}
		l := parseReject(line)
		l.Number = number
		if err := see(&l); err != nil {
			return err
		}
	}
}

// readLine appends the next line to buf, with its end where it has one.
func readLine(in *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		buf = append(buf, part...)
		if len(buf) > maxRejectLine {
			return buf, fmt.Errorf("it is longer than %d bytes, which no reject is", maxRejectLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buf, err
		}
	}
}

// parseReject is what a line says.
func parseReject(text []byte) RejectLine {
	l := RejectLine{text: text}
	if !utf8.Valid(text) {
		return RejectLine{text: text, Damage: "it is not UTF-8"}
	}
	var wrong error
	seen := map[string]bool{}
	err := jsonrow.Members(text, func(name, value []byte) {
		if wrong == nil && seen[string(name)] {
			wrong = fmt.Errorf("it has %q twice", name)
		}
		seen[string(name)] = true
		if wrong == nil {
			wrong = l.set(string(name), value)
		}
	})
	switch {
	case err != nil:
		wrong = err
	case wrong == nil && (!seen["mapping"] || !seen["source"] || !seen["code"] || !seen["reason"]):
		wrong = errors.New("it is no reject, which has a mapping, a source, a code and a reason")
	}
	if wrong != nil {
		return RejectLine{text: text, Damage: wrong.Error()}
	}
	return l
}

// set takes one member of a line.
func (l *RejectLine) set(name string, v []byte) (err error) {
	switch name {
	case "mapping":
		err = json.Unmarshal(v, &l.Mapping)
	case "source":
		err = json.Unmarshal(v, &l.Source)
	case "page":
		err = json.Unmarshal(v, &l.Page)
	case "item":
		err = json.Unmarshal(v, &l.Item)
	case "line":
		err = json.Unmarshal(v, &l.Line)
	case "push":
		err = json.Unmarshal(v, &l.Push)
	case "key":
		l.Key = v
	case "code":
		err = json.Unmarshal(v, &l.Code)
	case "field":
		err = json.Unmarshal(v, &l.Field)
	case "reason":
		err = json.Unmarshal(v, &l.Reason)
	case "value":
		l.Value = v
	case "offset", "bytes":
	case "sha256":
		err = json.Unmarshal(v, &l.sha256)
	case "record", "raw", "raw_base64":
		return l.setRecord(name, v)
	default:
		hint := diag.DidYouMean(name, rejectKeys)
		if hint != "" {
			hint = "; " + hint
		}
		return fmt.Errorf("it has the key %q, which rejects have not%s", name, hint)
	}
	if err != nil {
		return fmt.Errorf("its %s is of another type than rejects have", name)
	}
	return nil
}

func (l *RejectLine) setRecord(name string, v []byte) error {
	if l.record != nil {
		return errors.New("it has its record twice")
	}
	if name == "record" {
		l.record = v
		return nil
	}
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return fmt.Errorf("its %s is no text", name)
	}
	l.raw, l.record = true, []byte(text)
	if name == "raw_base64" {
		var err error
		if l.record, err = base64.StdEncoding.DecodeString(text); err != nil {
			return fmt.Errorf("its raw_base64 is no base64: %w", err)
		}
	}
	return nil
}
