package ledger_test

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestInvoices(t *testing.T) {
	t.Parallel()
	invoicesSuite(t, func(t *testing.T, subs []billing.Subscription) billing.Invoices {
		s := open(t)
		mustAdd(t, s, subs...)
		return s
	})
}

func TestAddSubscriptionsReplaces(t *testing.T) {
	t.Parallel()
	s := open(t)
	alice, bob := billingtest.Subscription("alice"), billingtest.Subscription("bob")
	mustAdd(t, s, alice, bob)
	alice.AmountMinor, alice.Currency = 1200, "eur"
	alice.Customer, alice.PaymentMethod = "cus_new", "pm_new"
	mustAdd(t, s, alice)
	wantSubscriptions(t, s, alice, bob)
}

func TestAddSubscriptionsAddsAllOrNone(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.AddSubscriptions(t.Context(), []billing.Subscription{
		billingtest.Subscription("alice"), billingtest.Subscription("not/valid"),
	}); err == nil {
		t.Error("an invalid one: want an error")
	}
	if err := s.AddSubscriptions(t.Context(), []billing.Subscription{
		billingtest.Subscription("alice"), billingtest.Subscription("alice"),
	}); err == nil {
		t.Error("the same twice: want an error")
	}
	wantSubscriptions(t, s)
}

func TestPagesListEverySubscriptionOnceInOrder(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	conn := connect(t, databaseURL)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		id := rapid.StringMatching(`[A-Za-z0-9._-]{1,4}`)
		ids := rapid.SliceOfNDistinct(id, 0, 20, rapid.ID).Draw(t, "ids")
		limit := rapid.IntRange(1, 21).Draw(t, "limit")
		var subs []billing.Subscription
		for _, id := range ids {
			subs = append(subs, billingtest.Subscription(id))
		}
		if _, err := conn.Exec(ctx, `DELETE FROM subscriptions`); err != nil {
			t.Fatal(err)
		}
		if err := s.AddSubscriptions(ctx, subs); err != nil {
			t.Fatal(err)
		}
		var listed []string
		for after := ""; ; after = listed[len(listed)-1] {
			page, err := s.Due(ctx, billingtest.December(), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, inv := range page {
				listed = append(listed, inv.Subscription.ID)
			}
			if len(page) < limit {
				break
			}
		}
		if want := slices.Sorted(slices.Values(ids)); !slices.Equal(listed, want) {
			t.Fatalf("listed %q, want %q", listed, want)
		}
	})
}

func mustAdd(t *testing.T, s *ledger.Store, subs ...billing.Subscription) {
	t.Helper()
	if err := s.AddSubscriptions(t.Context(), subs); err != nil {
		t.Fatal(err)
	}
}

func wantSubscriptions(t *testing.T, s *ledger.Store, want ...billing.Subscription) {
	t.Helper()
	page, err := s.Due(t.Context(), billingtest.December(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []billing.Subscription
	for _, inv := range page {
		got = append(got, inv.Subscription)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
