package trial_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/ledger"
)

// Our own worker, put on trial in a mode, comes to the rows of the matrix. TRIAL_MODES names the
// modes, or is "all", and takes half a minute a mode; otherwise it is one mode under three faults.
func TestOurOwnWorkerComesToTheRowsOfTheMatrix(t *testing.T) {
	t.Parallel()
	svc, err := services.Start(t.Context(), services.Options{SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Close() })
	named := os.Getenv("TRIAL_MODES")
	all := named != ""
	modes := strings.Split(cmp.Or(named, "locked"), ",")
	for _, mode := range billing.Modes() {
		if named != "all" && !slices.Contains(modes, mode.Name) {
			continue
		}
		t.Run(mode.Name, func(t *testing.T) {
			if all {
				t.Parallel()
			}
			for _, lease := range []faults.Lease{faults.LongLease, faults.ShortLease} {
				o := options(t)
				o.Services, o.Postgres, o.Redis = svc, "DATABASE_URL", "REDIS_URL"
				ttl := 30 * time.Second
				if lease == faults.ShortLease {
					ttl, o.LockTTL = 2*time.Second, 3*time.Second
				}
				o.Setup = o.Command[0] + " subscribe"
				nodes := ""
				if mode.Lock == billing.QuorumLock {
					nodes = quorum(t, svc)
				}
				o.Command = []string{"/bin/sh", "-c", fmt.Sprintf(
					`STRIPE_URL=$STRIPE_API_BASE STRIPE_SECRET_KEY= WORKER_REDIS_NODES=%s exec %s \
ours --name "$SERVER_NAME" --mode %s --at 2026-12-01T00:00:00Z --force-at --hold 0s \
--lock-ttl %v --claim-ttl %[4]v --lock-patience 200ms --stripe-timeout 5m \
--lock-prefix "$(basename "$TRIAL_DIR")"`, nodes, o.Command[0], mode.Name, ttl)}
				var fs []faults.Fault
				for _, f := range o.Faults() {
					row, err := faults.Named(f)
					if err != nil {
						t.Fatal(err)
					}
					chosen := all || f == faults.None || f == faults.Late || f == faults.LostReply
					// Its nodes are not the trial's Redis.
					elsewhere := nodes != "" && strings.HasPrefix(string(f), "redis-")
					if row.Lease == lease && chosen && !elsewhere {
						fs = append(fs, f)
					}
				}
				wantCells(t, o, mode.Name, fs...)
			}
		})
	}
}

// quorum starts the nodes of a quorum lock.
func quorum(t *testing.T, svc *services.Services) string {
	t.Helper()
	var urls []string
	for range 5 {
		node, err := svc.StartRedis(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, "'"+node.URL()+"'")
	}
	return strings.Join(urls, ",")
}

// subscribe is --setup: it makes Alice a customer with the card in PAYMENT_METHOD, and her
// subscription an entry in the ledger.
func subscribe() error {
	ctx := context.Background()
	store, err := ledger.Open(ctx, os.Getenv("DATABASE_URL"), ledger.Options{Recorder: "setup"})
	if err != nil {
		return err
	}
	defer store.Close()
	stripe, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: os.Getenv("STRIPE_API_BASE"),
	})
	if err != nil {
		return err
	}
	defer stripe.Close()
	alice, err := stripe.ForLedger(store.ID()).SetUp(ctx, billing.Subscription{
		ID: "alice", Customer: "Alice", AmountMinor: 1000, Currency: "usd",
		PaymentMethod: os.Getenv("PAYMENT_METHOD"),
	})
	if err != nil {
		return err
	}
	return store.AddSubscriptions(ctx, []billing.Subscription{alice})
}
