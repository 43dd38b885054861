package main

// csv.go: rows as a CSV file, W1 and W3.

import (
	"bytes"
	"io"
	"os"
	"strconv"
)

const header = "attendee_id,full_name,email,company,country,ticket,amount,vip,dietary,registered_on,checked_in,interests\n"

// csvFile is a CSV file with its header.
type csvFile struct{ io.WriteCloser }

func createCSV(path string) (target, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(file, header)
	return csvFile{file}, err
}

func (f csvFile) encoder() encoder { return &csvEncoder{to: f} }
func (f csvFile) close() error     { return f.Close() }

// csvEncoder appends rows as lines of CSV.
type csvEncoder struct {
	to   io.Writer
	rows []byte
}

func (e *csvEncoder) add(c *converter, r *row) (reason string) {
	dst := append(e.rows, r.id...)
	dst = cell(append(dst, ','), r.fullName)
	dst = cell(append(dst, ','), r.email)
	dst = fieldCell(append(dst, ','), c, r.company)
	dst = append(append(dst, ','), r.country...)
	dst = fieldCell(append(dst, ','), c, r.ticket)
	dst = append(append(dst, ','), r.amount...)
	dst = strconv.AppendBool(append(dst, ','), r.vip)
	dst = fieldCell(append(dst, ','), c, r.dietary)
	dst = appendDate(append(dst, ','), r.day)
	dst = strconv.AppendBool(append(dst, ','), r.checkedIn)
	dst = cell(append(dst, ','), r.interests)
	e.rows = append(dst, '\n')
	return ""
}

func (e *csvEncoder) flush() error {
	_, err := e.to.Write(e.rows)
	e.rows = e.rows[:0]
	return err
}

// fieldCell appends a value as a cell. A string without escapes has neither
// quotes nor line breaks in it.
func fieldCell(dst []byte, c *converter, f *field) []byte {
	switch {
	case f.escaped:
		return cell(dst, c.value(f))
	case bytes.IndexByte(f.text, ',') < 0:
		return append(dst, f.text...)
	default:
		return append(append(append(dst, '"'), f.text...), '"')
	}
}

// cell appends text as a cell of RFC 4180.
func cell(dst, text []byte) []byte {
	quote := false
	for _, b := range text {
		if special[b] {
			quote = true
			break
		}
	}
	if !quote {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"') + 1
		if i == 0 {
			break
		}
		dst = append(append(dst, text[:i]...), '"')
		text = text[i:]
	}
	return append(append(dst, text...), '"')
}

var special = [256]bool{',': true, '"': true, '\n': true, '\r': true}
