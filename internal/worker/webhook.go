package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/ledger"
)

// webhook answers POST /stripe/events, which Stripe sends its events to. It records the charges of
// this ledger that they report, whoever made them: an entry is recorded once, however often and in
// whatever order its events come.
type webhook struct {
	*events
	secret string // which signs the events
	stripe *stripecharge.Client
	ledger billing.Ledger
}

// largestEvent is far more than a PaymentIntent with all the metadata that Stripe allows.
const largestEvent = 1 << 20

// ServeHTTP answers 200 to what is recorded and to what is not for this ledger, 400 to what Stripe
// didn't sign just now, and 503 if the ledger is away: Stripe sends the event again, for days
// (https://docs.stripe.com/webhooks#retries).
func (h webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestEvent))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	c, ours, err := h.stripe.ReadEvent(body, r.Header.Get("Stripe-Signature"), h.secret)
	if err != nil {
		h.say(r.Context(), event.WebhookRefused, failure(err))
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if ours {
		ctx, cancel := context.WithTimeout(withInvoice(r.Context(), c.Invoice),
			ledger.DefaultTimeout)
		defer cancel()
		h.say(ctx, event.WebhookReceived, slog.String("payment_intent", c.PaymentIntent),
			slog.Int64("amount_minor", c.AmountMinor), slog.String("currency", c.Currency))
		err = h.ledger.Record(ctx, c)
	}
	// What contradicts the ledger stays so, however often Stripe sends it. The log tells of it.
	if err != nil && !errors.Is(err, ledger.ErrContradiction) {
		refuse(w, http.StatusServiceUnavailable, "the ledger is away: send it again")
		return
	}
	answer(w, http.StatusOK, struct{}{})
}
