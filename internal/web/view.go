package web

import (
	"fmt"
	"html/template"
	"strings"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/timeline"
)

// watched is a run or a recording, which can be watched step by step.
type watched interface {
	scene() scene
}

// scene is what a run or a recording shows now.
type scene struct {
	Title    string
	Tab      string // the address of its tab
	Address  string
	Mode     string // "" if it can't be played again
	Fault    string
	About    string // what goes wrong
	Status   string // its stage, or its result
	Live     bool   // it can change
	Over     bool
	Refund   bool // there is something to refund or record
	Done     []string
	Owed     string
	Final    *account // as read from both sides; nil before the end
	customer string
	invoice  string
	servers  []string
	events   []event.Event // in the order of time
}

// view is a scene at a step.
type view struct {
	scene
	Step, Steps int
	Picture     template.HTML
	Now         *line // the event at the step; nil at step 0
	SoFar       account
	Lines       []line
}

// Before and After return the previous and the next step.
func (v view) Before() int { return max(0, v.Step-1) }
func (v view) After() int  { return min(v.Steps, v.Step+1) }

// line is an event in words.
type line struct {
	timeline.Line
	N       int
	Current bool
}

// customer is whose invoice every run that is played is about.
const customer = "Alice"

// viewOf returns a scene at a step, when the events up to it have happened.
func viewOf(one watched, step string) (v view, err error) {
	v = view{scene: one.scene()}
	v.Steps = len(v.events)
	if v.Step, err = stepIn(step, v.Steps); err != nil {
		return v, err
	}
	whole := timeline.Draw(v.invoice, v.servers, v.events)
	part := timeline.Draw(v.invoice, v.servers, v.events[:v.Step])
	var svg strings.Builder
	canvas := timeline.Canvas{Picture: part, Whole: &whole, Title: v.Title, Name: v.customer}
	if err := canvas.SVG(&svg); err != nil {
		return v, err
	}
	v.Picture = template.HTML(svg.String()) //nolint:gosec // it escapes what it is given
	for i, l := range whole.Lines(v.events, v.customer) {
		v.Lines = append(v.Lines, line{Line: l, N: i + 1, Current: i+1 == v.Step})
	}
	if v.Step > 0 {
		v.Now = &v.Lines[v.Step-1]
	}
	v.SoFar = countedAccount(part)
	v.SoFar.Owed = v.Owed
	if v.Final != nil && v.Step == v.Steps {
		v.SoFar = *v.Final
	}
	return v, nil
}

// scene returns what the recording shows.
func (r Recording) scene() scene {
	return scene{
		Title: r.Title, Tab: "/recordings", Address: "/recordings/" + r.Name, Over: true,
		About: r.About, Status: r.Verdict, customer: r.Customer,
		invoice: r.Invoice, servers: r.Servers, events: r.Picture().Events,
	}
}

// scene returns what the run shows now.
func (r *run) scene() scene {
	m := r.now()
	row, _ := faults.Named(r.fault) // ask has looked it up
	s := scene{
		Title: faults.Under(r.mode, r.fault), Tab: "/", Address: r.address(),
		Mode: r.mode, Fault: string(r.fault), About: row.Text,
		Status: r.status(m), Live: true, Over: m.ended(),
		Refund: m.refundable(), servers: r.servers, events: m.events, customer: customer,
	}
	if row.Beside != "" {
		s.servers = s.servers[:row.Servers]
	}
	for _, d := range m.done {
		s.Done = append(s.Done, d.String())
	}
	if m.invoice != nil {
		read := readAccount(*m.invoice)
		s.Owed, s.invoice = read.Owed, m.invoice.String()
		if m.state == over {
			s.Final = &read
		}
	}
	return s
}

// status describes the stage of a run, or its result.
func (r *run) status(m moment) string {
	switch m.state {
	case waiting:
		return "Waiting for the runs before it."
	case setting:
		return "Starting the servers."
	case playing:
		return "Midnight."
	case failed:
		return "The run could not be played. The terminal says why."
	case gone:
		return "This run is no longer kept."
	}
	if m.invoice == nil {
		return ""
	}
	i := *m.invoice
	paid := money.Amount(i.ChargedMinor, i.Currency)
	owed := money.Amount(i.DueMinor, i.Currency)
	result := fmt.Sprintf("%s paid %s: %s.", customer, paid, i.Verdicts)
	if i.ChargedMinor != i.DueMinor {
		result = fmt.Sprintf("%s paid %s instead of %s: %s.", customer, paid, owed, i.Verdicts)
	}
	switch {
	case len(m.done) > 0:
		return fmt.Sprintf("Refunded: %s paid %s and got %s back: %s.", customer, paid,
			money.Amount(i.RefundedMinor, i.Currency), i.Verdicts)
	case !r.expected.Known:
		return fmt.Sprintf("%s No expectation: %s.", result, i.Counts())
	case i.Counts() == r.expected.After:
		return fmt.Sprintf("%s As expected, %s: %s.", result, i.Counts(), r.expected.Why)
	}
	return fmt.Sprintf("NOT AS EXPECTED: %s, and not %s: %s.", i.Counts(), r.expected.After,
		i.Verdicts)
}
