//go:build !searches

package explore

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
)

// The world's Stripe answers as stripecharge's client does over the simulator, call by call, in any
// order of calls and failures. So whatever the explorer finds also holds for them.
func TestTheWorldsStripeAnswersAsTheClient(t *testing.T) {
	t.Parallel()
	const times = 6 // a hundred cases each, in half a second
	for range times {
		a := newAccount(t)
		rapid.Check(t, func(t *rapid.T) {
			a.cases++
			b := both{T: t, account: a, repair: func() {}, world: world{
				many: 1, card: oldCard, declines: rapid.Bool().Draw(t, "declines"),
			}}
			defer func() { b.repair() }()
			before := len(a.stripe.Charges())
			for range rapid.IntRange(1, 40).Draw(t, "steps") {
				b.step()
			}
			got := len(a.stripe.Charges()) - before
			if want, _ := b.world.counts(); got != want {
				t.Fatalf("Stripe made %d charges, and %d in the world", got, want)
			}
		})
	}
}

// account is one Stripe for all cases, each of which has its own keys and PaymentIntents.
type account struct {
	stripe *stripetest.Stripe
	client *stripecharge.Client
	paying map[customerCard]billing.Subscription // as they are saved at Stripe
	refuse map[customerCard]billing.Subscription // the same customers' cards that decline
	cases  int
}

type customerCard struct {
	terms terms // who the customer is, and nothing else
	card  card
}

func newAccount(t *testing.T) *account {
	a := &account{
		stripe: stripetest.Start(t), paying: map[customerCard]billing.Subscription{},
		refuse: map[customerCard]billing.Subscription{},
	}
	var err error
	a.client, err = stripecharge.New(stripecharge.Options{
		Key: stripetest.Key, URL: a.stripe.URL(""), Patience: time.Nanosecond, // one attempt
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.client.Close)
	setUp := func(s billing.Subscription, card string) billing.Subscription {
		s.PaymentMethod = card
		s, err := a.client.SetUp(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, who := range []terms{0, anotherCustomer} {
		s := billing.Subscription{
			ID: fmt.Sprint("customer-", who), Customer: fmt.Sprint("Customer ", who),
			Currency: "usd",
		}
		s = setUp(s, "pm_card_visa")
		a.paying[customerCard{who, oldCard}] = s
		a.paying[customerCard{who, newCard}] = setUp(s, "pm_card_mastercard")
		a.refuse[customerCard{who, oldCard}] = setUp(s, "pm_card_chargeCustomerFail")
	}
	return a
}

// both are a world and the account, in the same state.
type both struct {
	*rapid.T
	*account
	world   world
	known   []string // the PaymentIntents whose IDs arrived, by their number; "" for the others
	failure failure
	lost    bool // every reply is
	repair  func()
}

// step makes a call, or lets something happen, on both sides.
func (b *both) step() {
	switch rapid.IntRange(0, 9).Draw(b.T, "what happens") {
	case 0:
		b.repair()
		b.failure, b.lost = noFailure, true
		b.repair = b.stripe.Lose(stripetest.Match{})
	case 1:
		b.repair()
		b.failure, b.lost = failsBefore, false
		at := stripetest.BeforeCommit
		if rapid.Bool().Draw(b.T, "done") {
			b.failure, at = failsAfter, stripetest.AfterCommit
		}
		b.repair = b.stripe.Fail(stripetest.Match{}, http.StatusInternalServerError, at)
	case 2, 3:
		b.repair()
		b.failure, b.lost, b.repair = noFailure, false, func() {}
	case 4:
		b.stripe.Advance(24 * time.Hour)
		b.world.keys, b.world.saved = [maxKeys]saved{}, 0
	default:
		b.call()
	}
}

// call makes a call on both sides, and wants the same answer.
func (b *both) call() {
	c := call{
		op:    rapid.SampledFrom([]op{charge, prepare, confirm, confirm, cancel}).Draw(b.T, "call"),
		card:  rapid.SampledFrom([]card{oldCard, newCard}).Draw(b.T, "card"),
		terms: drawTerms(b.T),
		key:   rapid.Uint32Range(1, 3).Draw(b.T, "key"),
	}
	switch c.op {
	case prepare:
		c.card = 0 // the request has none
	case cancel:
		c.key = 0
	case confirm: // its card is the customer's, in the world for all customers the same
		c.key += 4 * uint32(c.terms&anotherCustomer)
	}
	if c.op >= confirm {
		n := rapid.IntRange(1, len(b.known)+1).Draw(b.T, "intent")
		switch c.intent = uint8(n); {
		case n > len(b.known):
			// There is no such PaymentIntent. Stripe looks at the key first, the world does not.
			if c.key = 100; b.lost || b.failure != noFailure {
				return
			}
		case b.known[n-1] == "":
			return // nobody knows it
		}
	}
	if b.world.made > 10 {
		return // a world has no room for more
	}
	want := b.world.execute(&server{told: c.terms}, c, b.failure)
	if b.lost {
		want = answer{outcome: unknown}
	}
	for len(b.known) < int(b.world.made) {
		b.known = append(b.known, "")
	}
	intent, asks, err := b.send(c)
	if !same(want.outcome, err) {
		b.Fatalf("%+v: got %v; in the world %v", c, err, want.outcome.err())
	}
	if err != nil {
		return
	}
	if number := slices.Index(b.known, intent) + 1; number == 0 {
		b.known[want.intent-1] = intent
	} else if number != int(want.intent) {
		b.Fatalf("%+v: got %s, number %d; in the world %d", c, intent, number, want.intent)
	}
	if c.op == prepare && asks != want.asks {
		b.Fatalf("%+v: got one that asks %d; in the world %d", c, asks, want.asks)
	}
}

// send makes the call at Stripe.
func (b *both) send(c call) (intent string, asks terms, err error) {
	sub, declines := b.refuse[customerCard{c.terms & anotherCustomer, c.card}]
	if !declines || !b.world.declines {
		sub = b.paying[customerCard{c.terms & anotherCustomer, max(c.card, oldCard)}]
	}
	sub.ID, sub.AmountMinor = "alice", c.terms.minor()
	r := billing.Request{Invoice: billing.Invoice{Subscription: sub, Period: december}}
	if c.key != 0 {
		r.Key = fmt.Sprint(b.cases, "/", c.key)
	}
	known := "pi_unknown"
	if n := int(c.intent); n > 0 && n <= len(b.known) {
		known = b.known[n-1]
	}
	ctx, paid, made := context.Background(), billing.Charge{}, billing.Intent{}
	switch c.op {
	case prepare:
		made, err = b.client.Prepare(ctx, r)
		for _, t := range []terms{0, anotherCustomer} {
			if b.paying[customerCard{t, oldCard}].Customer == made.Customer {
				asks = t
			}
		}
		if made.AmountMinor != terms(0).minor() {
			asks |= anotherAmount
		}
		return made.ID, asks, err
	case charge:
		paid, err = b.client.Charge(ctx, r)
	case confirm:
		paid, err = b.client.Confirm(ctx, known, r)
	case cancel:
		paid, err = b.client.Cancel(ctx, known, r)
	}
	return paid.PaymentIntent, 0, err
}
