package timeline

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Shown is a run at a step, in HTML.
type Shown struct{ Picture, Now, Code, Events string }

// Show shows the first step events of the run in the scale of all. The IDs of elements begin with
// id; address is the page's, to which "?step=" is added, or "" for a page without a server.
func (r Run) Show(step int, id, address string, width int) (s Shown, err error) {
	step = max(0, min(step, len(r.Events)))
	whole := r.Picture()
	part := Draw(r.Invoice, r.Servers, r.Events[:step])
	var b strings.Builder
	err = Canvas{
		Picture: part, Whole: &whole, Title: r.Title, Name: r.Customer, ID: id, Width: width,
	}.SVG(&b)
	s.Picture, b = b.String(), strings.Builder{}
	code := r.Code(step)
	s.Code, s.Now = code.html(), fmt.Sprintf("Step %d of %d", step, len(r.Events))
	b.WriteString("<ol>\n")
	for i, l := range whole.Lines(r.Events, r.Customer) {
		n, current := i+1, ""
		who, words := html.EscapeString(l.Who), html.EscapeString(l.Words)
		if n == step {
			current = ` aria-current="step"`
			s.Now += ": <strong>" + who + "</strong> at " + l.After + ": " + words + code.where()
		}
		element, attributes := "button", `type="button"`
		if address != "" {
			element = "a"
			attributes = fmt.Sprintf(`href="%s?step=%d"`, html.EscapeString(address), n)
		}
		fmt.Fprintf(&b, `<li><%[1]s %s data-step="%d"%s><span class="time">%s</span> `+
			"<strong>%s</strong> %s</%[1]s></li>\n", element, attributes, n, current, l.After, who,
			words)
	}
	s.Events = b.String() + "</ol>"
	return s, err
}

// Parts returns the parts, each in an element that says where it goes: to the ID in data-for.
func (s Shown) Parts(id string) string {
	return fmt.Sprintf(`<div data-for="%[1]spicture">%[2]s</div><p data-for="%[1]snow">%[3]s</p>`+
		`<div data-for="%[1]scode">%[4]s</div><div data-for="%[1]sevents">%[5]s</div>`+"\n",
		id, s.Picture, s.Now, s.Code, s.Events)
}

func (c Code) where() string {
	if len(c.At) == 0 {
		return ""
	}
	return fmt.Sprintf(` <span class="rest">(%s, line %d)</span>`, c.File, c.At[len(c.At)-1])
}

// html returns the file as a list of lines, in which the one at work is the current one, and those
// that have called it are marked.
func (c Code) html() string {
	if c.File == "" {
		return `<p class="rest">The code is shown from its first event on.</p>`
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<p><strong>billing/%s</strong></p>\n<ol start=\"%d\">\n", c.File, c.First)
	for i, line := range c.Lines {
		attributes := ""
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			attributes = ` class="rest"`
		}
		switch at := slices.Index(c.At, c.First+i); {
		case at >= 0 && at == len(c.At)-1:
			attributes = ` aria-current="true"`
		case at >= 0:
			attributes = ` class="calls"`
		}
		fmt.Fprintf(&b, "<li%s><code>%s</code></li>\n", attributes,
			html.EscapeString(cmp.Or(line, " ")))
	}
	return b.String() + "</ol>"
}
