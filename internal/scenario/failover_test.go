package scenario

import (
	"flag"
	"testing"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/proxy"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

var failoverInvoices = flag.Int("failover-invoices", 200,
	"how many invoices are billed while Postgres fails over twice")

// replicated is a Postgres with a synchronous standby, and the address at which servers find it.
type replicated struct {
	t                *testing.T
	own              *services.Services
	primary, standby services.Server
	address          *proxy.Proxy
}

func newReplicated(t *testing.T) *replicated {
	t.Helper()
	own, err := services.Start(t.Context(), services.Options{SkipPostgres: true, SkipRedis: true})
	must(t, err)
	t.Cleanup(func() { must(t, own.Close()) })
	r := &replicated{t: t, own: own}
	r.primary, err = own.StartPostgres(t.Context())
	must(t, err)
	r.address, err = proxy.New(r.primary.URL(), nil)
	must(t, err)
	t.Cleanup(func() { _ = r.address.Close() })
	r.addStandby()
	return r
}

func (r *replicated) addStandby() {
	r.t.Helper()
	var err error
	r.standby, err = r.own.StartStandby(r.t.Context(), r.primary)
	must(r.t, err)
	must(r.t, services.Synchronize(r.t.Context(), r.primary))
}

// failOver promotes the standby and moves the address. The old primary stays up, read-only, with
// the connections that servers have to it.
func (r *replicated) failOver() {
	r.t.Helper()
	must(r.t, services.Fence(r.t.Context(), r.primary))
	must(r.t, services.Promote(r.t.Context(), r.standby))
	must(r.t, r.address.Lead(r.standby.URL()))
	r.primary = r.standby
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAnew has the test read the new primary, too, not one to which its connections stay.
func readAnew(t *testing.T, p *play) {
	t.Helper()
	p.sides.store.Close()
	var err error
	p.sides.store, err = ledger.Open(t.Context(), p.database, ledger.Options{Recorder: "demo"})
	must(t, err)
}

// Each server has connections to the old primary, from its run of the month before.
func TestServersFollowAPostgresThatFailsOver(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"locked", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const invoices = 6
			r := newReplicated(t)
			p := begin(t, newHarness(t, r.address.URL(), servicetest.OwnRedis(t).URL()),
				scenarioOf(mode, invoices))
			for _, w := range p.workers {
				must(t, fleet.Fire(t.Context(), p.At.AddDate(0, -1, 0), w.Server))
			}
			r.failOver()
			must(t, p.fireAll(t.Context()))
			readAnew(t, p)
			checkAll(t, accounts(t, p), invoices, verdict.Counts{Charges: 1, Entries: 1})
		})
	}
}

func TestPostgresFailsOverTwiceInARun(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"locked", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			r := newReplicated(t)
			p := begin(t, newHarness(t, r.address.URL(), servicetest.OwnRedis(t).URL()),
				scenarioOf(mode, *failoverInvoices))
			began := time.Now()
			done := make(chan error, 1)
			go func() { done <- p.fireAll(t.Context()) }()
			r.failOverAt(p, *failoverInvoices/4)
			r.addStandby()
			r.failOverAt(p, *failoverInvoices/2)
			must(t, <-done)
			readAnew(t, p)
			checkAll(t, accounts(t, p), *failoverInvoices, verdict.Counts{Charges: 1, Entries: 1})
			t.Logf("%s: %d invoices in %v", mode, *failoverInvoices, time.Since(began))
		})
	}
}

// failOverAt fails over once so many invoices are charged.
func (r *replicated) failOverAt(p *play, charges int) {
	r.t.Helper()
	for read, charged := 0, 0; ; {
		events, more := p.events.Since(read)
		read += len(events)
		for _, e := range events {
			if e.Kind == event.ChargeSucceeded {
				charged++
			}
		}
		if charged >= charges {
			break
		}
		select {
		case <-more:
		case <-r.t.Context().Done():
			r.t.Fatalf("%d charges", charged)
		}
	}
	began := time.Now()
	r.failOver()
	r.t.Logf("failed over in %v", time.Since(began))
}
