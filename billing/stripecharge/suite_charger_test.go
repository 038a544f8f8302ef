package stripecharge_test

import (
	"errors"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

// fixture is a client of Stripe and the Stripe that it calls, for the suites.
type fixture struct {
	Charger   billing.Charger
	Intents   billing.Intents
	Payable   billing.Invoice           // its card pays
	Declining billing.Invoice           // its card declines
	Fixed     billing.Invoice           // Declining, after the customer replaced the card
	Charges   func(billing.Invoice) int // how many charges of an invoice Stripe has
	// LoseReplies makes Stripe execute every request and lose every reply.
	LoseReplies func()
	// Refuse makes every connection to Stripe fail, for good.
	Refuse func()
	// Fail makes Stripe answer 500 to every request and save that under its key: instead of
	// executing the request or, if done, after it.
	Fail func(done bool)
	// Repair ends LoseReplies and Fail.
	Repair func()
	// ForgetKeys makes Stripe forget all idempotency keys, as it does after a day.
	ForgetKeys func()
}

// suite returns a function that runs a test on a fresh Stripe. The tests run in parallel: some wait
// for a client's pauses.
func suite(
	t *testing.T, fresh func(*testing.T) fixture,
) (run func(name string, test func(*testing.T, fixture))) {
	return func(name string, test func(*testing.T, fixture)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

// chargerSuite is what every billing.Charger must pass. newStripe returns one that has charged
// nobody.
func chargerSuite(t *testing.T, newStripe func(t *testing.T) fixture) {
	run := suite(t, newStripe)
	run("takes what is due, and returns what it took", takesWhatIsDue)
	run("charges twice without a key", chargesTwiceWithoutKey)
	run("charges once under one key", chargesOnceUnderOneKey)
	run("charges once under one key, even at the same time", chargesOnceAtOnce)
	run("charges again under another key", chargesAgainUnderAnotherKey)
	run("returns unknown for a key that was used for another charge", keyOfAnotherCharge)
	run("asks for the lease, and announces the attempt, before it sends", asksBeforeItSends)
	run("sends nothing without a valid lease", sendsNothingWithoutALease)
	run("doesn't send again once the lease is lost", sendsNoMoreWithoutALease)
	run("reports a decline", reportsDecline)
	run("is bound by its key to the card that declined", declineIsKept)
	run("returns unknown for a charge whose reply was lost", losesReply)
	run("returns not sent if the connection was refused", refused)
}

func takesWhatIsDue(t *testing.T, s fixture) {
	got, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable})
	want := billing.Charge{
		Invoice:       s.Payable,
		PaymentIntent: got.PaymentIntent,
		AmountMinor:   s.Payable.Subscription.AmountMinor,
		Currency:      s.Payable.Subscription.Currency,
	}
	if err != nil || got != want || got.PaymentIntent == "" {
		t.Errorf("got %+v, %v; want %+v with a PaymentIntent", got, err, want)
	}
	s.wantCharges(t, 1)
}

func chargesTwiceWithoutKey(t *testing.T, s fixture) {
	if first, second := s.mustCharge(t, ""), s.mustCharge(t, ""); first == second {
		t.Error("got the same PaymentIntent twice")
	}
	s.wantCharges(t, 2)
}

func chargesOnceUnderOneKey(t *testing.T, s fixture) {
	if first, again := s.mustCharge(t, "alice"), s.mustCharge(t, "alice"); first != again {
		t.Error("got two PaymentIntents")
	}
	s.wantCharges(t, 1)
}

func chargesOnceAtOnce(t *testing.T, s fixture) {
	var (
		all   sync.WaitGroup
		calls [3]string // one a server
	)
	for i := range calls {
		all.Go(func() { calls[i] = s.mustCharge(t, "alice") })
	}
	all.Wait()
	if calls[0] != calls[1] || calls[0] != calls[2] {
		t.Errorf("got the PaymentIntents %v, want the same", calls)
	}
	s.wantCharges(t, 1)
}

func chargesAgainUnderAnotherKey(t *testing.T, s fixture) {
	if s.mustCharge(t, "alice/1") == s.mustCharge(t, "alice/2") {
		t.Error("got the same PaymentIntent twice")
	}
	s.wantCharges(t, 2)
}

func keyOfAnotherCharge(t *testing.T, s fixture) {
	s.mustCharge(t, "alice")
	other := s.Payable
	other.Subscription.AmountMinor++
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: other, Key: "alice"})
	wantOutcome(t, err, billing.ErrUnknown)
	s.wantCharges(t, 1)
}

func asksBeforeItSends(t *testing.T, s fixture) {
	w := watch{valid: 1}
	r := w.request(t, s.Payable, "")
	asked, announced := r.Valid, r.Sending
	r.Valid = func() error { s.wantCharges(t, 0); return asked() }
	r.Sending = func() { s.wantCharges(t, 0); announced() }
	if _, err := s.Charger.Charge(t.Context(), r); err != nil {
		t.Error(err)
	}
	w.want(t)
	s.wantCharges(t, 1)
}

func sendsNothingWithoutALease(t *testing.T, s fixture) {
	w := watch{}
	_, err := s.Charger.Charge(t.Context(), w.request(t, s.Payable, ""))
	wantOutcome(t, err, billing.ErrNotSent)
	if !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want the reason in it", err)
	}
	w.want(t)
	s.wantCharges(t, 0)
}

// A Charger need not make a second attempt. If it does, it asks for the lease first; a refusal does
// not make the first attempt unsent.
func sendsNoMoreWithoutALease(t *testing.T, s fixture) {
	s.LoseReplies()
	w := watch{valid: 1}
	_, err := s.Charger.Charge(t.Context(), w.request(t, s.Payable, ""))
	wantOutcome(t, err, billing.ErrUnknown)
	if w.asked > 1 && !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want the reason in it", err)
	}
	w.want(t)
	s.wantCharges(t, 1)
}

func reportsDecline(t *testing.T, s fixture) {
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Declining})
	wantOutcome(t, err, billing.ErrDeclined)
	s.wantChargesOfDeclining(t, 0)
}

// Stripe keeps a decline under its key like any answer; with another card, the key is refused.
func declineIsKept(t *testing.T, s fixture) {
	r := billing.Request{Invoice: s.Declining, Key: "declining"}
	for range 2 {
		_, err := s.Charger.Charge(t.Context(), r)
		wantOutcome(t, err, billing.ErrDeclined)
	}
	r.Invoice.Subscription.PaymentMethod = s.Payable.Subscription.PaymentMethod
	_, err := s.Charger.Charge(t.Context(), r)
	wantOutcome(t, err, billing.ErrUnknown)
	s.wantChargesOfDeclining(t, 0)
}

func losesReply(t *testing.T, s fixture) {
	s.LoseReplies()
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable})
	wantOutcome(t, err, billing.ErrUnknown)
	// All attempts carry one key, so Stripe takes them for one request.
	s.wantCharges(t, 1)
}

func refused(t *testing.T, s fixture) {
	s.Refuse()
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable})
	wantOutcome(t, err, billing.ErrNotSent)
	s.wantCharges(t, 0)
}

func (s fixture) mustCharge(t *testing.T, key string) (paymentIntent string) {
	t.Helper()
	c, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable, Key: key})
	if err != nil {
		t.Error(err)
	}
	return c.PaymentIntent
}

func (s fixture) wantCharges(t *testing.T, want int) {
	t.Helper()
	if got := s.Charges(s.Payable); got != want {
		t.Errorf("got %d charges at Stripe, want %d", got, want)
	}
}
