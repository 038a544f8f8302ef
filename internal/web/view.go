package web

import (
	"fmt"
	"html/template"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// watched is a run or a recording, which can be watched step by step.
type watched interface {
	scene() scene
}

// scene is what a run or a recording shows now. The run's verdict is its stage, or its result.
type scene struct {
	timeline.Run
	Detail   string // the rest of the verdict
	Tab      string // the address of its tab
	Address  string
	Mode     string
	Fault    string
	Live     bool // it can change
	Over     bool
	Refund   bool // there is something to refund or record
	Done     []string
	Owed     string
	Final    *account // as read from both sides; nil before the end
	Chapters []Chapter
}

// Stage returns a page's part in which a script shows one or two runs.
func Stage(runs int) any {
	v := view{Sides: make([]side, runs)}
	for i := 1; i < runs; i++ {
		v.Sides[i].ID, v.Sides[0].Heading, v.Sides[i].Heading = besideID, " ", " "
	}
	return v
}

// besideID begins the IDs of the second run's elements.
const besideID = "beside-"

// view is a run at a step, or two runs beside each other.
type view struct {
	Title, About, Tab, Address string
	Step, Steps                int // of the longer run
	Live, Over                 bool
	Sides                      []side
}

// side is one of a view's runs.
type side struct {
	scene
	ID                         string // begins the IDs of its elements
	Count                      int    // of its steps
	Heading                    string // its mode, if another is beside it
	Picture, Now, Code, Events template.HTML
	SoFar                      account
	Parts                      template.HTML // all but the account, for the page's script
}

// Before and After return the previous and the next step.
func (v view) Before() int { return max(0, v.Step-1) }
func (v view) After() int  { return min(v.Steps, v.Step+1) }

// customer is whose invoice every run that is played is about.
const customer = "Alice"

// viewOf returns a run, or two beside each other, at a step, when the events up to it have
// happened.
func viewOf(step string, ones ...watched) (v view, err error) {
	for _, one := range ones {
		s := side{scene: one.scene()}
		v.Steps = max(v.Steps, len(s.Run.Events))
		v.Sides = append(v.Sides, s)
	}
	first := v.Sides[0]
	v.Title, v.About, v.Tab, v.Address = first.Title, first.About, first.Tab, first.Address
	v.Live, v.Over = first.Live, true
	if v.Step, err = stepIn(step, v.Steps); err != nil {
		return v, err
	}
	width := 0
	if len(ones) > 1 {
		other := v.Sides[1]
		width, v.Address = timeline.Narrow, beside(v.Address, other.Mode, other.Address)
		v.Title = first.Mode + " beside " + faults.Under(other.Mode, faults.Fault(first.Fault))
	}
	for i := range v.Sides {
		s := &v.Sides[i]
		v.Over = v.Over && s.Over
		if len(ones) > 1 {
			s.Heading = s.Mode
		}
		if i > 0 {
			s.ID = besideID
		}
		if err := s.show(v.Step, v.Address, width); err != nil {
			return v, err
		}
	}
	return v, nil
}

// show sets what a side shows at the step.
func (s *side) show(step int, address string, width int) error {
	s.Count = len(s.Run.Events)
	step = min(step, s.Count)
	shown, err := s.Run.Show(step, s.ID, address, width)
	// Show escapes what it is given.
	s.Picture, s.Now = template.HTML(shown.Picture), template.HTML(shown.Now) //nolint:gosec
	s.Code, s.Events = template.HTML(shown.Code), template.HTML(shown.Events) //nolint:gosec
	s.Parts = template.HTML(shown.Parts(s.ID))                                //nolint:gosec
	s.SoFar = countedAccount(timeline.Draw(s.Invoice, s.Servers, s.Run.Events[:step]))
	s.SoFar.Owed = s.Owed
	if s.Final != nil && step == s.Count {
		s.SoFar = *s.Final
	}
	return err
}

// scene returns what the recording shows.
func (r Recording) scene() scene {
	r.Events = r.Picture().Events // without other invoices' events
	s := scene{Run: r.Run, Tab: "/recordings", Over: true, Chapters: ChaptersOf(r.Group, "")}
	if r.Name != "" {
		s.Address = "/recordings/" + r.Name
	}
	return s
}

// scene returns what the run shows now.
func (r *run) scene() scene {
	m := r.now()
	row, _ := faults.Named(r.fault) // ask has looked it up
	s := scene{
		Run: timeline.Run{
			Title: faults.Under(r.mode, r.fault), About: row.Text, Servers: r.servers,
			Events: m.events, Customer: customer,
		},
		Tab: "/", Address: r.address(), Mode: r.mode, Fault: string(r.fault),
		Live: true, Over: m.ended(), Refund: m.refundable(),
		Chapters: ChaptersOf(r.mode, r.fault),
	}
	s.Verdict, s.Detail = r.status(m)
	if row.Beside != "" {
		s.Servers = s.Servers[:row.Servers]
	}
	for _, d := range m.done {
		s.Done = append(s.Done, d.String())
	}
	if m.invoice != nil {
		read := readAccount(*m.invoice)
		s.Owed, s.Invoice = read.Owed, m.invoice.String()
		if m.state == over {
			s.Final = &read
		}
	}
	return s
}

// status describes the stage of a run, or its result, with a reason.
func (r *run) status(m moment) (result, reason string) {
	switch m.state {
	case waiting:
		return "Waiting for the runs before it.", ""
	case setting:
		return "Starting the servers.", ""
	case playing:
		return "Midnight.", ""
	case failed:
		return "The run could not be played. The terminal says why.", ""
	case gone:
		return "This run is no longer kept.", ""
	}
	if m.invoice == nil {
		return "", ""
	}
	i := *m.invoice
	result = i.Paid(customer)
	switch {
	case len(m.done) > 0:
		return fmt.Sprintf("Refunded: %s paid %s and got %s back: %s.", customer,
			money.Amount(i.ChargedMinor, i.Currency), money.Amount(i.RefundedMinor, i.Currency),
			i.Verdicts), ""
	case !r.expected.Known:
		return result, fmt.Sprintf("No expectation: %s.", i.Counts())
	case i.Counts() == r.expected.After:
		return result, fmt.Sprintf("As expected, %s: %s.", i.Counts(), r.expected.Why)
	}
	return result, fmt.Sprintf("NOT AS EXPECTED: %s, and not %s.", i.Counts(), r.expected.After)
}

// account is Alice's invoice on both sides, as the page shows it.
type account struct {
	Owed, AtStripe, InLedger, Verdict string
	Right                             bool
	Read                              bool // from both sides, not counted from the events
}

func readAccount(i reconcile.Invoice) account {
	return account{
		Owed:     money.Amount(i.DueMinor, i.Currency),
		AtStripe: i.AtStripe(), InLedger: i.InLedger(), Verdict: i.Verdicts.String(),
		Right: i.Is(verdict.Right), Read: true,
	}
}

// countedAccount counts the charges and entries in a picture of the run so far.
func countedAccount(p timeline.Picture) account {
	var charges, entries int
	var each, charged int64
	currency := "usd"
	for _, lane := range p.Stores {
		for _, s := range lane.Steps {
			switch {
			case s.Kind == timeline.Take:
				charges++
				each, currency = s.Event.AmountMinor, s.Event.Currency
				charged += each
			case s.Kind == timeline.Record && lane.Name == timeline.Ledger:
				entries++
			}
		}
	}
	inLedger := "nothing"
	if entries > 0 {
		inLedger = money.Count(entries, "entry")
	}
	return account{
		AtStripe: money.Times(charges, each, charged, currency), InLedger: inLedger,
		Verdict: "so far", Right: charges <= 1,
	}
}
