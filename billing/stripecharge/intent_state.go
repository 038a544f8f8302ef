package stripecharge

import (
	"time"

	"github.com/stripe/stripe-go/v76"
)

// State is what a PaymentIntent can still do to a card. Stripe's statuses say which step comes
// next instead, and one of them stands for two of these:
// https://docs.stripe.com/payments/paymentintents/lifecycle.
type State string

// The states of a PaymentIntent.
const (
	Untried   State = "untried"   // no card was ever tried with it: it takes nothing by itself
	Declined  State = "declined"  // a card was tried and took nothing: likewise
	Open      State = "open"      // under way: it may take money without anybody asking again
	Succeeded State = "succeeded" // it took money
	Canceled  State = "canceled"  // it never will
)

// Intent is a PaymentIntent, whatever became of it, with what was given back of its money.
type Intent struct {
	ID             string
	Subscription   string // from the metadata; "" if it has none
	Period         string // likewise
	Customer       string // cus_…; "" if it has none
	State          State
	AmountMinor    int64 // what it took; 0 unless it succeeded
	RemainingMinor int64 // of that, what was not given back
	Currency       string
	Created        time.Time
	Disputed       bool     // the customer's bank wants the money back: Stripe refuses a refund
	Refunds        []Refund // oldest first
}

// RefundState says whether money was given back.
type RefundState string

// The states of a refund. One that is pending counts as given back in RemainingMinor until it has
// failed.
const (
	RefundSucceeded RefundState = "succeeded"
	RefundPending   RefundState = "pending"
	RefundFailed    RefundState = "failed" // the money is the charge's again
)

// Refund is money given back of a PaymentIntent's charge.
type Refund struct {
	ID          string // re_…
	AmountMinor int64
	State       RefundState
}

// readIntent reads a PaymentIntent whose latest charge is expanded, with its refunds. Stripe puts
// no more than ten of those into it: more says that there are others.
func readIntent(p *stripe.PaymentIntent) (i Intent, more bool) {
	i = Intent{
		ID:           p.ID,
		Subscription: p.Metadata[metaSubscription],
		Period:       p.Metadata[metaPeriod],
		State:        stateOf(p),
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
	// What was authorized and not captured counts as refunded in the charge, and was never taken.
	i.AmountMinor, i.RemainingMinor = p.AmountReceived, c.Amount-c.AmountRefunded
	i.Disputed = c.Disputed
	if c.Refunds == nil {
		return i, false
	}
	for _, r := range c.Refunds.Data {
		i.Refunds = append([]Refund{readRefund(r)}, i.Refunds...)
	}
	return i, c.Refunds.HasMore
}

func stateOf(p *stripe.PaymentIntent) State {
	switch p.Status {
	case stripe.PaymentIntentStatusSucceeded:
		return Succeeded
	case stripe.PaymentIntentStatusCanceled:
		return Canceled
	case stripe.PaymentIntentStatusRequiresPaymentMethod:
		// What a decline leaves behind has the same status as what was never tried.
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
