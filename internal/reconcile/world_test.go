package reconcile_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/refund"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/ledger"
)

func TestMain(m *testing.M) { servicetest.Main(m) }

// world has a simulated Stripe and a ledger for one test.
type world struct {
	t         testing.TB
	sim       *stripetest.Stripe
	control   *control.Client
	url       string // Stripe's
	database  string
	store     *ledger.Store
	stripe    *stripecharge.Client // the servers'
	dashboard dashboard            // for what a person does by hand
	period    billing.Period
	payer     billing.Subscription // has a customer and a card that works
	began     time.Time            // by Stripe's clock; zero: now
}

// dashboard has the clients that the tests need; stripe-go's own of all has 120 packages.
type dashboard struct {
	intents paymentintent.Client
	refunds refund.Client
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldAt(t, time.Time{})
}

// newWorldAt is newWorld with Stripe's clock at a time, whatever the date is today.
func newWorldAt(t testing.TB, began time.Time) *world {
	t.Helper()
	w := &world{
		t: t, database: servicetest.Database(t), period: billingtest.December(), began: began,
	}
	var err error
	w.store, err = ledger.Open(t.Context(), w.database, ledger.Options{Recorder: "server-a"})
	must(t, err)
	t.Cleanup(w.store.Close)
	w.freshStripe()
	return w
}

// freshStripe gives the world a new Stripe.
func (w *world) freshStripe() {
	w.t.Helper()
	w.sim = stripetest.Start(w.t)
	w.control = control.New(w.sim.AdminURL(), "")
	w.t.Cleanup(w.control.Close)
	if !w.began.IsZero() {
		must(w.t, w.control.SetClock(w.t.Context(), w.began))
	}
	w.url = w.sim.URL("")
	w.stripe = w.client(w.url).ForLedger(w.store.ID())
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(w.url), MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	w.dashboard.intents = paymentintent.Client{B: backend, Key: stripecharge.SimulatorKey}
	w.dashboard.refunds = refund.Client{B: backend, Key: stripecharge.SimulatorKey}
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

// reconciler returns a reconciler with its own connections.
func (w *world) reconciler() reconcile.Reconciler {
	return reconcile.Reconciler{Ledger: w.store, Stripe: w.client(w.url)}
}

// always returns a window without limits.
func always() reconcile.Window { return reconcile.Window{Since: time.Unix(0, 0)} }

func (w *world) job(apply bool) reconcile.Job {
	return reconcile.Job{Period: w.period, Window: always(), Apply: apply}
}

// run reconciles and fails the test on an error.
func (w *world) run(apply bool) reconcile.Outcome {
	w.t.Helper()
	o, err := w.reconciler().Run(w.t.Context(), w.job(apply))
	must(w.t, err)
	return o
}

// subscribe adds subscriptions of the payer at $10.
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

// charge charges the invoice, each time a second later than before.
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

// charged makes n charges of the invoice and records them.
func (w *world) charged(inv billing.Invoice, n int) (charges []billing.Charge) {
	w.t.Helper()
	for range n {
		charges = append(charges, w.charge(inv))
	}
	w.record(charges...)
	return charges
}

// refundByHand refunds in the dashboard, which the ledger does not learn of.
func (w *world) refundByHand(c billing.Charge, amountMinor int64) string {
	w.t.Helper()
	r, err := w.dashboard.refunds.New(&stripe.RefundParams{
		PaymentIntent: stripe.String(c.PaymentIntent), Amount: stripe.Int64(amountMinor),
	})
	must(w.t, err)
	return r.ID
}

// payOurs makes a payment of this ledger's in the dashboard, with this further metadata.
func (w *world) payOurs(metadata map[string]string) string {
	w.t.Helper()
	ours := map[string]string{"ledger": w.store.ID()}
	maps.Copy(ours, metadata)
	return w.pay(ours)
}

// pay makes a payment in the dashboard, with this metadata.
func (w *world) pay(metadata map[string]string) string {
	w.t.Helper()
	p, err := w.dashboard.intents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), Confirm: stripe.Bool(true),
		PaymentMethod:      stripe.String("pm_card_visa"),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Metadata:           metadata,
	})
	must(w.t, err)
	return p.ID
}

// captureInPart authorizes an amount and captures less, in the dashboard.
func (w *world) captureInPart(inv billing.Invoice, authorized, captured int64) {
	w.t.Helper()
	p, err := w.dashboard.intents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(authorized), Currency: stripe.String("usd"),
		Confirm: stripe.Bool(true), CaptureMethod: stripe.String("manual"),
		PaymentMethod:      stripe.String("pm_card_visa"),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Metadata: map[string]string{
			"ledger": w.store.ID(), "subscription": inv.Subscription.ID,
			"period": inv.Period.String(),
		},
	})
	must(w.t, err)
	_, err = w.dashboard.intents.Capture(p.ID, &stripe.PaymentIntentCaptureParams{
		AmountToCapture: stripe.Int64(captured),
	})
	must(w.t, err)
}

// prepare creates a PaymentIntent that nobody has confirmed.
func (w *world) prepare(inv billing.Invoice, generation int) string {
	w.t.Helper()
	id, err := w.stripe.Prepare(w.t.Context(), billing.Request{
		Invoice: inv, Key: inv.String() + "/" + strconv.Itoa(generation),
	})
	must(w.t, err)
	return id.ID
}

// claim takes the invoice's claim for a time; 0 is forever.
func (w *world) claim(inv billing.Invoice, lease time.Duration) billing.Claim {
	w.t.Helper()
	c, err := w.store.Claims(ledger.ClaimOptions{Lease: lease}).Take(w.t.Context(), inv)
	must(w.t, err)
	return c
}

func (w *world) register(c billing.Claim, intent string) string {
	w.t.Helper()
	registered, err := w.store.Claims(ledger.ClaimOptions{}).Register(
		w.t.Context(), c, billing.Intent{ID: intent})
	must(w.t, err)
	return registered.ID
}

// sql executes a statement for which the ledger has no method.
func (w *world) sql(statement string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.database)
	must(w.t, err)
	_, err = conn.Exec(w.t.Context(), statement, args...)
	must(w.t, errors.Join(err, conn.Close(context.Background())))
}

// sides is an invoice on both sides, read without the reconciler's code.
type sides struct {
	Charges, Refunds       int
	NetMinor               int64
	Entries, RefundEntries int
	EnteredNetMinor        int64
	Untried, Canceled      int // PaymentIntents that took no money
}

// sides reads both sides.
func (w *world) sides() map[string]sides {
	w.t.Helper()
	all := map[string]sides{}
	charges, err := w.control.ChargesSoFar(w.t.Context()) // counted inside the simulator
	must(w.t, err)
	invoiceOf := map[string]string{}
	for _, c := range charges {
		b := all[c.Subscription]
		b.Charges++
		b.NetMinor += c.AmountMinor
		all[c.Subscription] = b
		invoiceOf[c.PaymentIntent] = c.Subscription
	}
	refunds := w.dashboard.refunds.List(&stripe.RefundListParams{})
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
	intents := w.dashboard.intents.List(&stripe.PaymentIntentListParams{})
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

// once returns the sides of a right invoice that had n charges.
func once(charges int) sides {
	return sides{
		Charges: charges, Refunds: charges - 1, NetMinor: 1000,
		Entries: charges, RefundEntries: charges - 1, EnteredNetMinor: 1000,
	}
}

func (w *world) wantSides(want map[string]sides) {
	w.t.Helper()
	got := w.sides()
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
