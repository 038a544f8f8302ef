package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/reconcile"
)

func TestEachStateIsNamedAndPutRight(t *testing.T) {
	t.Parallel()
	for _, s := range slices.Concat(charges(), refunds(), contradictions(), claims(), inert()) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.subscribe("alice", "bob")
			inv := w.invoice("alice")
			s.make(w, inv)

			// Dry: it is named, and nothing is changed.
			before := w.books()
			dry := w.run(false)
			s.check(t, dry.Found, s.found, s.todo)
			if dry.Done != nil || dry.Now != nil || dry.OK {
				t.Errorf("got %+v from a dry run, and bob is unbilled", dry)
			}
			if after := w.books(); !maps.Equal(after, before) {
				t.Errorf("a dry run made %+v of %+v", after, before)
			}

			// Applied: it is put right as far as that goes.
			want := s.now
			if want == "" {
				want = s.found
			}
			applied := w.run(true)
			if applied.Now != nil {
				s.check(t, *applied.Now, want, "")
			}
			w.wantBooks(map[string]books{"alice": s.books})

			// Again: there is nothing to do, and nothing happens.
			again := w.run(true)
			s.check(t, again.Found, want, "")
			w.wantBooks(map[string]books{"alice": s.books})
		})
	}
}

// check holds alice's invoice in a report to the verdicts and actions. What the bank refuses can be
// tried again.
func (s state) check(t *testing.T, r reconcile.Report, verdicts, todo string) {
	t.Helper()
	i := invoiceIn(t, r, "alice")
	if got := join(i.Verdicts); got != verdicts {
		t.Errorf("got %q, want %q: %q", got, verdicts, i.Remarks)
	}
	if i.Is(reconcile.Overcharged) && todo == "" {
		return
	}
	var kinds []reconcile.Kind
	for _, a := range i.ToDo {
		kinds = append(kinds, a.Kind)
	}
	if got := join(kinds); got != todo {
		t.Errorf("to do is %q, want %q", got, todo)
	}
}

func invoiceIn(t testing.TB, r reconcile.Report, id string) reconcile.Invoice {
	t.Helper()
	n := slices.IndexFunc(r.Invoices, func(i reconcile.Invoice) bool { return i.Subscription == id })
	if n < 0 {
		t.Fatalf("%s is not in %+v", id, r)
	}
	return r.Invoices[n]
}

func join[T ~string](words []T) string {
	var s []string
	for _, w := range words {
		s = append(s, string(w))
	}
	return strings.Join(s, ", ")
}

func TestTheEarliestChargeIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice", "bob")
	kept := w.charged(w.invoice("alice"), 3)[0].PaymentIntent
	// Within one second, by ID.
	now, err := w.control.Now(t.Context())
	must(t, err)
	must(t, w.control.SetClock(t.Context(), now.Add(time.Hour).Truncate(time.Second)))
	var ids []string
	for range 3 {
		c, err := w.stripe.Charge(t.Context(), billing.Request{Invoice: w.invoice("bob")})
		must(t, err)
		ids = append(ids, c.PaymentIntent)
	}
	o := w.run(true)
	for id, want := range map[string]string{"alice": kept, "bob": slices.Min(ids)} {
		if i := invoiceIn(t, o.Found, id); i.Kept != want {
			t.Errorf("%s: kept %s, want %s", id, i.Kept, want)
		}
		left, err := w.stripe.Intent(t.Context(), want)
		must(t, err)
		if left.RemainingMinor != 1000 {
			t.Errorf("%s: %+v, want it untouched", id, left)
		}
	}
	w.wantBooks(map[string]books{"alice": once(3), "bob": once(3)})
}

func TestPaymentsThatBelongToNoInvoiceAreListedAndLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice")
	w.charged(w.invoice("alice"), 1)
	want := map[string]bool{}
	for _, metadata := range []map[string]string{
		nil,
		{"subscription": "alice"},
		{"period": "2026-12"},
		{"subscription": "alice", "period": "December"},
		{"subscription": "alice", "period": "2026-13"},
		{"subscription": "zoe", "period": "2026-12"},
	} {
		want[w.pay(metadata)] = true
	}
	// These are nobody's business here: another period, and money that is back.
	w.pay(map[string]string{"subscription": "zoe", "period": "2026-11"})
	w.refundByHand(billing.Charge{PaymentIntent: w.pay(nil)}, 1000)

	o := w.run(true)
	got := map[string]bool{}
	for _, u := range o.Found.Unattributed {
		got[u.PaymentIntent] = true
		if u.Why == "" || u.RemainingMinor != 1000 {
			t.Errorf("%+v, want it to say why, and $10", u)
		}
	}
	if !maps.Equal(got, want) || o.OK || len(o.Done) > 0 {
		t.Errorf("got %v, want %v listed and left: %+v", got, want, o)
	}
	if i := invoiceIn(t, o.Found, "alice"); !i.Is(reconcile.Right) {
		t.Errorf("alice: %+v, want her right", i)
	}
	w.wantBooks(map[string]books{"alice": {4, 0, 4000, 1, 0, 1000, 0, 0}})
}

// A charge of another time than is listed is not seen, unless the ledger names it.
func TestTheWindowIsSaidAndKeptTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice", "bob")
	w.charged(w.invoice("alice"), 1) // early, and recorded
	w.charge(w.invoice("bob"))       // early, and not
	carol, dan := w.invoice("carol"), w.invoice("dan")
	w.register(w.claim(carol, time.Minute), w.prepare(carol, 1))
	w.confirm(dan, w.register(w.claim(dan, time.Minute), w.prepare(dan, 1)))
	must(t, w.control.Advance(t.Context(), 24*time.Hour))
	since := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	until := since.Add(48 * time.Hour)

	window := reconcile.Window{Since: since, Until: until}
	r, err := w.reconciler().Compare(t.Context(), w.period, window)
	must(t, err)
	if !r.Since.Equal(since) || r.Until == nil || !r.Until.Equal(until) || r.Listed != 0 {
		t.Errorf("got %+v, want nothing listed from %v to %v", r, since, until)
	}
	for id, want := range map[string]string{
		"alice": right, "bob": unbilled, "carol": pending, "dan": unrecorded,
	} {
		if got := join(invoiceIn(t, r, id).Verdicts); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestTheDefaultWindowReachesIntoJanuary(t *testing.T) {
	t.Parallel()
	december := billing.PeriodOf(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		must(t, err)
		return d
	}
	for _, tt := range []struct{ now, since, until string }{
		{"2026-12-10", "2026-11-24", ""},
		{"2027-01-20", "2026-11-24", ""},
		{"2027-06-01", "2026-11-24", "2027-02-01"},
		{"2026-05-10", "2026-05-03", ""}, // tried out, before its time
	} {
		got := reconcile.DefaultWindow(december, day(tt.now))
		want := reconcile.Window{Since: day(tt.since)}
		if tt.until != "" {
			want.Until = day(tt.until)
		}
		if got != want {
			t.Errorf("on %s: got %v, want %v", tt.now, got, want)
		}
	}
}

func TestAThousandInvoicesAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for n := range 1100 {
		ids = append(ids, fmt.Sprintf("customer-%04d", n))
	}
	w.subscribe(ids...)
	want := map[string]books{}
	for n, id := range ids {
		times := 1
		if n%100 == 0 {
			times = 2
		}
		for range times {
			c, err := w.stripe.Charge(t.Context(), billing.Request{Invoice: w.invoice(id)})
			must(t, err)
			if n%7 != 0 {
				w.record(c)
			}
		}
		want[id] = once(times)
	}
	o := w.run(true)
	if !o.OK || o.Found.Listed != 1111 || len(o.Found.Invoices) != 1100 ||
		o.Found.Counts[reconcile.Overcharged] != 11 || o.Found.Counts[reconcile.Unrecorded] != 158 ||
		o.Now.Counts[reconcile.Right] != 1100 {
		t.Errorf("got %d listed, %d invoices, %v, then %v", o.Found.Listed, len(o.Found.Invoices),
			o.Found.Counts, o.Now.Counts)
	}
	w.wantBooks(want)
}
