package handover

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAddress(t *testing.T) {
	for target, want := range map[string]string{
		"out/a.csv":                            "out/a.csv",
		"-":                                    "-",
		"https://api.example.com/v1/attendees": "https://api.example.com/v1/attendees",
		"https://api.example.com/v1/event-2026/in":    "https://api.example.com/v1/event-2026/in",
		"https://api.example.com":                     "https://api.example.com",
		"https://u:p@api.example.com/x?key=1#f":       "https://api.example.com/x?[hidden]",
		"https://h.example.com/services/T00000000/xx": "https://h.example.com/services/[hidden]/xx",
		"https://h.example.com/aB3dE5gH7jK9":          "https://h.example.com/[hidden]",
		"https://h.example.com/abcdefghijklmnopqrst":  "https://h.example.com/[hidden]",
		"https://h.example.com/aBcDeFgHiJ":            "https://h.example.com/[hidden]",
		"https://h.example.com/550e8400-e29b-41d4":    "https://h.example.com/[hidden]",
		"https://${HOST}/in/${WEBHOOK_PATH}":          "https://${HOST}/in/${WEBHOOK_PATH}",
		"${TARGET_URL}/v1":                            "${TARGET_URL}/v1",
	} {
		if got := address(target); got != want {
			t.Errorf("%s is shown as %s, want %s", target, got, want)
		}
	}
}

func TestPersonalKinds(t *testing.T) {
	for name, want := range map[string]string{
		"email": "email address", "e-mail": "email address", "firstName": "name", "full_name": "name", "name": "name", "Surname": "name",
		"ticket.name": "", "company_name": "employer or position", "mobile": "telephone number", "dietary": "dietary needs: may tell of health or belief",
		"dateOfBirth": "date of birth or age", "attendee_id": "identifier of a person or their registration", "passport_no": "number of an identity document",
		"ip_address": "identifier of a person or their registration", "amount": "", "status": "", "ship": "", "checked_in": "attendance", "page": "", "package": "",
	} {
		if got, _ := kindOf([]string{name}); got.Kind != want {
			t.Errorf("%s is %q, want %q", name, got.Kind, want)
		}
	}
}

// TestDrawing holds that boxes lie within the drawing and beside each other, and
// that lines of text fit their boxes, whatever is written in them.
func TestDrawing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := rapid.Custom(func(t *rapid.T) Node {
			text := rapid.StringN(0, 60, -1)
			return Node{"T" + text.Draw(t, "title"), text.Draw(t, "detail")}
		})
		f := Flow{Source: node.Draw(t, "source"), Wire: rapid.String().Draw(t, "wire"), Where: "here", Sinks: rapid.SliceOfN(node, 1, 6).Draw(t, "sinks")}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			s := Step{Node: node.Draw(t, "step")}
			if rapid.Bool().Draw(t, "aside") {
				aside := node.Draw(t, "what")
				s.Aside = &aside
			}
			f.Steps = append(f.Steps, s)
		}
		d := f.Draw()
		for i, b := range d.Boxes {
			if b.X < 0 || b.Y < 0 || b.X+b.W > d.Width || b.Y+b.H > d.Height {
				t.Fatalf("box %+v is not within %d by %d", b, d.Width, d.Height)
			}
			for _, l := range b.Labels {
				if space := charWidth * float64(wide(l.Text)); space > float64(b.W) || l.Y > b.Y+b.H {
					t.Fatalf("%q does not fit %+v", l.Text, b)
				}
			}
			for _, other := range d.Boxes[i+1:] {
				apart := b.X+b.W <= other.X || other.X+other.W <= b.X || b.Y+b.H <= other.Y || other.Y+other.H <= b.Y
				if b.Class != "frame" && !apart {
					t.Fatalf("%+v lies on %+v", b, other)
				}
			}
		}
	})
}

// TestMarkdownTexts holds that a text keeps its words and cannot end a cell or a
// line.
func TestMarkdownTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		for _, got := range []string{plain(text), cellCode(text)} {
			free := strings.ReplaceAll(strings.ReplaceAll(got, `\\`, ""), `\|`, "")
			if strings.Contains(free, "|") && got == plain(text) || strings.ContainsAny(got, "\n\r") || strings.Contains(plain(text), "<") {
				t.Fatalf("%q is %q", text, got)
			}
		}
	})
	for text, want := range map[string]string{"a`b": "``a`b``", "`": "`` ` ``", "": "", "a\n b": "`a b`"} {
		if got := code(text); got != want {
			t.Errorf("%q as code is %s, want %s", text, got, want)
		}
	}
}
