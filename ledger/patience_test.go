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
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/ledger"
)

// away is a Postgres that can be away, and come back.
type away struct {
	t     *testing.T
	p     *faultyProxy
	own   *services.Services
	first services.Server // at which the proxy leads
	admin *pgx.Conn       // to it, which may always write; nil while it is down
}

// ways are the ways to be away. Each returns how it comes back.
func ways() map[string]func(*away) (back func()) {
	return map[string]func(*away) func(){
		"refused": func(a *away) func() {
			a.p.Cut()
			return a.p.Heal
		},
		"hung": func(a *away) func() {
			a.p.hung.Store(true)
			a.p.stallAll()
			return func() {
				a.p.hung.Store(false)
				a.p.cutAll()
			}
		},
		"read-only": func(a *away) func() {
			a.must(services.Fence(a.t.Context(), a.first))
			return func() {
				mustExec(a.t, a.admin, `ALTER SYSTEM RESET default_transaction_read_only`)
				mustExec(a.t, a.admin, `SELECT pg_reload_conf()`)
			}
		},
		"starting": func(a *away) func() {
			a.p.refusal.Store("57P03")
			a.p.cutAll()
			return func() { a.p.refusal.Store("") }
		},
		"full": func(a *away) func() {
			a.p.refusal.Store("53300")
			a.p.cutAll()
			return func() { a.p.refusal.Store("") }
		},
		"killed and restarted": func(a *away) func() {
			a.must(a.first.Kill(a.t.Context()))
			return func() { a.must(a.first.Start(a.t.Context())) }
		},
		"failed over": func(a *away) func() {
			standby, err := a.own.StartStandby(a.t.Context(), a.first)
			a.must(err)
			a.must(services.Synchronize(a.t.Context(), a.first))
			a.must(services.Fence(a.t.Context(), a.first))
			return func() {
				a.must(services.Promote(a.t.Context(), standby))
				host := mustParse(a.t, standby.URL()).Host
				a.p.movedTo.Store(&host)
			}
		},
		"its password changed": func(a *away) func() {
			secret, _ := mustParse(a.t, a.first.URL()).User.Password()
			mustExec(a.t, a.admin, `ALTER USER postgres PASSWORD 'another'`)
			a.p.cutAll()
			return func() {
				mustExec(a.t, a.admin, fmt.Sprintf(`ALTER USER postgres PASSWORD '%s'`, secret))
			}
		},
		"its tables are being restored": func(a *away) func() {
			mustExec(a.t, a.admin, `ALTER SCHEMA public RENAME TO before; CREATE SCHEMA public`)
			return func() {
				mustExec(a.t, a.admin, `DROP SCHEMA public; ALTER SCHEMA before RENAME TO public`)
			}
		},
	}
}

func (a *away) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// portCalls are the ports' calls that a due run makes.
func portCalls(s *ledger.Store, claims ledger.Claims, taken billing.Claim, name string,
) map[string]func(context.Context) error {
	c := charge("pi_"+name, "customer-"+name, 1000)
	return map[string]func(context.Context) error{
		"Charged": func(ctx context.Context) error {
			_, _, err := s.Charged(ctx, c.Invoice)
			return err
		},
		"Record": func(ctx context.Context) error { return s.Record(ctx, c) },
		"Take": func(ctx context.Context) error {
			_, err := claims.Take(ctx, billingtest.Invoice("taken-"+name))
			return err
		},
		"Register": func(ctx context.Context) error {
			_, err := claims.Register(ctx, taken, intent("pi_registered"))
			return err
		},
		"Due": func(ctx context.Context) error {
			_, err := s.Due(ctx, c.Invoice.Period, "", 10)
			return err
		},
	}
}

// For less than the patience, each call is made all the same. For more, each returns
// ErrUnavailable, after which the run holds.
func TestPostgresIsWaitedForAsLongAsTheLedgerHasPatience(t *testing.T) {
	t.Parallel()
	own, err := services.Start(t.Context(),
		services.Options{SkipRedis: true, SkipPostgres: true})
	all := &away{t: t, own: own}
	all.must(err)
	t.Cleanup(func() { all.must(own.Close()) })
	for name, leave := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &away{t: t, own: own}
			var err error
			a.first, err = own.StartPostgres(t.Context())
			a.must(err)
			t.Cleanup(func() { a.must(own.Discard(context.Background(), a.first)) })
			a.p = newProxy(t, a.first.URL())
			a.admin = connect(t, a.first.URL()+"&default_transaction_read_only=off")
			patient := openAt(t, a.p.URL(),
				ledger.Options{Recorder: "server-a", Timeout: 2 * time.Minute})
			const patience = 3 * time.Second
			hasty := openAt(t, a.p.URL(), ledger.Options{Recorder: "server-b", Timeout: patience})
			claims := patient.Claims(ledger.ClaimOptions{Lease: time.Hour})
			taken, err := claims.Take(t.Context(), billingtest.Invoice("claimed"))
			a.must(err)

			back := leave(a)
			var waiting sync.WaitGroup
			for call, do := range portCalls(patient, claims, taken, "patient") {
				waiting.Go(func() {
					if err := do(t.Context()); err != nil {
						t.Errorf("%s, for less than the patience: %v", call, err)
					}
				})
			}
			var given sync.WaitGroup
			theirs := hasty.Claims(ledger.ClaimOptions{Lease: time.Hour})
			for call, do := range portCalls(hasty, theirs, taken, "hasty") {
				given.Go(func() {
					err := do(t.Context())
					// A list may be read on a standby: who charges from it asks first.
					if !errors.Is(err, billing.ErrUnavailable) && (err != nil || call != "Due") {
						t.Errorf("%s, for more than the patience: got %v", call, err)
					}
				})
			}
			given.Wait() // more than the hasty one's patience, less than the other's
			back()
			waiting.Wait()
			inv := charge("", "customer-patient", 0).Invoice
			if n := charges(t, patient, inv); n != 1 {
				t.Errorf("%d entries, want 1", n)
			}
			a.p.cutAll() // or closing the pools would say goodbye to what hangs
		})
	}
}
