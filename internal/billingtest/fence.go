package billingtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

// FencedLedger is a fence and the ledger that it keeps some entries out of, for the suite.
type FencedLedger struct {
	Fence   billing.Fence
	Ledger  billing.Ledger
	Charges func(billing.Invoice) int // how many charges of an invoice the ledger has
}

// Fence runs the suite of billing.Fence. newLedger returns an empty one, for which no token has
// been issued.
func Fence(t *testing.T, newLedger func(t *testing.T) FencedLedger) {
	run := func(name string, test func(*testing.T, FencedLedger)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newLedger(t))
		})
	}
	run("issues ever higher tokens", tokensRise)
	run("issues no token twice, also if 100 callers ask at once", tokensDiffer)
	run("records under the newest token", newestRecords)
	run("refuses what comes under an older token than the newest", olderIsRefused)
	run("records a charge once, however often it is told", recordsOnceUnderToken)
	run("knows what it has recorded, also under a token that is old by now", knownIsNotStale)
	run("records each charge of an invoice: the bug must be seen", recordsEachUnderToken)
	run("refuses what contradicts the ledger", contradictionUnderToken)
	run("lets whoever gets a token see what came before it", issueSeesRecord)
	run("is another for each invoice", fencesAreIndependent)
	run("does nothing under a context that ended, and says so", fenceUnderEndedContext)
}

func tokensRise(t *testing.T, f FencedLedger) {
	var last billing.Token
	for i := range 10 {
		token := f.mustIssue(t, Invoice("alice"))
		if i > 0 && token <= last {
			t.Errorf("got %d after %d", token, last)
		}
		last = token
	}
}

func tokensDiffer(t *testing.T, f FencedLedger) {
	before := f.mustIssue(t, Invoice("alice"))
	var tokens [callers]billing.Token
	atOnce(func(i int) {
		token, err := f.Fence.Issue(t.Context(), Invoice("alice"))
		if err != nil {
			t.Error(err)
		}
		tokens[i] = token
	})
	after := f.mustIssue(t, Invoice("alice"))
	all := slices.Sorted(slices.Values(append(tokens[:], before, after)))
	if distinct := slices.Compact(slices.Clone(all)); len(distinct) != len(all) {
		t.Errorf("%d of %d tokens are different", len(distinct), len(all))
	}
	if all[0] != before || all[len(all)-1] != after {
		t.Errorf("got %v; want all between %d and %d", all, before, after)
	}
}

func newestRecords(t *testing.T, f FencedLedger) {
	f.mustIssue(t, Invoice("alice"))
	newest := f.mustIssue(t, Invoice("alice"))
	if err := f.Fence.Record(t.Context(), charge("pi_1"), newest); err != nil {
		t.Error(err)
	}
	wantCharged(t, f.Ledger, Invoice("alice"), true)
	wantCharges(t, f.Charges, 1)
}

func olderIsRefused(t *testing.T, f FencedLedger) {
	oldest := f.mustIssue(t, Invoice("alice"))
	older := f.mustIssue(t, Invoice("alice"))
	newest := f.mustIssue(t, Invoice("alice"))
	f.wantRefused(t, charge("pi_1"), older)
	wantCharges(t, f.Charges, 0)
	if err := f.Fence.Record(t.Context(), charge("pi_2"), newest); err != nil {
		t.Error(err)
	}
	// What counts is what was issued, whatever has been recorded since.
	f.wantRefused(t, charge("pi_1"), older)
	f.wantRefused(t, charge("pi_1"), oldest)
	wantCharges(t, f.Charges, 1)
}

func recordsOnceUnderToken(t *testing.T, f FencedLedger) {
	token := f.mustIssue(t, Invoice("alice"))
	atOnce(func(int) {
		if err := f.Fence.Record(t.Context(), charge("pi_1"), token); err != nil {
			t.Error(err)
		}
	})
	mustRecord(t, f.Ledger, charge("pi_1"))
	wantCharges(t, f.Charges, 1)
}

// The answer to the first call was lost, and the fence has moved on before the second.
func knownIsNotStale(t *testing.T, f FencedLedger) {
	token := f.mustIssue(t, Invoice("alice"))
	for range 2 {
		if err := f.Fence.Record(t.Context(), charge("pi_1"), token); err != nil {
			t.Error(err)
		}
		f.mustIssue(t, Invoice("alice"))
	}
	wantCharges(t, f.Charges, 1)
}

func recordsEachUnderToken(t *testing.T, f FencedLedger) {
	token := f.mustIssue(t, Invoice("alice"))
	for _, paymentIntent := range []string{"pi_1", "pi_2"} {
		if err := f.Fence.Record(t.Context(), charge(paymentIntent), token); err != nil {
			t.Error(err)
		}
	}
	wantCharges(t, f.Charges, 2)
}

func contradictionUnderToken(t *testing.T, f FencedLedger) {
	token := f.mustIssue(t, Invoice("alice"))
	mustRecord(t, f.Ledger, charge("pi_1"))
	other := charge("pi_1")
	other.AmountMinor++
	if err := f.Fence.Record(t.Context(), other, token); err == nil {
		t.Error("another amount for the same PaymentIntent: want an error")
	}
	wantCharges(t, f.Charges, 1)
}

// A token that is issued while an entry is being recorded comes before it, and the entry is
// refused; or after it, and then whoever gets the token finds the entry.
func issueSeesRecord(t *testing.T, f FencedLedger) {
	for i := range 200 {
		inv := Invoice(fmt.Sprint("alice-", i))
		c := charge(fmt.Sprint("pi_", i))
		c.Invoice = inv
		older := f.mustIssue(t, inv)
		var (
			both    sync.WaitGroup
			begin   = make(chan struct{})
			refusal error
			found   bool
		)
		both.Go(func() {
			<-begin
			refusal = f.Fence.Record(t.Context(), c, older)
		})
		both.Go(func() {
			<-begin
			f.mustIssue(t, inv)
			var err error
			if found, err = f.Ledger.Charged(t.Context(), inv); err != nil {
				t.Error(err)
			}
		})
		close(begin)
		both.Wait()
		if recorded := refusal == nil; recorded != found {
			t.Fatalf("%s: recording came to %v; is it found under the next token? %t",
				inv, refusal, found)
		}
		if refusal != nil && !errors.Is(refusal, billing.ErrStale) {
			t.Fatalf("got %v", refusal)
		}
	}
}

func fencesAreIndependent(t *testing.T, f FencedLedger) {
	token := f.mustIssue(t, Invoice("alice"))
	for range 3 {
		f.mustIssue(t, Invoice("bob"))
		f.mustIssue(t, billing.Invoice{Subscription: Subscription("alice"), Period: january()})
	}
	if err := f.Fence.Record(t.Context(), charge("pi_1"), token); err != nil {
		t.Errorf("got %v, want nothing of other invoices' tokens", err)
	}
	wantCharges(t, f.Charges, 1)
}

func fenceUnderEndedContext(t *testing.T, f FencedLedger) {
	token := f.mustIssue(t, Invoice("alice"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fence.Issue(ended, Invoice("alice")); !errors.Is(err, context.Canceled) {
		t.Errorf("Issue: got %v", err)
	}
	if err := f.Fence.Record(ended, charge("pi_1"), token); !errors.Is(err, context.Canceled) {
		t.Errorf("Record: got %v", err)
	}
	wantCharges(t, f.Charges, 0)
	// The token is still the newest.
	if err := f.Fence.Record(t.Context(), charge("pi_1"), token); err != nil {
		t.Error(err)
	}
}

func (f FencedLedger) mustIssue(t *testing.T, inv billing.Invoice) billing.Token {
	t.Helper()
	token, err := f.Fence.Issue(t.Context(), inv)
	if err != nil {
		t.Error(err)
	}
	return token
}

func (f FencedLedger) wantRefused(t *testing.T, c billing.Charge, token billing.Token) {
	t.Helper()
	if err := f.Fence.Record(t.Context(), c, token); !errors.Is(err, billing.ErrStale) {
		t.Errorf("recording under token %d: got %v, want %v", token, err, billing.ErrStale)
	}
}
