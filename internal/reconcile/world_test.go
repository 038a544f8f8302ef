package reconcile_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/ledger"
)

func TestMain(m *testing.M) { servicetest.Main(m) }

// world is a Stripe, simulated, and a ledger, for one test.
type world struct {
	t         testing.TB
	sim       *stripesim.Simulator
	control   *control.Client
	url       string // Stripe's
	database  string
	store     *ledger.Store
	stripe    *stripecharge.Client // the servers'
	dashboard *client.API          // what a person does by hand
	period    billing.Period
	payer     billing.Subscription // has a customer and a card that works
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, database: servicetest.Database(t), period: billingtest.December()}
	var err error
	w.store, err = ledger.Open(t.Context(), w.database, ledger.Options{Recorder: "server-a"})
	must(t, err)
	t.Cleanup(w.store.Close)
	w.freshStripe()
	return w
}

// freshStripe gives the world a Stripe that nobody has used.
func (w *world) freshStripe() {
	w.t.Helper()
	w.sim = stripesim.New(stripesim.Options{})
	api, admin := httptest.NewServer(w.sim.Handler("")), httptest.NewServer(w.sim.Admin(""))
	w.control = control.New(admin.URL, "")
	w.url = api.URL
	w.t.Cleanup(func() {
		w.control.Close()
		_ = w.sim.Close() // always nil; before the listeners close, which wait for held requests
		api.Close()
		admin.Close()
	})
	w.stripe = w.client(api.URL)
	w.dashboard = client.New(stripecharge.SimulatorKey, &stripe.Backends{
		API: stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
			URL: stripe.String(api.URL), MaxNetworkRetries: stripe.Int64(0),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		}),
	})
	var err error
	w.payer, err = w.stripe.SetUp(w.t.Context(), billing.Subscription{
		ID: "payer", Customer: "Alice", PaymentMethod: "pm_card_visa", AmountMinor: 1000,
		Currency: "usd",
	})
	must(w.t, err)
}

func (w *world) client(url string) *stripecharge.Client {
	w.t.Helper()
	c, err := stripecharge.New(stripecharge.Options{Key: stripecharge.SimulatorKey, URL: url})
	must(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

// reconciler is one on a machine of its own.
func (w *world) reconciler() reconcile.Reconciler {
	return reconcile.Reconciler{Ledger: w.store, Stripe: w.client(w.url)}
}

// always is a window that leaves nothing out.
func always() reconcile.Window { return reconcile.Window{Since: time.Unix(0, 0)} }

func (w *world) job(apply bool) reconcile.Job {
	return reconcile.Job{Period: w.period, Window: always(), Apply: apply}
}

// run reconciles, and wants no error.
func (w *world) run(apply bool) reconcile.Outcome {
	w.t.Helper()
	o, err := w.reconciler().Run(w.t.Context(), w.job(apply))
	must(w.t, err)
	return o
}

// subscribe adds subscriptions of the payer's, at $10.
func (w *world) subscribe(ids ...string) {
	w.t.Helper()
	var subs []billing.Subscription
	for _, id := range ids {
		subs = append(subs, w.invoice(id).Subscription)
	}
	must(w.t, w.store.AddSubscriptions(w.t.Context(), subs))
}

func (w *world) invoice(id string) billing.Invoice {
	s := w.payer
	s.ID = id
	return billing.Invoice{Subscription: s, Period: w.period}
}

// charge takes the invoice's amount, each time a second later than before.
func (w *world) charge(inv billing.Invoice) billing.Charge {
	w.t.Helper()
	must(w.t, w.control.Advance(w.t.Context(), time.Second))
	c, err := w.stripe.Charge(w.t.Context(), billing.Request{Invoice: inv})
	must(w.t, err)
	return c
}

func (w *world) record(charges ...billing.Charge) {
	w.t.Helper()
	for _, c := range charges {
		must(w.t, w.store.Record(w.t.Context(), c))
	}
}

// charged is n charges of the invoice, recorded.
func (w *world) charged(inv billing.Invoice, n int) (charges []billing.Charge) {
	w.t.Helper()
	for range n {
		charges = append(charges, w.charge(inv))
	}
	w.record(charges...)
	return charges
}

// refundByHand gives money back in the dashboard, of which the ledger hears nothing.
func (w *world) refundByHand(c billing.Charge, amountMinor int64) string {
	w.t.Helper()
	r, err := w.dashboard.Refunds.New(&stripe.RefundParams{
		PaymentIntent: stripe.String(c.PaymentIntent), Amount: stripe.Int64(amountMinor),
	})
	must(w.t, err)
	return r.ID
}

// pay makes a payment in the dashboard, with this metadata.
func (w *world) pay(metadata map[string]string) string {
	w.t.Helper()
	p, err := w.dashboard.PaymentIntents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), Confirm: stripe.Bool(true),
		PaymentMethod:      stripe.String("pm_card_visa"),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Metadata:           metadata,
	})
	must(w.t, err)
	return p.ID
}

// prepare creates a PaymentIntent that nobody has confirmed.
func (w *world) prepare(inv billing.Invoice, generation int) string {
	w.t.Helper()
	id, err := w.stripe.Prepare(w.t.Context(), billing.Request{
		Invoice: inv, Key: inv.String() + "/" + strconv.Itoa(generation),
	})
	must(w.t, err)
	return id
}

// claim takes the invoice's claim for so long, 0 for good.
func (w *world) claim(inv billing.Invoice, lease time.Duration) billing.Claim {
	w.t.Helper()
	c, err := w.store.Claims(ledger.ClaimOptions{Lease: lease}).Take(w.t.Context(), inv)
	must(w.t, err)
	return c
}

func (w *world) register(c billing.Claim, intent string) string {
	w.t.Helper()
	registered, err := w.store.Claims(ledger.ClaimOptions{}).Register(w.t.Context(), c, intent)
	must(w.t, err)
	return registered
}

// sql is for what the ledger doesn't offer.
func (w *world) sql(statement string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.database)
	must(w.t, err)
	_, err = conn.Exec(w.t.Context(), statement, args...)
	must(w.t, errors.Join(err, conn.Close(context.Background())))
}

// books is what an invoice has on both sides, read in other ways than the reconciler reads it.
type books struct {
	Charges, Refunds       int
	NetMinor               int64
	Entries, RefundEntries int
	EnteredNetMinor        int64
	Untried, Canceled      int // PaymentIntents that took no money
}

// books reads both sides.
func (w *world) books() map[string]books {
	w.t.Helper()
	all := map[string]books{}
	charges, err := w.control.ChargesSoFar(w.t.Context()) // counted behind the API
	must(w.t, err)
	invoiceOf := map[string]string{}
	for _, c := range charges {
		b := all[c.Subscription]
		b.Charges++
		b.NetMinor += c.AmountMinor
		all[c.Subscription] = b
		invoiceOf[c.PaymentIntent] = c.Subscription
	}
	refunds := w.dashboard.Refunds.List(&stripe.RefundListParams{})
	for refunds.Next() {
		r := refunds.Refund()
		if r.Status == stripe.RefundStatusFailed {
			continue
		}
		b := all[invoiceOf[r.PaymentIntent.ID]]
		b.Refunds++
		b.NetMinor -= r.Amount
		all[invoiceOf[r.PaymentIntent.ID]] = b
	}
	must(w.t, refunds.Err())
	intents := w.dashboard.PaymentIntents.List(&stripe.PaymentIntentListParams{})
	for intents.Next() {
		p := intents.PaymentIntent()
		b := all[p.Metadata["subscription"]]
		switch p.Status {
		case stripe.PaymentIntentStatusRequiresPaymentMethod:
			b.Untried++
		case stripe.PaymentIntentStatusCanceled:
			b.Canceled++
		}
		all[p.Metadata["subscription"]] = b
	}
	must(w.t, intents.Err())
	audit, err := w.store.Audit(w.t.Context(), w.period)
	must(w.t, err)
	for _, line := range audit.Invoices {
		b := all[line.Subscription]
		b.Entries += line.Charges
		b.RefundEntries += line.Refunds
		b.EnteredNetMinor += line.NetMinor()
		all[line.Subscription] = b
	}
	return all
}

// once is an invoice that was charged so often and is right.
func once(charges int) books {
	return books{
		Charges: charges, Refunds: charges - 1, NetMinor: 1000,
		Entries: charges, RefundEntries: charges - 1, EnteredNetMinor: 1000,
	}
}

func (w *world) wantBooks(want map[string]books) {
	w.t.Helper()
	got := w.books()
	for id, b := range want {
		if got[id] != b {
			w.t.Errorf("%s: got %+v, want %+v", id, got[id], b)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
