package billingtest

import (
	"errors"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

// Stripe is a Charger and the Stripe behind it, for the suite. The functions may be called at any
// time; what they break stays broken.
type Stripe struct {
	Charger   billing.Charger
	Payable   billing.Invoice           // one whose card pays
	Declining billing.Invoice           // one whose card declines
	Charges   func(billing.Invoice) int // how many charges of an invoice Stripe has
	// LoseReplies makes Stripe do what it is asked, and every answer get lost.
	LoseReplies func()
	// Refuse makes every connection to Stripe be refused.
	Refuse func()
}

// Charger runs the suite of billing.Charger. newStripe returns one that has charged nobody.
func Charger(t *testing.T, newStripe func(t *testing.T) Stripe) {
	// run gives each test a Stripe of its own, all at once: some wait for a Charger's pauses.
	run := func(name string, test func(*testing.T, Stripe)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStripe(t))
		})
	}
	run("takes what is due, and says what it took", takesWhatIsDue)
	run("charges twice without a key", chargesTwiceWithoutKey)
	run("charges once under one key", chargesOnceUnderOneKey)
	run("charges once under one key, also at once", chargesOnceAtOnce)
	run("charges again under another key", chargesAgainUnderAnotherKey)
	run("doesn't know what became of a key used for something else", keyOfAnotherCharge)
	run("asks for trust before it sends", asksForTrust)
	run("sends nothing without trust", sendsNothingWithoutTrust)
	run("doesn't send again once trust is lost", sendsNoMoreWithoutTrust)
	run("tells a decline", tellsDecline)
	run("is bound by its key to the card that declined", declineIsKept)
	run("doesn't know what became of a charge whose reply was lost", losesReply)
	run("sent nothing if it was refused", refused)
}

func takesWhatIsDue(t *testing.T, s Stripe) {
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

func chargesTwiceWithoutKey(t *testing.T, s Stripe) {
	if first, second := s.mustCharge(t, ""), s.mustCharge(t, ""); first == second {
		t.Error("got the same PaymentIntent twice")
	}
	s.wantCharges(t, 2)
}

func chargesOnceUnderOneKey(t *testing.T, s Stripe) {
	if first, again := s.mustCharge(t, "alice"), s.mustCharge(t, "alice"); first != again {
		t.Error("got two PaymentIntents")
	}
	s.wantCharges(t, 1)
}

func chargesOnceAtOnce(t *testing.T, s Stripe) {
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

func chargesAgainUnderAnotherKey(t *testing.T, s Stripe) {
	if s.mustCharge(t, "alice/1") == s.mustCharge(t, "alice/2") {
		t.Error("got the same PaymentIntent twice")
	}
	s.wantCharges(t, 2)
}

func keyOfAnotherCharge(t *testing.T, s Stripe) {
	s.mustCharge(t, "alice")
	other := s.Payable
	other.Subscription.AmountMinor++
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: other, Key: "alice"})
	wantOutcome(t, err, billing.ErrUnknown)
	s.wantCharges(t, 1)
}

func asksForTrust(t *testing.T, s Stripe) {
	asked := false
	trusted := func() error {
		asked = true
		s.wantCharges(t, 0)
		return nil
	}
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable, Trusted: trusted})
	if err != nil || !asked {
		t.Errorf("got %v, asked: %t", err, asked)
	}
	s.wantCharges(t, 1)
}

func sendsNothingWithoutTrust(t *testing.T, s Stripe) {
	lost := func() error { return billing.ErrLeaseLost }
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable, Trusted: lost})
	wantOutcome(t, err, billing.ErrNotSent)
	if !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want it to say why", err)
	}
	s.wantCharges(t, 0)
}

// A Charger need not make a second attempt. If it does, it asks first, and what it heard doesn't
// make it forget that it has sent one.
func sendsNoMoreWithoutTrust(t *testing.T, s Stripe) {
	s.LoseReplies()
	asked := 0
	lostAfterOne := func() error {
		if asked++; asked > 1 {
			return billing.ErrLeaseLost
		}
		return nil
	}
	request := billing.Request{Invoice: s.Payable, Trusted: lostAfterOne}
	_, err := s.Charger.Charge(t.Context(), request)
	wantOutcome(t, err, billing.ErrUnknown)
	if asked > 2 {
		t.Errorf("asked %d times, want no more once the answer was no", asked)
	}
	if asked > 1 && !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want it to say why", err)
	}
	s.wantCharges(t, 1)
}

func tellsDecline(t *testing.T, s Stripe) {
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Declining})
	wantOutcome(t, err, billing.ErrDeclined)
	if n := s.Charges(s.Declining); n != 0 {
		t.Errorf("got %d charges", n)
	}
}

// Stripe keeps a decline under its key like any answer; with another card, the key is refused.
func declineIsKept(t *testing.T, s Stripe) {
	r := billing.Request{Invoice: s.Declining, Key: "declining"}
	for range 2 {
		_, err := s.Charger.Charge(t.Context(), r)
		wantOutcome(t, err, billing.ErrDeclined)
	}
	r.Invoice.Subscription.PaymentMethod = s.Payable.Subscription.PaymentMethod
	_, err := s.Charger.Charge(t.Context(), r)
	wantOutcome(t, err, billing.ErrUnknown)
	if n := s.Charges(s.Declining); n != 0 {
		t.Errorf("got %d charges", n)
	}
}

func losesReply(t *testing.T, s Stripe) {
	s.LoseReplies()
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable})
	wantOutcome(t, err, billing.ErrUnknown)
	// However often it was sent: its attempts are one request to Stripe.
	s.wantCharges(t, 1)
}

func refused(t *testing.T, s Stripe) {
	s.Refuse()
	_, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable})
	wantOutcome(t, err, billing.ErrNotSent)
	s.wantCharges(t, 0)
}

func (s Stripe) mustCharge(t *testing.T, key string) (paymentIntent string) {
	t.Helper()
	c, err := s.Charger.Charge(t.Context(), billing.Request{Invoice: s.Payable, Key: key})
	if err != nil {
		t.Error(err)
	}
	return c.PaymentIntent
}

func (s Stripe) wantCharges(t *testing.T, want int) {
	t.Helper()
	if got := s.Charges(s.Payable); got != want {
		t.Errorf("got %d charges at Stripe, want %d", got, want)
	}
}

// wantOutcome wants one outcome and no other: a caller acts on the first it asks for.
func wantOutcome(t *testing.T, err, want error) {
	t.Helper()
	for _, outcome := range []error{billing.ErrDeclined, billing.ErrUnknown, billing.ErrNotSent} {
		if errors.Is(err, outcome) != (outcome == want) {
			t.Errorf("got %v; is it %q? want %q", err, outcome, want)
		}
	}
}
