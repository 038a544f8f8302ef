package stripesim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func refundTerms() []term {
	return []term{
		{"partial refunds add up to a full one", partialRefundsTerm},
		{"a refund by PaymentIntent refunds the whole charge", refundByIntentTerm},
		{"a refund that is too large names both amounts", refundTooLargeTerm},
		{"a charge that took no money cannot be refunded", refundNothingTerm},
		{"refunds are listed by charge and by PaymentIntent", listRefundsTerm},
		{"a refund's metadata can be changed, but it cannot be canceled", updateRefundTerm},
	}
}

func (s *target) refund(t *testing.T, charge string, amount int64) (*stripe.Refund, error) {
	t.Helper()
	return s.api.refunds.New(&stripe.RefundParams{
		Charge: stripe.String(charge), Amount: stripe.Int64(amount),
	})
}

func partialRefundsTerm(t *testing.T, s *target) {
	id := s.paid(t, s.customer(t, "pm_card_visa")).LatestCharge.ID
	for _, step := range []struct {
		amount, refunded int64
		all              bool
	}{{400, 400, false}, {600, 1000, true}} {
		r, err := s.refund(t, id, step.amount)
		if err != nil {
			t.Fatal(err)
		}
		if r.Amount != step.amount || r.Status != stripe.RefundStatusSucceeded ||
			r.Charge.ID != id {
			t.Errorf("the refund is %+v", r)
		}
		c, err := s.api.charges.Get(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.AmountRefunded != step.refunded || c.Refunded != step.all {
			t.Errorf("%d refunded, all: %t, want %+v", c.AmountRefunded, c.Refunded, step)
		}
	}
	_, err := s.refund(t, id, 1)
	wantProblem(t, err, invalid(stripe.ErrorCodeChargeAlreadyRefunded, ""))
}

func refundByIntentTerm(t *testing.T, s *target) {
	i := s.paid(t, s.customer(t, "pm_card_visa"))
	r, err := s.api.refunds.New(&stripe.RefundParams{
		PaymentIntent: stripe.String(i.ID), Reason: stripe.String("duplicate"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Amount != 1000 || r.PaymentIntent.ID != i.ID || r.Charge.ID != i.LatestCharge.ID ||
		r.Reason != stripe.RefundReasonDuplicate {
		t.Errorf("the refund is %+v", r)
	}
	i, err = s.api.intents.Get(i.ID, nil)
	if err != nil || i.Status != stripe.PaymentIntentStatusSucceeded {
		t.Errorf("a refund changed the PaymentIntent: %+v, %v", i, err)
	}
}

func refundTooLargeTerm(t *testing.T, s *target) {
	id := s.paid(t, s.customer(t, "pm_card_visa")).LatestCharge.ID
	_, err := s.refund(t, id, 2000)
	e := wantProblem(t, err, invalid("", "amount"))
	if !strings.Contains(e.Msg, "$20.00") || !strings.Contains(e.Msg, "$10.00") {
		t.Errorf("the message is %q", e.Msg)
	}
	if _, err := s.refund(t, id, 400); err != nil {
		t.Fatal(err)
	}
	_, err = s.refund(t, id, 601)
	e = wantProblem(t, err, invalid("", "amount"))
	if !strings.Contains(e.Msg, "$6.01") || !strings.Contains(e.Msg, "$6.00") {
		t.Errorf("the message is %q", e.Msg)
	}
}

func refundNothingTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_chargeCustomerFail")
	open := s.unconfirmed(t, who)
	_, err := s.api.refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(open.ID)})
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusBadRequest {
		t.Errorf("an unpaid PaymentIntent: got %d, want 400", e.HTTPStatusCode)
	}
	_, err = s.api.intents.New(tenDollars(who, ""))
	declined := stripeError(t, err)
	_, err = s.refund(t, declined.ChargeID, 1000)
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusBadRequest {
		t.Errorf("a charge that failed: got %d, want 400", e.HTTPStatusCode)
	}
	_, err = s.api.refunds.New(&stripe.RefundParams{})
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusBadRequest {
		t.Errorf("of nothing: got %d, want 400", e.HTTPStatusCode)
	}
}

func listRefundsTerm(t *testing.T, s *target) {
	i := s.paid(t, s.customer(t, "pm_card_visa"))
	for range 3 {
		if _, err := s.refund(t, i.LatestCharge.ID, 100); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range map[string]*stripe.RefundListParams{
		"by charge":        {Charge: stripe.String(i.LatestCharge.ID)},
		"by PaymentIntent": {PaymentIntent: stripe.String(i.ID)},
	} {
		p.Limit = stripe.Int64(2)
		n := 0
		for list := s.api.refunds.List(p); list.Next(); n++ {
			if list.Refund().Charge.ID != i.LatestCharge.ID {
				t.Errorf("%s: there is a stranger: %+v", name, list.Refund())
			}
		}
		if n != 3 {
			t.Errorf("%s: %d refunds, want 3", name, n)
		}
	}
}

func updateRefundTerm(t *testing.T, s *target) {
	r, err := s.refund(t, s.paid(t, s.customer(t, "pm_card_visa")).LatestCharge.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	params := &stripe.RefundParams{Metadata: map[string]string{"k": "v"}}
	if r, err = s.api.refunds.Update(r.ID, params); err != nil || r.Metadata["k"] != "v" {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err = s.api.refunds.Get(r.ID, nil); err != nil || r.Metadata["k"] != "v" {
		t.Errorf("retrieved %+v, %v", r, err)
	}
	_, err = s.api.refunds.Cancel(r.ID, nil)
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusBadRequest {
		t.Errorf("canceling it: got %d, want 400", e.HTTPStatusCode)
	}
}
