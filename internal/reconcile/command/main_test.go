package command

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/billing/stripetest"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// reconcileArg, as the first argument, makes this test binary the command.
const reconcileArg = "reconcile"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == reconcileArg {
		os.Exit(Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	// Tests ignore what is exported in the environment.
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_URL"} {
		must(os.Unsetenv(name))
	}
	servicetest.Main(m)
}

// world has a simulated Stripe and a ledger, after three servers billed without coordination.
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
	sim := stripetest.Start(t)
	w := &world{t: t, database: servicetest.Database(t), url: sim.URL("")}
	w.api = sim.Server("").Config.Handler
	var err error
	w.stripe, err = stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: w.url,
	})
	must(err)
	w.store, err = ledger.Open(t.Context(), w.database, ledger.Options{Recorder: "test"})
	must(err)
	t.Cleanup(w.store.Close)
	w.stripe = w.stripe.ForLedger(w.store.ID())
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

// args returns the command line for this world.
func (w *world) args(more ...string) []string {
	if !slices.Contains(more, "--since") {
		more = append(more, "--since", "2025-01-01")
	}
	return append([]string{
		"--period", "2026-12", "--database-url", w.database, "--stripe-url", w.url,
	}, more...)
}

func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	status = Main(args, &out, &log)
	return status, out.String(), log.String()
}

// wantPutRight fails the test unless each invoice had this number of charges and the customer has
// paid once, on both sides.
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
			"To do: refund 4 charges ($40.00)", "Nothing was changed", "created since"}},
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
			!strings.Contains(out, "--apply can do nothing about this") {
			t.Errorf("%v: exit status %d, want 1 and that alice is unbilled:\n%s", args, status,
				out)
		}
	}
}

// Obeyed, "unbilled" would be a double charge.
func TestWhatWasLeftOutOfTheWindowIsNotLookedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.dueRun("server-a")
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, args := range [][]string{{"--until", "2026-01-01", "--since", "2025-01-01"},
		{"--since", later}, {"--since", "2025-01-01", "--until", later}} {
		_, out, _ := command(t, w.args(args...)...)
		if strings.Contains(out, "unbilled") || !strings.Contains(out, "Not looked for: ") {
			t.Errorf("%v: want it to be said what was not looked for:\n%s", args, out)
		}
	}
}

func TestWhatAPersonGaveBackIsRecordedAndNotReportedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.dueRun("server-a", "server-b")
	duplicate := w.document(1).Found.Invoices[0].ToDo[0].PaymentIntent
	args := []string{"settle", "--payment", duplicate, "--database-url", w.database,
		"--stripe-url", w.url}
	if status, _, log := command(t, args...); status != 2 || !strings.Contains(log, "--note") {
		t.Errorf("got %d, %q, want 2: a note is needed", status, log)
	}
	for range 2 {
		status, out, log := command(t, append(args, "--note", "by bank transfer, Bea")...)
		if status != 0 || log != "" || !strings.Contains(out, "$10.00 is settled by hand") {
			t.Errorf("got %d, %q, %q, want it settled", status, out, log)
		}
	}
	o := w.document(0, "--apply")
	if len(o.Done) != 0 || o.Found.Invoices[0].RefundedMinor != 1000 {
		t.Errorf("got %+v, want nothing to do", o)
	}
	var note string
	conn, err := pgx.Connect(t.Context(), w.database)
	must(err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	must(conn.QueryRow(t.Context(),
		`SELECT recorded_by FROM entries WHERE kind = 'refund'`).Scan(&note))
	if note != "by hand: by bank transfer, Bea" {
		t.Errorf("the entry is by %q", note)
	}
}

// A dry run changes nothing, and --apply makes no ledger either.
func TestWithoutALedgerNothingIsMade(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]string{
		"nothing":       "SELECT",
		"another table": "CREATE TABLE subscriptions (id int)",
	} {
		w := newWorld(t)
		w.database = servicetest.Database(t)
		conn, err := pgx.Connect(t.Context(), w.database)
		must(err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		_, err = conn.Exec(t.Context(), own)
		must(err)
		things := func() (n int) {
			must(conn.QueryRow(t.Context(), `
				SELECT count(*) FROM pg_class
				WHERE relnamespace = 'public'::regnamespace`).Scan(&n))
			return n
		}
		before := things()
		for _, args := range [][]string{nil, {"--apply"}, {"--json"}, {"--record", "--json"}} {
			status, out, log := command(t, w.args(args...)...)
			if status != 2 || out != "" || !strings.Contains(log, "there is no ledger") {
				t.Errorf("%s, %v: got %d, %q and %q, want 2 and that there is no ledger", name,
					args, status, out, log)
			}
		}
		if after := things(); after != before {
			t.Errorf("%s: %d tables and indexes were made", name, after-before)
		}
	}
}

func TestAStripeThatCanNotBeReachedIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	gone := httptest.NewServer(nil)
	gone.Close()
	w.url = gone.URL
	status, out, log := command(t, w.args()...)
	if status != 1 || out != "" || !strings.Contains(log, "--stripe-url") {
		t.Errorf("exit status %d, %q and %q, want 1 and what to do", status, out, log)
	}
}

// The JSON has the fields that package reconcile describes.
func TestForProgramsTheOutcomeIsADocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	w.dueRun("server-a", "server-b")
	dry := w.document(1)
	if dry.OK || dry.Done != nil || dry.Now != nil || len(dry.Found.Invoices) != 1 ||
		!dry.Found.Invoices[0].Is(verdict.Overcharged) ||
		len(dry.Found.Counts) != len(verdict.All()) {
		t.Errorf("got %+v of a dry run", dry)
	}
	applied := w.document(0, "--apply")
	if !applied.OK || len(applied.Done) != 1 || applied.Done[0].Refund == "" ||
		applied.Now == nil || !applied.Now.Invoices[0].Is(verdict.Right) {
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
	// A program may range over these without a check for null.
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
