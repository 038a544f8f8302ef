package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// held is a store whose next entries wait: a first call waits for another transaction that has not
// committed its entry for pi_held. The calls made meanwhile share statements once it ends.
type held struct {
	*ledger.Store
	t     *testing.T
	other *pgx.Conn // runs the transaction
	watch *pgx.Conn
	first chan error
	p     *faultyProxy
}

func hold(t *testing.T) *held {
	t.Helper()
	databaseURL := servicetest.Database(t)
	p := newProxy(t, databaseURL)
	h := &held{
		Store: openAt(t, p.URL(), ledger.Options{Recorder: "server-a", Timeout: time.Minute}),
		t:     t, other: connect(t, databaseURL), watch: connect(t, databaseURL),
		first: make(chan error, 1), p: p,
	}
	mustExec(t, h.other, `BEGIN`)
	mustExec(t, h.other, `
		INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
		VALUES ('charge', 'pi_held', 'alice', '2026-12', 1000, 'usd', 'server-b')`)
	go func() { h.first <- h.Record(t.Context(), charge("pi_held", "alice", 1000)) }()
	for waiter(t, h.watch, h.other.PgConn().PID()) == 0 {
		continue
	}
	return h
}

// together makes calls while the first one waits, ends the wait, and returns their errors.
func (h *held) together(calls ...func() error) []error {
	h.t.Helper()
	errs := make([]error, len(calls))
	var all, begun sync.WaitGroup
	for i, call := range calls {
		begun.Add(1)
		all.Go(func() {
			begun.Done()
			errs[i] = call()
		})
	}
	begun.Wait()
	mustExec(h.t, h.other, `COMMIT`)
	all.Wait()
	if err := <-h.first; err != nil {
		h.t.Error(err)
	}
	return errs
}

func (h *held) record(c billing.Charge) func() error {
	return func() error { return h.Record(h.t.Context(), c) }
}

// If Postgres refuses one row, only its caller gets the error.
func TestAnEntryThatIsRefusedFailsNoOther(t *testing.T) {
	t.Parallel()
	h := hold(t)
	var calls []func() error
	for i := range 20 {
		calls = append(calls, h.record(charge(fmt.Sprint("pi_", i), "alice", 1000)))
	}
	calls = append(calls, h.record(charge("pi_none", "alice", 0)))
	errs := h.together(calls...)
	for i, err := range errs[:20] {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if errs[20] == nil || errors.Is(errs[20], ledger.ErrContradiction) {
		t.Errorf("no money: got %v, want it refused", errs[20])
	}
	if n := charges(t, h.Store, billingtest.Invoice("alice")); n != 21 {
		t.Errorf("got %d charges, want 21", n)
	}
}

func TestAnEntryThatContradictsFailsNoOther(t *testing.T) {
	t.Parallel()
	h := hold(t)
	errs := h.together(
		h.record(charge("pi_1", "alice", 1000)), h.record(charge("pi_held", "alice", 1)),
		h.record(charge("pi_1", "alice", 1000)), h.record(charge("pi_held", "alice", 1000)))
	for i, want := range []error{nil, ledger.ErrContradiction, nil, nil} {
		if !errors.Is(errs[i], want) || want == nil && errs[i] != nil {
			t.Errorf("call %d: got %v, want %v", i, errs[i], want)
		}
	}
	if n := charges(t, h.Store, billingtest.Invoice("alice")); n != 2 {
		t.Errorf("got %d charges, want 2", n)
	}
}

func TestACallerThatGivesUpFailsNoOther(t *testing.T) {
	t.Parallel()
	h := hold(t)
	ctx, giveUp := context.WithCancel(t.Context())
	errs := h.together(
		func() error {
			defer giveUp()
			return h.Record(t.Context(), charge("pi_1", "alice", 1000))
		},
		func() error { return h.Record(ctx, charge("pi_2", "alice", 1000)) },
		h.record(charge("pi_3", "alice", 1000)))
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("got %v", errs)
	}
	want := 3
	if errs[1] == nil {
		want++
	}
	if n := charges(t, h.Store, billingtest.Invoice("alice")); n < want {
		t.Errorf("got %d charges, want %d", n, want)
	}
}

// The connection fails for all calls that share it. Each is retried, and no entry is lost or
// doubled.
func TestCallsMadeTogetherOutliveTheirConnection(t *testing.T) {
	t.Parallel()
	h := hold(t)
	var calls []func() error
	for i := range 20 {
		calls = append(calls, h.record(charge(fmt.Sprint("pi_", i), "alice", 1000)))
	}
	cut := h.p.cutAll
	h.p.onReply.Store(&cut)
	for i, err := range h.together(calls...) {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if h.p.onReply.Load() != nil {
		t.Error("no reply was lost")
	}
	if n := charges(t, h.Store, billingtest.Invoice("alice")); n != 21 {
		t.Errorf("got %d charges, want 21", n)
	}
}

// If a PaymentIntent belongs to another invoice, only its caller gets the error.
func TestARegistrationThatIsRefusedFailsNoOther(t *testing.T) {
	t.Parallel()
	_, s := claimStore(t)
	const n = 30
	claims := make([]billing.Claim, n)
	for i := range claims {
		claims[i] = mustTake(t, s.Claims, billingtest.Invoice(fmt.Sprint("customer-", i)))
	}
	if _, err := s.Claims.Register(t.Context(), claims[0], intent("pi_0")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i, c := range claims[1:] {
		all.Go(func() {
			own := intent(fmt.Sprint("pi_", (i+1)%(n-1))) // the last one registers the first one's
			got, err := s.Claims.Register(t.Context(), c, own)
			if refused := own.ID == "pi_0"; refused != (err != nil) || !refused && got != own {
				t.Errorf("%s: got %+v, %v", own.ID, got, err)
			}
		})
	}
	all.Wait()
}

// Servers take and register the same invoices at the same time, in different orders.
func TestStatementsOfSeveralServersDoNotDeadlock(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	const servers, callers, invoices = 3, 32, 600
	var all sync.WaitGroup
	var mu sync.Mutex
	takenBy := map[string]int{}
	for i := range servers {
		s := openAt(t, databaseURL, ledger.Options{Recorder: fmt.Sprint("server-", i)})
		claims, fence := s.Claims(ledger.ClaimOptions{Lease: lease}), s.Fence()
		for j := range callers {
			all.Go(func() {
				for k := j; k < invoices; k += callers {
					inv := billingtest.Invoice(fmt.Sprint("customer-",
						(k*7+i*invoices/servers)%invoices))
					err := fence.Raise(t.Context(), inv, billing.Token(i+1))
					if err != nil && !errors.Is(err, billing.ErrStale) {
						t.Error(err)
					}
					c, err := claims.Take(t.Context(), inv)
					switch {
					case err == nil:
						mu.Lock()
						takenBy[inv.String()]++
						mu.Unlock()
						_, err = claims.Register(t.Context(), c, intent("pi_"+inv.Subscription.ID))
					case errors.Is(err, billing.ErrTaken):
						_, err = claims.Register(
							t.Context(), billing.Claim{Invoice: inv},
							intent("pi_late_"+inv.Subscription.ID))
						if errors.Is(err, billing.ErrTaken) {
							err = nil
						}
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	for inv, n := range takenBy {
		if n != 1 {
			t.Errorf("%s was taken by %d", inv, n)
		}
	}
	if len(takenBy) != invoices {
		t.Errorf("%d invoices were taken, want %d", len(takenBy), invoices)
	}
	var deadlocks int
	err := connect(t, databaseURL).QueryRow(t.Context(), `
		SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&deadlocks)
	if err != nil || deadlocks > 0 {
		t.Errorf("Postgres ended %d deadlocks, %v", deadlocks, err)
	}
}
