package reconcile_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/verdict"
)

// troubles has an invoice of each kind.
func troubles() reconcile.Report {
	at := time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)
	until := time.Date(2027, time.February, 1, 0, 0, 0, 0, time.UTC)
	named := func(id string, verdicts ...verdict.Word) reconcile.Invoice {
		return reconcile.Invoice{
			Subscription: id, Period: "2026-12", Verdicts: verdicts,
			Account: reconcile.Account{Currency: "usd", DueMinor: 1000},
		}
	}
	alice := named("alice", verdict.Overcharged, verdict.Unrecorded)
	alice.Charges, alice.ChargedMinor, alice.RefundedMinor = 3, 3000, 400
	alice.Entries, alice.EnteredMinor = 2, 2000
	alice.Kept = "pi_a1"
	alice.ToDo = []reconcile.Action{
		{Kind: reconcile.RecordCharge, PaymentIntent: "pi_a3", AmountMinor: 1000, Currency: "usd"},
		{Kind: reconcile.RecordRefund, PaymentIntent: "pi_a2", Refund: "re_a2", AmountMinor: 400,
			Currency: "usd"},
		{Kind: reconcile.RefundCharge, PaymentIntent: "pi_a2", AmountMinor: 600, Currency: "usd"},
		{Kind: reconcile.RefundCharge, PaymentIntent: "pi_a3", AmountMinor: 1000, Currency: "usd"},
	}
	bob := named("bob", verdict.Right)
	bob.Charges, bob.ChargedMinor, bob.Entries, bob.EnteredMinor = 1, 1000, 1, 1000
	bob.ToDo = []reconcile.Action{{Kind: reconcile.CancelIntent, PaymentIntent: "pi_b"}}
	carol := named("carol", verdict.InDoubt, verdict.Overcharged)
	carol.Charges, carol.ChargedMinor, carol.Entries, carol.EnteredMinor = 2, 2200, 2, 2200
	carol.Remarks = []string{"pi_c1 and pi_c2 are not for the same amount: choose which to refund"}
	gone := named("gone", verdict.NotAtStripe)
	gone.DueMinor, gone.Entries, gone.EnteredMinor, gone.Currency = 0, 1, 700, "jpy"
	return reconcile.Report{
		Period: "2026-12", Since: at, Until: &until, Listed: 8,
		Tally: reconcile.Tally{
			Counts: map[verdict.Word]int{
				verdict.InDoubt: 1, verdict.Overcharged: 2, verdict.Unrecorded: 1,
				verdict.NotAtStripe: 1, verdict.Pending: 1, verdict.Unbilled: 1, verdict.Right: 1,
			},
			Totals: []reconcile.Account{
				{Currency: "jpy", EnteredMinor: 700},
				{Currency: "usd", DueMinor: 5000, ChargedMinor: 6200, RefundedMinor: 400,
					EnteredMinor: 5200},
			},
		},
		Invoices: []reconcile.Invoice{alice, bob, carol, named("dan", verdict.Pending),
			named("eve", verdict.Unbilled), gone},
		Unattributed: []reconcile.Unattributed{
			{PaymentIntent: "pi_u", AmountMinor: 500, RemainingMinor: 400, Currency: "usd",
				Created: at,
				Why:     "its metadata names neither a subscription nor a billing period"},
			{PaymentIntent: "pi_v", AmountMinor: 500, RemainingMinor: 500, Currency: "usd",
				Created:      at,
				Subscription: "zoe", Period: "2026-12",
				Why: "the ledger knows no subscription of this ID"},
		},
	}
}

// many is a long report with mostly right invoices, which are not shown.
func many() reconcile.Report {
	r := troubles()
	r.Unattributed, r.Until = nil, nil
	alice, bob := r.Invoices[0], r.Invoices[1]
	r.Invoices, r.Counts = nil, map[verdict.Word]int{}
	bob.ToDo = nil
	for n := range 1000 {
		i, v := bob, verdict.Right
		if n%10 == 0 {
			i, v = alice, verdict.Overcharged
			i.Remarks = []string{"it is one of many"}
		}
		i.Subscription = fmt.Sprintf("customer-%03d", n)
		r.Invoices = append(r.Invoices, i)
		r.Counts[v]++
	}
	return r
}

func TestText(t *testing.T) {
	t.Parallel()
	none := reconcile.Report{Period: "2026-12", Since: troubles().Since}
	quiet := troubles()
	quiet.Invoices, quiet.Unattributed = quiet.Invoices[1:2], nil
	quiet.Invoices[0].ToDo = nil
	quiet.Counts = map[verdict.Word]int{verdict.Right: 1}
	for name, r := range map[string]reconcile.Report{
		"troubles": troubles(), "many": many(), "none": none, "right": quiet,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			r.Text(&got)
			if todo := r.ToDo(); todo != "" {
				fmt.Fprintf(&got, "To do: %s.\n", todo)
			}
			golden.Check(t, name+".txt", got.String())
		})
	}
}

func TestAReportFitsItsTerminal(t *testing.T) {
	t.Parallel()
	golden.Widths(t, "troubles", func(w io.Writer) { troubles().Text(w) })
}

func TestDoneIsSaidInALine(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, a := range append(troubles().Invoices[0].ToDo, troubles().Invoices[1].ToDo...) {
		d := reconcile.Done{Invoice: "alice/2026-12", Action: a}
		fmt.Fprintln(&got, d)
		d.Error = "stripe answered 500"
		fmt.Fprintln(&got, d)
	}
	golden.Check(t, "done.txt", got.String())
}
