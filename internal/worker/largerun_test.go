package worker

import (
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/proxy"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
)

// largeRuns, if set, makes the runs below as large as the figures in docs/scale.md.
const largeRuns = "LARGE_RUNS"

// redisTwins are a primary and its replica under one address, as behind a Sentinel.
type redisTwins struct {
	t                *testing.T
	primary, replica services.Server
	address          *proxy.Proxy
}

func newRedisTwins(t *testing.T) *redisTwins {
	t.Helper()
	r := &redisTwins{t: t, primary: servicetest.OwnRedis(t), replica: servicetest.OwnRedis(t)}
	var err error
	r.address, err = proxy.New(r.primary.URL(), nil)
	must(t, err)
	t.Cleanup(func() { must(t, r.address.Close()) })
	r.replicate()
	return r
}

func (r *redisTwins) ask(s services.Server, command ...any) {
	r.t.Helper()
	client, err := redislock.Open(s.URL())
	must(r.t, err)
	defer func() { _ = client.Close() }()
	if err := client.Do(r.t.Context(), command...).Err(); err != nil {
		// An embedded Redis doesn't replicate: then the promoted one is empty, as after the loss of
		// the replication link.
		if redis.HasErrorPrefix(err, "ERR unknown command") {
			return
		}
		r.t.Fatal(err)
	}
}

func (r *redisTwins) replicate() {
	r.t.Helper()
	u, err := url.Parse(r.primary.URL())
	must(r.t, err)
	host, port, err := net.SplitHostPort(u.Host)
	must(r.t, err)
	r.ask(r.replica, "replicaof", host, port)
}

// restart restarts the primary, which comes back empty.
func (r *redisTwins) restart() {
	r.t.Helper()
	must(r.t, r.primary.Kill(r.t.Context()))
	must(r.t, r.primary.Start(r.t.Context()))
}

// failOver kills the primary and promotes the replica; what was the primary becomes its replica.
func (r *redisTwins) failOver() {
	r.t.Helper()
	must(r.t, r.primary.Kill(r.t.Context()))
	r.ask(r.replica, "replicaof", "no", "one")
	must(r.t, r.address.Redirect(r.replica.URL()))
	must(r.t, r.primary.Start(r.t.Context()))
	r.primary, r.replica = r.replica, r.primary
	r.replicate()
}

// charged returns how many charges each subscription has at Stripe, and how many entries.
func (w *world) charged() (charges, entries map[string]int) {
	w.t.Helper()
	charges, entries = map[string]int{}, map[string]int{}
	all, err := w.control.ChargesSoFar(w.t.Context())
	must(w.t, err)
	for _, c := range all {
		charges[c.Subscription]++
	}
	december, err := billing.ParsePeriod("2026-12")
	must(w.t, err)
	audit, err := w.store.Audit(w.t.Context(), december)
	must(w.t, err)
	for _, line := range audit.Invoices {
		entries[line.Subscription] = line.Charges
	}
	return charges, entries
}

// untilCharged returns when Stripe has made that many charges.
func (w *world) untilCharged(n int) {
	w.t.Helper()
	for {
		all, err := w.control.ChargesSoFar(w.t.Context())
		must(w.t, err)
		if len(all) >= n {
			return
		}
		time.Sleep(50 * time.Millisecond) // the next look
	}
}

// Redis restarts empty three times in a run and fails over three times. No lease that it forgets
// costs an invoice. With several servers it costs a second charge, at worst one for each invoice in
// flight then.
func TestLockedOutlivesRestartsAndFailoversOfRedis(t *testing.T) {
	t.Parallel()
	many := 1000
	if os.Getenv(largeRuns) != "" {
		many = 20_000
	}
	for name, servers := range map[string][]string{
		"one server": {"server-a"}, "three servers": {"server-a", "server-b", "server-c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			w.addMany(many, "alice")
			redis := newRedisTwins(t)
			w.redis = redis.address.URL()
			var all []*node
			inFlight := 0
			for _, server := range servers {
				c := w.config(server, "locked")
				c.Listen, c.Hold, c.Concurrency = "", 5*time.Minute, DefaultConcurrency
				c.LockTTL, c.LockPatience, c.Quiet = 5*time.Second, redislock.DefaultPatience, true
				inFlight += c.Concurrency + waitingAtMost
				all = append(all, start(t, c))
			}
			for i := range 6 {
				w.untilCharged(many * (i + 1) / 8)
				if i%2 == 0 {
					redis.restart()
				} else {
					redis.failOver()
				}
			}
			for i, n := range all {
				if err := <-n.done; err != nil {
					t.Errorf("%s: %v", servers[i], err)
				}
			}
			charges, entries := w.charged()
			over, unrecorded := 0, 0
			for id, n := range charges {
				over += n - 1
				unrecorded += n - entries[id]
			}
			t.Logf("%d invoices, %d charged twice, %d unrecorded; at most %d were in flight",
				many, over, unrecorded, inFlight)
			if len(charges) != many || unrecorded != 0 {
				t.Errorf("%d of %d invoices are charged, %d charges have no entry", len(charges),
					many, unrecorded)
			}
			if most := 6 * inFlight * (len(servers) - 1); over > most {
				t.Errorf("%d second charges; want at most %d, of those in flight", over, most)
			}
		})
	}
}
