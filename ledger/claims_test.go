package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// No test waits for these: time is made to pass by moving what is to come.
const (
	lease = time.Hour
	pause = 24 * time.Hour
)

func TestClaims(t *testing.T) {
	t.Parallel()
	billingtest.Claims(t, func(t *testing.T) billingtest.ClaimStore {
		_, s := claimStore(t)
		return s
	})
}

func TestClaimsAreLikeThoseInMemory(t *testing.T) {
	t.Parallel()
	_, s := claimStore(t)
	billingtest.LikeMemoryClaims(t, s)
}

// The lease and the pause are by the options, and not over before their time.
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

// Whether a claim expires is for the server to say that takes it: claimed must be able to trust
// that nobody else charges, also beside servers of another mode.
func TestAClaimThatNeverExpiresIsNotTakenOverByOneThatDoes(t *testing.T) {
	t.Parallel()
	_, s := claimStore(t)
	inv := billingtest.Invoice("alice")
	mustTake(t, s.Final, inv)
	s.Expire(inv)
	wantTaken(t, s.Claims, inv)
	wantTaken(t, s.Final, inv)
}

// Who reconciles takes a claim for a request that may have gone out.
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
	wantRefused(t, s.Claims, bob.Invoice, billing.ErrCharged)
	wantTakings(0)
	alice := charge("pi_alice", "alice", 1000)
	mustTake(t, s.Claims, alice.Invoice)
	if err := s.Ledger.Record(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	s.Expire(alice.Invoice)
	wantRefused(t, s.Claims, alice.Invoice, billing.ErrCharged)
	wantTakings(1)
}

// Between the taking and the call that repeats it, as its answer was lost, other things happen.
func TestTakeKnowsItsOwnClaimIfTheReplyWasLost(t *testing.T) {
	t.Parallel()
	alice := billingtest.Invoice("alice")
	for _, c := range []struct {
		behaviour string
		meanwhile func(*testing.T, billingtest.ClaimStore)
		want      error
	}{
		{"is told of the claim it has", func(*testing.T, billingtest.ClaimStore) {}, nil},
		{"is told of the claim it has though the lease was over",
			func(_ *testing.T, s billingtest.ClaimStore) { s.Expire(alice) }, nil},
		{"has no claim that was taken over", func(t *testing.T, s billingtest.ClaimStore) {
			s.Expire(alice)
			mustTake(t, s.Claims, alice)
		}, billing.ErrTaken},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			t.Parallel()
			direct, lossy, p := twoWays(t)
			// The first call prepares the statement; of the second, the only reply is its result.
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
	_, err := lossy.Register(t.Context(), mustTake(t, direct.Claims, bob), "pi_bob")
	c := mustTake(t, direct.Claims, alice)
	if err != nil {
		t.Fatal(err)
	}
	p.lose(func() {
		if got, err := direct.Claims.Register(t.Context(), c, "pi_2"); err != nil || got != "pi_1" {
			t.Errorf("got %s, %v; want the first", got, err)
		}
	})
	if got, err := lossy.Register(t.Context(), c, "pi_1"); err != nil || got != "pi_1" {
		t.Errorf("got %s, %v; want the first", got, err)
	}
	p.wantLost(t)
}

// The server that took the claim after it was given back keeps it.
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

// claimStore is a store whose claims last for an hour and wait for a day after a decline, and a
// connection by which time can be made to pass.
func claimStore(t *testing.T) (clock *pgx.Conn, s billingtest.ClaimStore) {
	t.Helper()
	return claimStoreAt(t, servicetest.Database(t))
}

func claimStoreAt(t *testing.T, databaseURL string) (*pgx.Conn, billingtest.ClaimStore) {
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
	return clock, billingtest.ClaimStore{
		Claims:   s.Claims(expiring),
		Final:    s.Claims(final),
		Limit:    expiring.Limit,
		Ledger:   s,
		Expire:   pass("lease_until", lease),
		EndPause: pass("next_attempt", pause),
	}
}

// twoWays is a store of claims, and the way to it over one connection that can be made to fail.
func twoWays(t *testing.T) (direct billingtest.ClaimStore, lossy billing.Claims, p *proxy) {
	t.Helper()
	databaseURL := servicetest.Database(t)
	_, direct = claimStoreAt(t, databaseURL)
	p = newProxy(t, databaseURL)
	s := openAt(t, p.url, ledger.Options{Recorder: "server-b", MaxConns: 1})
	return direct, s.Claims(ledger.ClaimOptions{Lease: lease, Pause: pause}), p
}

// lose makes the next reply get lost, after something else has happened.
func (p *proxy) lose(meanwhile func()) { p.onReply.Store(&meanwhile) }

func (p *proxy) wantLost(t *testing.T) {
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

func mustTake(t *testing.T, claims billing.Claims, inv billing.Invoice) billing.Claim {
	t.Helper()
	c, err := claims.Take(t.Context(), inv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantTaken(t *testing.T, claims billing.Claims, inv billing.Invoice) {
	t.Helper()
	wantRefused(t, claims, inv, billing.ErrTaken)
}

func wantRefused(t *testing.T, claims billing.Claims, inv billing.Invoice, want error) {
	t.Helper()
	if c, err := claims.Take(t.Context(), inv); !errors.Is(err, want) {
		t.Errorf("got %+v, %v; want %v", c, err, want)
	}
}

func mustPostpone(t *testing.T, claims billing.Claims, c billing.Claim) {
	t.Helper()
	if err := claims.Postpone(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}
