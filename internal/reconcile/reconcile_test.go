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
	"example.com/triplecharge/internal/verdict"
)

func TestEachStateIsNamedAndPutRight(t *testing.T) {
	t.Parallel()
	for _, s := range slices.Concat(
		charges(), refunds(), contradictions(), claims(), forgotten(), inert(),
	) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.subscribe("alice", "bob")
			inv := w.invoice("alice")
			s.make(w, inv)

			// A dry run reports it and changes nothing.
			before := w.sides()
			dry := w.run(false)
			s.check(t, dry.Found, s.found, s.todo)
			if dry.Done != nil || dry.Now != nil || dry.OK {
				t.Errorf("got %+v from a dry run, and bob is unbilled", dry)
			}
			if after := w.sides(); !maps.Equal(after, before) {
				t.Errorf("a dry run made %+v of %+v", after, before)
			}

			// --apply corrects what can be corrected.
			want := s.now
			if want == "" {
				want = s.found
			}
			applied := w.run(true)
			if applied.Now != nil {
				s.check(t, *applied.Now, want, "")
			}
			w.wantSides(map[string]sides{"alice": s.sides})

			// A second --apply has nothing to do.
			again := w.run(true)
			s.check(t, again.Found, want, "")
			w.wantSides(map[string]sides{"alice": s.sides})
		})
	}
}

// check compares alice's invoice in a report with the verdicts and actions. A refund that the bank
// refused can be tried again.
func (s state) check(t *testing.T, r reconcile.Report, verdicts, todo string) {
	t.Helper()
	i := invoiceIn(t, r, "alice")
	if got := join(i.Verdicts); got != verdicts {
		t.Errorf("got %q, want %q: %q", got, verdicts, i.Remarks)
	}
	if i.Is(verdict.Overcharged) && todo == "" {
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
	n := slices.IndexFunc(r.Invoices,
		func(i reconcile.Invoice) bool { return i.Subscription == id })
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
	w.wantSides(map[string]sides{"alice": once(3), "bob": once(3)})
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
		want[w.payOurs(metadata)] = true
	}
	// Neither is listed: one is for another period, the other was refunded.
	w.payOurs(map[string]string{"subscription": "zoe", "period": "2026-11"})
	w.refundByHand(billing.Charge{PaymentIntent: w.payOurs(nil)}, 1000)

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
	if i := invoiceIn(t, o.Found, "alice"); !i.Is(verdict.Right) {
		t.Errorf("alice: %+v, want her right", i)
	}
	w.wantSides(map[string]sides{"alice": {4, 0, 4000, 1, 0, 1000, 0, 0}})
}

// A charge from outside the window is seen only if the ledger names it.
func TestTheWindowIsSaidAndKeptTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.subscribe("alice", "bob")
	w.charged(w.invoice("alice"), 1) // before the window, recorded
	w.charge(w.invoice("bob"))       // before the window, not recorded
	carol, dan := w.invoice("carol"), w.invoice("dan")
	w.register(w.claim(carol, time.Minute), w.prepare(carol, 1))
	w.confirm(dan, w.register(w.claim(dan, time.Minute), w.prepare(dan, 1)))
	must(t, w.control.Advance(t.Context(), 24*time.Hour))
	since := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	until := since.Add(48 * time.Hour)

	for _, window := range []reconcile.Window{
		{Since: since, Until: until}, {Since: since, Partial: true},
		{Since: time.Unix(0, 0), Until: time.Unix(1, 0)},
	} {
		r, err := w.reconciler().Compare(t.Context(), w.period, window)
		must(t, err)
		if !r.Since.Equal(window.Since) || r.Until != nil && !r.Until.Equal(window.Until) ||
			(r.Until == nil) != window.Until.IsZero() || r.Listed != 0 || !r.Partial || r.OK() {
			t.Errorf("got %+v, want nothing listed in %+v", r, window)
		}
		for id, want := range map[string]string{
			"alice": right, "bob": notLookedFor, "carol": pending, "dan": unrecorded,
		} {
			if got := join(invoiceIn(t, r, id).Verdicts); got != want {
				t.Errorf("%s: got %q, want %q", id, got, want)
			}
		}
		var text strings.Builder
		if r.Text(&text); !strings.Contains(text.String(), "Not looked for: what was created") {
			t.Errorf("it doesn't say what was not looked for:\n%s", text.String())
		}
	}
}

// December's card was replaced in February.
func TestALateChargeIsFoundByDefault(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2027, 2, 15, 0, 0, 0, 0, time.UTC))
	w.subscribe("alice")
	w.charge(w.invoice("alice"))
	for month := range 12 {
		now := time.Date(2027, time.Month(3+month), 1, 0, 0, 0, 0, time.UTC)
		r, err := w.reconciler().Compare(t.Context(), w.period,
			reconcile.DefaultWindow(w.period, now))
		must(t, err)
		if got := join(invoiceIn(t, r, "alice").Verdicts); got != unrecorded {
			t.Errorf("on %v: got %q, want it unrecorded", now, got)
		}
	}
}

func TestTheDefaultWindowHasNoEnd(t *testing.T) {
	t.Parallel()
	december := billing.PeriodOf(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		must(t, err)
		return d
	}
	for _, tt := range []struct{ now, since string }{
		{"2026-12-10", "2026-11-24"},
		{"2027-06-01", "2026-11-24"},
		{"2026-05-10", "2026-05-03"}, // the month has not begun
	} {
		got := reconcile.DefaultWindow(december, day(tt.now))
		want := reconcile.Window{Since: day(tt.since)}
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
	want := map[string]sides{}
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
		o.Found.Counts[verdict.Overcharged] != 11 || o.Found.Counts[verdict.Unrecorded] != 158 ||
		o.Now.Counts[verdict.Right] != 1100 {
		t.Errorf("got %d listed, %d invoices, %v, then %v", o.Found.Listed, len(o.Found.Invoices),
			o.Found.Counts, o.Now.Counts)
	}
	w.wantSides(want)
}
