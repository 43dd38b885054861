package main

// live.go: the live view of a run. Its blocks stand at the bottom of the
// terminal and are written over in place; all else that is said goes above them.
//
// It is our own and no library of progress bars: what is shown is text of which
// a narrow terminal gets less, not bars; a bar library draws by clearing first,
// which flickers, and costs every start of the program, also without a terminal.

import (
	"cmp"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/tape"
)

// redraw is the time between two frames.
const redraw = 200 * time.Millisecond

// view is the live view. It is what a run writes to in place of the terminal,
// whole lines at a time, from any goroutine.
type view struct {
	terminal terminal
	out      io.Writer
	size     func() (columns, rows int)

	mu      sync.Mutex
	shows   []*show
	drawn   []string // the lines of the blocks that stand on the terminal
	columns int      // of the terminal when they were drawn
	closed  bool

	stop chan struct{} // ends the goroutine that draws
}

// wantsView reports whether a run is to be shown live: on a terminal that can
// move its cursor, and to which nothing else writes.
func (a *app) wantsView(all []checked, f runFlags) bool {
	if f.progress != "auto" || f.json || !terminalOf(a.stderr).tty || os.Getenv("TERM") == "dumb" {
		return false
	}
	for _, c := range all {
		for _, target := range c.plan.Outputs() {
			if target == "-" && terminalOf(a.stdout).tty {
				return false
			}
		}
		if c.plan.ReadsStdin() && terminalOf(a.stdin).tty {
			return false // what is typed is echoed
		}
	}
	return true
}

// openView puts a live view before stderr. restore takes its blocks off the
// terminal, from any goroutine.
func (a *app) openView() (restore func()) {
	file := a.stderr.(*os.File) // wantsView has seen that it is a terminal
	v := &view{terminal: terminalOf(file), out: file, size: func() (int, int) { return sizeOf(file) }}
	a.view, a.stderr = v, v
	return v.close
}

// closeView ends the live view, if there is one.
func (a *app) closeView() {
	if a.view != nil {
		a.view.close()
		a.view, a.stderr = nil, a.view.out
	}
}

// forecast tells the show of a run, for the live view, how to find out what is
// used of the limit, and how many answers the last run took.
func (a *app) forecast(s *show, plan *pipeline.Plan, o pipeline.RunOptions) {
	base := cmp.Or(o.Override.String("base_url"), plan.SourceOptions().String("base_url"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = func() int {
		return a.engine.Used(plan.SourceName(), base, plan.Connection(), s.rate.Per)
	}
	if o.State == "" || !plan.Remote() {
		return
	}
	go func() { // a long tape takes a while to look at
		tapes, err := tape.Inspect(o.State)
		if err != nil {
			return // the run itself says what is wrong with its state
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, t := range tapes {
			if t.Complete && t.Problem == "" && t.Identity == plan.Identity() {
				s.estimate.answers = t.Exchanges
			}
		}
	}()
}

func sizeOf(file *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(file.Fd()))
	if err != nil || columns < 1 || rows < 1 {
		return 80, 24
	}
	return columns, rows
}

// show begins to draw.
func (v *view) show(shows []*show) {
	stop := make(chan struct{})
	v.mu.Lock()
	v.shows, v.stop = shows, stop
	v.mu.Unlock()
	ticker := time.NewTicker(redraw)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				v.draw(now)
			case <-stop:
				return
			}
		}
	}()
}

// close takes the blocks off the terminal and leaves the cursor below what was
// said. It may be called again.
func (v *view) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	v.closed = true
	if v.stop != nil {
		close(v.stop)
	}
	_ = v.put(nil, nil) // what cannot be shown cannot be reported either
}

// draw brings the blocks up to date.
func (v *view) draw(now time.Time) {
	lines := v.lines(now)
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed {
		_ = v.put(nil, lines) // see close
	}
}

// Write puts text above the blocks.
func (v *view) Write(text []byte) (int, error) {
	lines := v.lines(time.Now())
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return v.out.Write(text)
	}
	return len(text), v.put(text, lines)
}

// lines are the blocks of the runs that are going on.
func (v *view) lines(now time.Time) []string {
	v.mu.Lock()
	shows := v.shows
	v.mu.Unlock()
	var standings []standing
	names := 0
	for _, s := range shows {
		if st, ok := s.standing(now); ok {
			standings = append(standings, st)
			names = max(names, diag.Columns(st.name))
		}
	}
	columns, rows := v.size()
	var lines []string
	for _, st := range standings {
		// one column stays free: what ends in the last one is wrapped by some
		lines = append(lines, st.lines(v.terminal, columns-1, min(names, max(10, columns/4)))...)
	}
	// what scrolled out of sight could not be written over
	return lines[:min(len(lines), max(0, rows-1))]
}

// put writes text where the blocks stood, and the blocks below it, in one piece.
func (v *view) put(text []byte, lines []string) error {
	var b strings.Builder
	columns, _ := v.size()
	if text == nil && slices.Equal(lines, v.drawn) && (columns == v.columns || len(lines) == 0) {
		return nil // nothing new
	}
	if up := v.height(columns); up > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(up) + "A\r")
	}
	if len(text) > 0 {
		b.WriteString("\x1b[J")
		b.Write(text)
	}
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	v.drawn, v.columns = lines, columns
	_, err := io.WriteString(v.out, b.String())
	return err
}

// height is how many rows the blocks take: a terminal that was made narrower has
// wrapped them.
func (v *view) height(columns int) int {
	rows := 0
	for _, line := range v.drawn {
		rows += max(1, (diag.Columns(unpainted(line))+columns-1)/columns)
	}
	return rows
}

// unpainted is a line without its colours.
func unpainted(line string) string {
	var b strings.Builder
	for {
		before, rest, painted := strings.Cut(line, "\x1b[")
		b.WriteString(before)
		if !painted {
			return b.String()
		}
		_, line, _ = strings.Cut(rest, "m")
	}
}
