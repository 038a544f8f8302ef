package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestUnchargedIsAListOfInvoices(t *testing.T) {
	t.Parallel()
	invoicesSuite(t, func(t *testing.T, subs []billing.Subscription) billing.Invoices {
		s := open(t)
		mustAdd(t, s, subs...)
		return s.Uncharged(nil)
	})
}

// With pages of any size, and any part of the list charged, each uncharged invoice is listed once.
// Each charged one is either listed or reported as skipped.
func TestUnchargedMissesNone(t *testing.T) {
	t.Parallel()
	const size = 40
	databaseURL := servicetest.Database(t)
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	var ids []string
	for i := range size {
		ids = append(ids, fmt.Sprintf("%02d", i))
		mustAdd(t, s, billingtest.Subscription(ids[i]))
	}
	// Entries for another month, and refunds, skip nothing.
	conn := connect(t, databaseURL)
	mustExec(t, conn, `INSERT INTO entries (kind, refund, payment_intent, subscription, period,
		amount_minor, currency, recorded_by)
		SELECT 'charge', NULL, 'pi_' || id, id, '2026-11', 1000, 'usd', 'server-b'
		FROM subscriptions
		UNION ALL
		SELECT 'refund', 're_' || id, 'pi_' || id, id, '2026-12', -1000, 'usd', 'server-b'
		FROM subscriptions`)
	months := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		months++ // entries stay, so each check uses a new month
		period := billing.PeriodOf(time.Date(2027, time.Month(months), 1, 0, 0, 0, 0, time.UTC))
		charged := rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID).Draw(t, "charged")
		_, err := conn.Exec(ctx, `INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
			SELECT 'charge', 'pi_' || id || $2, id, $2, 1000, 'usd', 'server-b'
			FROM unnest($1::text[]) AS id`, charged, period.String())
		if err != nil {
			t.Fatal(err)
		}
		skipped := 0
		u := s.Uncharged(func(n int) { skipped += n })
		limit := rapid.IntRange(1, size+1).Draw(t, "limit")
		listed := listAll(t, u, period, limit, rapid.Float64Range(0, 1).Draw(t, "share"))
		for _, id := range ids {
			if !slices.Contains(charged, id) && !slices.Contains(listed, id) {
				t.Fatalf("%s isn't charged, and not among %q", id, listed)
			}
		}
		if slices.Sort(listed); len(slices.Compact(listed)) != len(listed) {
			t.Fatalf("listed %q, want each once", listed)
		}
		// Charged invoices are listed only on the short last page of each leg.
		if vain := len(listed) - (size - len(charged)); vain >= 2*limit ||
			vain+skipped != len(charged) {
			t.Fatalf("%d of %d charged were listed, %d left out, by %d", vain, len(charged),
				skipped, limit)
		}
	})
}

// listAll lists by pages from a place to the end of the list, and from its start to that place.
func listAll(
	t *rapid.T, list billing.Invoices, p billing.Period, limit int, share float64,
) (ids []string) {
	begin, err := list.Seek(context.Background(), share)
	if err != nil {
		t.Fatal(err)
	}
	leg := func(after, last string) {
		for {
			page, err := list.Due(context.Background(), p, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("a page of %d, want %d: %v", len(page), limit, err)
			}
			for _, inv := range page {
				after = inv.Subscription.ID
				if last != "" && after > last {
					return
				}
				ids = append(ids, after)
			}
			if len(page) < limit {
				return
			}
		}
	}
	leg(begin, "")
	if begin != "" {
		leg("", begin)
	}
	return ids
}
