package timeline

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
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

// Code is a mode's file, and the lines of it that are at work.
type Code struct {
	File  string   // "" if the events say of none
	First int      // the number of the first of Lines, which come after the imports
	Lines []string // without the newlines
	At    []int    // the numbers of the lines at work, the outermost call first; may be empty
}

// Code returns the code that is at work at the step: the call that the event is about, or in which
// its server waits. If there is none, no line of the file is.
func (r Run) Code(step int) Code {
	called := func(e event.Event) bool { return e.At != "" }
	now := r.Events[:max(0, min(step, len(r.Events)))]
	at := slices.IndexFunc(r.Events, called)
	for i, e := range now {
		if called(e) {
			at = i
		}
	}
	if at < 0 {
		return Code{}
	}
	c := codeOf(r.Events[at].At)
	if at == len(now)-1 {
		return c
	}
	c.At = nil
	if len(now) == 0 {
		return c
	}
	// The last event happened to a server that waits, or stands still, in its last call, or to one
	// whose mode has returned since then.
	last := now[len(now)-1]
	for _, e := range slices.Backward(now) {
		switch {
		case e.Server != last.Server, e.Server == "":
		case called(e):
			return codeOf(e.At).returning(ends(last))
		case ends(e) != "" && ends(last) == "":
			return c // it waits for nothing
		}
	}
	return c.returning(ends(last))
}

// codeOf returns the code for what event.Here has returned.
func codeOf(at string) Code {
	c := Code{}
	file, lines, _ := strings.Cut(at, ":")
	text, err := billing.Source.ReadFile(file)
	if err != nil {
		return c // recorded with another program, which had another mode
	}
	c.File = file
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range all {
		if line == ")" || strings.HasPrefix(line, `import "`) {
			c.First, c.Lines = i+3, all[i+2:] // after an empty line
			break
		}
	}
	for line := range strings.SplitSeq(lines, ",") {
		if n, err := strconv.Atoi(line); err == nil && n >= c.First && n <= len(all) {
			c.At = append(c.At, n)
		}
	}
	return c
}

// ends returns the statement with which a mode ends an invoice as the event says; "" if the event
// is no such end. The worker logs it when the mode has returned.
func ends(e event.Event) string {
	switch {
	case e.Kind == event.InvoiceFailed:
		return `return "", err`
	case e.Kind != event.InvoiceSkipped:
		return ""
	case e.Reason == string(billing.Skipped):
		return "return Skipped, nil"
	}
	return "return AlreadyBilled, nil"
}

// returning marks the statement that returned from the mode after the call at work: a deferred call
// has its line, or else it is the first one after the call. If the statement is "", none returned.
func (c Code) returning(statement string) Code {
	if statement == "" {
		return c
	}
	from := c.First
	if len(c.At) > 0 {
		from = c.At[0]
	}
	c.At = nil
	for n := from; n < c.First+len(c.Lines); n++ {
		line := strings.TrimSpace(c.Lines[n-c.First])
		if line == statement || n == from && strings.HasPrefix(line, "return ") {
			c.At = []int{n}
			break
		}
	}
	return c
}
