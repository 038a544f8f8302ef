package explore

import (
	"fmt"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// Story is a schedule, told.
type Story struct {
	Schedule
	Servers []string // their names, in the order of the picture
	Steps   []Step
	Shown   int // of the steps are the schedule; what follows is how it ends for all
	Counts  verdicts.Counts
}

// Step is one move of a story.
type Step struct {
	Server string // "" if it is none's
	Text   string
	Fault  bool             // it is one that goes wrong, not one that servers or time make
	Events []timeline.Event // as a run would have told it
}

// beat is how long each move takes in the picture: only their order means anything.
const beat = 10 * time.Millisecond

// Tell lets a schedule happen. An error says which move can't.
func Tell(s Schedule) (Story, error) {
	o := Options{Mode: s.Mode, Servers: s.Servers, Faults: MaxFaults}
	w := world{many: uint8(s.Servers), card: oldCard, left: [maxPools]uint8{MaxFaults}}
	if s.Mixed {
		w.servers[0].program = 1
	}
	e := o.explorer(newHistories(o.programs()...).view())
	e.rules = append(anything(), rule{dropAndCrash, 0, always})
	k := e.walk(w)
	story := Story{Schedule: s}
	for i := range w.many {
		story.Servers = append(story.Servers, serverName(letter(int(i))))
	}
	t := teller{
		walk: k, sent: map[string]time.Duration{}, gone: map[string]string{},
		late: map[call][]string{},
	}
	for i, m := range s.moves {
		found, err := k.find(m)
		if err != nil {
			return Story{}, fmt.Errorf("schedule, move %d, %s: %w", i+1, kindNames()[m.kind], err)
		}
		if m.kind == quietRun {
			story.Servers = append(story.Servers, serverName(fresh))
		}
		story.Steps = append(story.Steps, t.take(found, m))
	}
	story.Wrong = k.world.wrong()
	story.Shown = len(story.Steps)
	for m, more := t.ending(); more; m, more = t.ending() {
		story.Steps = append(story.Steps, t.take(m, k.named(m)))
	}
	charges, entries := k.world.counts()
	story.Counts = verdicts.Counts{Charges: charges, Entries: entries}
	return story, nil
}

// take tells a move and lets it happen.
func (t *teller) take(m move, n named) Step {
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
	t.walk.take(m)
	return step
}

// ending is the next move of a server that is at work, if one is.
func (t *teller) ending() (next move, more bool) {
	for i := range t.world.many {
		if !more && t.world.servers[i].active() {
			t.serverMoves(&t.world, i, func(m move) { next, more = m, true })
		}
	}
	return next, more
}

// back tells that a server is there again, if this move says so.
func (t *teller) back(m move, n named) []timeline.Event {
	switch {
	case m.kind == expire:
		t.gone[n.who] = timeline.ServerResumed
		return t.events(timeline.Event{Name: timeline.ServerPaused, Server: serverName(n.who)})
	case m.kind == crash, m.kind == dropAndCrash:
		t.gone[n.who] = timeline.ServerStarted
		return nil
	case !m.kind.ofServer() || m.kind == carry || m.kind.isFault():
		return nil // that needs no server
	}
	event := t.gone[n.who]
	delete(t.gone, n.who)
	return t.events(timeline.Event{Name: event, Server: serverName(n.who)})
}

// Events are what the servers and the world of a story have told, in order.
func (s Story) Events() (events []timeline.Event) {
	for _, step := range s.Steps {
		events = append(events, step.Events...)
	}
	return events
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func serverName(name string) string { return "server-" + name }

// teller puts moves into words, before they happen.
type teller struct {
	*walk
	now  time.Duration
	sent map[string]time.Duration // when a server's request left
	gone map[string]string        // the event that tells that a server is there again
	late map[call][]string        // whose calls nobody waits for any longer
}

func (t *teller) tell(m move, n named) Step {
	switch {
	case m.kind == arrive:
		return t.arrival(t.world.orphans[m.who])
	case !m.kind.ofServer():
		text, event := t.elsewhere(m)
		return Step{Text: text, Events: t.events(event)}
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
		step.Text = "begins: the invoice is on its list"
		return step
	case send:
		step.Text = "asks Stripe: " + c.asks()
		if c.gated && !s.trusts {
			a = answer{outcome: tooLate}
			break
		}
		t.sent[n.who] = t.now
		if c.takesMoney() {
			step.Events = t.events(timeline.Event{Name: "charge.sent", Server: step.Server})
		}
		return step
	case carry:
		step.Text = "Stripe carries out its request" + t.world.does(c)
		step.Events = t.charged(c, n.who)
		return step
	case ask:
		before := t.world // a copy
		if a = before.execute(&before.servers[m.who], c, noFailure); s.cut && c.toLedger() {
			a = answer{outcome: failed}
		}
		step.Text = c.asks()
	case reply:
		step.Text, a = "gets Stripe's answer", s.reply
	case loseReply, giveUp:
		a = noReply(c)
	case refuse:
		a = answer{outcome: notSent}
	default:
		step.Text = s.hurt(m.kind)
		step.Events = t.hurtEvents(m, n.who, c)
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

// arrival tells that a call arrives that nobody waits for.
func (t *teller) arrival(c call) Step {
	who := t.late[c][0]
	t.late[c] = t.late[c][1:]
	text := "A call of " + serverName(who) + " arrives late: " + c.asks() + t.world.does(c)
	return Step{Text: text, Events: t.charged(c, who)}
}

// answer tells what a server makes of an answer.
func (t *teller) answer(step *Step, s *server, who string, a answer) {
	c := t.at(s.at).next
	event := c.event(a)
	event.Server = step.Server
	if c.toStripe() && a.outcome != notSent && a.outcome != tooLate {
		event.MS = milliseconds(t.now - t.sent[who])
	}
	step.Events = t.events(event)
	if end := t.at(t.told(s.at, a)).end; end != nil {
		text, event := end.tell()
		event.Server = step.Server
		step.Text += "; " + text
		step.Events = append(step.Events, t.events(event)...)
	}
}

// events gives what happened its place in the picture; what a run does not tell is left out.
func (t *teller) events(e timeline.Event) []timeline.Event {
	if e.Name == "" {
		return nil
	}
	e.Time = time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC).Add(t.now)
	e.Invoice = invoice(oldCard).String()
	return []timeline.Event{e}
}

// charged is the charge that Stripe makes, if the request makes one.
func (t *teller) charged(c call, who string) []timeline.Event {
	after := t.world
	var nobody server
	after.execute(&nobody, c, noFailure)
	if after.charges == t.world.charges {
		return nil
	}
	return t.events(timeline.Event{
		Name: timeline.StripeCharged, Server: serverName(who), AmountMinor: 1000, Currency: "usd",
		MS: milliseconds(t.now - t.sent[who]),
	})
}

// hurtEvents are what happens to a server that something goes wrong with.
func (t *teller) hurtEvents(m move, who string, c call) []timeline.Event {
	name := serverName(who)
	switch m.kind {
	case expire:
		what := timeline.LeaseExpired
		if !t.world.servers[m.who].trusts {
			what = timeline.ClaimExpired
		}
		return t.events(timeline.Event{Name: what, Server: name})
	case crash, dropAndCrash:
		return t.events(timeline.Event{Name: timeline.ServerKilled, Server: name})
	case failAfter:
		return t.charged(c, who)
	case cut:
		return t.events(timeline.Event{
			Name: timeline.LinkCut, Server: name, Reason: "the ledger",
		})
	}
	return nil
}

// tell says how a run of a mode ended.
func (e *ending) tell() (string, timeline.Event) {
	switch {
	case e.err != nil:
		return "ends with an error: " + e.err.Error(), timeline.Event{
			Name: "invoice.failed", Error: e.err.Error(),
		}
	case e.outcome == billing.Billed:
		return "done", timeline.Event{}
	}
	return "leaves the invoice: " + string(e.outcome), timeline.Event{
		Name: "invoice.skipped", Reason: string(e.outcome),
	}
}
