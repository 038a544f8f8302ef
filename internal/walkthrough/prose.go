package walkthrough

import (
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/screen"
)

// Prose draws Markdown for a terminal. All fields must be set.
//
// goldmark parses the Markdown. Glamour doesn't draw it well: it breaks URLs, flags and code,
// doesn't indent an item's second line, stretches tables to the full width, writes escape codes to
// pipes, and makes the demo 8 MB larger.
type Prose struct {
	Width  int                 // in columns; longer words are not broken
	Strong func(string) string // makes a heading or a strong word stand out
	Stress func(string) string // makes an emphasized word stand out
	Faint  func(string) string // dims a side note
}

// Text draws paragraphs, headings, lists and tables.
func (p Prose) Text(markdown string) string {
	source := []byte(markdown)
	parser := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()
	return p.blocks(parser.Parse(text.NewReader(source)), source)
}

// blocks draws a node's children, each followed by a newline.
func (p Prose) blocks(parent ast.Node, source []byte) string {
	var b strings.Builder
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			b.WriteString(p.wrap(p.Strong(p.inline(n, source))))
		case *ast.List:
			b.WriteString(p.list(n, source))
			continue
		case *table.Table:
			b.WriteString(p.table(n, source))
			continue
		default:
			b.WriteString(p.wrap(p.inline(n, source)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// wrap breaks a text between words. ansi.Wordwrap would break flags and URLs at their hyphens.
func (p Prose) wrap(text string) string { return screen.Wrap(text, p.Width) }

func (p Prose) list(l *ast.List, source []byte) string {
	var b strings.Builder
	number := l.Start
	for item := l.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "- "
		if l.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		b.WriteString(p.wrap(mark+p.inline(item, source)) + "\n")
	}
	return b.String()
}

// table draws a table without an empty header.
func (p Prose) table(t *table.Table, source []byte) string {
	drawn := report.Table{Indent: 2}
	for row := t.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, p.inline(cell, source))
		}
		if strings.Join(cells, "") != "" {
			drawn.Rows = append(drawn.Rows, cells)
		}
	}
	var b strings.Builder
	drawn.Print(screen.New(&b, p.Width))
	return b.String()
}

// inline draws a node's text on one line.
func (p Prose) inline(parent ast.Node, source []byte) string {
	var b strings.Builder
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			b.Write(util.UnescapePunctuations(n.Segment.Value(source)))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteString(" ")
			}
		case *ast.CodeSpan:
			b.WriteString("`" + p.inline(n, source) + "`")
		case *ast.Emphasis:
			style := p.Stress
			if n.Level == 2 {
				style = p.Strong
			}
			b.WriteString(style(p.inline(n, source)))
		case *ast.Link:
			b.WriteString(p.inline(n, source))
			// Other links lead to this repository's files.
			if strings.HasPrefix(string(n.Destination), "http") {
				fmt.Fprintf(&b, " <%s>", n.Destination)
			}
		case *ast.AutoLink:
			fmt.Fprintf(&b, "<%s>", n.URL(source))
		default:
			b.WriteString(p.inline(n, source))
		}
	}
	return b.String()
}

// Code draws a fenced block below its file's name.
func (p Prose) Code(b Block) string {
	text := "    " + strings.ReplaceAll(b.Text, "\n", "\n    ") + "\n"
	text = strings.ReplaceAll(text, "\t", "    ")
	if _, file, ok := strings.Cut(b.Info, " "); ok {
		return p.Faint(file) + "\n" + text
	}
	return text
}

// Command draws a command as typed.
func (p Prose) Command(c Command) string { return p.Strong("$ " + c.String()) }
