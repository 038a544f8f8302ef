package worker

import (
	"errors"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/proxy"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// forgetting is a world whose Postgres has a standby that is cut off.
type forgetting struct {
	*world
	primary, standby services.Server
	address          *proxy.Proxy
}

func aboutToForget(t *testing.T, cards map[string]string) forgetting {
	t.Helper()
	s, err := services.Start(t.Context(), services.Options{SkipRedis: true, SkipPostgres: true})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var f forgetting
	f.primary, f.standby, err = s.StartReplicated(t.Context())
	if errors.Is(err, services.ErrNeedsPostgres) {
		t.Skip(err)
	}
	must(t, err)
	f.address, err = proxy.New(f.primary.URL(), nil)
	must(t, err)
	t.Cleanup(func() { _ = f.address.Close() })
	f.world = setupAt(t, f.address.URL(), cards)
	must(t, services.Detach(t.Context(), f.primary, f.standby))
	return f
}

// forget promotes the standby, which lacks what was committed since.
func (f forgetting) forget() {
	f.t.Helper()
	must(f.t, f.primary.Kill(f.t.Context()))
	must(f.t, services.Promote(f.t.Context(), f.standby))
	must(f.t, f.address.Redirect(f.standby.URL()))
	must(f.t, f.store.Intact(f.t.Context())) // nothing of this was acknowledged to the test's own
}

// reconcile applies what there is to do, and returns that.
func (f forgetting) reconcile() (kinds []reconcile.Kind) {
	f.t.Helper()
	charger, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: f.stripe["server-a"],
	})
	must(f.t, err)
	f.t.Cleanup(charger.Close)
	december, err := billing.ParsePeriod("2026-12")
	must(f.t, err)
	o, err := reconcile.Reconciler{Ledger: f.store, Stripe: charger}.Run(f.t.Context(),
		reconcile.Job{
			Period: december, Window: reconcile.Window{Since: time.Unix(0, 0)}, Apply: true,
		})
	must(f.t, err)
	for _, d := range o.Done {
		kinds = append(kinds, d.Kind)
		if d.Error != "" {
			f.t.Error(d)
		}
	}
	return kinds
}

// wantStopped waits for the end of a server that must reconcile first.
func wantStopped(t *testing.T, n *node) {
	t.Helper()
	if err := <-n.done; !errors.Is(err, ledger.ErrForgot) {
		t.Errorf("it ended with %v, want ErrForgot", err)
	}
}

func TestAServerWhoseLedgerForgetsStopsUntilItIsReconciled(t *testing.T) {
	t.Parallel()
	f := aboutToForget(t, map[string]string{
		"alice": "pm_card_visa", "bob": "pm_card_chargeCustomerFail",
	})
	stays := start(t, f.config("server-a", "exactly-once"))
	if r := stays.run(); r.Billed != 1 || r.Declined != 1 {
		t.Fatalf("got %+v, want alice billed and bob declined", r)
	}
	f.forget()
	must(t, f.control.Advance(t.Context(), 25*time.Hour)) // Stripe has forgotten the keys

	// The server that was told of alice's entry stops, and so do others from then on.
	must(t, startRun(stays))
	if e := stays.wait(event.ServerStopping, ""); e.Reason == "" {
		t.Errorf("got %+v", e)
	}
	wantStopped(t, stays)
	c := f.config("server-b", "exactly-once")
	c.Listen = ""
	other := start(t, c)
	wantStopped(t, other)
	if kinds := other.kinds(""); slices.Contains(kinds, event.RunStarted) {
		t.Errorf("server-b began a due run: %v", kinds)
	}
	f.want("alice", verdict.Counts{Charges: 1})

	// What Stripe knows is restored, once.
	f.add("bob", "pm_card_visa")
	kinds := f.reconcile()
	if len(kinds) != 2 || kinds[0] == kinds[1] {
		t.Errorf("got %v, want alice's entry and bob's claim", kinds)
	}
	if again := f.reconcile(); len(again) > 0 {
		t.Errorf("the second time it did %v", again)
	}
	next := start(t, f.config("server-c", "exactly-once"))
	if r := next.run(); r.Billed != 1 || r.Failed != 0 {
		t.Errorf("got %+v, want bob billed", r)
	}
	// Bob's customer is another now, so what server-a had registered is replaced.
	if kinds := next.kinds("bob/2026-12"); !slices.Contains(kinds, event.IntentCanceled) {
		t.Errorf("got %v, want the restored PaymentIntent canceled", kinds)
	}
	for _, id := range []string{"alice", "bob"} {
		f.want(id, verdict.Counts{Charges: 1, Entries: 1})
	}
}
