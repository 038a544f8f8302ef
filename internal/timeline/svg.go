package timeline

import (
	_ "embed" // for the style
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"
)

// Style is the style sheet inside each SVG, for light and dark. A page that has the drawing in
// itself must allow it.
//
//go:embed svg.css
var Style string

// Canvas is what an SVG shows.
type Canvas struct {
	Picture Picture
	Title   string // in a line
	Name    string // what the customer is called
	// Whole is what the picture is a part of, by whose scale it is drawn, so that one can be put in
	// another's place. nil: it is whole.
	Whole *Picture
}

// The measures of a drawing, in pixels.
const (
	svgWidth  = 900
	svgMargin = 16            // left of the lanes' names
	svgRight  = svgWidth - 30 // where the scale ends
	svgTop    = 70            // what the title and the times need
	svgApart  = 21            // how far two marks of a lane are from each other
	rowHeight = 15            // of labels
	laneSpace = 18            // above the labels and below the line of a lane
)

// SVG draws the picture: a lane a line, on a common scale. It says all in words and shapes, and in
// colours only what these say already. Its text alternative is what Text writes in sentences.
func (c Canvas) SVG(w io.Writer) error {
	whole := c.Picture
	if c.Whole != nil {
		whole = *c.Whole
	}
	s := sheet{Picture: c.Picture, lines: map[string]float64{}}
	for _, lane := range whole.all() {
		name := label{words: lane.Name, class: alarm} // as bold as these
		s.left = max(s.left, svgMargin+name.width()+glyph)
	}
	s.scale = newScale(whole.Length, whole.marks(), svgRight-s.left, svgApart)
	y := float64(svgTop)
	for _, lane := range whole.all() {
		rows := 1
		for _, l := range s.placed(s.labels(lane)) {
			rows = max(rows, l.row+1)
		}
		y += laneSpace + float64(rows*rowHeight)
		s.lines[lane.Name] = y
		y += laneSpace
	}
	height := int(y) + 10

	fmt.Fprintf(&s.b, `<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" `+
		`viewBox="0 0 %d %d" width="%d" height="%d" aria-labelledby="picture-title picture-words">`,
		svgWidth, height, svgWidth, height)
	fmt.Fprintf(&s.b, "\n"+`<title id="picture-title">%s</title>`+"\n"+
		`<desc id="picture-words">%s</desc>`+"\n",
		html.EscapeString(c.Title), html.EscapeString(strings.Join(c.sentences(), "\n")))
	fmt.Fprintf(&s.b, "<style>%s</style>\n", Style)
	s.b.WriteString(`<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" ` +
		`patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>` + "\n")
	fmt.Fprintf(&s.b, `<rect class="paper" width="%d" height="%d"/>`+"\n", svgWidth, height)
	s.text(svgMargin, 24, "title", c.Title)
	s.axis(float64(height))
	for _, lane := range whole.all() {
		s.ground(lane.Name)
	}
	s.links()
	for _, lane := range s.all() {
		s.lane(lane)
	}
	s.b.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.b.String())
	return err
}

// all are the lanes of the servers and the stores.
func (p Picture) all() []Lane { return append(slices.Clone(p.Lanes), p.Stores...) }

// sentences are the text alternative: what each did, and what happened at each store.
func (c Canvas) sentences() []string {
	var said []string
	for _, lane := range c.Picture.Lanes {
		said = append(said, lane.Name+": "+strings.Join(lane.words(c.Name), " "))
	}
	for _, lane := range c.Picture.Stores {
		if words := lane.storeWords(c.Name); words != "" {
			said = append(said, lane.Name+": "+words)
		}
	}
	return said
}

// sheet is a drawing in the making.
type sheet struct {
	Picture
	b     strings.Builder
	left  float64 // where the scale begins, behind the lanes' names
	scale scale
	lines map[string]float64 // where the line of each lane is
}

func (s *sheet) x(t time.Duration) float64 { return s.left + s.scale.x(t) }

func (s *sheet) text(x, y float64, class, words string) {
	fmt.Fprintf(&s.b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n",
		class, x, y, html.EscapeString(words))
}

// shape draws an element of a class, with attributes as they are.
func (s *sheet) shape(element, class, attributes string, values ...any) {
	fmt.Fprintf(&s.b, `<%s class="%s" %s/>`+"\n", element, class,
		fmt.Sprintf(attributes, values...))
}

// axis draws the times of the ends and of what is cut out.
func (s *sheet) axis(height float64) {
	var labels []label
	add := func(t time.Duration, words string) {
		labels = append(labels, label{at: s.x(t), words: words, class: "time"})
	}
	add(0, "0")
	end := s.scale.times[len(s.scale.times)-1]
	if end > 0 {
		add(end, milliseconds(end))
	}
	for _, i := range s.scale.cuts {
		from, to := s.scale.times[i-1], s.scale.times[i]
		s.shape("rect", "cut", `x="%.1f" y="%d" width="%.1f" height="%.1f"`,
			s.x(from)+10, svgTop, s.x(to)-s.x(from)-20, height-svgTop-10)
		labels = append(labels, label{
			at: (s.x(from) + s.x(to)) / 2, words: "≈ " + duration(to-from), class: "time",
		})
		add(from, milliseconds(from))
		add(to, milliseconds(to))
	}
	for _, l := range s.placed(labels) {
		if l.row < 2 { // what has no room is no loss
			s.text(l.left, svgTop-6-float64(l.row*rowHeight), l.class, l.words)
		}
	}
}

// ground draws a lane's name and line.
func (s *sheet) ground(name string) {
	y := s.lines[name]
	s.text(svgMargin, y+4, "name", name)
	s.shape("path", "lane", `d="M%.1f %.1fH%d"`, s.left, y, svgRight)
}

// links draws how each charge came from its server to Stripe.
func (s *sheet) links() {
	for _, lane := range s.Stores {
		for _, step := range lane.Steps {
			from, known := s.lines[step.Event.Server]
			if step.Kind == Take && known {
				s.shape("path", "link", `d="M%.1f %.1fV%.1f"`,
					s.x(step.To), from, s.lines[Stripe])
			}
		}
	}
}
