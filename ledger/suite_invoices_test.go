package ledger_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// invoicesSuite is what every billing.Invoices must pass. newInvoices returns a list of these
// subscriptions, which are in no order.
func invoicesSuite(
	t *testing.T,
	newInvoices func(t *testing.T, subs []billing.Subscription) billing.Invoices,
) {
	// The order of these bytes is not the order of most languages.
	var subs []billing.Subscription
	for id := range strings.FieldsSeq("b B a A ab a-b a.b a_b Z 10 9 09 _ - alice ALICE Alice") {
		subs = append(subs, billingtest.Subscription(id))
	}

	t.Run("lists any page of the due invoices, in the order of the IDs", func(t *testing.T) {
		invoices := newInvoices(t, subs)
		sorted := slices.SortedFunc(slices.Values(subs),
			func(a, b billing.Subscription) int { return cmp.Compare(a.ID, b.ID) })
		rapid.Check(t, func(t *rapid.T) {
			after := rapid.StringMatching(`[A-Za-z0-9._-]{0,3}`).Draw(t, "after")
			limit := rapid.IntRange(1, len(subs)+1).Draw(t, "limit")
			var want []billing.Invoice
			for _, sub := range sorted {
				if sub.ID > after && len(want) < limit {
					want = append(want,
						billing.Invoice{Subscription: sub, Period: billingtest.December()})
				}
			}
			got, err := invoices.Due(context.Background(), billingtest.December(), after, limit)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("got %v, %v; want %v", got, err, want)
			}
		})
	})

	t.Run("begins after the share to pass over", func(t *testing.T) {
		invoices := newInvoices(t, subs)
		rapid.Check(t, func(t *rapid.T) {
			share := rapid.Float64Range(0, 1).Draw(t, "share")
			after, err := invoices.Seek(context.Background(), share)
			if err != nil {
				t.Fatal(err)
			}
			passed := 0
			for _, sub := range subs {
				if sub.ID <= after {
					passed++
				}
			}
			if off := float64(passed) - share*float64(len(subs)); off < -1 || off > 1 {
				t.Fatalf("after %q: passes over %d of %d", after, passed, len(subs))
			}
		})
	})

	t.Run("begins at the beginning if there is nothing to pass over", func(t *testing.T) {
		wantBeginning(t, newInvoices(t, subs), 0)
		wantBeginning(t, newInvoices(t, nil), 0.5)
	})

	t.Run("returns the context's error if it ended", func(t *testing.T) {
		ctx := endedContext(t)
		invoices := newInvoices(t, subs)
		_, err := invoices.Due(ctx, billingtest.December(), "", 10)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Due: got %v", err)
		}
		if _, err := invoices.Seek(ctx, 0.5); !errors.Is(err, context.Canceled) {
			t.Errorf("Seek: got %v", err)
		}
	})
}

func wantBeginning(t *testing.T, invoices billing.Invoices, share float64) {
	t.Helper()
	if after, err := invoices.Seek(t.Context(), share); err != nil || after != "" {
		t.Errorf("after %g: got %q, %v", share, after, err)
	}
}
