package billing_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func TestModesNameTheLockTheyRelyOn(t *testing.T) {
	t.Parallel()
	locks := map[string]billing.Lock{
		"naive-lock": billing.NaiveLock,
		"locked":     billing.SafeLock,
		"redlock":    billing.QuorumLock,
		"fenced":     billing.SafeLock,
	}
	for _, m := range billing.Modes() {
		if m.Lock != locks[m.Name] {
			t.Errorf("%s: got %q, want %q", m.Name, m.Lock, locks[m.Name])
		}
	}
}

// Three servers bill Alice. What a mode is worth shows in both counts: the charges at Stripe and
// the entries in the ledger.
func TestTheRoadFromTheLockToExactlyOnce(t *testing.T) {
	t.Parallel()
	ways := []struct {
		name    string
		happens func(*site)
	}{
		{"at once", (*site).atOnce},
		{"one by one", (*site).oneByOne},
		{"overtaken", (*site).overtaken},
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

// site is what the servers of one mode share, in memory.
type site struct {
	t       *testing.T
	mode    string
	locker  *billingtest.MemoryLocker
	stripe  billingtest.MemoryStripe
	intents billingtest.MemoryIntents
	ledger  billingtest.MemoryLedger
	fence   billingtest.MemoryFence
	claims  billingtest.MemoryClaims
	final   billingtest.MemoryClaims
}

func newSite(t *testing.T, mode string) *site {
	s := &site{t: t, mode: mode, locker: new(billingtest.MemoryLocker)}
	s.fence.Ledger, s.claims.Ledger, s.final.Ledger = &s.ledger, &s.ledger, &s.ledger
	s.final.Final = true
	return s
}

func (s *site) charges() int {
	alice := billingtest.Invoice("alice")
	return len(s.stripe.Charges(alice)) + len(s.intents.Charges(alice))
}

func (s *site) entries() int { return len(s.ledger.Charges(billingtest.Invoice("alice"))) }

// bill has one server bill Alice, and something happen on the way of its charge.
func (s *site) bill(w way) error {
	mode := mustMode(s.t, s.mode, billing.Ports{
		Ledger: &s.ledger, Locker: s.locker, Fence: &s.fence, Claims: &s.claims, Final: &s.final,
		Charger: wayCharger{&s.stripe, w}, Intents: wayIntents{&s.intents, w},
	})
	_, err := mode.Bill(s.t.Context(), billingtest.Invoice("alice"))
	return err
}

func (s *site) mustBill(w way) {
	s.t.Helper()
	if err := s.bill(w); err != nil {
		s.t.Error(err)
	}
}

// expire ends every lease and every claim, but for claims that never end.
func (s *site) expire() {
	s.locker = new(billingtest.MemoryLocker)
	s.claims.Expire(billingtest.Invoice("alice"))
	s.final.Expire(billingtest.Invoice("alice"))
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

// overtaken has another server bill while the first one's charge is on its way, and its lease or
// claim over.
func (s *site) overtaken() {
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

// way is the way of a charge to Stripe and back.
type way struct {
	meanwhile              func() // happens while the request is on its way, if not nil
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

// Wherever a server is overtaken by a second one, and that by a third, and also if the first one
// knows only of a card that declines.
func TestExactlyOnceWhereverAServerIsOvertaken(t *testing.T) {
	t.Parallel()
	const calls = 5 // of a server that bills: take, prepare, register, confirm, record or postpone
	for _, card := range []string{"", "pm_card_declines"} {
		for first := range calls {
			for second := range calls {
				name := fmt.Sprintf("before call %d and call %d %s", first, second, card)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := newSite(t, "exactly-once")
					s.intents.Declined = card
					s.overtakenBefore(first, second)
					s.expire()
					s.mustBill(way{}) // the quiet run
					if s.charges() != 1 || s.entries() != 1 {
						t.Errorf("got %d charges and %d entries, want one of each",
							s.charges(), s.entries())
					}
				})
			}
		}
	}
}

// overtakenBefore has a first server bill, with the card that declines if there is one; a second
// one from before the given call of the first; and a third from before that of the second.
func (s *site) overtakenBefore(first, second int) {
	fixed := billingtest.Invoice("alice")
	old := fixed
	old.Subscription.PaymentMethod = cmp.Or(s.intents.Declined, old.Subscription.PaymentMethod)
	s.billInterrupted(old, first, func() {
		s.billInterrupted(fixed, second, func() { s.mustBill(way{}) })
	})
}

// billInterrupted has one server bill. Before one of its calls its claim ends, and something else
// happens.
func (s *site) billInterrupted(inv billing.Invoice, call int, meanwhile func()) {
	ports := interrupted{&s.claims, &s.intents, &s.ledger, func() {
		if call == 0 {
			s.expire()
			meanwhile()
		}
		call--
	}}
	mode := mustMode(s.t, s.mode, billing.Ports{Claims: ports, Intents: ports, Ledger: ports})
	_, err := mode.Bill(s.t.Context(), inv)
	declines := inv.Subscription.PaymentMethod == s.intents.Declined
	if err != nil && !(declines && errors.Is(err, billing.ErrDeclined)) {
		s.t.Error(err)
	}
}

// interrupted is the ports of exactly-once, and what comes before each call.
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
	ctx context.Context, c billing.Claim, intent string,
) (string, error) {
	i.before()
	return i.Claims.Register(ctx, c, intent)
}

func (i interrupted) Postpone(ctx context.Context, c billing.Claim) error {
	i.before()
	return i.Claims.Postpone(ctx, c)
}

func (i interrupted) Prepare(ctx context.Context, r billing.Request) (string, error) {
	i.before()
	return i.Intents.Prepare(ctx, r)
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
