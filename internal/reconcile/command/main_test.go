package command

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/ledger"
)

// reconcileArg, as the first argument, makes this test binary the command.
const reconcileArg = "reconcile"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == reconcileArg {
		os.Exit(Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	// What somebody has exported is not for tests.
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_URL"} {
		must(os.Unsetenv(name))
	}
	servicetest.Main(m)
}

// world is a Stripe, simulated, and a ledger, after three servers billed without coordination.
type world struct {
	t        *testing.T
	api      http.Handler
	url      string // Stripe's
	database string
	store    *ledger.Store
	stripe   *stripecharge.Client
}

func newWorld(t *testing.T, ids ...string) *world {
	t.Helper()
	sim := stripesim.New(stripesim.Options{})
	w := &world{t: t, database: servicetest.Database(t), api: sim.Handler("")}
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	w.url = server.URL
	var err error
	w.stripe, err = stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: server.URL,
	})
	must(err)
	w.store, err = ledger.Open(t.Context(), w.database, ledger.Options{Recorder: "test"})
	must(err)
	t.Cleanup(w.store.Close)
	payer := billingtest.Subscription("payer")
	payer.Customer = "Alice"
	payer, err = w.stripe.SetUp(t.Context(), payer)
	must(err)
	var subs []billing.Subscription
	for _, id := range ids {
		payer.ID = id
		subs = append(subs, payer)
	}
	must(w.store.AddSubscriptions(t.Context(), subs))
	return w
}

// dueRun makes each server charge every invoice.
func (w *world) dueRun(servers ...string) {
	w.t.Helper()
	mode, err := billing.ModeNamed("uncoordinated")
	must(err)
	var group errgroup.Group
	for _, server := range servers {
		worker := billing.Worker{
			Server: server, Invoices: w.store, Concurrency: 4,
			Mode:   mode.New(billing.Ports{Ledger: w.store, Charger: w.stripe}),
			Report: func(_ billing.Invoice, _ billing.Outcome, err error) { must(err) },
		}
		group.Go(func() error {
			_, err := worker.DueRun(w.t.Context(), billingtest.December())
			return err
		})
	}
	must(group.Wait())
}

// args are the command line for this world.
func (w *world) args(more ...string) []string {
	return append([]string{
		"--period", "2026-12", "--database-url", w.database, "--stripe-url", w.url,
		"--since", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
	}, more...)
}

func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	status = Main(args, &out, &log)
	return status, out.String(), log.String()
}

// wantPutRight wants each invoice charged so often, and the customer to have paid once, on both
// sides.
func (w *world) wantPutRight(invoices, charges int) {
	w.t.Helper()
	taken, refunded, kept := 0, 0, map[string]int64{}
	for i, err := range w.stripe.AllIntents(w.t.Context(), time.Unix(0, 0), time.Time{}) {
		must(err)
		taken++
		refunded += len(i.Refunds)
		kept[i.Subscription] += i.RemainingMinor
	}
	if taken != invoices*charges || refunded != invoices*(charges-1) || len(kept) != invoices {
		w.t.Errorf("Stripe has %d charges of %d invoices and %d refunds, want %d, %d and %d",
			taken, len(kept), refunded, invoices*charges, invoices, invoices*(charges-1))
	}
	audit, err := w.store.Audit(w.t.Context(), billingtest.December())
	must(err)
	for _, line := range audit.Invoices {
		if kept[line.Subscription] != 1000 || line.NetMinor() != 1000 ||
			line.Charges != charges || line.Refunds != charges-1 {
			w.t.Errorf("Stripe kept %d and the ledger says %+v, want 1000 of %d charges",
				kept[line.Subscription], line, charges)
		}
	}
}

func TestWhatIsWrongIsFoundPutRightAndNotFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice", "bob")
	w.dueRun("server-a", "server-b", "server-c")
	for _, step := range []struct {
		args   []string
		status int
		want   []string
	}{
		{nil, 1, []string{"3 × $10.00 = $30.00", "refund $20.00", "2 overcharged",
			"To do: refund 4 charges ($40.00)", "Nothing was changed", "all that were created since"}},
		{nil, 1, []string{"To do: refund 4 charges ($40.00)"}}, // nothing was changed
		{[]string{"--apply"}, 0, []string{"alice/2026-12: refunded pi_", "(re_",
			"3 × $10.00 = $30.00 less $20.00", "Due $20.00, paid $20.00, in the ledger $20.00"}},
		{nil, 0, []string{"2 right", "Nothing to do."}},
		{[]string{"--apply"}, 0, []string{"2 right", "Nothing to do."}},
	} {
		status, out, log := command(t, w.args(step.args...)...)
		if status != step.status || log != "" {
			t.Errorf("%v: exit status %d and %q, want %d", step.args, status, log, step.status)
		}
		for _, want := range step.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: %q is missing in:\n%s", step.args, want, out)
			}
		}
	}
	w.wantPutRight(2, 3)
}

func TestWhatCanNotBePutRightIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	for _, args := range [][]string{nil, {"--apply"}} {
		status, out, _ := command(t, w.args(args...)...)
		if status != 1 || !strings.Contains(out, "1 unbilled") ||
			!strings.Contains(out, "nothing that --apply could do") {
			t.Errorf("%v: exit status %d, want 1 and that alice is unbilled:\n%s", args, status, out)
		}
	}
}

func TestAStripeThatCanNotBeReachedIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	gone := httptest.NewServer(nil)
	gone.Close()
	status, out, log := command(t, w.args("--stripe-url", gone.URL)...)
	if status != 1 || out != "" || !strings.Contains(log, "--stripe-url") {
		t.Errorf("exit status %d, %q and %q, want 1 and what to do", status, out, log)
	}
}

// The document is what package reconcile says it is.
func TestForProgramsTheOutcomeIsADocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.dueRun("server-a", "server-b")
	dry := w.document(1)
	if dry.OK || dry.Done != nil || dry.Now != nil || len(dry.Found.Invoices) != 1 ||
		!dry.Found.Invoices[0].Is(reconcile.Overcharged) ||
		len(dry.Found.Counts) != len(reconcile.Verdicts()) {
		t.Errorf("got %+v of a dry run", dry)
	}
	applied := w.document(0, "--apply")
	if !applied.OK || len(applied.Done) != 1 || applied.Done[0].Refund == "" ||
		applied.Now == nil || !applied.Now.Invoices[0].Is(reconcile.Right) {
		t.Errorf("got %+v once it was applied", applied)
	}
	again := w.document(0, "--apply")
	if !again.OK || again.Done == nil || len(again.Done) != 0 || again.Now != nil {
		t.Errorf("got %+v from a second run", again)
	}
}

func (w *world) document(status int, args ...string) (o reconcile.Outcome) {
	w.t.Helper()
	got, out, log := command(w.t, w.args(append(args, "--json")...)...)
	if got != status || log != "" {
		w.t.Errorf("%v: exit status %d and %q, want %d", args, got, log, status)
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	must(d.Decode(&o))
	// A program may go through these without asking whether they are there.
	var raw struct {
		Found map[string]json.RawMessage
	}
	must(json.Unmarshal([]byte(out), &raw))
	for _, list := range []string{"counts", "totals", "invoices", "unattributed"} {
		if value := string(raw.Found[list]); value == "" || value == "null" {
			w.t.Errorf("%q is %q, want a list", list, value)
		}
	}
	return o
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
