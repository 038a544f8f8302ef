package explore

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// The ports in memory of package billingtest pass the contract suites, as those over Postgres and
// Stripe's client do. Here the explorer's world is held to them: whatever is asked for in whatever
// order, both give the same answer. So the world is what the suites say.
func TestTheWorldAnswersAsThePortsThatPassTheSuites(t *testing.T) {
	t.Parallel()
	const times = 50 // a hundred cases each, in milliseconds: fewer overlook what is rare
	for range times {
		rapid.Check(t, func(t *rapid.T) {
			p := newPair(t)
			for range rapid.IntRange(1, 40).Draw(t, "calls") {
				p.step(t)
			}
		})
	}
}

// pair is a world, and the same in ports that pass the suites. Each side names the PaymentIntents
// that its ports make; both number them as they come.
type pair struct {
	world   world
	servers [2]*server // of the world: its leases and claims are theirs

	ledger  *billingtest.MemoryLedger
	fence   *billingtest.MemoryFence
	claims  map[op]*billingtest.MemoryClaims
	charger *billingtest.MemoryStripe
	intents *billingtest.MemoryIntents
	locker  *billingtest.MemoryLocker
	leases  [2]billing.Lease
	kind    op   // of claims that this one is about: take or takeFinal
	paying  op   // charge or confirm: each has a Stripe of its own in memory
	calls   []op // that are made
}

func newPair(t *rapid.T) *pair {
	p := &pair{
		world: world{many: 2, card: oldCard}, ledger: new(billingtest.MemoryLedger),
		charger: new(billingtest.MemoryStripe), intents: new(billingtest.MemoryIntents),
		locker: new(billingtest.MemoryLocker),
		kind:   rapid.SampledFrom([]op{take, takeFinal}).Draw(t, "kind of claims"),
		paying: rapid.SampledFrom([]op{charge, confirm}).Draw(t, "kind of charge"),
	}
	p.calls = p.someCalls(t)
	p.servers = [2]*server{&p.world.servers[0], &p.world.servers[1]}
	p.fence = &billingtest.MemoryFence{Ledger: p.ledger}
	p.claims = map[op]*billingtest.MemoryClaims{
		take: {Ledger: p.ledger}, takeFinal: {Ledger: p.ledger, Final: true},
	}
	return p
}

// someCalls are those that a case is about, a few of all: what comes of four calls in the right
// order is seldom seen among a dozen others. (Groce et al., Swarm Testing, 2012.)
func (p *pair) someCalls(t *rapid.T) []op {
	all := []op{
		obtain, trusted, release, charged, record, issue, recordFenced, p.kind, register, postpone,
		p.paying,
	}
	if p.paying == confirm {
		all = append(all, prepare)
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
		key:    rapid.Uint32Range(0, 3).Draw(t, "key"),
	}
	switch c.op {
	case prepare:
		c.card, c.intent = oldCard, 0 // it has no card
	case charge:
		c.intent = 0
	}
	if p.world.made > 10 {
		return // that is as many as a world has room for
	}
	who := rapid.IntRange(0, 1).Draw(t, "server")
	if (c.op == trusted || c.op == release) && p.leases[who] == nil {
		return
	}
	got := p.world.execute(p.servers[who], c, noFailure)
	want, err := p.ask(who, c)
	if !same(got.outcome, err) || err == nil && got != want {
		t.Fatalf("%+v: got %+v, %v; want %+v, %v", c, got, got.outcome.err(), want, err)
	}
}

// same reports whether an outcome is that error, as far as a mode can tell.
func same(o outcome, err error) bool {
	if (o == ok) != (err == nil) {
		return false
	}
	for _, e := range []error{
		billing.ErrHeld, billing.ErrLeaseLost, billing.ErrDeclined, billing.ErrUnknown,
		billing.ErrTaken, billing.ErrCharged, billing.ErrStale,
	} {
		if errors.Is(o.err(), e) != errors.Is(err, e) {
			return false
		}
	}
	return true
}

// ask makes the call of the ports in memory.
func (p *pair) ask(who int, c call) (a answer, err error) {
	ctx, inv := context.Background(), invoice(c.card)
	taken := billing.Charge{
		Invoice: inv, PaymentIntent: intentName(c.intent), AmountMinor: 1000, Currency: "usd",
	}
	r := billing.Request{Invoice: inv}
	if c.key != 0 {
		r.Key = fmt.Sprint(c.key)
	}
	claim := billing.Claim{Invoice: inv, Generation: int64(c.n)}
	switch c.op {
	case obtain:
		var lease billing.Lease
		if lease, err = p.locker.Obtain(ctx, inv.LockKey()); err == nil {
			p.leases[who] = lease
		}
	case trusted:
		err = p.leases[who].Trusted()
	case release:
		err = p.leases[who].Release(ctx)
	case charged:
		a.yes, err = p.ledger.Charged(ctx, inv)
	case record:
		err = p.ledger.Record(ctx, taken)
	case issue:
		var token billing.Token
		token, err = p.fence.Issue(ctx, inv)
		a.n = uint8(token)
	case recordFenced:
		err = p.fence.Record(ctx, taken, billing.Token(c.n))
	case take, takeFinal:
		claim, err = p.claims[c.op].Take(ctx, inv)
		a.n, a.intent = uint8(claim.Generation), intentNumber(claim.Intent)
	case register:
		var registered string
		registered, err = p.claims[p.kind].Register(ctx, claim, taken.PaymentIntent)
		a.intent = intentNumber(registered)
	case postpone:
		err = p.claims[p.kind].Postpone(ctx, claim)
	case prepare:
		var name string
		name, err = p.intents.Prepare(ctx, r)
		a.intent = intentNumber(name)
	case charge:
		taken, err = p.charger.Charge(ctx, r)
		a.intent = intentNumber(taken.PaymentIntent)
	case confirm:
		taken, err = p.intents.Confirm(ctx, taken.PaymentIntent, r)
		a.intent = intentNumber(taken.PaymentIntent)
	}
	return a, err
}

// happen lets time pass, or a card begin to decline.
func (p *pair) happen(t *rapid.T) {
	switch rapid.IntRange(0, 3).Draw(t, "event") {
	case 0:
		p.claims[take].Expire(invoice(oldCard))
		if p.world.claimed && !p.world.final {
			p.world.happen(move{kind: endClaim})
		}
	case 1:
		p.claims[p.kind].EndPause(invoice(oldCard))
		p.world.happen(move{kind: endPause})
	case 2:
		if p.paying == confirm { // MemoryStripe forgets no key
			p.intents.ForgetKeys()
			p.world.keys, p.world.saved = [maxKeys]saved{}, 0
		}
	case 3:
		p.charger.Declined = invoice(oldCard).Subscription.PaymentMethod
		p.intents.Declined = p.charger.Declined
		p.world.happen(move{kind: decline})
	}
}
