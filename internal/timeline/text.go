package timeline

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/lipgloss"
)

const (
	// width is the scale's, in characters: with a server's name it fits 80 columns.
	width = 56
	// apart is how far two marks of a lane are from each other, in characters.
	apart = 1.5
	// textWidth is where sentences are broken, in characters.
	textWidth = 92
)

// Text draws the picture for a terminal: a line a lane on a common scale, what the marks mean, then
// what each did, in the lesson's own words. name is what the customer is called.
func (p Picture) Text(w io.Writer, name string) {
	t := terminal{p: p, scale: newScale(p.Length, p.marks(), width-1, apart)}
	lanes := append(slices.Clone(p.Lanes), p.Stores...)
	for _, lane := range lanes {
		t.margin = max(t.margin, utf8.RuneCountInString(lane.Name))
	}
	// Where the output is no terminal it has no colours: the words say what red says.
	t.red = lipgloss.NewRenderer(w).NewStyle().Foreground(lipgloss.Color("1")).Bold(true)
	fmt.Fprintln(w, t.line("", []rune(t.axis())))
	for _, lane := range p.Lanes {
		fmt.Fprintln(w, t.line(lane.Name, t.server(lane)))
	}
	for _, lane := range p.Stores {
		fmt.Fprintln(w, t.line(lane.Name, t.store(lane)))
	}
	if len(t.legend) > 0 {
		fmt.Fprintf(w, "\n%s", wrapped("", t.margin, t.legendWords()))
	}
	fmt.Fprintln(w)
	for _, lane := range p.Lanes {
		label := lane.Name
		for _, line := range lane.words(name) {
			fmt.Fprint(w, wrapped(label, t.margin, line))
			label = ""
		}
	}
	for _, lane := range p.Stores {
		if said := lane.storeWords(name); said != "" {
			fmt.Fprint(w, wrapped(lane.Name, t.margin, said))
		}
	}
}

// terminal is a drawing for a terminal in the making.
type terminal struct {
	p      Picture
	margin int
	scale  scale
	legend []rune // the marks that were drawn
	red    lipgloss.Style
}

// line is a lane with its name; marks of money taken too often are red.
func (t *terminal) line(name string, cells []rune) string {
	var b strings.Builder
	for _, c := range strings.TrimRight(string(cells), " ") {
		if c >= '2' && c <= '9' && name != "" {
			b.WriteString(t.red.Render(string(c)))
		} else {
			b.WriteRune(c)
		}
	}
	line := fmt.Sprintf("  %-*s  %s", t.margin, name, b.String())
	return strings.TrimRight(line, " ")
}

// wrapped breaks words into lines, behind the name of who they are about.
func wrapped(name string, margin int, words string) string {
	var b strings.Builder
	line, used := fmt.Sprintf("  %-*s ", margin, name), 0
	for _, word := range strings.Fields(words) {
		n := utf8.RuneCountInString(word) + 1
		if used > 0 && margin+3+used+n > textWidth {
			b.WriteString(line + "\n")
			line, used = fmt.Sprintf("  %-*s ", margin, ""), 0
		}
		line += " " + word
		used += n
	}
	return b.String() + line + "\n"
}

// axis has the times of the ends, and of the ends of what was cut out, where there is room.
func (t *terminal) axis() string {
	cells := []rune(strings.Repeat(" ", width))
	put := func(at int, label string) {
		room := at >= 0 && at+utf8.RuneCountInString(label) <= width
		for i := range []rune(label) {
			for _, beside := range []int{at + i - 1, at + i, at + i + 1} {
				room = room && (beside < 0 || beside >= width || cells[beside] == ' ')
			}
		}
		if room {
			copy(cells[at:], []rune(label))
		}
	}
	put(0, "0")
	end := milliseconds(t.p.Length)
	put(width-utf8.RuneCountInString(end), end)
	for _, i := range t.scale.cuts {
		cells[(t.column(t.scale.times[i-1])+t.column(t.scale.times[i]))/2] = '≈'
	}
	for _, i := range t.scale.cuts {
		from, to := t.column(t.scale.times[i-1]), t.column(t.scale.times[i])
		put(to, milliseconds(t.scale.times[i]))
		before := milliseconds(t.scale.times[i-1])
		put(from-utf8.RuneCountInString(before)+1, before)
	}
	return string(cells)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}

func (t *terminal) column(at time.Duration) int { return int(t.scale.x(at)) }

// put draws a mark, and keeps it for the legend.
func (t *terminal) put(cells []rune, at int, mark rune) {
	cells[at] = mark
	if !slices.Contains(t.legend, mark) {
		t.legend = append(t.legend, mark)
	}
}

// stretch draws a mark from one time to another.
func (t *terminal) stretch(cells []rune, s Step, mark rune) {
	for i := t.column(s.From); i <= t.column(s.To); i++ {
		t.put(cells, i, mark)
	}
}

// server is a server's lane on the scale. Marks go over stretches, and what goes wrong over
// everything.
func (t *terminal) server(lane Lane) []rune {
	cells := []rune(strings.Repeat(" ", width))
	for _, under := range []struct {
		mark  rune
		kinds []Kind
	}{
		{'~', []Kind{Cut}}, {'─', []Kind{Charge, Answer, Sent, Fail}}, {'░', []Kind{Stand}},
	} {
		for _, s := range lane.Steps {
			if slices.Contains(under.kinds, s.Kind) && s.To > s.From &&
				(s.Kind != Fail || strings.HasPrefix(s.Event.Name, "charge.")) {
				t.stretch(cells, s, under.mark)
			}
		}
	}
	marks := map[Kind]rune{
		Claim: '(', Held: '·', Skip: '·', Again: '>', Charge: '$', Answer: '=', Release: ']',
		Lose: '!', Fail: 'x', Kill: '†', Start: '^',
	}
	for i, s := range lane.Steps {
		if s.Event.Name == "invoice.failed" && failed(lane.Steps[:i]) {
			continue // the mark of what failed says so, and this one would hide a release
		}
		if s.Kind == Obtain {
			t.put(cells, t.column(s.From), '[')
		} else if mark, ok := marks[s.Kind]; ok {
			t.put(cells, t.column(s.To), mark)
		}
	}
	return cells
}

// store is a store's lane on the scale: what is held there is drawn as the last letter of its
// holder.
func (t *terminal) store(lane Lane) []rune {
	cells := []rune(strings.Repeat(" ", width))
	for _, s := range lane.Steps {
		if s.Kind == Hold {
			holder, _ := utf8.DecodeLastRuneInString(s.Event.Server)
			for i := t.column(s.From); i <= t.column(s.To); i++ {
				cells[i] = holder
			}
		}
	}
	marks := map[Kind]rune{
		Expire: '!', Break: 'x', Restart: '^', Record: '+', Refuse: 'x', Pass: '»', Replace: '*',
	}
	for _, s := range lane.Steps {
		at := t.column(s.To)
		switch mark, ok := marks[s.Kind]; {
		case s.Kind == Take && s.Nth > 1:
			cells[at] = rune('0' + min(s.Nth, 9))
		case s.Kind == Take:
			t.put(cells, at, '$')
		case ok:
			t.put(cells, at, mark)
		}
	}
	return cells
}

// legendWords says what the marks mean that were drawn.
func (t *terminal) legendWords() string {
	var words []string
	for _, m := range []struct {
		mark rune
		what string
	}{
		{'[', "[ lease obtained"}, {']', "] released"}, {'(', "( claim taken"},
		{'─', "─ charge on its way"}, {'>', "> sent again"}, {'$', "$ money taken"},
		{'=', "= was taken before"}, {'+', "+ ledger entry"}, {'·', "· left to another"},
		{'~', "~ cut off"}, {'░', "░ stands still"}, {'!', "! lease or claim gone"},
		{'x', "x failed"}, {'†', "† killed"}, {'^', "^ started again"}, {'»', "» time passes"},
		{'*', "* new card"},
	} {
		if slices.Contains(t.legend, m.mark) {
			words = append(words, m.what)
		}
	}
	return strings.Join(words, ", ")
}
