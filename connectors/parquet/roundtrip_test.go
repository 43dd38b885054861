package parquet

import (
	"bytes"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// TestRoundTrip writes any rows of any columns and reads them back by the rules
// of the format, in any split into batches.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var cols []pipeline.Column
		for i := range rapid.IntRange(1, 5).Draw(r, "columns") {
			cols = append(cols, pipeline.Column{Name: fmt.Sprintf("c%d", 9-i), Type: anyType(r, 0), Nullable: rapid.Bool().Draw(r, "nullable")})
		}
		var rows [][]value.Value
		var want []string
		for range rapid.IntRange(0, 150).Draw(r, "rows") {
			var row []value.Value
			line := ""
			for _, c := range cols {
				v := value.Value{}
				if !c.Nullable || rapid.IntRange(0, 3).Draw(r, "null") > 0 {
					v = anyValue(r, c.Type)
				}
				row = append(row, v)
				line += wanted(r, v, c.Type) + " "
			}
			rows, want = append(rows, row), append(want, line)
		}
		path := writeSplit(t, cols, rows, rapid.IntRange(1, 100).Draw(r, "batch"))
		_, got := read(t, path)
		var lines []string
		for _, row := range got {
			line := ""
			for i, c := range cols {
				var of []parquet.Value
				for _, v := range row {
					if v.Column() == i {
						of = append(of, v)
					}
				}
				present := 0
				if c.Nullable {
					present = 1
				}
				line += string(assemble(of, c.Type, 0, present).AppendJSON(nil)) + " "
			}
			lines = append(lines, line)
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			r.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func writeSplit(t testing.TB, cols []pipeline.Column, rows [][]value.Value, size int) string {
	t.Helper()
	path := t.TempDir() + "/out.parquet"
	w, err := openFile(t, path, nil, cols)
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < len(rows); from += size {
		b := batch(cols, rows[from:min(len(rows), from+size)]...)
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() { // it was borrowed
			clear(b.Row(i))
		}
	}
	finish(t, w)
	return path
}

func anyType(r *rapid.T, depth int) value.Type {
	kinds := []value.Kind{value.Boolean, value.Integer, value.Float, value.Decimal, value.String, value.Date, value.Timestamp, value.JSON, value.List}
	t := value.Type{Kind: rapid.SampledFrom(kinds[:len(kinds)-depth/3]).Draw(r, "kind")}
	switch t.Kind {
	case value.Decimal:
		t.Precision = rapid.IntRange(1, value.MaxPrecision).Draw(r, "precision")
		t.Scale = rapid.IntRange(0, t.Precision).Draw(r, "scale")
	case value.List:
		elem := anyType(r, depth+1)
		t.Elem = &elem
	}
	return t
}

func anyValue(r *rapid.T, t value.Type) value.Value {
	switch t.Kind {
	case value.Boolean:
		return value.Bool(rapid.Bool().Draw(r, "b"))
	case value.Integer:
		return value.Int(rapid.Int64().Draw(r, "i"))
	case value.Float:
		return value.FloatOf(rapid.Float64().Draw(r, "f"))
	case value.Decimal:
		digits := rapid.StringMatching(fmt.Sprintf(`-?[0-9]{%d}`, t.Precision)).Draw(r, "digits")
		n, _ := new(big.Int).SetString(digits, 10)
		sign, text := "", new(big.Int).Abs(n).String()
		if n.Sign() < 0 {
			sign = "-"
		}
		text = strings.Repeat("0", max(0, t.Scale+1-len(text))) + text
		if text = sign + text[:len(text)-t.Scale]; t.Scale > 0 {
			text += "." + strings.Repeat("0", max(0, t.Scale-len(n.String())))
			all := strings.Repeat("0", t.Scale) + new(big.Int).Abs(n).String()
			text = text[:strings.IndexByte(text, '.')+1] + all[len(all)-t.Scale:]
		}
		return value.DecimalText(text)
	case value.Date:
		return value.Day(rapid.Int64Range(-719528, 2932896).Draw(r, "day"))
	case value.Timestamp:
		return value.TimeOf(time.UnixMicro(rapid.Int64Range(-62135596800e6, 253402300799e6).Draw(r, "micros")))
	case value.JSON:
		return value.JSONText(rapid.SampledFrom([]string{`{}`, `{"a":[1,null,"x"]}`, `"text"`, `[]`}).Draw(r, "json"))
	case value.List:
		var items []string
		for range rapid.IntRange(0, 3).Draw(r, "items") {
			item := "null"
			if rapid.IntRange(0, 3).Draw(r, "null") > 0 {
				item = string(anyValue(r, *t.Elem).AppendJSON(nil))
			}
			items = append(items, item)
		}
		return value.ListText("[" + strings.Join(items, ",") + "]")
	default:
		return value.Text(rapid.String().Draw(r, "s"))
	}
}

// wanted is v as JSON once it is of type t.
func wanted(r *rapid.T, v value.Value, t value.Type) string {
	v, err := value.Convert(v, t, nil)
	if err != nil {
		r.Fatal(err)
	}
	return string(v.AppendJSON(nil))
}

// assemble is what the values of one row and column say. depth is how many lists
// are around them, present the definition level of what is not null.
func assemble(of []parquet.Value, t value.Type, depth, present int) value.Value {
	first := of[0]
	switch {
	case first.DefinitionLevel() < present:
		return value.Value{}
	case t.Kind == value.List && first.DefinitionLevel() == present:
		return value.ListText("[]")
	case t.Kind == value.List:
		text := []byte{'['}
		for len(of) > 0 {
			end := 1
			for end < len(of) && of[end].RepetitionLevel() > depth+1 {
				end++
			}
			text = append(assemble(of[:end], *t.Elem, depth+1, present+2).AppendJSON(text), ',')
			of = of[end:]
		}
		text[len(text)-1] = ']'
		return value.ListText(string(text))
	}
	switch t.Kind {
	case value.Boolean:
		return value.Bool(first.Boolean())
	case value.Integer:
		return value.Int(first.Int64())
	case value.Float:
		return value.FloatOf(first.Double())
	case value.Decimal:
		return value.DecimalText(decimalText(first, t.Scale))
	case value.Date:
		return value.Day(int64(first.Int32()))
	case value.Timestamp:
		return value.TimeOf(time.UnixMicro(first.Int64()))
	case value.JSON:
		return value.JSONText(string(first.ByteArray()))
	default:
		return value.Text(string(first.ByteArray()))
	}
}

// decimalText computes with big numbers what unscaled does with 128 bits.
func decimalText(v parquet.Value, scale int) string {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default:
		b := v.ByteArray()
		n.SetBytes(b)
		if b[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(n, ten).FloatString(scale)
}

func TestDecimalBytes(t *testing.T) {
	for precision := 1; precision <= value.MaxPrecision; precision++ {
		largest := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
		want := largest.Sub(largest, big.NewInt(1)).BitLen()/8 + 1
		if got := decimalBytes(precision); got != want {
			t.Errorf("decimalBytes(%d) is %d, want %d", precision, got, want)
		}
	}
}

// TestSameBytes: the file depends on the rows alone, not on how they come.
func TestSameBytes(t *testing.T) {
	all := attendees(20_000)
	var rows [][]value.Value
	for i := range all.Len() {
		rows = append(rows, all.Row(i))
	}
	var want []byte
	for _, size := range []int{len(rows), 1000, 333, 64, 7} {
		var fresh [][]value.Value
		for _, row := range rows {
			fresh = append(fresh, append([]value.Value{}, row...))
		}
		got, err := os.ReadFile(writeSplit(t, all.Columns, fresh, size))
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("in batches of %d: other bytes than in one", size)
		}
	}
}

// FuzzList: whatever the text of a list is, it is written or refused.
func FuzzList(f *testing.F) {
	for _, seed := range []string{`[]`, `[[1,null],null]`, `[[`, `[1]`, "", `{}`, `[[9223372036854775808]]`, "[\n[ 1 ] ]", `[[],[[]]]`} {
		f.Add(seed)
	}
	inner := value.Type{Kind: value.List, Elem: &value.Type{Kind: value.Integer}}
	columns, err := columnsOf([]pipeline.Column{{Name: "c", Type: value.Type{Kind: value.List, Elem: &inner}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := columns[0]
		list := value.ListText(text)
		if c.append(&list) == nil && string(assemble(c.values, c.Type, 0, 0).AppendJSON(nil)) == "" {
			t.Errorf("%q became nothing", text)
		}
	})
}

// TestPlainDecimals: what unscaledPlain takes is what Convert and unscaled make
// of it, and it takes all that Convert makes.
func TestPlainDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(1, 18).Draw(t, "precision")
		typ := value.Type{Kind: value.Decimal, Precision: precision, Scale: rapid.IntRange(0, precision-1).Draw(t, "scale")}
		text := rapid.StringMatching(`-?[0-9]{0,19}(\.[0-9]{0,19})?([eE+.-][0-9])?`).Draw(t, "text")
		plain, ok := unscaledPlain(text, typ.Precision, typ.Scale)
		converted, err := value.Convert(value.Text(text), typ, nil)
		if ok && (err != nil || int64(unscaled(converted.Text()).lo) != plain) {
			t.Fatalf("%q as %s is %d, and Convert says %q, %v", text, typ, plain, converted.Text(), err)
		}
		if err == nil {
			if _, ok := unscaledPlain(converted.Text(), typ.Precision, typ.Scale); !ok {
				t.Fatalf("%q as %s is %q, which is not taken", text, typ, converted.Text())
			}
		}
	})
}
