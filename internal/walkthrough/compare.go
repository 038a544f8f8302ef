package walkthrough

import (
	"regexp"
	"slices"
	"strings"
)

// Differs says how what a command printed differs from what a chapter says that it prints: the
// first line that does, "" if none. It leaves out of account what another machine, or another run,
// prints otherwise, and that alone:
//
//   - durations, dates, ports, line numbers, and the IDs that Stripe and Postgres' URLs have;
//   - in a picture, how far its marks are apart: their order in a lane is compared;
//   - how wide a gap is;
//   - where all servers fire at the same instant, which of them does what;
//   - which of several invoices is put right first, as they are at the same time.
func Differs(want, got []string) string {
	w, g := comparable(want), comparable(got)
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			return "more than the chapter says: " + g[i]
		case i >= len(g):
			return "nothing more, and the chapter says: " + w[i]
		case w[i] != g[i]:
			return g[i] + "\nand the chapter says:\n" + w[i]
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
	stripeID   = regexp.MustCompile(`\b(pi|re|ch|req)_\w+`)
	gap        = regexp.MustCompile(`(\S) {2,}`)
	ending     = regexp.MustCompile(`(?m) +$`)
)

// comparable is an output without what varies.
func comparable(output []string) (lines []string) {
	text := strings.Trim(strings.Join(output, "\n"), "\n")
	text = duration.ReplaceAllString(text, "N ms")
	text = date.ReplaceAllString(text, "DATE")
	text = address.ReplaceAllString(text, "$1://ADDRESS")
	text = lineNumber.ReplaceAllString(text, ".go:N")
	text = stripeID.ReplaceAllString(text, "${1}_ID")
	text = gap.ReplaceAllString(ending.ReplaceAllString(text, ""), "$1 ")
	anyServer := together.MatchString(text)
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		p := strings.Split(paragraph, "\n")
		switch {
		case scale.MatchString(p[0]):
			p = drawing(p[1:], anyServer)
		case lane.MatchString(p[0]):
			p = told(p, anyServer)
		case atOnce.MatchString(paragraph):
			slices.Sort(p)
		}
		lines = append(append(lines, p...), "")
	}
	return lines
}

// What is told of servers.
var (
	together = regexp.MustCompile(`at midnight|at the same instant`)
	server   = regexp.MustCompile(`server-[a-z]+`)
	scale    = regexp.MustCompile(`^ +0( .*)?N ms$`)
	lane     = regexp.MustCompile(`^ {1,2}(server-[a-z]+|[A-Z][a-z]+|ledger)( |$)`)
	atOnce   = regexp.MustCompile(`(?m)^\w+/\d{4}-\d\d: `)
	stretch  = regexp.MustCompile(`[ ─░~]+`)
	holders  = regexp.MustCompile(`[a-w]+`)
)

// drawing is a picture's lanes, each with its marks in order. Between marks are stretches, of which
// it says no more than who holds what is held.
func drawing(lanes []string, anyServer bool) (lines []string) {
	for _, line := range lanes {
		name, marks, _ := strings.Cut(strings.TrimSpace(line), " ")
		marks = stretch.ReplaceAllString(marks, "")
		if anyServer {
			name = server.ReplaceAllString(name, "server")
			marks = holders.ReplaceAllString(marks, "h")
		}
		// A holder holds on, and what failed makes its server fail, too, at about the same time.
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

// told is what each server did, a line each; if it is all the same which server did what, in the
// order of the words.
func told(lines []string, anyServer bool) (told []string) {
	for _, line := range lines {
		words := strings.TrimSpace(line)
		if anyServer {
			words = server.ReplaceAllString(words, "server")
		}
		if lane.MatchString(line) {
			told = append(told, words)
		} else {
			told[len(told)-1] += " " + words
		}
	}
	if anyServer {
		slices.Sort(told)
	}
	return told
}
