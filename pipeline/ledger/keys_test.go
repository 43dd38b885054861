package ledger

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A set that has long outgrown memory still knows every key, and no other.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	k := NewKeys(dir)
	const n = 400_000 // three files, each twice the last
	key := func(i int) []byte { return fmt.Appendf(nil, `["%d@example.com"]`, i) }
	for i := range n {
		if added, err := k.Add(key(i)); err != nil || !added {
			t.Fatalf("key %d: added %v, %v", i, added, err)
		}
	}
	if k.Len() != n {
		t.Errorf("%d keys, want %d", k.Len(), n)
	}
	if _, isFile := k.table.(fileTable); !isFile {
		t.Error("it is still in memory")
	}
	for i := 0; i < n; i += 13 {
		if added, err := k.Add(key(i)); err != nil || added {
			t.Fatalf("key %d again: added %v, %v", i, added, err)
		}
		if has, err := k.Has(key(i + n)); err != nil || has {
			t.Fatalf("key %d was never added: %v, %v", i+n, has, err)
		}
	}
	if files := must(os.ReadDir(dir))(t); len(files) != 0 && runtime.GOOS != "windows" {
		t.Errorf("a killed run would leave %v", files)
	}
	check(t, k.Close())
	if files := must(os.ReadDir(dir))(t); len(files) != 0 {
		t.Errorf("Close left %v", files)
	}
	if has, err := k.Has(key(1)); err != nil || has || k.Len() != 0 {
		t.Errorf("a closed set has keys: %v, %v", has, err)
	}
}

func TestStrangeKeys(t *testing.T) {
	k := NewKeys(t.TempDir())
	for _, key := range [][]byte{nil, {0}, {0, 0}, make([]byte, 1<<20), []byte("\xff\xfe")} {
		first := must(k.Add(key))(t)
		second := must(k.Add(key))(t)
		if !first || second {
			t.Errorf("%.8q: added %v, then %v", key, first, second)
		}
	}
	if must(k.Add([]byte{}))(t) {
		t.Error("an empty key is not the same as none")
	}
}

// Hashes that all belong into one bucket go on into the next ones, around the
// end of the table, and through its growth.
func TestCrowdedBuckets(t *testing.T) {
	k := NewKeys(t.TempDir())
	defer k.Close()
	crowd := func(i int) (h hash) {
		binary.BigEndian.PutUint64(h[:], ^uint64(0)) // the last bucket
		binary.BigEndian.PutUint64(h[8:], uint64(i)+1)
		return h
	}
	const n = 1000
	for i := range n {
		at := must(k.find(crowd(i)))(t)
		if at < 0 {
			t.Fatalf("hash %d is there already", i)
		}
		h := crowd(i)
		must(k.table.WriteAt(h[:], at))(t)
	}
	for range 7 { // into a file
		check(t, k.grow())
		for i := range n {
			if at := must(k.find(crowd(i)))(t); at >= 0 {
				t.Fatalf("hash %d is lost in a table of %d bytes", i, k.table.size())
			}
		}
		if at := must(k.find(crowd(n)))(t); at < 0 {
			t.Fatal("a hash that was never put is there")
		}
	}
}

func TestKeysWithoutAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	k := NewKeys(dir)
	var err error
	for i := 0; err == nil && i < 200_000; i++ {
		_, err = k.Add(fmt.Append(nil, i))
	}
	wantError(t, err, "keep the keys of this run in "+dir, "no such file or directory")
}
