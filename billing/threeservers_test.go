package billing_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
	"example.com/triplecharge/internal/billingtest"
)

// Three servers bill Alice. Both counts show what a mode is worth: the charges at Stripe and the
// entries in the ledger.
func TestTheRoadFromTheLockToExactlyOnce(t *testing.T) {
	t.Parallel()
	ways := []struct {
		name    string
		happens func(*site)
	}{
		{"at once", (*site).atOnce},
		{"one by one", (*site).oneByOne},
		{"superseded", (*site).superseded},
		{"request lost", (*site).requestLost},
		{"reply lost", (*site).replyLost},
	}
	type counts struct{ charges, entries int }
	none, one, two, three := counts{0, 0}, counts{1, 1}, counts{2, 2}, counts{3, 3}
	for mode, want := range map[string][]counts{ // in the order of the ways
		"uncoordinated": {three, three, three, two, {3, 2}},
		"check-first":   {three, one, two, one, {2, 1}},
		"naive-lock":    {one, three, three, two, {3, 2}},
		"locked":        {one, one, two, one, {2, 1}},
		"redlock":       {one, one, two, one, {2, 1}},
		"fenced":        {one, one, {2, 1}, one, {2, 1}},
		"idempotent":    {one, one, one, one, one},
		"claimed":       {one, one, one, none, {1, 0}},
		"exactly-once":  {one, one, one, one, one},
	} {
		for i, way := range ways {
			t.Run(mode+" "+way.name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, mode)
				way.happens(s)
				if got := (counts{s.charges(), s.entries()}); got != want[i] {
					t.Errorf("got %+v, want %+v", got, want[i])
				}
			})
		}
	}
}

// site is what the servers of a mode share: Stripe in test mode, and the rest in memory.
type site struct {
	testStripe
	t      *testing.T
	mode   string
	alice  billing.Invoice
	locker *billingtest.MemoryLocker
	ledger billingtest.MemoryLedger
	fence  billingtest.MemoryFence
	claims billingtest.MemoryClaims
	final  billingtest.MemoryClaims
}

func newSite(t *testing.T, mode string) *site {
	s := &site{
		t: t, mode: mode, locker: new(billingtest.MemoryLocker), testStripe: newTestStripe(t),
	}
	s.alice = s.invoice(t, "Alice", "pm_card_visa")
	s.fence.Ledger, s.claims.Ledger, s.final.Ledger = &s.ledger, &s.ledger, &s.ledger
	s.final.Final = true
	return s
}

func (s *site) charges() int { return len(s.Charges()) }

func (s *site) entries() int { return len(s.ledger.Charges(s.alice)) }

// testStripe is Stripe in test mode, with a client of it.
type testStripe struct {
	*stripetest.Stripe
	client *stripecharge.Client
}

func newTestStripe(t *testing.T) testStripe {
	t.Helper()
	s := stripetest.Start(t)
	client, err := stripecharge.New(stripecharge.Options{Key: stripetest.Key, URL: s.URL("")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return testStripe{s, client}
}

// invoice returns Alice's invoice, for a customer with this card.
func (s testStripe) invoice(t *testing.T, customer, card string) billing.Invoice {
	t.Helper()
	inv := billingtest.Invoice("alice")
	sub := inv.Subscription
	sub.ID, sub.Customer, sub.PaymentMethod = customer, customer, card // SetUp goes by the ID
	sub, err := s.client.SetUp(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	sub.ID = inv.Subscription.ID
	inv.Subscription = sub
	return inv
}

// bill has one server bill Alice, while w happens to its charge.
func (s *site) bill(w way) error {
	mode := mustMode(s.t, s.mode, billing.Ports{
		Ledger: &s.ledger, Locker: s.locker, Fenced: s.locker, Fence: &s.fence,
		Claims: &s.claims, Final: &s.final,
		Charger: wayCharger{s.client, w}, Intents: wayIntents{s.client, w},
	})
	_, err := mode.Bill(s.t.Context(), s.alice)
	return err
}

func (s *site) mustBill(w way) {
	s.t.Helper()
	if err := s.bill(w); err != nil {
		s.t.Error(err)
	}
}

// expire ends every lease and every claim that can expire.
func (s *site) expire() {
	s.locker = new(billingtest.MemoryLocker)
	s.claims.Expire(s.alice)
	s.final.Expire(s.alice)
}

func (s *site) atOnce() {
	s.mustBill(way{meanwhile: func() {
		s.mustBill(way{meanwhile: func() { s.mustBill(way{}) }})
	}})
}

func (s *site) oneByOne() {
	for range 3 {
		s.mustBill(way{})
	}
}

// superseded has another server bill while the first one's charge is on its way and its lease or
// claim has ended.
func (s *site) superseded() {
	err := s.bill(way{meanwhile: func() {
		s.expire()
		s.mustBill(way{})
	}})
	if err != nil && !errors.Is(err, billing.ErrStale) {
		s.t.Error(err)
	}
	s.mustBill(way{})
}

func (s *site) requestLost() { s.lose(way{requestLost: true}) }

func (s *site) replyLost() { s.lose(way{replyLost: true}) }

func (s *site) lose(w way) {
	if err := s.bill(w); !errors.Is(err, billing.ErrUnknown) {
		s.t.Errorf("got %v, want %v", err, billing.ErrUnknown)
	}
	s.expire()
	s.mustBill(way{})
	s.mustBill(way{})
}

// way is what happens to a charge on its way to Stripe and back.
type way struct {
	meanwhile              func() // called while the request is on its way, unless nil
	requestLost, replyLost bool
}

func (w way) charge(send func() (billing.Charge, error)) (billing.Charge, error) {
	if w.meanwhile != nil {
		w.meanwhile()
	}
	if w.requestLost {
		return billing.Charge{}, billing.ErrUnknown
	}
	c, err := send()
	if w.replyLost {
		return billing.Charge{}, billing.ErrUnknown
	}
	return c, err
}

type wayCharger struct {
	billing.Charger
	way
}

func (c wayCharger) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	return c.charge(func() (billing.Charge, error) { return c.Charger.Charge(ctx, r) })
}

type wayIntents struct {
	billing.Intents
	way
}

func (i wayIntents) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	return i.charge(func() (billing.Charge, error) { return i.Intents.Confirm(ctx, intent, r) })
}

// Wherever a second server supersedes the first, and a third the second; also if the first knows
// only a card that declines.
func TestExactlyOnceWhereverAServerIsSuperseded(t *testing.T) {
	t.Parallel()
	const calls = 5 // a server's: take, prepare, register, confirm, record or postpone
	for _, card := range []string{"pm_card_visa", "pm_card_chargeCustomerFail"} {
		for first := range calls {
			for second := range calls {
				name := fmt.Sprintf("before call %d and call %d %s", first, second, card)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := newSite(t, "exactly-once")
					s.supersededBefore(card, first, second)
					s.expire()
					s.mustBill(way{}) // the recovery run
					if s.charges() != 1 || s.entries() != 1 {
						t.Errorf("got %d charges and %d entries, want one of each",
							s.charges(), s.entries())
					}
				})
			}
		}
	}
}

// supersededBefore has a first server bill, which knows this card only; a second one before the
// given call of the first; and a third before the given call of the second.
func (s *site) supersededBefore(card string, first, second int) {
	old := s.invoice(s.t, s.alice.Subscription.Customer, card)
	s.billInterrupted(old, first, func() {
		s.billInterrupted(s.alice, second, func() { s.mustBill(way{}) })
	})
}

// billInterrupted has one server bill. Before the given one of its calls, its claim ends and
// meanwhile is called.
func (s *site) billInterrupted(inv billing.Invoice, call int, meanwhile func()) {
	ports := interrupted{&s.claims, s.client, &s.ledger, func() {
		if call == 0 {
			s.expire()
			meanwhile()
		}
		call--
	}}
	mode := mustMode(s.t, s.mode, billing.Ports{Claims: ports, Intents: ports, Ledger: ports})
	_, err := mode.Bill(s.t.Context(), inv)
	if err != nil && !(inv != s.alice && errors.Is(err, billing.ErrDeclined)) {
		s.t.Error(err)
	}
}

// interrupted is exactly-once's ports, with a function that is called before each call.
type interrupted struct {
	billing.Claims
	billing.Intents
	billing.Ledger
	before func()
}

func (i interrupted) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	i.before()
	return i.Claims.Take(ctx, inv)
}

func (i interrupted) Register(
	ctx context.Context, c billing.Claim, intent billing.Intent,
) (billing.Intent, error) {
	i.before()
	return i.Claims.Register(ctx, c, intent)
}

func (i interrupted) Postpone(ctx context.Context, c billing.Claim) error {
	i.before()
	return i.Claims.Postpone(ctx, c)
}

func (i interrupted) Return(ctx context.Context, c billing.Claim) error {
	i.before()
	return i.Claims.Return(ctx, c)
}

func (i interrupted) Prepare(ctx context.Context, r billing.Request) (billing.Intent, error) {
	i.before()
	return i.Intents.Prepare(ctx, r)
}

func (i interrupted) Cancel(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	i.before()
	return i.Intents.Cancel(ctx, intent, r)
}

func (i interrupted) Confirm(
	ctx context.Context, intent string, r billing.Request,
) (billing.Charge, error) {
	i.before()
	return i.Intents.Confirm(ctx, intent, r)
}

func (i interrupted) Record(ctx context.Context, c billing.Charge) error {
	i.before()
	return i.Ledger.Record(ctx, c)
}
