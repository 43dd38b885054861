package handover

// drawing.go: the flow as shapes at places, for SVG. It is drawn from top to bottom,
// so that it can be read on a telephone and on paper.

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Drawing is shapes in a space of Width by Height.
type Drawing struct {
	Width, Height int
	Boxes         []Box
	Lines         []Line
	Labels        []Label
}

// Box is a rectangle with lines of text in its middle.
type Box struct {
	X, Y, W, H int
	Class      string // of what kind it is: source, step, kept, left, sink, frame
	Labels     []Label
}

// Line is an arrow, or without a Head a line, along points.
type Line struct {
	Points string // "M10 20V40"
	Head   string // a triangle
	Dashed bool
}

// Label is a line of text.
type Label struct {
	X, Y   int
	Text   string
	Class  string // title, detail, wire or frame
	Anchor string // start or middle
}

// The measures of the drawing, in its own units: one is about a pixel.
const (
	drawingWidth = 340
	edge         = 8   // around boxes
	stepWidth    = 178 // of a step; beside it is what it puts aside
	asideAt      = 216
	gap          = 22 // between steps, for the arrow
	titleHeight  = 18
	detailHeight = 15
	charWidth    = 6.1 // of a detail; wider than most characters are
	maxLines     = 3   // of a detail
)

// Draw lays the flow out.
func (f Flow) Draw() Drawing {
	d := Drawing{Width: drawingWidth}
	source := d.box("source", edge*2, 4, stepWidth, f.Source)
	frameTop := source.Y + source.H + 46
	centre := source.X + source.W/2
	d.arrow(centre, source.Y+source.H, frameTop+26)
	for i, line := range wrap(f.Wire, int(float64(drawingWidth-centre-20)/charWidth), 2) {
		d.Labels = append(d.Labels, Label{centre + 12, source.Y + source.H + 18 + i*detailHeight, line, "wire", "start"})
	}
	y := frameTop + 28
	last := source
	for i, s := range f.Steps {
		box := d.box("step", edge*2, y, stepWidth, s.Node)
		if i > 0 {
			d.arrow(centre, last.Y+last.H, box.Y-2)
		}
		bottom := box.Y + box.H
		if s.Aside != nil {
			bottom = max(bottom, d.aside(box, s))
		}
		last, y = box, bottom+gap
	}
	frame := Box{X: 2, Y: frameTop, W: drawingWidth - 4, H: y - gap + 12 - frameTop, Class: "frame"}
	d.Labels = append(d.Labels, Label{drawingWidth - 12, frameTop + 17, f.Where, "frame", "end"})
	d.Boxes = append([]Box{frame}, d.Boxes...)
	d.sinks(f.Sinks, centre, last.Y+last.H, frame.Y+frame.H)
	return d
}

// aside draws what a step puts aside, and is where that ends.
func (d *Drawing) aside(step Box, s Step) int {
	class := "left"
	if s.Kept {
		class = "kept"
	}
	b := d.box(class, asideAt, step.Y, drawingWidth-asideAt-edge-2, *s.Aside)
	y := step.Y + min(step.H, b.H)/2
	from, to := step.X+step.W, b.X-2
	d.Lines = append(d.Lines, Line{Points: fmt.Sprintf("M%d %dH%d", from, y, to-5), Head: fmt.Sprintf("M%d %dl-7 -4v8z", to, y), Dashed: true})
	return b.Y + b.H
}

// sinks draws them below each other; of several, each has a branch.
func (d *Drawing) sinks(sinks []Node, centre, from, below int) {
	y := below + gap + 4
	if len(sinks) == 1 {
		b := d.box("sink", edge*2, y, drawingWidth-4*edge, sinks[0])
		d.arrow(centre, from, b.Y-2)
		d.Height = b.Y + b.H + 4
		return
	}
	trunk := edge * 3
	end := y
	for _, s := range sinks {
		b := d.box("sink", edge*6, y, drawingWidth-8*edge, s)
		end = b.Y + b.H/2
		d.Lines = append(d.Lines, Line{Points: fmt.Sprintf("M%d %dH%d", trunk, end, b.X-7), Head: fmt.Sprintf("M%d %dl-7 -4v8z", b.X-2, end)})
		y = b.Y + b.H + gap/2
	}
	d.Lines = append(d.Lines, Line{Points: fmt.Sprintf("M%d %dV%dH%dV%d", centre, from, below+10, trunk, end)})
	d.Height = y
}

func (d *Drawing) arrow(x, from, to int) {
	d.Lines = append(d.Lines, Line{Points: fmt.Sprintf("M%d %dV%d", x, from, to-5), Head: fmt.Sprintf("M%d %dl-4 -7h8z", x, to)})
}

// box draws a box that is as high as its text.
func (d *Drawing) box(class string, x, y, w int, n Node) Box {
	b := Box{X: x, Y: y, W: w, Class: class}
	at := y + 20
	for _, line := range wrap(n.Title, int(float64(w-12)/(charWidth*1.2)), 2) {
		b.Labels = append(b.Labels, Label{x + w/2, at, line, "title", "middle"})
		at += titleHeight
	}
	for _, line := range wrap(n.Detail, int(float64(w-12)/charWidth), maxLines) {
		b.Labels = append(b.Labels, Label{x + w/2, at - 2, line, "detail", "middle"})
		at += detailHeight
	}
	b.H = at - y - 6
	d.Boxes = append(d.Boxes, b)
	return b
}

// wrap breaks a text into lines of at most room columns, at spaces where there
// are some, and ends the last one that there is room for with an ellipsis.
func wrap(text string, room, most int) []string {
	var lines []string
	line := ""
	flush := func() {
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
	}
	for _, word := range words(text, room) {
		switch {
		case line == "":
			line = word
		case wide(line+" "+word) <= room:
			line += " " + word
		default:
			flush()
			line = word
		}
	}
	flush()
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] = fitting(lines[most-1], room-1) + "…"
	}
	return lines
}

// words are those of a text; one that is wider than a line comes in pieces, which
// end behind what joins its parts where that is near.
func words(text string, room int) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		for wide(word) > room {
			cut := len(fitting(word, room))
			for i := cut; i > cut*2/3; i-- {
				if c := word[i-1]; c == '/' || c == '-' || c == '.' || c == '_' {
					cut = i
					break
				}
			}
			if cut == 0 {
				break
			}
			out, word = append(out, word[:cut]), word[cut:]
		}
		out = append(out, word)
	}
	return out
}

// wide is how many columns a text takes: two for what is drawn in a square, as
// Chinese and most pictures are.
func wide(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOfRune(r)
	}
	return n
}

func columnsOfRune(r rune) int {
	switch kind := width.LookupRune(r).Kind(); {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case kind == width.EastAsianWide, kind == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fitting is the beginning of a text that takes at most room columns.
func fitting(text string, room int) string {
	n := 0
	for i, r := range text {
		if n += columnsOfRune(r); n > room {
			return text[:i]
		}
	}
	return text
}
