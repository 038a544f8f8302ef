package ledger_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// Postgres fails a charge's insert twice, and counts the attempts and their connections in
// sequences, which no rollback undoes.
func TestWhichErrorsAreTriedAgainAndWhere(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct{ again, fresh bool }{
		"08006": {true, true},   // connection failure
		"08P01": {false, false}, // protocol violation
		"0A000": {true, true},   // the cached plan must not change its result
		"23514": {false, false}, // check violation
		"25006": {true, true},   // read-only transaction
		"25P02": {true, true},   // in a failed transaction
		"26000": {true, true},   // no such prepared statement
		"40001": {true, false},  // serialization failure
		"40P01": {true, false},  // deadlock
		"42P05": {true, true},   // the prepared statement exists
		"53300": {true, false},  // too many connections
		"55P03": {true, false},  // lock not available
		"57014": {true, true},   // cancelled
		"57P01": {true, true},   // shutdown
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			databaseURL := servicetest.Database(t)
			s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
			watch := connect(t, databaseURL)
			mustExec(t, watch, fmt.Sprintf(`
				CREATE SEQUENCE attempts;
				CREATE SEQUENCE first_pid;
				CREATE SEQUENCE last_pid;
				CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					PERFORM setval('last_pid', pg_backend_pid());
					IF nextval('attempts') = 1 THEN
						PERFORM setval('first_pid', pg_backend_pid());
					END IF;
					IF currval('attempts') <= 2 THEN
						RAISE EXCEPTION 'attempt %%', currval('attempts') USING ERRCODE = '%s';
					END IF;
					RETURN NEW;
				END $$;
				CREATE TRIGGER fail_twice BEFORE INSERT ON entries
					FOR EACH ROW EXECUTE FUNCTION fail_twice()`, code))
			err := s.Record(t.Context(), charge("pi_1", "alice", 1000))
			var attempts int
			var fresh bool
			if err := watch.QueryRow(t.Context(), `
				SELECT attempts.last_value, first_pid.last_value <> last_pid.last_value
				FROM attempts, first_pid, last_pid`).Scan(&attempts, &fresh); err != nil {
				t.Fatal(err)
			}
			if again := attempts == 3; again != want.again || again != (err == nil) {
				t.Errorf("got %d attempts and %v", attempts, err)
			}
			if fresh != want.fresh {
				t.Errorf("a fresh connection: %t, want %t", fresh, want.fresh)
			}
		})
	}
}

// The phase is longer than the first pauses, and nearly as long as the patience.
func TestRecordOutlivesAReadOnlyPhase(t *testing.T) {
	t.Parallel()
	postgres := servicetest.OwnPostgres(t)
	s := openAt(t, postgres.URL(), ledger.Options{Recorder: "server-a", Timeout: 5 * time.Second})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	admin := makeReadOnly(t, postgres.URL())
	healed := make(chan struct{})
	time.AfterFunc(3*time.Second, func() {
		defer close(healed)
		mustExec(t, admin, `ALTER SYSTEM RESET default_transaction_read_only`)
		mustExec(t, admin, `SELECT pg_reload_conf()`)
	})
	err := s.Record(t.Context(), charge("pi_2", "alice", 1000))
	<-healed
	if err != nil {
		t.Error(err)
	}
}

// The old primary stays up, read-only, and keeps its connections.
func TestAFailedOverPostgresIsFound(t *testing.T) {
	t.Parallel()
	for name, moves := range map[string]bool{
		"its address moves": true, "the URL has both hosts": false,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := servicetest.OwnPostgres(t), servicetest.OwnPostgres(t)
			u := mustParse(t, before.URL())
			secret, _ := u.User.Password()
			setPassword(t, after.URL(), secret)
			next := mustParse(t, after.URL())
			next.User = u.User
			openAt(t, next.String(), ledger.Options{Recorder: "test"})

			p := newProxy(t, before.URL())
			u.Host = p.Addr()
			if !moves {
				u.Host += "," + next.Host
			}
			s := openAt(t, u.String(), ledger.Options{Recorder: "server-a"})
			mustRecord(t, s, charge("pi_1", "alice", 1000))
			mustExec(t, connect(t, next.String()), `UPDATE ledger_identity SET id = $1`, s.ID())
			direct := openAt(t, next.String(), ledger.Options{Recorder: "test"})
			mustRecord(t, direct, charge("pi_1", "alice", 1000)) // as a synchronous standby has it
			makeReadOnly(t, before.URL())
			if moves {
				mustNotAnswer(t, s)
				p.movedTo.Store(&next.Host)
			}
			mustRecord(t, direct, charge("pi_2", "bob", 1000))
			_, charged, err := s.Charged(t.Context(), billingtest.Invoice("bob"))
			if !charged || err != nil {
				t.Errorf("got %t, %v of the new primary, which has an entry", charged, err)
			}
			mustRecord(t, s, charge("pi_3", "alice", 1000))
			if n := charges(t, direct, billingtest.Invoice("alice")); n != 2 {
				t.Errorf("the new primary has %d charges, want 2", n)
			}
		})
	}
}

// The host is gone without a word; whoever connects anew finds another. After the first connection
// that hangs, none of the others is tried.
func TestRecordOutlivesAPoolThatHangs(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	p := newProxy(t, databaseURL)
	s := openAt(t, p.URL(),
		ledger.Options{Recorder: "server-a", MaxConns: 4, Timeout: 9 * time.Second})
	fillPool(t, s, connect(t, databaseURL), 4)
	p.stallAll()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second) // two attempts
	defer cancel()
	if err := s.Record(ctx, charge("pi_1", "alice", 1000)); err != nil {
		t.Error(err)
	}
	p.cutAll() // or closing the pool would say goodbye to them for 15 s
}

// Every connection hangs in somebody's call, and saying goodbye to it hangs, too: pgx takes 15 s.
func TestRecordOutlivesAPoolInUseThatHangs(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	p := newProxy(t, databaseURL)
	u := mustParse(t, databaseURL)
	u.Host = p.Addr() + "," + u.Host
	const conns = 3
	s := openAt(t, u.String(),
		ledger.Options{Recorder: "server-a", MaxConns: conns, Timeout: 9 * time.Second})
	fillPool(t, s, connect(t, databaseURL), conns)
	p.hung.Store(true)
	p.stallAll()
	var all sync.WaitGroup
	for range conns {
		all.Go(func() {
			if _, err := s.Due(t.Context(), billing.Period{}, "", 1); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 2 * conns {
		all.Go(func() { mustRecord(t, s, charge(fmt.Sprint("pi_", i), "alice", 1000)) })
	}
	all.Wait()
	p.cutAll()
}

func TestTheSecondHostIsUsedIfTheFirstHangs(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	p := newProxy(t, databaseURL)
	u := mustParse(t, databaseURL)
	u.Host = p.Addr() + "," + u.Host
	o := ledger.Options{Recorder: "server-a", Timeout: 6 * time.Second}
	s := openAt(t, u.String(), o)
	fillPool(t, s, connect(t, databaseURL), 4)
	p.hung.Store(true)
	p.stallAll()
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	mustRecord(t, openAt(t, u.String(), o), charge("pi_2", "alice", 1000))
	p.cutAll()
}

// fillPool has the store open connections, by calls that wait for each other's end.
func fillPool(t *testing.T, s *ledger.Store, conn *pgx.Conn, connections int) {
	t.Helper()
	mustExec(t, conn, `BEGIN; LOCK TABLE subscriptions`)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			if _, err := s.Due(t.Context(), billing.Period{}, "", 1); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < connections && t.Context().Err() == nil; {
		err := conn.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_locks
			WHERE NOT granted AND relation = 'subscriptions'::regclass`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, conn, `COMMIT`)
	all.Wait()
}

// makeReadOnly does to all transactions of the server what a failover does to the old primary's.
// It returns a connection that may write.
func makeReadOnly(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	admin := connect(t, databaseURL+"&default_transaction_read_only=off")
	mustExec(t, admin, `ALTER SYSTEM SET default_transaction_read_only = on`)
	mustExec(t, admin, `SELECT pg_reload_conf()`)
	watch := connect(t, databaseURL)
	for readOnly := ""; readOnly != "on" && t.Context().Err() == nil; {
		err := watch.QueryRow(t.Context(), `SHOW transaction_read_only`).Scan(&readOnly)
		if err != nil {
			t.Fatal(err)
		}
	}
	return admin
}

// mustNotAnswer: a mode that is told that an invoice is not charged would charge it.
func mustNotAnswer(t *testing.T, s *ledger.Store) {
	t.Helper()
	claims := s.Claims(ledger.ClaimOptions{Lease: time.Minute})
	for name, call := range map[string]func(context.Context, billing.Invoice) error{
		"Charged": func(ctx context.Context, inv billing.Invoice) error {
			_, _, err := s.Charged(ctx, inv)
			return err
		},
		"Take": func(ctx context.Context, inv billing.Invoice) error {
			_, err := claims.Take(ctx, inv)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if call(ctx, billingtest.Invoice("bob")) == nil {
			t.Errorf("%s has answered from a ledger that can't be written", name)
		}
	}
}

func setPassword(t *testing.T, databaseURL, password string) {
	t.Helper()
	mustExec(t, connect(t, databaseURL), fmt.Sprintf(`ALTER USER postgres PASSWORD '%s'`, password))
}

func mustParse(t *testing.T, databaseURL string) *url.URL {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
