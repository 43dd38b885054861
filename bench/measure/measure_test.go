package measure

import (
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	c, err := Run(Command{Args: []string{"sh", "-c", "exit $CODE"}, Env: []string{"CODE=3"}, Exit: 3})
	if err != nil || c.Wall <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = Run(Command{Args: []string{"sh", "-c", "echo oh no; exit 1"}, Exit: 3})
	if err == nil || !strings.Contains(err.Error(), "exit status 1\noh no") {
		t.Errorf("a command that fails: %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		all  []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 2}, 2}} {
		if got := Median(test.all); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.all, got, test.want)
		}
	}
}

func TestRatio(t *testing.T) {
	s := func(wall ...time.Duration) (all []Cost) {
		for _, w := range wall {
			all = append(all, Cost{Wall: w})
		}
		return all
	}
	// the median of the ratios, not the ratio of the medians
	if got, want := RatioOf(s(2, 9, 4), s(1, 3, 1), Wall).String(), "3.00 (2.00..4.00)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBusy(t *testing.T) {
	const stat = "cpu  100 10 50 9999 7 1 2 3 40 5\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
	if got, want := busyOf(stat), 1660*time.Millisecond; got != want {
		t.Errorf("busy for %v, want %v", got, want)
	}
	if got := busyOf("cpu  100 x"); got != 0 {
		t.Errorf("what cannot be read is %v", got)
	}
}

func TestUsed(t *testing.T) {
	const stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 1 1 20 0"
	if got, want := usedOf(stat), 2*time.Second; got != want {
		t.Errorf("used %v, want %v", got, want)
	}
	for _, bad := range []string{"", "42 (a) S 1", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x y 1"} {
		if got := usedOf(bad); got != 0 {
			t.Errorf("%q is %v, want 0", bad, got)
		}
	}
}
