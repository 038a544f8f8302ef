package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	ledgerSuite(t, func(t *testing.T) (billing.Ledger, func(billing.Invoice) int) {
		s := open(t)
		return s, func(inv billing.Invoice) int { return charges(t, s, inv) }
	})
}

func TestEntriesAreAppendOnly(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	conn := connect(t, databaseURL)
	for _, statement := range []string{
		`UPDATE entries SET amount_minor = 1`,
		`UPDATE entries SET amount_minor = 1 WHERE payment_intent = 'none'`,
		`DELETE FROM entries`,
		`TRUNCATE entries`,
	} {
		const raisedByTrigger = "P0001"
		var pg *pgconn.PgError
		_, err := conn.Exec(t.Context(), statement)
		if !errors.As(err, &pg) || pg.Code != raisedByTrigger {
			t.Errorf("%s: got %v, want it refused", statement, err)
		}
	}
	if n := charges(t, s, billingtest.Invoice("alice")); n != 1 {
		t.Errorf("got %d charges", n)
	}
}

func TestEntriesSayWhoRecordedThem(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	before := time.Now().Add(-time.Hour) // Postgres' clock may differ
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-b"})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	var (
		by string
		at time.Time
	)
	err := connect(t, databaseURL).
		QueryRow(t.Context(), `SELECT recorded_by, recorded_at FROM entries`).Scan(&by, &at)
	if err != nil || by != "server-b" || at.Before(before) {
		t.Errorf("got %q at %v, %v", by, at, err)
	}
}

func TestRecordRefusesInvalidCharges(t *testing.T) {
	t.Parallel()
	s := open(t)
	noPeriod := charge("pi_1", "alice", 1000)
	noPeriod.Invoice.Period = billing.Period{}
	for name, c := range map[string]billing.Charge{
		"no PaymentIntent": charge("", "alice", 1000),
		"no subscription":  charge("pi_1", "", 1000),
		"no money":         charge("pi_1", "alice", 0),
		"no period":        noPeriod,
	} {
		if err := s.Record(t.Context(), c); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func TestRecordReportsAContradiction(t *testing.T) {
	t.Parallel()
	s := open(t)
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	err := s.Record(t.Context(), charge("pi_1", "alice", 2000))
	if !errors.Is(err, ledger.ErrContradiction) {
		t.Errorf("got %v", err)
	}
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	s := open(t)
	mustRecord(t, s, charge("pi_1", "alice", 1000), charge("pi_2", "alice", 1000))
	for _, step := range []struct {
		name   string
		refund ledger.Refund
		want   error
	}{
		{"a refund", ledger.Refund{"re_1", "pi_1", 600, false}, nil},
		{"the same again", ledger.Refund{"re_1", "pi_1", 600, false}, nil},
		{"another of the charge", ledger.Refund{"re_2", "pi_1", 400, false}, nil},
		{"another amount", ledger.Refund{"re_1", "pi_1", 500, false}, ledger.ErrContradiction},
		{"another charge", ledger.Refund{"re_1", "pi_2", 600, false}, ledger.ErrContradiction},
		{"an unrecorded charge", ledger.Refund{"re_3", "pi_3", 1, false}, ledger.ErrContradiction},
		{"its failure", ledger.Refund{"re_2", "pi_1", 400, true}, nil},
		{"its failure again", ledger.Refund{"re_2", "pi_1", 400, true}, nil},
		{"a failure of more", ledger.Refund{"re_1", "pi_1", 601, true}, ledger.ErrContradiction},
		{"an unrecorded failure", ledger.Refund{"re_3", "pi_1", 1, true}, ledger.ErrContradiction},
	} {
		if err := s.RecordRefund(t.Context(), step.refund); !errors.Is(err, step.want) {
			t.Errorf("%s: got %v, want %v", step.name, err, step.want)
		}
	}
	audit, err := s.Audit(t.Context(), billingtest.December())
	want := ledger.Line{"alice", "usd", 0, 2, 2000, 1, 600}
	if err != nil || len(audit.Invoices) != 1 || audit.Invoices[0] != want {
		t.Errorf("got %+v, %v; want %+v", audit.Invoices, err, want)
	}
}

// A refunded invoice is not charged again.
func TestRefundedInvoiceStaysCharged(t *testing.T) {
	t.Parallel()
	s := open(t)
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	refund := ledger.Refund{ID: "re_1", PaymentIntent: "pi_1", AmountMinor: 1000}
	if err := s.RecordRefund(t.Context(), refund); err != nil {
		t.Fatal(err)
	}
	_, charged, err := s.Charged(t.Context(), billingtest.Invoice("alice"))
	if err != nil || !charged {
		t.Errorf("got %t, %v", charged, err)
	}
}

// The other server commits its entry while this one's statement waits for it, too late for that
// statement to see it.
func TestRecordFindsWhatAnotherServerIsRecording(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	other, watch := connect(t, databaseURL), connect(t, databaseURL)
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `
		INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
		VALUES ('charge', 'pi_1', 'alice', '2026-12', 1000, 'usd', 'server-b')`); err != nil {
		t.Fatal(err)
	}
	recorded := make(chan error)
	go func() { recorded <- s.Record(t.Context(), charge("pi_1", "alice", 1000)) }()
	for waits := false; !waits; {
		err := watch.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))`,
			other.PgConn().PID()).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-recorded; err != nil {
		t.Error(err)
	}
}
