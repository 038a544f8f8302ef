package timeline

import (
	"cmp"
	_ "embed" // for the style
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"
)

// Style is the style sheet inside each SVG, for light and dark mode. The content security policy of
// a page that embeds an SVG must allow it.
//
//go:embed svg.css
var Style string

// Canvas is a picture and how to draw it.
type Canvas struct {
	Picture Picture
	Title   string // one line
	Name    string // the customer's
	// Whole is the run of which Picture is a part. It sets the scale and the size, so that pictures
	// of the same run can replace each other. nil: Picture is the whole.
	Whole *Picture
	ID    string // begins the IDs of the elements, for pages with several pictures; may be ""
	Width int    // in pixels, such as Narrow; 0: 900
}

// Narrow is the width of a picture beside another.
const Narrow = 620

// The measurements of a drawing, in pixels.
const (
	svgWidth  = 900
	svgMargin = 16 // left of the lanes' names
	svgEnd    = 30 // right of the scale
	svgTop    = 70 // room for the title and the times
	svgApart  = 21 // the least distance between two marks in a lane
	rowHeight = 15 // of labels
	laneSpace = 18 // above a lane's labels and below its line
)

// SVG draws the picture: one line per lane, on a common scale. Words and shapes carry all of the
// information; colours only repeat it. The text alternative has the sentences that Text writes.
func (c Canvas) SVG(w io.Writer) error {
	whole := c.Picture
	if c.Whole != nil {
		whole = *c.Whole
	}
	s := sheet{Picture: c.Picture, lines: map[string]float64{}, width: cmp.Or(c.Width, svgWidth)}
	for _, lane := range whole.all() {
		name := label{words: lane.Name, class: alarm} // names are bold, as alarms are
		s.left = max(s.left, svgMargin+name.width()+glyph)
	}
	s.scale = newScale(whole.Length, whole.marks(), float64(s.width-svgEnd)-s.left, svgApart)
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
		`viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" `+
		`aria-labelledby="%[3]spicture-title %[3]spicture-words">`, s.width, height, c.ID)
	fmt.Fprintf(&s.b, "\n"+`<title id="%[1]spicture-title">%[2]s</title>`+"\n"+
		`<desc id="%[1]spicture-words">%[3]s</desc>`+"\n",
		c.ID, html.EscapeString(c.Title), html.EscapeString(strings.Join(c.sentences(), "\n")))
	fmt.Fprintf(&s.b, "<style>%s</style>\n", Style)
	s.b.WriteString(`<defs><pattern id="hatch" width="6" height="6" ` +
		`patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
		`<path class="hatch" d="M0 0V6"/></pattern></defs>` + "\n")
	fmt.Fprintf(&s.b, `<rect class="paper" width="%d" height="%d"/>`+"\n", s.width, height)
	s.text(svgMargin, 24, "title", c.Title)
	s.axis(float64(height))
	for _, lane := range whole.all() {
		y := s.lines[lane.Name]
		s.text(svgMargin, y+4, "name", lane.Name)
		s.shape("path", "lane", `d="M%.1f %.1fH%d"`, s.left, y, s.width-svgEnd)
	}
	s.links()
	for _, lane := range s.all() {
		s.lane(lane)
	}
	s.b.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.b.String())
	return err
}

func (p Picture) all() []Lane { return append(slices.Clone(p.Lanes), p.Stores...) }

// sentences returns the text alternative: what each server did, and what happened at each store.
func (c Canvas) sentences() []string {
	var said []string
	for _, lane := range c.Picture.Lanes {
		said = append(said, lane.Name+": "+strings.Join(lane.sentences(c.Name), " "))
	}
	for _, lane := range c.Picture.Stores {
		if words := lane.storeSentences(c.Name); words != "" {
			said = append(said, lane.Name+": "+words)
		}
	}
	return said
}

type sheet struct {
	Picture
	b     strings.Builder
	width int
	left  float64 // the left end of the scale, after the lanes' names
	scale scale
	lines map[string]float64 // the y of each lane's line, by name
}

func (s *sheet) x(t time.Duration) float64 { return s.left + s.scale.x(t) }

func (s *sheet) text(x, y float64, class, words string) {
	fmt.Fprintf(&s.b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n",
		class, x, y, html.EscapeString(words))
}

// shape draws an element. attributes is a format for the values, which are not escaped.
func (s *sheet) shape(element, class, attributes string, values ...any) {
	fmt.Fprintf(&s.b, `<%s class="%s" %s/>`+"\n", element, class,
		fmt.Sprintf(attributes, values...))
}

// axis draws the times at the ends of the scale, and the shortened stretches with their times.
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
		if l.row < 2 { // the picture can do without the times that don't fit
			s.text(l.left, svgTop-6-float64(l.row*rowHeight), l.class, l.words)
		}
	}
}

// links draws a line from each charge at Stripe to the server that made it.
func (s *sheet) links() {
	for _, lane := range s.Stores {
		for _, step := range lane.Steps {
			from, known := s.lines[step.Event.Server]
			if step.Kind == Take && known {
				s.shape("path", "link", `d="M%.1f %.1fV%.1f"`, s.x(step.To), from, s.lines[Stripe])
			}
		}
	}
}

// half is half the height of the bars on a lane's line, in pixels.
const half = 8

// lane draws a lane: stretches first, marks on top of them, then labels.
func (s *sheet) lane(lane Lane) {
	y := s.lines[lane.Name]
	s.leases(lane, y)
	for _, step := range lane.Steps {
		s.stretch(step, y)
	}
	for i, step := range lane.Steps {
		s.mark(lane, i, step, y)
	}
	for _, l := range s.placed(s.labels(lane)) {
		s.text(l.left, y-half-6-float64(l.row*rowHeight), l.class, l.words)
	}
}

// leases draws how long a server believes that it holds a lease: until it releases or loses the
// lease, or is killed.
func (s *sheet) leases(lane Lane, y float64) {
	var since time.Duration
	holds := false
	for _, step := range lane.Steps {
		switch step.Kind {
		case Obtain:
			since, holds = step.To, true
		case Release, Lose, Kill:
			if holds {
				s.bar("held", since, step.To, y)
			}
			holds = false
		}
	}
	if holds {
		s.bar("held", since, s.Length, y)
	}
}

func (s *sheet) bar(class string, from, to time.Duration, y float64) {
	s.shape("rect", class, `x="%.1f" y="%.1f" width="%.1f" height="%d"`,
		s.x(from), y-half, max(2, s.x(to)-s.x(from)), 2*half)
}

func (s *sheet) stretch(step Step, y float64) {
	line := func(class string) {
		s.shape("path", class, `d="M%.1f %.1fH%.1f"`, s.x(step.From), y, s.x(step.To))
	}
	switch slow := s.x(step.To)-s.x(step.From) > svgApart; {
	case step.Kind == Hold:
		s.bar("held", step.From, step.To, y)
	case step.Kind == Sent:
		line("way unanswered")
	case step.stretch() == Pause:
		s.bar("paused", step.From, step.To, y)
	case step.stretch() == Cut:
		s.bar("off", step.From, step.To, y)
	case step.stretch() == Sent, step.Kind == Take && slow:
		line("way")
	}
}

// mark draws the mark of a lane's i-th step, at the step's end.
func (s *sheet) mark(lane Lane, i int, step Step, y float64) {
	x := s.x(step.To)
	switch step.Kind {
	case Charge, Take:
		s.money(x, y, step.Nth)
	case Answer:
		s.shape("circle", "dot", `cx="%.1f" cy="%.1f" r="8"`, x, y)
		s.text(x, y+4, "sign", "=")
	case Held, Skip:
		s.shape("circle", "dot", `cx="%.1f" cy="%.1f" r="4"`, x, y)
	case Resend, Start, Restart, Pass, Replace, Act:
		s.shape("path", "fill", `d="M%.1f %.1fl9 6l-9 6z"`, x-3, y-6)
	case Claim, Token, Prepare, Register, Postpone, Return:
		s.shape("circle", "fill", `cx="%.1f" cy="%.1f" r="3"`, x, y)
	case Fail, Lose, Break, Kill, Expire, Refuse:
		if !lane.repeats(i) {
			s.shape("path", "cross", `d="M%.1f %.1fl12 12m0 -12l-12 12"`, x-6, y-6)
		}
	case Record:
		if lane.Name == Ledger {
			s.shape("rect", "dot", `x="%.1f" y="%.1f" width="12" height="12"`, x-6, y-6)
			s.text(x, y+4.5, "sign", "+")
		}
	}
	if step.Kind == Kill {
		s.down(lane, step.To, y)
	}
}

// money draws a charge: the invoice's first as a circle, any further one as a diamond.
func (s *sheet) money(x, y float64, nth int) {
	if nth > 1 {
		s.shape("path", "toomuch charge", `d="M%.1f %.1fl12 12l-12 12l-12 -12z"`, x, y-12)
	} else {
		s.shape("circle", "money charge", `cx="%.1f" cy="%.1f" r="9"`, x, y)
	}
	s.text(x, y+4.5, "sign", "$")
}

// down draws a server's absence, from its kill to its next start.
func (s *sheet) down(lane Lane, from time.Duration, y float64) {
	to := s.Length
	for _, step := range lane.Steps {
		if step.Kind == Start && step.To > from {
			to = min(to, step.To)
		}
	}
	s.shape("path", "paper", `d="M%.1f %.1fH%.1fv3H%.1fz"`, s.x(from)+8, y-1.5, s.x(to)-4,
		s.x(from)+8)
	s.shape("path", "down", `d="M%.1f %.1fH%.1f"`, s.x(from)+8, y, s.x(to)-4)
}
