package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// watched is what can be watched step by step: a run, or a recording.
type watched interface {
	scene() scene
}

// scene is what is to be seen of it now.
type scene struct {
	Title   string
	Tab     string // the one that it belongs to
	Address string
	Mode    string // "" if nobody can play it again
	Fault   string
	About   string // what goes wrong in it
	Status  string // how far it has come, or what came of it
	Live    bool   // it has books, and can change
	Over    bool
	Refund  bool // there is something to put right
	Done    []string
	Owed    string
	Books   *book // as both sides have it in the end; nil before
	invoice string
	servers []string
	events  []timeline.Event // in the order of time
}

// view is a scene at a step.
type view struct {
	scene
	Step, Steps int
	Picture     template.HTML
	Now         *line // what happened at the step; nil before the first
	SoFar       book
	Lines       []line
}

// Before and After are the steps beside this one.
func (v view) Before() int { return max(0, v.Step-1) }
func (v view) After() int  { return min(v.Steps, v.Step+1) }

// line is an event, told.
type line struct {
	N       int
	After   string // how long after the picture's beginning
	Who     string
	Words   string
	Current bool
}

// customer is whom everything is about.
const customer = "Alice"

// viewOf shows a scene at a step: of its events, those up to the step have happened.
func viewOf(one watched, step string) (v view, err error) {
	v = view{scene: one.scene()}
	v.Steps = len(v.events)
	if v.Step, err = stepIn(step, v.Steps); err != nil {
		return v, err
	}
	whole := timeline.Draw(v.invoice, v.servers, v.events)
	part := timeline.Draw(v.invoice, v.servers, v.events[:v.Step])
	var svg strings.Builder
	canvas := timeline.Canvas{Picture: part, Whole: &whole, Title: v.Title, Name: customer}
	if err := canvas.SVG(&svg); err != nil {
		return v, err
	}
	v.Picture = template.HTML(svg.String()) //nolint:gosec // it escapes what it is given
	for i, e := range v.events {
		v.Lines = append(v.Lines, line{
			// What is before the picture is no part of it.
			N: i + 1, After: milliseconds(max(0, e.Time.Sub(whole.Began))), Who: who(e),
			Words: e.Words(customer), Current: i+1 == v.Step,
		})
	}
	if v.Step > 0 {
		v.Now = &v.Lines[v.Step-1]
	}
	v.SoFar = counted(part)
	v.SoFar.Owed = v.Owed
	if v.Books != nil && v.Step == v.Steps {
		v.SoFar = *v.Books
	}
	return v, nil
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}

// who did it, or where it happened.
func who(e timeline.Event) string {
	switch {
	case e.Name == timeline.StripeCharged, e.Name == timeline.StripeAdvanced,
		e.Name == timeline.CardReplaced:
		return timeline.Stripe
	case e.Name == timeline.ClaimExpired:
		return timeline.Ledger
	case e.Name == timeline.LeaseExpired, e.Server == "":
		return timeline.Redis
	}
	return e.Server
}

// scene shows a recording.
func (r Recording) scene() scene {
	events := slices.Clone(r.Events)
	slices.SortStableFunc(events, func(a, b timeline.Event) int { return a.Time.Compare(b.Time) })
	return scene{
		Title: r.Title, Tab: "/recordings", Address: "/recordings/" + r.Name, Over: true,
		About: r.About, Status: r.Verdict, invoice: r.Invoice, servers: r.Servers, events: events,
	}
}

// scene shows a run.
func (r *run) scene() scene {
	m := r.now()
	s := scene{
		Title: r.mode + " under " + string(r.fault), Tab: "/", Address: r.address(),
		Mode: r.mode, Fault: string(r.fault), About: sentence(verdicts.About(r.fault)),
		Status: r.status(m), Live: true, Over: m.state == over || m.state == failed,
		Refund: m.refundable(), servers: r.servers, events: m.events,
	}
	if r.fault == verdicts.MixedModes {
		s.servers = s.servers[:2]
	}
	for _, d := range m.done {
		s.Done = append(s.Done, d.String())
	}
	if m.invoice != nil {
		read := asRead(m.invoice.Invoice)
		s.Owed, s.invoice = read.Owed, m.invoice.String()
		if m.state == over {
			s.Books = &read
		}
	}
	return s
}

// refundable reports whether the reconciler would do something.
func (m moment) refundable() bool {
	return m.state == over && m.invoice != nil && len(m.invoice.ToDo) > 0
}

// status says how far a run has come, or what came of it.
func (r *run) status(m moment) string {
	switch m.state {
	case waiting:
		return "Waits for the runs before it."
	case setting:
		return "Gets the servers ready."
	case playing:
		return "Midnight."
	case failed:
		return "It could not be played. The terminal says why."
	case gone:
		return "This run is not kept any longer."
	}
	if m.invoice == nil {
		return ""
	}
	i := m.invoice.Invoice
	counts := verdicts.Counts{Charges: i.Charges, Entries: i.Entries}
	judged := strings.Join(words(i.Verdicts), ", ")
	switch {
	case len(m.done) > 0:
		return fmt.Sprintf("Put right: %s paid %s and has %s back: %s.", customer,
			timeline.Money(i.ChargedMinor, i.Currency),
			timeline.Money(i.RefundedMinor, i.Currency), judged)
	case counts == r.expected.After:
		return fmt.Sprintf("%s owed %s and paid %s: %s. As expected, %s: %s.", customer,
			timeline.Money(i.DueMinor, i.Currency), timeline.Money(i.ChargedMinor, i.Currency),
			judged, counts, r.expected.Why)
	}
	return fmt.Sprintf("NOT AS EXPECTED: %s, and not %s: %s.", counts, r.expected.After, judged)
}

// sentence makes one of what is written as a part of one. A server that it begins with stays a.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if behind := s[size:]; !strings.HasPrefix(behind, " ") && !strings.HasPrefix(behind, "'") {
		s = string(unicode.ToUpper(first)) + behind
	}
	return s + "."
}

func words(vs []reconcile.Verdict) []string {
	var words []string
	for _, v := range vs {
		words = append(words, string(v))
	}
	return words
}
