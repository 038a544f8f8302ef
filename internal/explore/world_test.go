//go:build !searches

package explore

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// The in-memory ports of package billingtest pass the contract suites, as those over Postgres and
// Redis do. Here the explorer's world is compared with them: both give the same answers to any
// calls, in any order. So the world, too, is what the suites demand.
func TestTheWorldAnswersAsThePortsThatPassTheSuites(t *testing.T) {
	t.Parallel()
	const times = 50 // a hundred cases each, in milliseconds: fewer would miss rare orders
	for range times {
		rapid.Check(t, func(t *rapid.T) {
			p := newPair(t)
			for range rapid.IntRange(1, 40).Draw(t, "calls") {
				p.step(t)
			}
		})
	}
}

// pair is a world, and ports that pass the suites in the same state. Its PaymentIntents are there
// from the beginning.
type pair struct {
	world   world
	servers [2]*server // of the world: its leases and claims are theirs

	ledger *billingtest.MemoryLedger
	fence  *billingtest.MemoryFence
	claims map[op]*billingtest.MemoryClaims
	locker *billingtest.MemoryLocker
	leases [2]billing.Lease
	kind   op   // how claims are taken: take or takeFinal
	calls  []op // the calls that may be made
}

func newPair(t *rapid.T) *pair {
	p := &pair{
		world: world{many: 2, card: oldCard}, ledger: new(billingtest.MemoryLedger),
		locker: new(billingtest.MemoryLocker),
		kind:   rapid.SampledFrom([]op{take, takeFinal}).Draw(t, "kind of claims"),
	}
	for p.world.made < 3 {
		p.world.made++
		p.world.asks.set(p.world.made, drawTerms(t))
	}
	p.calls = p.someCalls(t)
	p.servers = [2]*server{&p.world.servers[0], &p.world.servers[1]}
	p.fence = &billingtest.MemoryFence{Ledger: p.ledger}
	p.claims = map[op]*billingtest.MemoryClaims{
		take: {Ledger: p.ledger}, takeFinal: {Ledger: p.ledger, Final: true},
	}
	return p
}

// someCalls returns the few calls that a case makes: among a dozen kinds of calls, the four that
// matter are rarely made in the right order. (Groce et al., Swarm Testing, 2012.)
func (p *pair) someCalls(t *rapid.T) []op {
	all := []op{
		obtain, obtainFenced, checkValid, release, charged, record, highest, raise, recordFenced,
		p.kind, register, postpone, giveBack,
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID).Draw(t, "calls")
}

// step makes a call, or lets something happen, on both sides.
func (p *pair) step(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "what happens") == 0 {
		p.happen(t)
		return
	}
	c := call{
		op:     rapid.SampledFrom(p.calls).Draw(t, "call"),
		card:   rapid.SampledFrom([]card{oldCard, newCard}).Draw(t, "card"),
		intent: rapid.Uint8Range(1, 3).Draw(t, "intent"),
		n:      rapid.Uint8Range(1, 3).Draw(t, "n"),
		terms:  drawTerms(t),
	}
	switch c.op {
	case register:
		c.old = rapid.Uint8Range(0, 3).Draw(t, "old")
		c.terms = p.world.asks.of(c.intent)
	case obtain, obtainFenced, release:
		c.nodes = oneNode
	}
	who := rapid.IntRange(0, 1).Draw(t, "server")
	if (c.op == checkValid || c.op == release) && p.leases[who] == nil {
		return
	}
	p.world.card = c.card // as it is now: what a taking answers with
	p.world.terms = c.terms
	got := p.world.execute(p.servers[who], c, noFailure)
	want, err := p.ask(who, c)
	if !same(got.outcome, err) || err == nil && got != want {
		t.Fatalf("%+v: got %+v, %v; want %+v, %v", c, got, got.outcome.err(), want, err)
	}
}

// same reports whether a mode can't distinguish an outcome from the error.
func same(o outcome, err error) bool {
	if (o == ok) != (err == nil) {
		return false
	}
	for _, e := range []error{
		billing.ErrHeld, billing.ErrLeaseLost, billing.ErrDeclined, billing.ErrUnknown,
		billing.ErrTaken, billing.ErrCharged, billing.ErrStale, billing.ErrCanceled,
	} {
		if errors.Is(o.err(), e) != errors.Is(err, e) {
			return false
		}
	}
	return true
}

func (p *pair) obtain(who int, c call) (token uint8, err error) {
	var lease billing.Lease
	var t billing.Token
	ctx, key := context.Background(), invoice(c.card, c.terms).LockKey()
	if c.op == obtain {
		lease, err = p.locker.Obtain(ctx, key)
	} else {
		lease, t, err = p.locker.ObtainFenced(ctx, key, billing.Token(c.n))
	}
	if err == nil {
		p.leases[who] = lease
	}
	return uint8(t), err
}

// ask makes the call on the in-memory ports.
func (p *pair) ask(who int, c call) (a answer, err error) {
	ctx, inv := context.Background(), invoice(c.card, c.terms)
	listed := invoice(newCard, anotherAmount) // long ago
	taken := billing.Charge{
		Invoice: inv, PaymentIntent: intentName(c.intent), AmountMinor: 1000, Currency: "usd",
	}
	claim := billing.Claim{Invoice: inv, Generation: int64(c.n)}
	switch c.op {
	case obtain, obtainFenced:
		a.n, err = p.obtain(who, c)
	case checkValid:
		err = p.leases[who].Valid()
	case release:
		err = p.leases[who].Release(ctx)
	case charged:
		p.ledger.Change(inv.Subscription)
		inv, a.yes, err = p.ledger.Charged(ctx, listed)
		if !a.yes {
			a.card, a.terms = cardOf(inv), asks(asIs(inv))
		}
	case record:
		err = p.ledger.Record(ctx, taken)
	case highest:
		var token billing.Token
		token, err = p.fence.Highest(ctx, inv)
		a.n = uint8(token)
	case raise:
		err = p.fence.Raise(ctx, inv, billing.Token(c.n))
	case recordFenced:
		err = p.fence.Record(ctx, taken, billing.Token(c.n))
	case take, takeFinal:
		p.ledger.Change(inv.Subscription)
		claim, err = p.claims[c.op].Take(ctx, listed)
		a.n, a.intent, a.asks = uint8(claim.Generation), number(claim.Intent), asks(claim.Intent)
		a.card, a.terms = cardOf(claim.Invoice), asks(asIs(claim.Invoice))
	case register:
		var registered billing.Intent
		claim.Intent.ID = intentName(c.old)
		registered, err = p.claims[p.kind].Register(ctx, claim, intent(c.intent, c.terms))
		a.intent, a.asks = number(registered), asks(registered)
	case postpone:
		err = p.claims[p.kind].Postpone(ctx, claim)
	case giveBack:
		err = p.claims[p.kind].Return(ctx, claim)
	}
	return a, err
}

func number(i billing.Intent) uint8 { return intentNumber(i.ID) }

func asks(i billing.Intent) terms {
	if i.Customer == "" {
		return 0 // there is none
	}
	return termsOf(i.Customer, i.AmountMinor)
}

// asIs returns a PaymentIntent that asks what the invoice does.
func asIs(inv billing.Invoice) billing.Intent {
	s := inv.Subscription
	return billing.Intent{Customer: s.Customer, AmountMinor: s.AmountMinor, Currency: s.Currency}
}

func drawTerms(t *rapid.T) terms {
	return terms(rapid.Uint8Range(0, 1<<termsBits-1).Draw(t, "terms"))
}

// happen lets time pass.
func (p *pair) happen(t *rapid.T) {
	switch rapid.IntRange(0, 1).Draw(t, "event") {
	case 0:
		p.claims[take].Expire(invoice(oldCard, 0))
		if p.world.claimed && !p.world.final {
			p.world.happen(move{kind: endClaim})
		}
	case 1:
		p.claims[p.kind].EndPause(invoice(oldCard, 0))
		p.world.happen(move{kind: endPause})
	}
}
