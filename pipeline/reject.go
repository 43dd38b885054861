package pipeline

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// Reject codes that the engine itself gives; the others come from the record
// scanner (json-syntax, duplicate-name …), from expressions, and from the
// target's schema (schema-…).
const (
	codeConversion = "conversion"     // a value is not of its column's type
	codeRequired   = "required"       // a required field is null
	codeKeyTwice   = "key-twice"      // a row's key came before in this run
	codeRefused    = "refused"        // the receiver will never take it
	codeEach       = "each-type"      // what each: names is no list
	codeEachRows   = "each-rows"      // a record makes more rows than one may
	codeWhere      = "where-type"     // where: said neither true nor false
	codeDamaged    = "reject-damaged" // a line of the reject file is no reject any more
)

// CodeDetail is the reject code of a record that was listed, and whose details
// could not be had: what is kept is not the whole record.
const CodeDetail = "detail-failed"

// reject is why a record is kept out.
type reject struct {
	code   string
	field  string
	reason string
	value  []byte // what was read, as JSON; nil where nothing was
}

// Cause is rejects of one kind, for the summary.
type Cause struct {
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"` // of the first one
	Count  int    `json:"count"`
	Page   int    `json:"page,omitempty"` // where the first one stood
	Item   int    `json:"item,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// recordPlace is where a record stood in its source; what does not apply is 0.
type recordPlace struct {
	page, item, line int
	push             uint64
}

// place is where record i stood when it was read from the source.
func (p *Page) place(i int) recordPlace {
	if kept := p.Records[i].kept; kept != nil {
		return kept.at
	}
	at := recordPlace{line: p.Records[i].Line, push: p.Records[i].Push}
	if p.Number > 0 {
		at.page, at.item = p.Number, p.First+i+1
	}
	return at
}

// Where is where the first one stood, for people.
func (c Cause) Where() string { return placeOf(c.Page, c.Item, c.Line) }

// placeOf is where a record stood: on a page, on a line of a file, or both.
func placeOf(page, item, line int) string {
	var words []string
	if page > 0 {
		words = append(words, fmt.Sprintf("page %d item %d", page, item))
	}
	if line > 0 {
		words = append(words, fmt.Sprintf("line %d", line))
	}
	return strings.Join(words, ", ")
}

// appendReject appends the reject of record i of a page as one line of JSON. It says
// nothing of time, host or run, so that the same input gives the same file.
func (p *Plan) appendReject(dst []byte, page *Page, i int, key []byte, r reject) []byte {
	rec := &page.Records[i]
	if rec.kept != nil && rec.kept.stays {
		return append(append(dst, rec.kept.line...), '\n')
	}
	if rec.kept != nil && key == nil {
		key = rec.kept.key
	}
	at := page.place(i)
	dst = append(dst, `{"mapping":`...)
	dst = value.AppendJSONString(dst, p.name)
	dst = append(dst, `,"source":`...)
	dst = value.AppendJSONString(dst, p.From())
	if at.page > 0 {
		dst = strconv.AppendInt(append(dst, `,"page":`...), int64(at.page), 10)
		dst = strconv.AppendInt(append(dst, `,"item":`...), int64(at.item), 10)
	}
	if at.line > 0 {
		dst = strconv.AppendInt(append(dst, `,"line":`...), int64(at.line), 10)
	}
	if at.push > 0 {
		dst = strconv.AppendUint(append(dst, `,"push":`...), at.push, 10)
	}
	if key != nil {
		dst = append(append(dst, `,"key":`...), key...)
	}
	dst = append(dst, `,"code":`...)
	dst = value.AppendJSONString(dst, r.code)
	if r.field != "" {
		dst = append(dst, `,"field":`...)
		dst = value.AppendJSONString(dst, r.field)
	}
	dst = append(dst, `,"reason":`...)
	dst = value.AppendJSONString(dst, r.reason)
	if r.value != nil {
		dst = append(append(dst, `,"value":`...), r.value...)
	}
	dst = appendRecord(dst, rec)
	return append(dst, '}', '\n')
}

// appendRecord appends the record whole: as JSON where it is JSON, else as text,
// else in base64; of what was too large to keep, where to find it.
func appendRecord(dst []byte, rec *Record) []byte {
	text, isJSON := rec.Text, true
	if len(rec.Raw) > 0 {
		text = rec.Raw
		isJSON = text[0] == '{' // a row of a CSV file may well look like a number
	}
	switch {
	case rec.Fault != nil && rec.Fault.SHA256 != "":
		dst = strconv.AppendInt(append(dst, `,"offset":`...), rec.Fault.Offset, 10)
		dst = strconv.AppendInt(append(dst, `,"bytes":`...), rec.Fault.Bytes, 10)
		dst = append(dst, `,"sha256":`...)
		return value.AppendJSONString(dst, rec.Fault.SHA256)
	case len(text) == 0:
		return dst
	case isJSON && jsonrow.Valid(text):
		return appendOneLine(append(dst, `,"record":`...), text)
	case utf8.Valid(text):
		return value.AppendJSONString(append(dst, `,"raw":`...), string(text))
	default:
		dst = append(dst, `,"raw_base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, text)
		return append(dst, '"')
	}
}

// appendOneLine appends JSON text. The line breaks of pretty-printed JSON, which
// can only stand between its tokens, become spaces: a reject is one line.
func appendOneLine(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, text...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}
