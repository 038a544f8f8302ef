package ledger_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// The statements of a due run cost the same anywhere in a list of any length: they read each row by
// its key. Postgres counts what it reads.
func TestADueRunReadsRowsByTheirKeys(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]string{
		"with the statistics of a month that has just begun": `SELECT 1`,
		"with statistics": `ANALYZE subscriptions; ANALYZE entries; ANALYZE claims; ANALYZE fences`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := servicetest.Database(t)
			s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
			watch := connect(t, databaseURL)
			fill(t, watch)
			mustExec(t, watch, prepare)
			before := reads(t, watch)
			const invoices = 2000
			billAll(t, s, invoices)
			s.Close() // Postgres' processes publish their counts when they end
			after := reads(t, watch)
			for table, n := range after {
				scans, rows := n.scans-before[table].scans, n.rows-before[table].rows
				if scans > 0 {
					t.Errorf("%s was read as a whole %d times", table, scans)
				}
				// Each call reads a row or two, and a takeover reads its row again.
				if rows > 20*invoices {
					t.Errorf("%d rows of %s were read for %d invoices", rows, table, invoices)
				}
			}
		})
	}
}

// billAll makes the calls of all modes for invoices from a long list, half of which are charged.
func billAll(t *testing.T, s *ledger.Store, invoices int) {
	t.Helper()
	const callers = 1000 // enough for statements of hundreds of rows
	page, err := s.Due(t.Context(), billingtest.December(), "customer-120000", invoices)
	if err != nil || len(page) != invoices {
		t.Fatalf("got %d invoices, %v", len(page), err)
	}
	// Start where another server has already billed.
	list, err := s.Uncharged(nil).Due(t.Context(), billingtest.December(), "customer-120000", 500)
	if err != nil || len(list) != 500 || list[1].Subscription.ID != "customer-120003" {
		t.Fatalf("got %d uncharged invoices, %v", len(list), err)
	}
	claims, fence := s.Claims(ledger.ClaimOptions{Lease: lease}), s.Fence()
	bill := func(inv billing.Invoice) error {
		_, charged, err := s.Charged(t.Context(), inv)
		if err != nil {
			return err
		}
		token, err := fence.Highest(t.Context(), inv)
		token++
		if err = errors.Join(err, fence.Raise(t.Context(), inv, token)); err != nil {
			return err
		}
		claim, err := claims.Take(t.Context(), inv)
		if charged {
			if !errors.Is(err, billing.ErrCharged) {
				return fmt.Errorf("taking what is charged: %w", err)
			}
			return nil
		} else if err != nil {
			return err
		}
		c := billing.Charge{Invoice: inv, PaymentIntent: "pi_new_" + inv.Subscription.ID,
			AmountMinor: 1000, Currency: "usd"}
		_, err = claims.Register(t.Context(), claim, intent(c.PaymentIntent))
		return errors.Join(err, claims.Postpone(t.Context(), claim),
			claims.Return(t.Context(), claim),
			fence.Record(t.Context(), c, token), s.Record(t.Context(), c))
	}
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for k := i; k < len(page); k += callers {
				if err := bill(page[k]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// fill adds 80,000 subscriptions, every second of which is charged.
func fill(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO subscriptions (id, customer, payment_method, amount_minor, currency)
			SELECT 'customer-' || n, 'cus_1', 'pm_1', 1000, 'usd'
			FROM generate_series(100000, 179999) AS n`,
		`INSERT INTO entries (kind, payment_intent, subscription, period, amount_minor, currency,
				recorded_by)
			SELECT 'charge', 'pi_' || n, 'customer-' || n, '2026-12', 1000, 'usd', 'server-b'
			FROM generate_series(100000, 179999, 2) AS n`,
		`INSERT INTO claims (period, subscription, generation, owner, lease_until)
			SELECT '2026-12', 'customer-' || n, 1, 'server-b', now() - interval '1 hour'
			FROM generate_series(100000, 179999, 2) AS n`,
		`INSERT INTO fences (period, subscription, token)
			SELECT '2026-12', 'customer-' || n, 1 FROM generate_series(100000, 179999, 2) AS n`,
	} {
		mustExec(t, conn, statement)
	}
}

type tableReads struct{ scans, rows int64 }

// reads returns what Postgres has read of each table so far.
func reads(t *testing.T, conn *pgx.Conn) map[string]tableReads {
	t.Helper()
	// The counts must include what this connection read when it filled the tables.
	mustExec(t, conn, `SELECT pg_stat_force_next_flush()`)
	all := map[string]tableReads{}
	rows, err := conn.Query(t.Context(), `
		SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0)
		FROM pg_stat_user_tables WHERE schemaname = current_schema()
			AND relname IN ('subscriptions', 'entries', 'claims', 'fences')`)
	if err != nil {
		t.Fatal(err)
	}
	var table string
	var n tableReads
	_, err = pgx.ForEachRow(rows, []any{&table, &n.scans, &n.rows}, func() error {
		all[table] = n
		return nil
	})
	if err != nil || len(all) != 4 {
		t.Fatalf("got %v, %v", all, err)
	}
	return all
}
