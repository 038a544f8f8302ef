package timeline

import (
	"slices"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
)

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
// has its line, or else it is the first one after the call. Nothing returned if the statement is "".
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
