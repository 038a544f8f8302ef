package timeline

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"

	"example.com/triplecharge/internal/screen"
)

const (
	apart = 1.5 // the least distance between two marks in a lane, in characters
	// The characters of the scale and of a sentence's lines where there is no terminal.
	scaleWidth, textWidth = 56, 92
	// widest is the most characters of a scale: in a longer one, lanes and marks are far apart.
	widest = 120
)

// Text draws the picture for a terminal: one line per lane, on a common scale, then a legend, then
// what each server did, in sentences. name is the customer's.
func (p Picture) Text(w io.Writer, name string) {
	t := terminal{p: p, width: scaleWidth, text: textWidth, holders: map[rune]string{}}
	for _, lane := range p.all() {
		t.margin = max(t.margin, utf8.RuneCountInString(lane.Name))
	}
	if columns := screen.Columns(w); columns > 0 {
		t.text = columns
		t.width = max(20, min(columns-t.margin-4, widest))
	}
	t.scale = newScale(p.Length, p.marks(), float64(t.width)-1, apart)
	t.red = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	fmt.Fprintln(w, t.line("", []rune(t.axis())))
	for _, lane := range p.Lanes {
		fmt.Fprintln(w, t.line(lane.Name, t.server(lane)))
	}
	for _, lane := range p.Stores {
		// Red appears only on a terminal; the digit in the mark says the same.
		_, _ = lipgloss.Fprintln(w, t.line(lane.Name, t.store(lane)))
	}
	if len(t.legend) > 0 {
		fmt.Fprintf(w, "\n%s", t.wrapped("", strings.Join(t.legendEntries(), ", ")))
	}
	fmt.Fprintln(w)
	for _, lane := range p.Lanes {
		label := lane.Name
		for _, line := range lane.sentences(name) {
			fmt.Fprint(w, t.wrapped(label, line))
			label = ""
		}
	}
	for _, lane := range p.Stores {
		if said := lane.storeSentences(name); said != "" {
			fmt.Fprint(w, t.wrapped(lane.Name, said))
		}
	}
}

type terminal struct {
	p      Picture
	margin int // the characters of the longest name
	width  int // of the scale, in characters
	text   int // where sentences wrap
	scale  scale
	legend []rune // the marks that were drawn
	// holders has the servers that held a lease or a claim, by their mark.
	holders map[rune]string
	red     lipgloss.Style
}

// line returns a lane after its name. The marks of charges after the first are red.
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

// wrapped returns words after a lane's name, on as many lines as they need.
func (t *terminal) wrapped(name, words string) string {
	return screen.Wrap(fmt.Sprintf("  %-*s  %s\n", t.margin, name, words), t.text)
}

// axis returns the times at the ends of the scale and of shortened stretches, where they fit.
func (t *terminal) axis() string {
	cells := []rune(strings.Repeat(" ", t.width))
	put := func(at int, label string) {
		room := at >= 0 && at+utf8.RuneCountInString(label) <= t.width
		for i := range []rune(label) {
			for _, beside := range []int{at + i - 1, at + i, at + i + 1} {
				room = room && (beside < 0 || beside >= t.width || cells[beside] == ' ')
			}
		}
		if room {
			copy(cells[at:], []rune(label))
		}
	}
	put(0, "0")
	end := milliseconds(t.p.Length)
	put(t.width-utf8.RuneCountInString(end), end)
	for _, i := range t.scale.cuts {
		at := (t.column(t.scale.times[i-1]) + t.column(t.scale.times[i])) / 2
		if cells[at] == ' ' { // else the cut is at the end, under its label
			t.put(cells, at, '≈')
		}
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

// put draws a mark and adds it to the legend.
func (t *terminal) put(cells []rune, at int, mark rune) {
	cells[at] = mark
	if !slices.Contains(t.legend, mark) {
		t.legend = append(t.legend, mark)
	}
}

// stretch draws a mark all along a step.
func (t *terminal) stretch(cells []rune, s Step, mark rune) {
	for i := t.column(s.From); i <= t.column(s.To); i++ {
		t.put(cells, i, mark)
	}
}

// server draws a server's lane: stretches first, then marks on top of them.
func (t *terminal) server(lane Lane) []rune {
	cells := []rune(strings.Repeat(" ", t.width))
	for _, under := range []struct {
		mark rune
		kind Kind
	}{{'~', Cut}, {'─', Sent}, {'░', Pause}} {
		for _, s := range lane.Steps {
			if s.stretch() == under.kind && s.To > s.From {
				t.stretch(cells, s, under.mark)
			}
		}
	}
	marks := map[Kind]rune{
		Claim: '(', Register: '◆', Held: '·', Skip: '·', Resend: '>', Charge: '$', Answer: '=',
		Release: ']', Lose: '!', Fail: 'x', Kill: '†', Start: '^',
	}
	for i, s := range lane.Steps {
		if lane.repeats(i) {
			continue // its mark would hide the release
		}
		if s.Kind == Obtain {
			t.put(cells, t.column(s.From), '[')
		} else if mark, ok := marks[s.Kind]; ok {
			t.put(cells, t.column(s.To), mark)
		}
	}
	return cells
}

// store draws a store's lane. A lease or a claim is drawn as the last letter of its holder's name.
func (t *terminal) store(lane Lane) []rune {
	cells := []rune(strings.Repeat(" ", t.width))
	for _, s := range lane.Steps {
		if s.Kind == Hold {
			holder, _ := utf8.DecodeLastRuneInString(s.Event.Server)
			t.stretch(cells, s, holder)
			t.holders[holder] = s.Event.Server
		}
	}
	marks := map[Kind]rune{
		Expire: '!', Break: 'x', Restart: '^', Record: '+', Refuse: 'x', Pass: '»', Replace: '*',
		Act: '#',
	}
	for _, s := range lane.Steps {
		at := t.column(s.To)
		switch mark, ok := marks[s.Kind]; {
		case s.Kind == Take && s.Nth > 1:
			t.put(cells, at, rune('0'+min(s.Nth, 9)))
		case s.Kind == Take:
			t.put(cells, at, '$')
		case ok:
			t.put(cells, at, mark)
		}
	}
	return cells
}

// legendEntries returns the explanations of the marks that were drawn.
func (t *terminal) legendEntries() (entries []string) {
	add := func(entry string) {
		entries = append(entries, strings.ReplaceAll(entry, " ", screen.Space))
	}
	again := "2"
	for n := '3'; slices.Contains(t.legend, n); n++ {
		again += " " + string(n)
	}
	for _, entry := range []string{
		"[ lease obtained", "] released", "( claim taken", "◆ PaymentIntent registered",
		"─ charge in flight", "> sent again", "$ charged", again + " charged again",
		"= already paid", "+ ledger entry", "· skipped", "~ disconnected", "░ paused",
		"! lease or claim lost", "x failed", "† killed", "^ restarted", "» time passes",
		"* new card", "# changed by hand", "≈ time left out",
	} {
		if mark, _ := utf8.DecodeRuneInString(entry); slices.Contains(t.legend, mark) {
			add(entry)
		}
	}
	for _, mark := range slices.Sorted(maps.Keys(t.holders)) {
		add(fmt.Sprintf("%c held by %s", mark, t.holders[mark]))
	}
	return entries
}
