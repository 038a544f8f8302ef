package ledger_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestFence(t *testing.T) {
	t.Parallel()
	billingtest.Fence(t, func(t *testing.T) billingtest.FencedLedger {
		s := open(t)
		return billingtest.FencedLedger{
			Fence:   s.Fence(),
			Ledger:  s,
			Charges: func(inv billing.Invoice) int { return charges(t, s, inv) },
		}
	})
}

// While an entry is being recorded, a token is not issued: whoever got it would not find the entry,
// and charge again.
func TestNoTokenIsIssuedWhileAnEntryIsOnItsWay(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	other, watch := connect(t, databaseURL), connect(t, databaseURL)
	alice := billingtest.Invoice("alice")
	older, err := s.Fence().Issue(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}

	// An entry of the same PaymentIntent, not committed, keeps the one under test on its way.
	mustExec(t, other, `BEGIN`)
	mustExec(t, other, `
		INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
		VALUES ('charge', 'pi_1', 'alice', '2026-12', 1000, 'usd', 'server-b')`)
	recorded := make(chan error, 1)
	go func() { recorded <- s.Fence().Record(t.Context(), charge("pi_1", "alice", 1000), older) }()
	var recorder uint32
	for recorder == 0 && len(recorded) == 0 {
		recorder = waiter(t, watch, other.PgConn().PID())
	}

	found := make(chan bool, 1)
	go func() {
		_, err := s.Fence().Issue(t.Context(), alice)
		charged, err2 := s.Charged(t.Context(), alice)
		if err := errors.Join(err, err2); err != nil {
			t.Error(err)
		}
		found <- charged
	}()
	for len(found) == 0 && waiter(t, watch, recorder) == 0 {
		continue
	}
	mustExec(t, other, `ROLLBACK`)
	if err := <-recorded; err != nil {
		t.Errorf("got %v, want it recorded: no token was issued before", err)
	}
	if !<-found {
		t.Error("the next token was issued, and the entry was not to be found")
	}
}

// waiter returns a process of Postgres that waits for another, 0 if none does.
func waiter(t *testing.T, watch *pgx.Conn, pid uint32) (waiting uint32) {
	t.Helper()
	err := watch.QueryRow(t.Context(), `
		SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))`,
		pid).Scan(&waiting)
	if err != nil {
		t.Fatal(err)
	}
	return waiting
}
