package event

import (
	"cmp"
	"fmt"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/money"
)

// Sentence describes the event as a person would, in the lesson's words. customer is the name to
// use for the invoice's customer. A kind that is not in the table is its own sentence.
func (e Event) Sentence(customer string) string {
	r, known := kinds[e.Kind]
	if !known {
		r.sentence = string(e.Kind) + "{: error}."
	}
	if e.Error != "" || e.Reason == string(billing.AlreadyBilled) {
		r.sentence = cmp.Or(r.or, r.sentence)
	}
	return strings.NewReplacer(
		"{customer}", customer, "{server}", e.Server, "{key}", e.Key, "{value}", e.Value,
		"{ttl_ms}", fmt.Sprint(e.TTLMS), "{amount}", money.Amount(e.AmountMinor, e.Currency),
		"{token}", fmt.Sprint(e.Token), "{generation}", fmt.Sprint(e.Generation),
		"{reason}", e.Reason, "{: reason}", after(e.Reason), "{: error}", after(e.cause()),
	).Replace(r.sentence)
}

// after returns the text for the end of a sentence, "" if there is none.
func after(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// cause returns the error without the outcome of the charge, which the kind says already.
func (e Event) cause() string {
	for kind, outcome := range map[Kind]error{
		ChargeDeclined: billing.ErrDeclined, ChargeUnknown: billing.ErrUnknown,
		ChargeNotSent: billing.ErrNotSent,
	} {
		if _, cause, found := strings.Cut(e.Error, outcome.Error()); found && e.Kind == kind {
			return strings.TrimPrefix(cause, ": ")
		}
	}
	return e.Error
}
