package stripecharge

import (
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// State is what a PaymentIntent can still do to a card. Stripe's statuses name the next step
// instead, and one of them stands for two of these states:
// https://docs.stripe.com/payments/paymentintents/lifecycle.
type State string

// The states of a PaymentIntent.
const (
	Untried   State = "untried"   // no card was tried: it takes nothing by itself
	Declined  State = "declined"  // a card was tried and took nothing: likewise
	Open      State = "open"      // in flight: it may still take money by itself
	Succeeded State = "succeeded" // it took money
	Canceled  State = "canceled"  // it never takes any
)

// Intent is a PaymentIntent in any state, with its refunds.
type Intent struct {
	ID             string
	Ledger         string // from the metadata; "" if it has none
	Subscription   string // likewise
	Period         string // likewise
	Generation     int64  // of the claim for which it was prepared, likewise; 0 if it was not
	Customer       string // cus_…; "" if it has none
	State          State
	AsksMinor      int64
	AmountMinor    int64 // what it took; 0 unless it succeeded
	RemainingMinor int64 // of that, what was not refunded
	Currency       string
	Created        time.Time
	Disputed       bool     // the customer's bank wants the money back: Stripe refuses a refund
	Refunds        []Refund // oldest first
}

// RefundState is whether the money was given back.
type RefundState string

// The states of a refund. A pending refund counts as given back in RemainingMinor until it fails.
const (
	RefundSucceeded RefundState = "succeeded"
	RefundPending   RefundState = "pending"
	RefundFailed    RefundState = "failed" // the money is back in the charge
)

// Refund is money given back from a PaymentIntent's charge.
type Refund struct {
	ID          string // re_…
	AmountMinor int64
	State       RefundState
}

// readIntent reads a PaymentIntent whose latest charge is expanded, with its refunds. Stripe
// includes at most ten refunds: more reports that there are others.
func readIntent(p *stripe.PaymentIntent) (i Intent, more bool) {
	i = Intent{
		ID:           p.ID,
		Ledger:       p.Metadata[metaLedger],
		Subscription: p.Metadata[metaSubscription],
		Period:       p.Metadata[metaPeriod],
		Generation:   generation(p.Metadata[metaClaim]),
		State:        stateOf(p),
		AsksMinor:    p.Amount,
		Currency:     string(p.Currency),
		Created:      time.Unix(p.Created, 0).UTC(),
	}
	if p.Customer != nil {
		i.Customer = p.Customer.ID
	}
	c := p.LatestCharge
	if i.State != Succeeded || c == nil {
		return i, false
	}
	i.AmountMinor, i.RemainingMinor = p.AmountReceived, p.AmountReceived-c.AmountRefunded
	i.Disputed = c.Disputed
	if c.Refunds != nil {
		for _, r := range c.Refunds.Data {
			i.Refunds = append([]Refund{readRefund(r)}, i.Refunds...)
		}
		more = c.Refunds.HasMore
	}
	return i, more
}

// generation is the third part of billing.Claim.Key.
func generation(key string) int64 {
	parts := append(strings.Split(key, "/"), "", "", "")
	n, _ := strconv.ParseInt(parts[2], 10, 64)
	return n
}

// giveReleased corrects what remains of an amount that was authorized and captured in part. What
// was not captured was never taken. Older charges count it as refunded, without a refund.
func (i *Intent) giveReleased(c *stripe.Charge) {
	if i.State != Succeeded || c == nil {
		return
	}
	unexplained := c.AmountRefunded
	for _, r := range i.Refunds {
		if r.State != RefundFailed {
			unexplained -= r.AmountMinor
		}
	}
	if released := c.Amount - i.AmountMinor; released > 0 && unexplained >= released {
		i.RemainingMinor += released
	}
}

func stateOf(p *stripe.PaymentIntent) State {
	switch p.Status {
	case stripe.PaymentIntentStatusSucceeded:
		return Succeeded
	case stripe.PaymentIntentStatusCanceled:
		return Canceled
	case stripe.PaymentIntentStatusRequiresPaymentMethod:
		// A declined PaymentIntent has the same status as one that was never tried.
		if p.LatestCharge != nil || p.LastPaymentError != nil || p.PaymentMethod != nil {
			return Declined
		}
		return Untried
	}
	return Open
}

func readRefund(r *stripe.Refund) Refund {
	state := RefundPending
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		state = RefundSucceeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		state = RefundFailed
	}
	return Refund{ID: r.ID, AmountMinor: r.Amount, State: state}
}
