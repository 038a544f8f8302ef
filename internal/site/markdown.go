package site

import (
	"bytes"
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

// html renders a page. Links to other pages lead there; those to the source lead to Source, or
// nowhere if there is none.
func (s Site) html(markdown []byte) (template.HTML, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(html.WithUnsafe())) // <details>, in pages of ours
	doc := md.Parser().Parse(text.NewReader(markdown))
	var nowhere []*ast.Link
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering {
			if l.Destination = []byte(s.target(string(l.Destination))); len(l.Destination) == 0 {
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
	page := command.ReplaceAllString(out.String(),
		`$0`+"\n"+`<p><a href="run.html#$1/$2">Step through this run</a></p>`)
	return template.HTML(page), err
}

// command is a block whose first command plays a cell.
var command = regexp.MustCompile(`(?s)<pre><code class="language-console">\$ go run ./cmd/demo ` +
	`run --mode ([a-z-]+) --fault ([a-z0-9-]+)\n.*?</pre>`)

// target returns where a link of the docs leads on the site; "" for nowhere.
func (s Site) target(link string) string {
	file, fragment, found := strings.Cut(link, "#")
	if found {
		fragment = "#" + fragment
	}
	switch {
	case strings.Contains(link, "://"), file == "", strings.HasSuffix(file, ".svg"):
		return link
	case strings.HasSuffix(file, ".md") && !strings.Contains(file, "/"):
		return pageOf(file) + fragment
	case s.Source == "":
		return ""
	}
	// The docs are in a folder of the source's root.
	outside, isOutside := strings.CutPrefix(file, "../")
	if !isOutside {
		outside = "docs/" + file
	}
	return strings.TrimSuffix(s.Source, "/") + "/" + outside + fragment
}
