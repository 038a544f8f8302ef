package ledger_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestFence(t *testing.T) {
	t.Parallel()
	fenceSuite(t, func(t *testing.T) fencePorts {
		s := open(t)
		return fencePorts{
			Fence:   s.Fence(),
			Ledger:  s,
			Charges: func(inv billing.Invoice) int { return charges(t, s, inv) },
		}
	})
}

// While an entry is being recorded, no fence is raised: its server would not find the entry, and
// would charge again.
func TestNoFenceIsRaisedWhileAnEntryIsBeingRecorded(t *testing.T) {
	t.Parallel()
	h := holdEntry(t)
	found := make(chan bool, 1)
	go func() {
		err := h.store.Fence().Raise(t.Context(), h.charge.Invoice, 2)
		_, charged, err2 := h.store.Charged(t.Context(), h.charge.Invoice)
		if err := errors.Join(err, err2); err != nil {
			t.Error(err)
		}
		found <- charged
	}()
	for len(found) == 0 && waiter(t, h.watch, h.recorder) == 0 {
		continue
	}
	mustExec(t, h.other, `ROLLBACK`)
	if err := <-h.recorded; err != nil {
		t.Errorf("got %v, want it recorded: no fence was raised before", err)
	}
	if !<-found {
		t.Error("the fence was raised before the entry was visible")
	}
}

func TestRecordUnderATokenFindsWhatAnotherServerIsRecording(t *testing.T) {
	t.Parallel()
	h := holdEntry(t)
	mustExec(t, h.other, `COMMIT`)
	if err := <-h.recorded; err != nil {
		t.Errorf("got %v, want the other server's entry accepted", err)
	}
}

// heldEntry is an entry being recorded under the newest token. It waits for a transaction that has
// not committed its entry for the same PaymentIntent.
type heldEntry struct {
	store        *ledger.Store
	charge       billing.Charge
	recorded     <-chan error // the outcome
	recorder     uint32       // the Postgres process that records it
	other, watch *pgx.Conn    // the other transaction; a connection to watch both
}

func holdEntry(t *testing.T) heldEntry {
	t.Helper()
	databaseURL := servicetest.Database(t)
	recorded := make(chan error, 1)
	h := heldEntry{
		store:    openAt(t, databaseURL, ledger.Options{Recorder: "server-a"}),
		charge:   charge("pi_1", "alice", 1000),
		recorded: recorded,
		other:    connect(t, databaseURL),
		watch:    connect(t, databaseURL),
	}
	const token = 1
	if err := h.store.Fence().Raise(t.Context(), h.charge.Invoice, token); err != nil {
		t.Fatal(err)
	}
	mustExec(t, h.other, `BEGIN`)
	mustExec(t, h.other, `
		INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
		VALUES ('charge', 'pi_1', 'alice', '2026-12', 1000, 'usd', 'server-b')`)
	go func() { recorded <- h.store.Fence().Record(t.Context(), h.charge, token) }()
	for h.recorder == 0 && len(recorded) == 0 {
		h.recorder = waiter(t, h.watch, h.other.PgConn().PID())
	}
	return h
}

// waiter returns a Postgres process that waits for the given one, or 0 if none does.
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
