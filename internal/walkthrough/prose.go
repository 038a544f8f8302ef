package walkthrough

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Prose writes Markdown for a terminal. All fields must be set.
type Prose struct {
	Width  int                 // in characters
	Strong func(string) string // makes a heading, or a strong word, stand out
	Faint  func(string) string // makes what is beside the point step back
}

var (
	link   = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	stress = regexp.MustCompile(`\*([^*\s][^*]*)\*`)
	item   = regexp.MustCompile(`^(- |\d+\. )`)
)

// Text is a paragraph, a heading, a list or a table.
func (p Prose) Text(markdown string) string {
	lines := strings.Split(markdown, "\n")
	if heading := strings.TrimLeft(lines[0], "#"); heading != lines[0] {
		return p.Strong(strings.TrimSpace(heading)) + "\n"
	}
	if strings.HasPrefix(lines[0], "|") {
		return p.table(lines)
	}
	// What belongs to one item is joined; what is not an item goes on with the one before it.
	var items []string
	for _, line := range lines {
		if n := len(items); n > 0 && !item.MatchString(line) {
			items[n-1] += " " + strings.TrimSpace(line)
		} else {
			items = append(items, line)
		}
	}
	var b strings.Builder
	for _, text := range items {
		mark := item.FindString(text)
		b.WriteString(p.wrapped(mark, text[len(mark):]))
	}
	return b.String()
}

// wrapped breaks a text into lines, the first of which has the mark before it.
func (p Prose) wrapped(mark, markdown string) string {
	text := link.ReplaceAllStringFunc(markdown, func(s string) string {
		match := link.FindStringSubmatch(s)
		if strings.HasPrefix(match[2], "http") {
			return match[1] + " <" + match[2] + ">"
		}
		return match[1] // a file of this repository, or another chapter
	})
	text = stress.ReplaceAllString(strong.ReplaceAllString(text, "\x01$1\x02"), "$1")
	var b strings.Builder
	indent := strings.Repeat(" ", utf8.RuneCountInString(mark))
	used := utf8.RuneCountInString(mark)
	b.WriteString(mark)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(strings.Trim(word, "\x01\x02"))
		switch {
		case i == 0:
		case used+1+n > p.Width:
			b.WriteString("\n" + indent)
			used = len(indent)
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += n
	}
	return strongWords.ReplaceAllStringFunc(b.String(), func(s string) string {
		return p.Strong(s[1 : len(s)-1])
	}) + "\n"
}

var strongWords = regexp.MustCompile(`(?s)\x01.*?\x02`)

// table is a table without its lines.
func (p Prose) table(lines []string) string {
	var rows [][]string
	width := map[int]int{}
	for _, line := range lines {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if strings.Trim(line, "|- ") == "" {
			continue // the empty heading, and the line below it
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
			width[i] = max(width[i], utf8.RuneCountInString(cells[i]))
		}
		rows = append(rows, cells)
	}
	var b strings.Builder
	for _, cells := range rows {
		line := ""
		for i, c := range cells {
			line += c + strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2)
		}
		b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
	return b.String()
}

// Code is a fenced block, below the name of the file that it is from.
func (p Prose) Code(b Block) string {
	text := "    " + strings.ReplaceAll(b.Text, "\n", "\n    ") + "\n"
	text = strings.ReplaceAll(text, "\t", "    ")
	if _, file, ok := strings.Cut(b.Info, " "); ok {
		return p.Faint(file) + "\n" + text
	}
	return text
}

// Command is a command as it is typed.
func (p Prose) Command(c Command) string { return p.Strong("$ " + c.String()) }
