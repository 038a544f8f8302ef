package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// No test waits for these: tests move the times in the tables instead.
const (
	lease = time.Hour
	pause = 24 * time.Hour
)

func TestClaims(t *testing.T) {
	t.Parallel()
	claimsSuite(t, func(t *testing.T) claimPorts {
		_, s := claimStore(t)
		return s
	})
}

// The lease and the pause last exactly as long as the options say.
func TestClaimsLastForTheirLeaseAndWaitForTheirPause(t *testing.T) {
	t.Parallel()
	const almost = time.Minute // more than any test takes
	clock, s := claimStore(t)
	inv := billingtest.Invoice("alice")
	first := mustTake(t, s.Claims, inv)
	mustExec(t, clock, `UPDATE claims SET lease_until = lease_until - $1::interval`, lease-almost)
	wantTaken(t, s.Claims, inv)
	mustExec(t, clock, `UPDATE claims SET lease_until = lease_until - $1::interval`, almost)
	second := mustTake(t, s.Claims, inv)
	if second.Generation != first.Generation+1 {
		t.Errorf("got generation %d after %d", second.Generation, first.Generation)
	}
	mustPostpone(t, s.Claims, second)
	mustExec(t, clock, `UPDATE claims SET next_attempt = next_attempt - $1::interval`, pause-almost)
	wantTaken(t, s.Claims, inv)
	mustExec(t, clock, `UPDATE claims SET next_attempt = next_attempt - $1::interval`, almost)
	mustTake(t, s.Claims, inv)
}

func TestClaimsWithoutALimitAreGivenBackAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	claims := open(t).Claims(ledger.ClaimOptions{Lease: lease})
	for want := int64(1); want <= 10; want++ {
		c := mustTake(t, claims, billingtest.Invoice("alice"))
		if c.Generation != want {
			t.Errorf("got generation %d, want %d", c.Generation, want)
		}
		mustPostpone(t, claims, c)
	}
}

// The server that takes a claim decides whether it expires: the mode claimed relies on nobody else
// charging, even if servers in another mode run at the same time.
func TestAClaimThatNeverExpiresIsNotTakenOverByOneThatDoes(t *testing.T) {
	t.Parallel()
	_, s := claimStore(t)
	inv := billingtest.Invoice("alice")
	mustTake(t, s.Final, inv)
	s.Expire(inv)
	wantTaken(t, s.Claims, inv)
	wantTaken(t, s.Final, inv)
}

// Reconciliation treats a claim as a request that may have been sent.
func TestTakeLeavesNoClaimOnWhatIsCharged(t *testing.T) {
	t.Parallel()
	clock, s := claimStore(t)
	wantTakings := func(want int64) {
		t.Helper()
		var got int64
		err := clock.QueryRow(t.Context(),
			`SELECT coalesce(sum(generation), 0)::bigint FROM claims`).Scan(&got)
		if err != nil || got != want {
			t.Errorf("claims were taken %d times, %v; want %d", got, err, want)
		}
	}
	bob := charge("pi_bob", "bob", 1000)
	if err := s.Ledger.Record(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	wantNotTaken(t, s.Claims, bob.Invoice, billing.ErrCharged)
	wantTakings(0)
	alice := charge("pi_alice", "alice", 1000)
	mustTake(t, s.Claims, alice.Invoice)
	if err := s.Ledger.Record(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	s.Expire(alice.Invoice)
	wantNotTaken(t, s.Claims, alice.Invoice, billing.ErrCharged)
	wantTakings(1)
}

// The answer is lost, and something else happens before the call is repeated.
func TestTakeKnowsItsOwnClaimIfTheReplyWasLost(t *testing.T) {
	t.Parallel()
	alice := billingtest.Invoice("alice")
	for _, c := range []struct {
		behaviour string
		meanwhile func(*testing.T, claimPorts)
		want      error
	}{
		{"finds its own claim", func(*testing.T, claimPorts) {}, nil},
		{"finds its own claim even if its lease has expired",
			func(_ *testing.T, s claimPorts) { s.Expire(alice) }, nil},
		{"does not get a claim that was taken over", func(t *testing.T, s claimPorts) {
			s.Expire(alice)
			mustTake(t, s.Claims, alice)
		}, billing.ErrTaken},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			t.Parallel()
			direct, lossy, p := twoWays(t)
			// The first call prepares the statement, so the second one's only reply is its result.
			mustTake(t, lossy, billingtest.Invoice("bob"))
			p.lose(func() { c.meanwhile(t, direct) })
			got, err := lossy.Take(t.Context(), alice)
			p.wantLost(t)
			if !errors.Is(err, c.want) || err == nil && got.Generation != 1 {
				t.Errorf("got %+v, %v; want the first generation, or %v", got, err, c.want)
			}
			wantTaken(t, lossy, alice)
		})
	}
}

func TestRegisterOnceAlsoIfTheReplyWasLost(t *testing.T) {
	t.Parallel()
	direct, lossy, p := twoWays(t)
	alice, bob := billingtest.Invoice("alice"), billingtest.Invoice("bob")
	_, err := lossy.Register(t.Context(), mustTake(t, direct.Claims, bob), intent("pi_bob"))
	c := mustTake(t, direct.Claims, alice)
	if err != nil {
		t.Fatal(err)
	}
	p.lose(func() {
		got, err := direct.Claims.Register(t.Context(), c, intent("pi_2"))
		if err != nil || got != intent("pi_1") {
			t.Errorf("got %+v, %v; want the first", got, err)
		}
	})
	got, err := lossy.Register(t.Context(), c, intent("pi_1"))
	if err != nil || got != intent("pi_1") {
		t.Errorf("got %+v, %v; want the first", got, err)
	}
	p.wantLost(t)
}

// A reply is lost, and the replaced PaymentIntent isn't replaced twice.
func TestReplaceOnceAlsoIfTheReplyWasLost(t *testing.T) {
	t.Parallel()
	direct, lossy, p := twoWays(t)
	alice, bob := billingtest.Invoice("alice"), billingtest.Invoice("bob")
	_, err := lossy.Register(t.Context(), mustTake(t, direct.Claims, bob), intent("pi_bob"))
	c := mustTake(t, direct.Claims, alice)
	if err == nil {
		c.Intent, err = direct.Claims.Register(t.Context(), c, intent("pi_1"))
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lose(func() {})
	got, err := lossy.Register(t.Context(), c, intent("pi_2"))
	if err != nil || got != intent("pi_2") {
		t.Errorf("got %+v, %v; want the second", got, err)
	}
	p.wantLost(t)
}

// Claims of an earlier version know only the ID.
func TestAnIntentOfAnEarlierVersionIsWhatNoInvoiceAsks(t *testing.T) {
	t.Parallel()
	clock, s := claimStore(t)
	inv := billingtest.Invoice("alice")
	mustTake(t, s.Claims, inv)
	mustExec(t, clock, `UPDATE claims SET payment_intent = 'pi_old'`)
	s.Expire(inv)
	c := mustTake(t, s.Claims, inv)
	if c.Intent != (billing.Intent{ID: "pi_old"}) || c.Intent.For(inv.Subscription) {
		t.Errorf("got %+v, want only the ID of pi_old", c.Intent)
	}
	got, err := s.Claims.Register(t.Context(), c, intent("pi_new"))
	if err != nil || got != intent("pi_new") {
		t.Errorf("got %+v, %v; want pi_new", got, err)
	}
}

// A server that takes the claim after it was given back keeps it.
func TestPostponeOnceAlsoIfTheReplyWasLost(t *testing.T) {
	t.Parallel()
	direct, lossy, p := twoWays(t)
	alice, bob := billingtest.Invoice("alice"), billingtest.Invoice("bob")
	mustPostpone(t, lossy, mustTake(t, direct.Claims, bob))
	c := mustTake(t, direct.Claims, alice)
	p.lose(func() {
		direct.EndPause(alice)
		mustTake(t, direct.Claims, alice)
	})
	mustPostpone(t, lossy, c)
	p.wantLost(t)
	wantTaken(t, direct.Claims, alice)
}

// Likewise: the repeated call must not give away the claim of the next server.
func TestReturnOnceAlsoIfTheReplyWasLost(t *testing.T) {
	t.Parallel()
	direct, lossy, p := twoWays(t)
	alice, bob := billingtest.Invoice("alice"), billingtest.Invoice("bob")
	mustReturn(t, lossy, mustTake(t, direct.Claims, bob))
	c := mustTake(t, direct.Claims, alice)
	p.lose(func() { mustTake(t, direct.Claims, alice) })
	mustReturn(t, lossy, c)
	p.wantLost(t)
	wantTaken(t, direct.Claims, alice)
}

// claimStore returns a store whose claims last for an hour and wait for a day after a decline, and
// a connection for moving their times.
func claimStore(t *testing.T) (clock *pgx.Conn, s claimPorts) {
	t.Helper()
	return claimStoreAt(t, servicetest.Database(t))
}

func claimStoreAt(t *testing.T, databaseURL string) (*pgx.Conn, claimPorts) {
	t.Helper()
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	clock := connect(t, databaseURL)
	expiring := ledger.ClaimOptions{Lease: lease, Pause: pause, Limit: 3}
	final := expiring
	final.Lease = 0
	pass := func(column string, d time.Duration) func(billing.Invoice) {
		return func(inv billing.Invoice) {
			mustExec(t, clock, `UPDATE claims SET `+column+` = `+column+` - $1::interval
				WHERE subscription = $2 AND period = $3`,
				d, inv.Subscription.ID, inv.Period.String())
		}
	}
	return clock, claimPorts{
		Claims: s.Claims(expiring),
		Final:  s.Claims(final),
		Limit:  expiring.Limit,
		Ledger: s,
		Change: func(sub billing.Subscription) {
			err := s.AddSubscriptions(context.Background(), []billing.Subscription{sub})
			if err != nil {
				t.Error(err)
			}
		},
		Expire:   pass("lease_until", lease),
		EndPause: pass("next_attempt", pause),
	}
}

// twoWays returns a store of claims, and the same claims through a connection that can fail.
func twoWays(t *testing.T) (direct claimPorts, lossy billing.Claims, p *faultyProxy) {
	t.Helper()
	databaseURL := servicetest.Database(t)
	_, direct = claimStoreAt(t, databaseURL)
	p = newProxy(t, databaseURL)
	s := openAt(t, p.URL(), ledger.Options{Recorder: "server-b", MaxConns: 1})
	return direct, s.Claims(ledger.ClaimOptions{Lease: lease, Pause: pause}), p
}

// lose drops the next reply, after something else has happened.
func (p *faultyProxy) lose(meanwhile func()) { p.onReply.Store(&meanwhile) }

func (p *faultyProxy) wantLost(t *testing.T) {
	t.Helper()
	if p.onReply.Load() != nil {
		t.Error("no reply was lost")
	}
}

func mustExec(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func wantTaken(t *testing.T, claims billing.Claims, inv billing.Invoice) {
	t.Helper()
	wantNotTaken(t, claims, inv, billing.ErrTaken)
}
