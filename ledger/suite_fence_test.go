package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// fencePorts is a fence and the ledger that it guards, for the suite.
type fencePorts struct {
	Fence   billing.Fence
	Ledger  billing.Ledger
	Charges func(billing.Invoice) int // how many charges of an invoice the ledger has
}

// fenceSuite is what every billing.Fence must pass. newLedger returns an empty one, whose fences
// were never raised.
func fenceSuite(t *testing.T, newLedger func(t *testing.T) fencePorts) {
	run := suite(t, newLedger)
	run("raises to higher tokens only", tokensRise)
	run("lets one caller of 100 raise it to a token", oneRaises)
	run("records under the newest token", newestRecords)
	run("refuses to record under a token older than the newest", olderIsRefused)
	run("records a charge once, however often it is asked to", recordsOnceUnderToken)
	run("knows what it has recorded, even under a token that is stale", knownIsNotStale)
	run("records each charge of an invoice: the bug must be seen", recordsEachUnderToken)
	run("refuses what contradicts the ledger", contradictionUnderToken)
	run("shows the holder of a new token what was recorded before it", issueSeesRecord)
	run("keeps the invoices apart", fencesAreIndependent)
	run("does nothing under a context that ended, and returns its error", fenceUnderEndedContext)
}

func tokensRise(t *testing.T, f fencePorts) {
	for _, token := range []billing.Token{1, 2, 5} {
		f.mustRaise(t, billingtest.Invoice("alice"), token)
		for lower := range token + 1 { // itself, too: two leases may have it if Redis forgot one
			err := f.Fence.Raise(t.Context(), billingtest.Invoice("alice"), lower)
			if !errors.Is(err, billing.ErrStale) {
				t.Errorf("raising to %d after %d: %v, want %v", lower, token, err, billing.ErrStale)
			}
		}
		got, err := f.Fence.Highest(t.Context(), billingtest.Invoice("alice"))
		if err != nil || got != token {
			t.Errorf("the highest is %d, %v; want %d", got, err, token)
		}
	}
}

func oneRaises(t *testing.T, f fencePorts) {
	var raised atomic.Int32
	atOnce(func(int) {
		switch err := f.Fence.Raise(t.Context(), billingtest.Invoice("alice"), 7); {
		case err == nil:
			raised.Add(1)
		case !errors.Is(err, billing.ErrStale):
			t.Error(err)
		}
	})
	if n := raised.Load(); n != 1 {
		t.Errorf("%d callers raised it to the same token", n)
	}
}

func newestRecords(t *testing.T, f fencePorts) {
	f.mustRaiseNext(t, billingtest.Invoice("alice"))
	newest := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	f.mustRecord(t, charge("pi_1", "alice", 1000), newest)
	wantCharged(t, f.Ledger, billingtest.Invoice("alice"), true)
	wantCharges(t, f.Charges, 1)
}

func olderIsRefused(t *testing.T, f fencePorts) {
	oldest := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	older := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	newest := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	f.wantNotTaken(t, charge("pi_1", "alice", 1000), older)
	wantCharges(t, f.Charges, 0)
	f.mustRecord(t, charge("pi_2", "alice", 1000), newest)
	// The newest token issued counts, whatever was recorded since.
	f.wantNotTaken(t, charge("pi_1", "alice", 1000), older)
	f.wantNotTaken(t, charge("pi_1", "alice", 1000), oldest)
	wantCharges(t, f.Charges, 1)
}

func recordsOnceUnderToken(t *testing.T, f fencePorts) {
	token := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	atOnce(func(int) { f.mustRecord(t, charge("pi_1", "alice", 1000), token) })
	mustRecord(t, f.Ledger, charge("pi_1", "alice", 1000))
	wantCharges(t, f.Charges, 1)
}

// The answer to the first call was lost, and the fence has moved on before the second.
func knownIsNotStale(t *testing.T, f fencePorts) {
	token := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	for range 2 {
		f.mustRecord(t, charge("pi_1", "alice", 1000), token)
		f.mustRaiseNext(t, billingtest.Invoice("alice"))
	}
	wantCharges(t, f.Charges, 1)
}

func recordsEachUnderToken(t *testing.T, f fencePorts) {
	token := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	for _, paymentIntent := range []string{"pi_1", "pi_2"} {
		f.mustRecord(t, charge(paymentIntent, "alice", 1000), token)
	}
	wantCharges(t, f.Charges, 2)
}

func contradictionUnderToken(t *testing.T, f fencePorts) {
	token := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	mustRecord(t, f.Ledger, charge("pi_1", "alice", 1000))
	other := charge("pi_1", "alice", 1000)
	other.AmountMinor++
	if err := f.Fence.Record(t.Context(), other, token); err == nil {
		t.Error("another amount for the same PaymentIntent: want an error")
	}
	wantCharges(t, f.Charges, 1)
}

// A token that is raised while an entry is being recorded comes before it, and the entry is
// refused; or after it, and then whoever gets the token finds the entry.
func issueSeesRecord(t *testing.T, f fencePorts) {
	for i := range 200 {
		inv := billingtest.Invoice(fmt.Sprint("alice-", i))
		c := charge(fmt.Sprint("pi_", i), "alice", 1000)
		c.Invoice = inv
		older := f.mustRaiseNext(t, inv)
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
			f.mustRaiseNext(t, inv)
			var err error
			if _, found, err = f.Ledger.Charged(t.Context(), inv); err != nil {
				t.Error(err)
			}
		})
		close(begin)
		both.Wait()
		if recorded := refusal == nil; recorded != found {
			t.Fatalf("%s: recording returned %v; is it found under the next token? %t",
				inv, refusal, found)
		}
		if refusal != nil && !errors.Is(refusal, billing.ErrStale) {
			t.Fatalf("got %v", refusal)
		}
	}
}

func fencesAreIndependent(t *testing.T, f fencePorts) {
	token := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	for range 3 {
		f.mustRaiseNext(t, billingtest.Invoice("bob"))
		f.mustRaiseNext(t, inJanuary("alice"))
	}
	if err := f.Fence.Record(t.Context(), charge("pi_1", "alice", 1000), token); err != nil {
		t.Errorf("got %v; other invoices' tokens must not count", err)
	}
	wantCharges(t, f.Charges, 1)
}

func fenceUnderEndedContext(t *testing.T, f fencePorts) {
	token := f.mustRaiseNext(t, billingtest.Invoice("alice"))
	ended := endedContext(t)
	err := f.Fence.Raise(ended, billingtest.Invoice("alice"), token+1)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Raise: got %v", err)
	}
	err = f.Fence.Record(ended, charge("pi_1", "alice", 1000), token)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Record: got %v", err)
	}
	wantCharges(t, f.Charges, 0)
	// The token is still the newest.
	f.mustRecord(t, charge("pi_1", "alice", 1000), token)
}

func (f fencePorts) mustRaiseNext(t *testing.T, inv billing.Invoice) billing.Token {
	t.Helper()
	token, err := f.Fence.Highest(t.Context(), inv)
	if err != nil {
		t.Error(err)
	}
	f.mustRaise(t, inv, token+1)
	return token + 1
}

func (f fencePorts) mustRaise(t *testing.T, inv billing.Invoice, token billing.Token) {
	t.Helper()
	if err := f.Fence.Raise(t.Context(), inv, token); err != nil {
		t.Errorf("raising to %d: %v", token, err)
	}
}

func (f fencePorts) mustRecord(t *testing.T, c billing.Charge, token billing.Token) {
	t.Helper()
	if err := f.Fence.Record(t.Context(), c, token); err != nil {
		t.Errorf("recording under token %d: %v", token, err)
	}
}

func (f fencePorts) wantNotTaken(t *testing.T, c billing.Charge, token billing.Token) {
	t.Helper()
	if err := f.Fence.Record(t.Context(), c, token); !errors.Is(err, billing.ErrStale) {
		t.Errorf("recording under token %d: got %v, want %v", token, err, billing.ErrStale)
	}
}
