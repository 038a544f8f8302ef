package web

import (
	"bytes"
	"cmp"
	"html/template"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// Document renders one of the docs' pages. target returns where a link leads, "" for nowhere; run
// returns what follows a command that plays a cell.
func Document(
	markdown []byte, target func(link string) string, run func(mode, fault string) string,
) (template.HTML, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.NewTable(
		// The live page's policy forbids styles inside the text.
		extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(html.WithUnsafe())) // <details>, in pages of ours
	doc := md.Parser().Parse(text.NewReader(markdown))
	var nowhere []*ast.Link
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering {
			if l.Destination = []byte(target(string(l.Destination))); len(l.Destination) == 0 {
				nowhere = append(nowhere, l)
			}
		}
		return ast.WalkContinue, nil
	})
	for _, l := range nowhere {
		for c := l.FirstChild(); c != nil; c = l.FirstChild() {
			l.Parent().InsertBefore(l.Parent(), l, c)
		}
		l.Parent().RemoveChild(l.Parent(), l)
	}
	var out bytes.Buffer
	if err == nil {
		err = md.Renderer().Render(&out, markdown, doc)
	}
	// What can be folded away is an exercise: its code is another.
	page := unfolded(out.String(), func(text string) string {
		return commandBlock.ReplaceAllStringFunc(text, func(block string) string {
			return block + run(cellOf(block))
		})
	})
	return template.HTML(page), err
}

// unfolded replaces all of a page but what is between <details> and </details>.
func unfolded(page string, replace func(string) string) string {
	open, folded, found := strings.Cut(page, "<details>")
	if !found {
		return replace(page)
	}
	folded, rest, _ := strings.Cut(folded, "</details>")
	return replace(open) + "<details>" + folded + "</details>" + unfolded(rest, replace)
}

var (
	// commandBlock is a block in HTML whose first command plays a cell.
	commandBlock = regexp.MustCompile(
		`(?s)<pre><code class="language-console">\$ go run \./cmd/demo (?:run )?--mode .*?</pre>`)
	// command is such a command.
	command = regexp.MustCompile(
		`\$ go run \./cmd/demo (?:run )?--mode ([a-z-]+)(?: --fault ([a-z0-9-]+))?\n`)
)

// cellOf returns the mode and the fault of the first command in a text, "" if it has none.
func cellOf(text string) (mode, fault string) {
	part := command.FindStringSubmatch(text)
	if part == nil {
		return "", ""
	}
	return part[1], cmp.Or(part[2], "none")
}

// Target returns where a link of the docs leads: page returns the address of another page of
// theirs, and source is that of the source's root, "" if it is nowhere. Then so is the target.
func Target(link string, page func(name string) string, source string) string {
	file, fragment, found := strings.Cut(link, "#")
	if found {
		fragment = "#" + fragment
	}
	switch {
	case strings.Contains(link, "://"), file == "", strings.HasSuffix(file, ".svg"):
		return link
	case strings.HasSuffix(file, ".md") && !strings.Contains(file, "/"):
		return page(file) + fragment
	case source == "":
		return ""
	}
	// The docs are in a folder of the source's root.
	outside, isOutside := strings.CutPrefix(file, "../")
	if !isOutside {
		outside = "docs/" + file
	}
	return strings.TrimSuffix(source, "/") + "/" + outside + fragment
}
