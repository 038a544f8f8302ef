package walkthrough

import (
	"regexp"
	"slices"
	"strings"
)

// Differs compares a command's output with the chapter's. It describes the first line that differs,
// "" if none does. It ignores only what varies between machines and runs:
//
//   - durations, dates, line numbers, Stripe's IDs, and the URLs of servers;
//   - the distance between a picture's marks, but not their order in a lane;
//   - the width of a gap;
//   - which server does what, where all fire at the same instant;
//   - the order in which several invoices are corrected, which happens at the same time.
func Differs(want, got []string) string {
	w, g := normalize(want), normalize(got)
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			return "not in the chapter: " + g[i]
		case i >= len(g):
			return "only in the chapter: " + w[i]
		case w[i] != g[i]:
			return g[i] + "\nin the chapter:\n" + w[i]
		}
	}
	return ""
}

// What varies from run to run.
var (
	duration   = regexp.MustCompile(`\b\d+(\.\d+)? ?(µs|ms|s)\b`)
	date       = regexp.MustCompile(`\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?( ?UTC|Z)?)?`)
	address    = regexp.MustCompile(`\b(postgres|redis|http)://[^\s']+`)
	lineNumber = regexp.MustCompile(`\.go:\d+`)
	stripeID   = regexp.MustCompile(`\b(pi|re|ch|req|cus)_\w+`)
	gap        = regexp.MustCompile(`(\S) {2,}`)
	ending     = regexp.MustCompile(`(?m) +$`)
)

// normalize removes what varies from an output.
func normalize(output []string) (lines []string) {
	text := strings.Trim(strings.Join(output, "\n"), "\n")
	text = duration.ReplaceAllString(text, "N ms")
	text = date.ReplaceAllString(text, "DATE")
	text = address.ReplaceAllString(text, "$1://ADDRESS")
	text = lineNumber.ReplaceAllString(text, ".go:N")
	text = stripeID.ReplaceAllString(text, "${1}_ID")
	text = gap.ReplaceAllString(ending.ReplaceAllString(text, ""), "$1 ")
	anyServer := sameTime.MatchString(text)
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		p := strings.Split(paragraph, "\n")
		switch {
		case scale.MatchString(p[0]):
			p = lanes(p[1:], anyServer)
		case legend.MatchString(p[0]):
			words := strings.Join(strings.Fields(paragraph), " ")
			if anyServer {
				words = holder.ReplaceAllString(words, "h held by server")
			}
			p = []string{strings.NewReplacer(inFlight, "", leftOut, "").Replace(words)}
		case lane.MatchString(p[0]):
			p = sentences(p, anyServer)
		case atOnce.MatchString(paragraph):
			slices.Sort(p)
		}
		lines = append(append(lines, p...), "")
	}
	return lines
}

// What pictures and sentences about servers look like.
var (
	sameTime = regexp.MustCompile(`at midnight|at the same instant`)
	server   = regexp.MustCompile(`server-[a-z]+`)
	scale    = regexp.MustCompile(`^ +0( .*)?N ms$`)
	legend   = regexp.MustCompile(`^ {12}\S [a-z]`)
	lane     = regexp.MustCompile(`^ {1,2}(server-[a-z]+|[A-Z][a-z]+|ledger)( |$)`)
	atOnce   = regexp.MustCompile(`(?m)^\w+/\d{4}-\d\d: `)
	stretch  = regexp.MustCompile(`[ ─░~]+`)
	holders  = regexp.MustCompile(`[a-w]+`)
	holder   = regexp.MustCompile(`[a-w] held by server-[a-z]+`)
)

// In the legend unless they are too short, beside the rest, to be drawn: charges, and what has room
// under the end of the scale.
const inFlight, leftOut = "─ charge in flight, ", ", ≈ time left out"

// lanes reduces each lane of a picture to its marks, in order, and the letters of lease holders.
func lanes(picture []string, anyServer bool) (lines []string) {
	for _, line := range picture {
		name, marks, _ := strings.Cut(strings.TrimSpace(line), " ")
		marks = stretch.ReplaceAllString(marks, "")
		if anyServer {
			name = server.ReplaceAllString(name, "server")
			marks = holders.ReplaceAllString(marks, "h")
		}
		// How often a letter repeats depends on the timing.
		order := slices.CompactFunc([]rune(marks), func(a, b rune) bool {
			return a == b && 'a' <= a && a <= 'z'
		})
		lines = append(lines, "in order: "+name+" "+string(order))
	}
	if anyServer {
		slices.Sort(lines)
	}
	return lines
}

// sentences joins the lines about each server into one. With anyServer it drops the servers' names
// and sorts the lines.
func sentences(lines []string, anyServer bool) (joined []string) {
	for _, line := range lines {
		words := strings.TrimSpace(line)
		if anyServer {
			words = server.ReplaceAllString(words, "server")
		}
		if lane.MatchString(line) {
			joined = append(joined, words)
		} else {
			joined[len(joined)-1] += " " + words
		}
	}
	if anyServer {
		slices.Sort(joined)
	}
	return joined
}
