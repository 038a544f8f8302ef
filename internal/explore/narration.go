package explore

import (
	"fmt"
	"slices"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/verdict"
)

// Story is a schedule in sentences and events.
type Story struct {
	Schedule
	Servers []string // their names, in the order of the picture
	Steps   []Step
	Shown   int // how many Steps are the schedule's; the rest shows how the servers end
	Counts  verdict.Counts
}

// Step is one move of a story.
type Step struct {
	Server string // "" if the move concerns no server
	Text   string
	Fault  bool          // the move is a fault
	Events []event.Event // what a real run would have logged
}

// beat is the length of a move in the picture, where only the order of moves means anything.
const beat = 10 * time.Millisecond

// Narrate plays a schedule. If a move can't happen, the error says which.
func Narrate(s Schedule) (Story, error) {
	o := Options{Mode: s.Mode, Servers: s.Servers, Faults: MaxFaults}
	w := world{many: uint8(s.Servers), card: oldCard, left: [maxBudgets]uint8{MaxFaults}}
	if s.Beside != "" {
		w.servers[0].program = 1
	}
	e := o.explorer(historiesOf(s.Mode, s.Beside))
	e.rules = append(anything(), rule{dropAndCrash, 0, always, 1},
		rule{ledgerForgets, 0, always, 1}, rule{clockJumps, 0, always, 1})
	e.told = slices.ContainsFunc(s.moves, func(m named) bool { return m.kind == hear })
	k := e.playback(w)
	story := Story{Schedule: s}
	for i := range w.many {
		story.Servers = append(story.Servers, serverName(letter(int(i))))
	}
	t := narrator{
		playback: k, sent: map[string]time.Duration{}, gone: map[string]event.Kind{},
		late: map[call][]string{},
	}
	for i, m := range s.moves {
		found, err := k.find(m)
		if err != nil {
			return Story{}, fmt.Errorf("schedule, move %d, %s: %w", i+1, kindNames()[m.kind], err)
		}
		if m.kind == recoveryRun {
			story.Servers = append(story.Servers, serverName(fresh))
		}
		story.Steps = append(story.Steps, t.take(found, m))
	}
	story.Wrong = k.world.wrong()
	story.Shown = len(story.Steps)
	for m, more := t.ending(); more; m, more = t.ending() {
		story.Steps = append(story.Steps, t.take(m, k.named(m)))
	}
	if err := k.leases.err(); err != nil {
		return Story{}, err
	}
	charges, entries := k.world.counts()
	story.Counts = verdict.Counts{Charges: charges, Entries: entries}
	return story, nil
}

func (t *narrator) take(m move, n named) Step {
	t.now += beat
	step := t.tell(m, n)
	step.Fault = m.kind.isFault()
	step.Events = append(t.back(m, n), step.Events...)
	if m.kind == crash || m.kind == giveUp {
		s := &t.world.servers[m.who]
		if c := t.at(s.at).next; s.waits(c) {
			t.late[c] = append(t.late[c], n.who)
		}
	}
	t.playback.take(m)
	return step
}

// ending returns the next move of a running server; false if none is running.
func (t *narrator) ending() (next move, more bool) {
	for i := range t.world.many {
		if !more && t.world.servers[i].active() {
			t.serverMoves(&t.world, i, func(m move) { next, more = m, true })
		}
	}
	return next, more
}

// back returns the events that end or begin a server's absence with this move.
func (t *narrator) back(m move, n named) []event.Event {
	switch {
	case m.kind == expire:
		t.gone[n.who] = event.ServerResumed
		return t.events(event.Event{Kind: event.ServerPaused, Server: serverName(n.who)})
	case m.kind == crash, m.kind == dropAndCrash:
		t.gone[n.who] = event.ServerStarted
		return nil
	case !m.kind.ofServer() || m.kind == carry || m.kind.isFault():
		return nil // the server takes no part in it
	}
	kind := t.gone[n.who]
	delete(t.gone, n.who)
	return t.events(event.Event{Kind: kind, Server: serverName(n.who)})
}

// Events returns the events of all steps, in order.
func (s Story) Events() (events []event.Event) {
	for _, step := range s.Steps {
		events = append(events, step.Events...)
	}
	return events
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func serverName(name string) string { return "server-" + name }

// narrator describes moves before they happen.
type narrator struct {
	*playback
	now  time.Duration
	sent map[string]time.Duration // when a server sent its request
	gone map[string]event.Kind    // the event that ends a server's absence
	late map[call][]string        // the servers whose calls nobody waits for
}

func (t *narrator) tell(m move, n named) Step {
	switch {
	case m.kind == arrive:
		c := t.world.orphans[m.who]
		who := t.late[c][0]
		t.late[c] = t.late[c][1:]
		text := "A late call of " + serverName(who) + " arrives: " + c.asks() + t.world.does(c)
		return Step{Text: text, Events: t.charged(c, who)}
	case !m.kind.ofServer():
		text, e := t.elsewhere(m)
		return Step{Text: text, Events: t.events(e)}
	}
	s := &t.world.servers[m.who]
	step := Step{Server: serverName(n.who)}
	var a answer
	c := call{}
	if s.active() {
		c = t.at(s.at).next
	}
	switch m.kind {
	case begin:
		step.Text = "begins its run"
		return step
	case send:
		step.Text = "sends to Stripe: " + c.asks()
		if c.gated && !s.valid {
			a = answer{outcome: tooLate}
			break
		}
		t.sent[n.who] = t.now
		if c.takesMoney() {
			step.Events = t.events(event.Event{
				Kind: event.ChargeSent, Server: step.Server, AmountMinor: c.terms.minor(),
				Currency: "usd", At: t.line(s),
			})
		}
		return step
	case carry:
		step.Text = "Stripe executes its request" + t.world.does(c)
		step.Events = t.charged(c, n.who)
		return step
	case ask:
		before := t.world // a copy
		if a = before.execute(&before.servers[m.who], c, noFailure); s.cut && c.toLedger() {
			a = answer{outcome: failed}
		}
		step.Text = c.asks()
	case reply:
		step.Text, a = "gets Stripe's reply", s.reply
	case loseReply, giveUp:
		a = noReply(c)
	case refuse:
		a = answer{outcome: notSent}
	default:
		step.Text = s.fault(m.kind)
		step.Events = t.failureEvents(m, n.who, c)
		return step
	}
	if m.kind.isFault() {
		step.Text = c.unanswered(m.kind)
	} else {
		step.Text += ": " + c.answered(a)
	}
	t.answer(&step, s, n.who, a)
	return step
}

// answer adds to a step how a server reacts to an answer.
func (t *narrator) answer(step *Step, s *server, who string, a answer) {
	c := t.at(s.at).next
	e := c.event(a)
	e.Server, e.At = step.Server, t.line(s)
	if c.op == obtain {
		e.Key = t.leases.key(c.lease)
	}
	if c.toStripe() && a.outcome != notSent && a.outcome != tooLate {
		e.MS = milliseconds(t.now - t.sent[who])
	}
	step.Events = t.events(e)
	if end := t.at(t.after(s.at, a)).end; end != nil {
		text, e := end.tell()
		e.Server = step.Server
		step.Text += "; " + text
		step.Events = append(step.Events, t.events(e)...)
	}
}

// line returns the mode's line that makes the call for whose answer a server waits.
func (t *narrator) line(s *server) (at string) {
	p := t.at(s.at)
	t.programs[p.program].run(p.answers, &at)
	return at
}

// events gives an event its time in the picture. It drops events that a real run doesn't log.
func (t *narrator) events(e event.Event) []event.Event {
	if e.Kind == "" {
		return nil
	}
	e.Time = time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC).Add(t.now)
	e.Invoice = invoice(oldCard, 0).String()
	return []event.Event{e}
}

// charged returns the event of the charge that Stripe makes, if the request makes one.
func (t *narrator) charged(c call, who string) []event.Event {
	after := t.world
	var nobody server
	after.execute(&nobody, c, noFailure)
	if after.charges == t.world.charges {
		return nil
	}
	return t.events(event.Event{
		Kind: event.StripeCharged, Server: serverName(who), AmountMinor: c.terms.minor(),
		Currency: "usd",
		MS:       milliseconds(t.now - t.sent[who]),
	})
}

// failureEvents returns the events of a fault that happens to a server.
func (t *narrator) failureEvents(m move, who string, c call) []event.Event {
	name := serverName(who)
	switch m.kind {
	case expire:
		what := event.LeaseExpired
		if !t.world.servers[m.who].valid {
			what = event.ClaimExpired
		}
		return t.events(event.Event{Kind: what, Server: name})
	case crash, dropAndCrash:
		return t.events(event.Event{Kind: event.ServerKilled, Server: name})
	case failAfter:
		return t.charged(c, who)
	case cut:
		return t.events(event.Event{Kind: event.LinkCut, Server: name, Reason: "the ledger"})
	}
	return nil
}

// tell describes how a run of a mode ended.
func (e *ending) tell() (string, event.Event) {
	switch {
	case e.err != nil:
		return "ends with an error: " + e.err.Error(), event.Event{
			Kind: event.InvoiceFailed, Error: e.err.Error(),
		}
	case e.outcome == billing.Billed:
		return "done", event.Event{}
	}
	return "skips the invoice: " + string(e.outcome), event.Event{
		Kind: event.InvoiceSkipped, Reason: string(e.outcome),
	}
}
