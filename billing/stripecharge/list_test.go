package stripecharge_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// time0 is before anything a test does.
var time0 = time.Unix(0, 0)

// list is all payments since a time.
func list(t *testing.T, c *stripecharge.Client, since time.Time) []stripecharge.Payment {
	t.Helper()
	var all []stripecharge.Payment
	for p, err := range c.Payments(t.Context(), since) {
		must(t, err)
		all = append(all, p)
	}
	return all
}

func TestPaymentsAreListedAcrossPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	good, bad := w.invoice("pm_card_visa"), w.invoice("pm_card_visa")
	bad.Subscription.PaymentMethod = "pm_card_chargeCustomerFail"
	var want []string
	for i := range 250 {
		good.Subscription.ID = fmt.Sprint("customer-", i)
		charge, err := c.Charge(t.Context(), billing.Request{Invoice: good})
		must(t, err)
		want = append(want, charge.PaymentIntent)
		if i%10 == 0 { // a PaymentIntent, too, but no payment
			_, err := c.Charge(t.Context(), billing.Request{Invoice: bad})
			wantOutcome(t, err, billing.ErrDeclined)
		}
	}
	slices.Reverse(want) // newest first
	w.log.forget()

	got := list(t, c, time0)
	if ids := idsOf(got); !slices.Equal(ids, want) {
		t.Errorf("got %d payments, want the %d that were made, newest first", len(ids), len(want))
	}
	w.wantCharges(len(want))
	newest := stripecharge.Payment{
		PaymentIntent: want[0], Subscription: "customer-249", Period: "2026-12",
		AmountMinor: 1000, Currency: "usd", Created: got[0].Created,
	}
	if got[0] != newest || time.Since(got[0].Created).Abs() > time.Hour {
		t.Errorf("got %+v, want %+v, made just now", got[0], newest)
	}
	if pages := len(w.log.all()); pages != 3 {
		t.Errorf("read %d pages of 100, want 3", pages)
	}
}

func TestPaymentsAreListedSinceATime(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	inv := w.invoice("pm_card_visa")
	var made []string
	var since time.Time
	for range 3 {
		must(t, w.control.Advance(t.Context(), time.Hour))
		charge, err := c.Charge(t.Context(), billing.Request{Invoice: inv})
		must(t, err)
		made = append([]string{charge.PaymentIntent}, made...)
		if len(made) == 2 {
			charges := w.charges()
			since = charges[1].Created
		}
	}
	if got := idsOf(list(t, c, since)); !slices.Equal(got, made[:2]) {
		t.Errorf("got %v since the second, want %v", got, made[:2])
	}
	if got := idsOf(list(t, c, since.Add(time.Second))); !slices.Equal(got, made[:1]) {
		t.Errorf("got %v since after the second, want %v", got, made[:1])
	}
}

func TestPaymentsAreReadNoFurtherThanAskedFor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	inv := w.invoice("pm_card_visa")
	for range 101 {
		_, err := c.Charge(t.Context(), billing.Request{Invoice: inv})
		must(t, err)
	}
	w.log.forget()
	for _, err := range c.Payments(t.Context(), time0) {
		must(t, err)
		break
	}
	if pages := len(w.log.all()); pages != 1 {
		t.Errorf("read %d pages for one payment, want 1", pages)
	}
}

func TestPaymentsEndWithAnError(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	w.servers["server-a"].Close()
	var errs []error
	for p, err := range c.Payments(t.Context(), time0) {
		if err == nil {
			t.Errorf("got %+v from nowhere", p)
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 || errs[0] == nil {
		t.Errorf("got the errors %v, want one", errs)
	}
	for _, r := range w.log.all() {
		if r.Method != http.MethodGet {
			t.Errorf("a list sent %+v", r)
		}
	}
}

func idsOf(payments []stripecharge.Payment) []string {
	var ids []string
	for _, p := range payments {
		ids = append(ids, p.PaymentIntent)
	}
	return ids
}
