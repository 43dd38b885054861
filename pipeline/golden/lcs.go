package golden

// lcs.go: the longest common subsequence of two lists, by which rows, lines and
// words find their like.

// pair is an item of each list that go together; -1 is none.
type pair struct{ a, b int }

// maxCells bounds the table of align: beyond it items go together by their place.
const maxCells = 4 << 20

// align is both lists in one order, in which the items that are alike go together.
func align(a, b []string) []pair {
	var out []pair
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		out = append(out, pair{n, n})
		n++
	}
	tail := 0
	for tail < len(a)-n && tail < len(b)-n && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for _, p := range between(a[n:len(a)-tail], b[n:len(b)-tail]) {
		out = append(out, shift(p, n))
	}
	for i := tail; i > 0; i-- {
		out = append(out, pair{len(a) - i, len(b) - i})
	}
	return out
}

func shift(p pair, n int) pair {
	if p.a >= 0 {
		p.a += n
	}
	if p.b >= 0 {
		p.b += n
	}
	return p
}

// between aligns what is left of the lists without their common ends.
func between(a, b []string) []pair {
	var out []pair
	if len(a)*len(b) > maxCells {
		for i := range a {
			out = append(out, pair{i, -1})
		}
		for j := range b {
			out = append(out, pair{-1, j})
		}
		return out
	}
	length := make([][]int32, len(a)+1) // of the longest common subsequence of a[i:] and b[j:]
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if length[i][j] = max(length[i+1][j], length[i][j+1]); a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, pair{i, j})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			out = append(out, pair{i, -1})
			i++
		default:
			out = append(out, pair{-1, j})
			j++
		}
	}
	return out
}
