package main

// block.go: what the live view shows of one mapping, as text. It is made of
// nothing but a standing, so that tests can look at it in any width.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// standing is how one mapping stands at a moment.
type standing struct {
	now     time.Time
	name    string
	remote  bool
	report  pipeline.Report
	speed   float64       // records per second, of late
	left    time.Duration // until all is read; 0: nobody knows
	rate    pipeline.Rate // the limit
	answers int           // calls that were of use
	used    int           // calls in its window, of everybody who shares it
	retries int
	wait    time.Time // no call before
	trouble string    // why the last call failed, while it waits to be repeated
}

// part is something said in a line, in full and in ever fewer words. Where a line
// is too narrow, the parts with the highest rank are said in fewer words first,
// and then not at all.
type part struct {
	rank   int // 0: it stays
	colour string
	words  []string
}

// lines are the one or two lines of a block that is width columns wide. All
// blocks have names of the same width.
func (s standing) lines(t terminal, width, nameWidth int) []string {
	name := diag.Fit(s.name, nameWidth)
	name += strings.Repeat(" ", max(0, nameWidth-diag.Columns(name)))
	lines := []string{fitParts(t, width, append([]part{{0, bold, []string{name}}}, s.records()...))}
	if second := s.calls(); len(second) > 0 {
		lines = append(lines, gap+fitParts(t, width-len(gap), second))
	}
	return lines
}

// records is what became of the records so far.
func (s standing) records() []part {
	r := s.report
	switch {
	case r.Read == 0 && s.answers > 0:
		return []part{{1, dim, []string{"delivering the first records", "delivering"}}}
	case r.Read == 0:
		return []part{{1, dim, []string{"waiting for the first records", "starting"}}}
	}
	read := []string{diag.Thousands(r.Read) + " read"}
	if r.Total > r.Read {
		read = []string{fmt.Sprintf("%s of %s read", diag.Thousands(r.Read), diag.Thousands(r.Total)), read[0]}
	}
	parts := []part{
		{1, "", read},
		{3, "", []string{perSecond(s.speed) + " records/s", perSecond(s.speed) + "/s"}},
		{4, green, []string{diag.Count(r.Written, "row") + " written", diag.Thousands(r.Written) + " written"}},
	}
	if r.Filtered > 0 {
		parts = append(parts, part{5, "", []string{diag.Thousands(r.Filtered) + " filtered"}})
	}
	if s.left > 0 {
		left := remaining(s.left) + " left"
		parts = append(parts, part{2, "", []string{"about " + left, left}})
	}
	return parts
}

// calls is how the platform and the mapping take it.
func (s standing) calls() []part {
	var parts []part
	if s.remote && s.rate.Calls > 0 {
		used := fmt.Sprintf("%s/%s", diag.Thousands(s.used), diag.Thousands(s.rate.Calls))
		parts = append(parts, part{3, "", []string{used + " calls " + window(s.rate), used}})
	}
	switch at := s.wait.Format("15:04:05"); {
	case !s.wait.After(s.now):
	case s.trouble != "":
		parts = append(parts, part{1, yellow, []string{s.trouble + "; again at " + at, "again at " + at}})
	default:
		parts = append(parts, part{1, yellow, []string{"waiting for the limit until " + at, "limit until " + at}})
	}
	if s.retries > 0 {
		parts = append(parts, part{4, yellow, []string{diag.Count(s.retries, "call") + " repeated", diag.Thousands(s.retries) + " repeated"}})
	}
	if r := s.report; r.Rejected > 0 {
		rejected := diag.Thousands(r.Rejected) + " rejected"
		parts = append(parts, part{2, red, []string{rejected + topCauses(r, 2), rejected + topCauses(r, 1), rejected}})
	}
	return parts
}

// topCauses are the most frequent kinds of rejects, so many of them.
func topCauses(r pipeline.Report, most int) string {
	var b strings.Builder
	for i, c := range byCount(r.Causes) {
		if i == most {
			b.WriteString(", …")
			break
		}
		b.WriteString([]string{": ", ", "}[min(i, 1)])
		fmt.Fprintf(&b, "%s× %s", diag.Thousands(c.Count), kind(c))
	}
	return b.String()
}

// byCount are the causes, the most frequent first.
func byCount(causes []pipeline.Cause) []pipeline.Cause {
	sorted := slices.Clone(causes)
	slices.SortStableFunc(sorted, func(a, b pipeline.Cause) int { return cmp.Compare(b.Count, a.Count) })
	return sorted
}

// kind names what rejects of one cause have in common.
func kind(c pipeline.Cause) string {
	if c.Field != "" {
		return c.Field + ": " + c.Code
	}
	return c.Code
}

// window is the time in which a limit counts calls.
func window(r pipeline.Rate) string {
	switch r.Per {
	case time.Second:
		return "this second"
	case time.Minute:
		return "this minute"
	case time.Hour:
		return "this hour"
	}
	_, per, _ := strings.Cut(r.String(), "/")
	return "in " + per
}

func perSecond(speed float64) string {
	if speed > 0 && speed < 10 {
		return fmt.Sprintf("%.1f", speed)
	}
	return diag.Thousands(int(speed))
}

// remaining is a time that nobody knows exactly.
func remaining(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", max(1, int(d.Seconds())))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

const gap = "  " // between parts

// fitParts makes one line of parts that takes at most width columns.
func fitParts(t terminal, width int, parts []part) string {
	said := make([]string, len(parts))
	for i, p := range parts {
		said[i] = p.words[0]
	}
	for rank := lastRank; rank > 0 && columns(said) > width; rank-- {
		for i, p := range parts {
			for n := 1; p.rank == rank && n < len(p.words) && columns(said) > width; n++ {
				said[i] = p.words[n]
			}
		}
	}
	for rank := lastRank; rank > 0 && columns(said) > width; rank-- {
		for i, p := range parts {
			if p.rank == rank {
				said[i] = ""
			}
		}
	}
	var b strings.Builder
	room := width
	for i, words := range said {
		if words == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(gap)
			room -= len(gap)
		}
		words = diag.Fit(words, max(1, room))
		room -= diag.Columns(words)
		b.WriteString(t.paint(parts[i].colour, words))
	}
	return b.String()
}

// lastRank is the highest rank of a part.
const lastRank = 5

// columns is how wide a line is.
func columns(said []string) int {
	n := 0
	for _, words := range said {
		if words != "" {
			n += len(gap) + diag.Columns(words)
		}
	}
	return n - len(gap)
}
