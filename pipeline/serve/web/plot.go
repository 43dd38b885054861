package web

// plot.go: numbers over time as shapes at places, for SVG, and as a table.

import (
	"fmt"
	"math"
	"strings"
	"time"

	"pipeline/pipeline/diag"
)

// plot is one drawing.
type plot struct {
	ID    string // in the page
	Title string // "Rows written, in steps of 3 hours"
	Words string // what it shows, for who does not see it
	None  string // there is nothing to draw, in words

	Width, Height int
	Bars          []shape
	Lines         []shape
	Ticks         []tick // left
	Times         []tick // below
	Names         []name // of lines, where there are several

	Columns []string // of the table
	Rows    [][]string
}

// shape is a bar or a line.
type shape struct{ Class, Path string }

// tick is a text at a place.
type tick struct {
	X, Y   float64
	Text   string
	Anchor string
}

// name says which line is which, with a piece of it.
type name struct{ Class, Path, Text string }

// values are the numbers of one line or row of bars. NaN is where there is none.
type values struct {
	Name, Class string
	Of          []float64
	Line        bool
}

// The measures of a plot; a unit is about a pixel.
const (
	plotWidth, plotHeight = 400, 150
	plotLeft, plotRight   = 44, 6
	plotTop, plotBottom   = 12, 20
)

// draw lays numbers out. times are the beginnings of the steps.
func draw(id, title, unit string, times []time.Time, all ...values) plot {
	p := plot{ID: id, Title: title, Width: plotWidth, Height: plotHeight}
	most := 0.0
	for _, v := range all {
		for _, n := range v.Of {
			if !math.IsNaN(n) {
				most = max(most, n)
			}
		}
	}
	p.table(times, unit, all)
	p.Words = summary(times, unit, all)
	if most == 0 || len(times) == 0 {
		p.None = "None in this time."
		return p
	}
	top := niceTop(most)
	for _, share := range []float64{0, 0.5, 1} {
		if top == 1 && share == 0.5 {
			continue
		}
		p.Ticks = append(p.Ticks, tick{plotLeft - 6, p.y(top*share, top), short(top * share), "end"})
	}
	step := p.step(len(times))
	for _, i := range []int{0, len(times) / 2, len(times) - 1} {
		p.Times = append(p.Times, tick{plotLeft + step*(float64(i)+0.5), plotHeight - 5, axisTime(times, i), [...]string{"start", "middle", "end"}[len(p.Times)]})
	}
	p.Times[0].X, p.Times[2].X = plotLeft, plotWidth-plotRight
	for _, v := range all {
		if v.Line {
			p.Lines = append(p.Lines, shape{v.Class, p.line(v.Of, step, top)})
			p.Names = append(p.Names, name{"lines " + v.Class, "M0 4H20", v.Name})
		} else {
			p.Bars = append(p.Bars, shape{v.Class, p.bars(v.Of, step, top)})
			p.Names = append(p.Names, name{"bars " + v.Class, "M6 8V0h8v8z", v.Name})
		}
	}
	if len(all) == 1 {
		p.Names = nil // the title says it
	}
	return p
}

func (p *plot) step(n int) float64 { return float64(plotWidth-plotLeft-plotRight) / float64(n) }

func (p *plot) y(n, top float64) float64 {
	return plotHeight - plotBottom - n/top*(plotHeight-plotTop-plotBottom)
}

// bars are those of one kind, as one path.
func (p *plot) bars(of []float64, step, top float64) string {
	var out strings.Builder
	wide := max(step*0.8, 1)
	for i, n := range of {
		if n > 0 {
			x, y := plotLeft+step*(float64(i)+0.5)-wide/2, min(p.y(n, top), plotHeight-plotBottom-1.5) // a little is seen too
			fmt.Fprintf(&out, "M%.1f %.1fV%.1fh%.1fV%.1fz", x, float64(plotHeight-plotBottom), y, wide, float64(plotHeight-plotBottom))
		}
	}
	return out.String()
}

// line goes through numbers, with gaps where there are none. A number alone is a
// short stroke.
func (p *plot) line(of []float64, step, top float64) string {
	var out strings.Builder
	drawing := false
	for i, n := range of {
		if math.IsNaN(n) {
			drawing = false
			continue
		}
		x, y := plotLeft+step*(float64(i)+0.5), p.y(n, top)
		switch {
		case drawing:
			fmt.Fprintf(&out, "L%.1f %.1f", x, y)
		default:
			fmt.Fprintf(&out, "M%.1f %.1fh2", x-1, y)
		}
		drawing = true
	}
	return out.String()
}

// table is the same numbers, the newest first, without the steps of which nothing
// is known.
func (p *plot) table(times []time.Time, unit string, all []values) {
	p.Columns = []string{"From"}
	for _, v := range all {
		column := v.Name
		if unit != "" {
			column += " (" + unit + ")"
		}
		p.Columns = append(p.Columns, column)
	}
	for i := len(times) - 1; i >= 0; i-- {
		row, any := []string{utc(times[i])}, false
		for _, v := range all {
			cell := "none"
			if n := v.Of[i]; !math.IsNaN(n) {
				cell, any = diag.Thousands(int(n)), any || n > 0
			}
			row = append(row, cell)
		}
		if any {
			p.Rows = append(p.Rows, row)
		}
	}
}

// summary is a plot in a sentence: of each line the sum or the extremes.
func summary(times []time.Time, unit string, all []values) string {
	if len(times) == 0 {
		return ""
	}
	var parts []string
	for _, v := range all {
		sum, most, at := 0.0, 0.0, 0
		for i, n := range v.Of {
			if !math.IsNaN(n) {
				sum += n
				if n > most {
					most, at = n, i
				}
			}
		}
		switch {
		case most == 0:
			parts = append(parts, v.Name+": none")
		case v.Line:
			parts = append(parts, fmt.Sprintf("%s: at most %s, at %s", v.Name, strings.TrimSpace(diag.Thousands(int(most))+" "+unit), utc(times[at])))
		default:
			parts = append(parts, fmt.Sprintf("%s: %s, the most %s at %s", v.Name, diag.Thousands(int(sum)), diag.Thousands(int(most)), utc(times[at])))
		}
	}
	return fmt.Sprintf("From %s on. %s.", utc(times[0]), strings.Join(parts, "; "))
}

// niceTop is the end of an axis: 1, 2, 4 or 6 of a power of ten, or 10.
func niceTop(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, n := range []float64{1, 2, 4, 6, 8} {
		if most <= n*power {
			return n * power
		}
	}
	return 10 * power
}

// short is a number for an axis: 1.5k, 20M.
func short(n float64) string {
	for _, u := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= u.of {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", n/u.of), ".0") + u.name
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
}

// axisTime is a time below a plot: of a day the hour, of more the day.
func axisTime(times []time.Time, i int) string {
	layout := "2 Jan"
	if times[len(times)-1].Sub(times[0]) < 36*time.Hour {
		layout = "15:04 UTC"
	}
	return times[i].UTC().Format(layout)
}

// spark is a plot for a cell of a table: bars, and nothing else.
type spark struct {
	Words  string
	Width  int
	Height int
	Path   string
	Base   string
}

func sparkOf(title string, of []int) spark {
	const bar, gap, high = 5, 2, 24
	s := spark{Width: len(of) * (bar + gap), Height: high}
	most, list := 0, make([]string, len(of))
	for i, n := range of {
		most, list[i] = max(most, n), diag.Thousands(n)
	}
	s.Words = title + ": " + strings.Join(list, "; ")
	if most == 0 {
		s.Words = title + ": none"
	}
	var path, base strings.Builder
	for i, n := range of {
		x := i*(bar+gap) + 1
		fmt.Fprintf(&base, "M%d %dh%d", x, high-1, bar)
		if n > 0 {
			h := max(float64(n)/float64(most)*(high-3), 1.5)
			fmt.Fprintf(&path, "M%d %dv-%.1fh%dv%.1fz", x, high-2, h, bar, h)
		}
	}
	s.Path, s.Base = path.String(), base.String()
	return s
}
