// Package screen fits what people read into the columns of a terminal: lines break between words.
package screen

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// widest is the most columns that are used; an eye loses its place in longer lines.
const widest = 200

// Writer breaks the lines that are too long for it. It is not safe for concurrent use.
type Writer struct {
	io.Writer
	columns int    // of a line; 0: any number
	line    string // the last line, if it has not ended
	raw     bool   // nothing is changed
}

// New returns a writer whose lines have these columns at most; 0: any number.
func New(w io.Writer, columns int) *Writer { return &Writer{Writer: w, columns: columns} }

// For returns a writer to w with lines as long as COLUMNS in the environment says, or the terminal;
// w itself, if it is one. In a file or a pipe lines have any length.
func For(w io.Writer) *Writer {
	if s, ok := w.(*Writer); ok {
		return s
	}
	columns, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	if file, ok := w.(interface{ Fd() uintptr }); ok && columns <= 0 {
		columns, _, _ = term.GetSize(int(file.Fd())) // 0 if it is no terminal
	}
	return New(w, min(max(columns, 0), widest))
}

// Columns returns the most columns of a line, 0 if it may have any number.
func (s *Writer) Columns() int { return s.columns }

// Unlimit leaves all that is written from now on as it is.
func (s *Writer) Unlimit() { s.columns, s.raw = 0, true }

func (s *Writer) Write(p []byte) (int, error) {
	if s.raw {
		return s.Writer.Write(p)
	}
	text, shown := s.line+string(p), strings.TrimRight(Wrap(s.line, s.columns), " ")
	s.line = text[strings.LastIndex(text, "\n")+1:]
	rest, whole := strings.CutPrefix(Wrap(text, s.columns), shown)
	if !whole { // a word of which a part was written is now too long for its line
		rest = string(p)
	}
	// It may turn out that the line breaks at the spaces at its end.
	if _, err := io.WriteString(s.Writer, strings.TrimRight(rest, " ")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// EndLine is called when the terminal has ended the line, as it does for Enter.
func (s *Writer) EndLine() { s.line = "" }

// Columns returns the most columns of w's lines, 0 if they may have any number.
func Columns(w io.Writer) int {
	if s, ok := w.(interface{ Columns() int }); ok {
		return s.Columns()
	}
	return 0
}

// Unlimited returns w for what is not to be broken, such as JSON.
func Unlimited(w io.Writer) io.Writer {
	if s, ok := w.(interface{ Unlimit() }); ok {
		s.Unlimit()
	}
	return w
}

// Space is written as a space, and no line breaks at it.
const Space = "\u00a0"

// label is the part of a line to the right of which its further lines begin: an indent, and what
// stands before two spaces, as in a table, or before an item of a list.
var label = regexp.MustCompile(`^(?:.*\S {2,}| *(?:[-*] |\d+\. )?)`)

// Wrap breaks lines between words, so that they have these columns at most; 0: any number. A word
// that is longer stays whole: it may be an address.
func Wrap(text string, columns int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if columns > 0 && ansi.StringWidth(line) > columns {
			lines[i] = wrapLine(line, columns)
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), Space, " ")
}

func wrapLine(line string, columns int) string {
	first := label.FindString(line)
	if ansi.StringWidth(first) > columns*2/3 { // too little would be left
		first = line[:len(line)-len(strings.TrimLeft(line, " "))]
	}
	var b strings.Builder
	b.WriteString(first)
	indent := ansi.StringWidth(first)
	used := indent
	for i, word := range strings.Split(line[len(first):], " ") {
		n := ansi.StringWidth(word)
		switch {
		case i > 0 && n > 0 && used+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = indent
		case i > 0:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// IsControl reports whether a terminal or a page would act on the character and not show it. That
// includes what ends a line or turns the direction of the rest of it: "paid 01$" may then be shown
// for another amount. Marks such as RLM, which names have, turn nothing.
func IsControl(r rune) bool {
	return unicode.IsControl(r) || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
