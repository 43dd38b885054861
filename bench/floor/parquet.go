package main

// parquet.go: rows as a Parquet file, W2, with parquet-go used as its authors
// show it: a struct with tags.

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// parquetRow is a row of the file. Texts that come again and again have
// dictionaries.
type parquetRow struct {
	AttendeeID   string `parquet:"attendee_id"`
	FullName     string `parquet:"full_name"`
	Email        string `parquet:"email"`
	Company      string `parquet:"company,dict"`
	Country      string `parquet:"country,dict"`
	Ticket       string `parquet:"ticket,dict"`
	Amount       int64  `parquet:"amount,decimal(2:10)"`
	VIP          bool   `parquet:"vip"`
	Dietary      string `parquet:"dietary,dict"`
	RegisteredOn int32  `parquet:"registered_on,date"`
	CheckedIn    bool   `parquet:"checked_in"`
	Interests    string `parquet:"interests,dict"`
}

// rowGroup is how many rows are held before they are compressed and written.
const rowGroup = 100_000

type parquetFile struct {
	file  *os.File
	rows  *parquet.GenericWriter[parquetRow]
	group int // rows of the row group so far
}

func createParquet(path string) (target, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	codec := &zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}
	return &parquetFile{file: file, rows: parquet.NewGenericWriter[parquetRow](file, parquet.Compression(codec))}, nil
}

func (f *parquetFile) encoder() encoder { return &parquetEncoder{file: f} }

func (f *parquetFile) close() error {
	return errors.Join(f.rows.Close(), f.file.Close())
}

func (f *parquetFile) write(rows []parquetRow) error {
	if _, err := f.rows.Write(rows); err != nil {
		return err
	}
	if f.group += len(rows); f.group < rowGroup {
		return nil
	}
	f.group = 0
	return f.rows.Flush()
}

// parquetEncoder keeps rows until they are flushed.
type parquetEncoder struct {
	file *parquetFile
	rows []parquetRow
}

func (e *parquetEncoder) add(c *converter, r *row) (reason string) {
	cents, ok := hundredths(r.amount)
	if !ok {
		return "amount"
	}
	e.rows = append(e.rows, parquetRow{
		AttendeeID: text(r.id), FullName: text(r.fullName), Email: text(r.email), Company: text(c.value(r.company)), Country: text(r.country),
		Ticket: text(c.value(r.ticket)), Amount: cents, VIP: r.vip, Dietary: text(c.value(r.dietary)), RegisteredOn: int32(r.day),
		CheckedIn: r.checkedIn, Interests: text(r.interests),
	})
	return ""
}

func (e *parquetEncoder) flush() error {
	err := e.file.write(e.rows)
	e.rows = e.rows[:0]
	return err
}

// text is b without a copy: what it points to stays as it is until the row was
// written, and the writer copies.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// hundredths is an amount of at most two decimals, and ten digits, in
// hundredths. Another one is not what the column can hold; one with an exponent
// may be, but prices do not come like that.
func hundredths(s []byte) (n int64, ok bool) {
	negative := s[0] == '-'
	if negative {
		s = s[1:]
	}
	decimals := -1
	for _, c := range s {
		switch {
		case c == '.':
			decimals = 0
			continue
		case c-'0' > 9 || n > math.MaxInt64/20:
			return 0, false
		}
		n = n*10 + int64(c-'0')
		if decimals >= 0 {
			decimals++
		}
	}
	for decimals = max(decimals, 0); decimals < 2; decimals++ {
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, decimals == 2 && n < 1e10 && n > -1e10
}

// sameRows is an error where two files differ in their rows.
func sameRows(a, b string) error {
	left, err := openRows(a)
	if err != nil {
		return err
	}
	defer left.close()
	right, err := openRows(b)
	if err != nil {
		return err
	}
	defer right.close()
	if left.NumRows() != right.NumRows() {
		return fmt.Errorf("%s has %d rows, and %s has %d", a, left.NumRows(), b, right.NumRows())
	}
	x, y := make([]parquetRow, 1000), make([]parquetRow, 1000)
	for at := int64(0); at < left.NumRows(); {
		n, err := left.read(x)
		if err != nil {
			return fmt.Errorf("read %s: %w", a, err)
		}
		if m, err := right.read(y[:n]); err != nil || m != n {
			return fmt.Errorf("read %s: %d rows instead of %d: %w", b, m, n, err)
		}
		for i := range n {
			if x[i] != y[i] {
				return fmt.Errorf("row %d differs:\n%s: %+v\n%s: %+v", at+int64(i)+1, a, x[i], b, y[i])
			}
		}
		at += int64(n)
	}
	return nil
}

// rowFile is a Parquet file that is read.
type rowFile struct {
	*parquet.GenericReader[parquetRow]
	file *os.File
}

func openRows(path string) (*rowFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &rowFile{GenericReader: parquet.NewGenericReader[parquetRow](file), file: file}, nil
}

// read fills rows as far as there are any.
func (f *rowFile) read(rows []parquetRow) (n int, err error) {
	for n < len(rows) && err == nil {
		var m int
		m, err = f.Read(rows[n:])
		n += m
	}
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	return n, err
}

func (f *rowFile) close() {
	_ = f.Close()      // only read
	_ = f.file.Close() // only read
}
