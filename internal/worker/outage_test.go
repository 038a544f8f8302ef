package worker

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
)

// wantAllOnce compares both sides of each of the invoices that addMany has added.
func (w *world) wantAllOnce(many int) {
	w.t.Helper()
	december, err := billing.ParsePeriod("2026-12")
	must(w.t, err)
	charges, err := w.control.ChargesSoFar(w.t.Context())
	must(w.t, err)
	charged := map[string]int{}
	for _, c := range charges {
		charged[c.Subscription]++
	}
	audit, err := w.store.Audit(w.t.Context(), december)
	must(w.t, err)
	wrong := 0
	for _, line := range audit.Invoices {
		if charged[line.Subscription] != 1 || line.Charges != 1 {
			wrong++
		}
	}
	if wrong > 0 || len(audit.Invoices) != many || len(charges) != many {
		w.t.Errorf("%d of %d invoices don't have one charge and one entry; %d charges",
			wrong, len(audit.Invoices), len(charges))
	}
}

// outages are one within the pauses of a port's patience, one within the patience, and one beyond
// it, in which the run must be held.
func outages(t *testing.T) map[string]time.Duration {
	t.Helper()
	all := map[string]time.Duration{"0.8 s": 800 * time.Millisecond, "3 s": 3 * time.Second}
	if !testing.Short() {
		all["13 s"] = 13 * time.Second
	}
	return all
}

// away stops the server, and starts it again after the outage.
func away(t *testing.T, s services.Server, outage time.Duration) {
	t.Helper()
	must(t, s.Kill(t.Context()))
	time.Sleep(outage) // how long it lasts decides nothing but which of the waits it meets
	must(t, s.Start(t.Context()))
}

// changePassword makes Postgres refuse the servers, and accepts them again after the outage.
func changePassword(t *testing.T, s services.Server, outage time.Duration) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), s.URL())
	must(t, err)
	defer func() { _ = admin.Close(context.WithoutCancel(t.Context())) }()
	set := func(password string) {
		_, err := admin.Exec(t.Context(),
			fmt.Sprintf(`ALTER USER CURRENT_USER PASSWORD '%s'`, password))
		must(t, err)
	}
	u, err := url.Parse(s.URL())
	must(t, err)
	before, _ := u.User.Password()
	set("another")
	// Open connections would stay good.
	_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = CURRENT_USER AND pid <> pg_backend_pid()`)
	must(t, err)
	time.Sleep(outage)
	set(before)
}

func TestNoInvoiceIsLostWhileADependencyIsAway(t *testing.T) {
	t.Parallel()
	const many = 600
	for name, outage := range outages(t) {
		for _, mode := range []string{"naive-lock", "locked"} {
			t.Run("Redis/"+name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				w := setup(t, nil)
				w.addMany(many, "alice")
				redis := servicetest.OwnRedis(t)
				c := w.config("server-a", mode)
				c.RedisURL, c.Hold, c.Concurrency = redis.URL(), 2*time.Minute, DefaultConcurrency
				c.LockTTL, c.LockPatience = 5*time.Second, redislock.DefaultPatience
				n := start(t, c)
				must(t, startRun(n))
				n.waitFor(event.LeaseObtained, many/10)
				away(t, redis, outage)
				if e := n.wait(event.RunFinished, ""); e.Error != "" || e.Level != "INFO" {
					t.Errorf("got %+v, want no error", e)
				}
				w.wantAllOnce(many)
			})
		}
		for _, row := range []struct {
			mode, how string
			leave     func(*testing.T, services.Server, time.Duration)
		}{
			{"locked", "", away}, {"exactly-once", "", away},
			{"locked", "another password/", changePassword},
		} {
			t.Run("Postgres/"+row.how+name+"/"+row.mode, func(t *testing.T) {
				t.Parallel()
				postgres := servicetest.OwnPostgres(t)
				w := setupAt(t, postgres.URL(), nil)
				w.addMany(many, "alice")
				c := w.config("server-a", row.mode)
				c.Hold, c.Concurrency = 2*time.Minute, DefaultConcurrency
				n := start(t, c)
				must(t, startRun(n))
				n.waitFor(event.LedgerRecorded, many/10)
				row.leave(t, postgres, outage)
				if outage > portsPatience {
					n.wait(event.RunHeld, "")
					n.wait(event.RunResumed, "")
				}
				if e := n.wait(event.RunFinished, ""); e.Error != "" || e.Level != "INFO" {
					t.Errorf("got %+v, want no error", e)
				}
				w.wantAllOnce(many)
			})
		}
	}
}
