package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// The ledger's claims return what MemoryClaims return, call by call, in any order of calls. So
// whatever the explorer finds with MemoryClaims also holds for them.
func TestClaimsAreLikeThoseInMemory(t *testing.T) {
	t.Parallel()
	_, s := claimStore(t)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++ // each run has its own invoices, since all share one store
		w := newClaimCalls(t, s, fmt.Sprint("run-", runs))
		steps := map[string]func(){
			"take": w.take, "register": w.register, "postpone": w.postpone, "decline": w.decline,
			"return": w.unsent, "expire": w.expire, "end pause": w.endPause, "record": w.record,
			"change": w.change,
		}
		// A charge in the ledger ends a claim, so few are recorded. A whole decline is one step,
		// because the limit of declines would seldom be reached otherwise.
		names := []string{
			"take", "take", "take", "register", "register", "postpone", "postpone",
			"return", "decline", "decline", "decline", "expire", "expire", "end pause", "record",
			"change",
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			steps[rapid.SampledFrom(names).Draw(t, "step")]()
		}
	})
}

// claimCalls makes the same calls to a store and to claims in memory.
type claimCalls struct {
	*rapid.T
	name   string
	store  claimPorts
	claims billing.Claims // the store's: those that expire, or those that don't
	memory *billingtest.MemoryClaims
	ledger *billingtest.MemoryLedger // the memory's
	taken  []billing.Claim
}

func newClaimCalls(t *rapid.T, s claimPorts, name string) *claimCalls {
	w := &claimCalls{T: t, name: name, store: s, claims: s.Claims}
	w.ledger = new(billingtest.MemoryLedger)
	w.memory = &billingtest.MemoryClaims{Ledger: w.ledger, Limit: s.Limit}
	if rapid.Bool().Draw(t, "final") {
		w.claims, w.memory.Final = s.Final, true
	}
	return w
}

// invoice draws one of two invoices, with one of two cards.
func (w *claimCalls) invoice() billing.Invoice {
	subscription := rapid.SampledFrom([]string{"alice", "bob"}).Draw(w.T, "subscription")
	inv := billingtest.Invoice(w.name + "-" + subscription)
	if rapid.Bool().Draw(w.T, "another card") {
		inv = withAnotherCard(inv)
	}
	return inv
}

// claim draws one of the claims taken so far, superseded or not.
func (w *claimCalls) claim() (c billing.Claim, ok bool) {
	if len(w.taken) == 0 {
		return c, false
	}
	return w.taken[rapid.IntRange(0, len(w.taken)-1).Draw(w.T, "claim")], true
}

// same wants both to have returned the same value, and errors of the same meaning.
func (w *claimCalls) same(what string, got any, err error, want any, wantErr error) {
	w.Helper()
	same := got == want && (err == nil) == (wantErr == nil)
	for _, reason := range []error{billing.ErrTaken, billing.ErrCharged} {
		same = same && errors.Is(err, reason) == errors.Is(wantErr, reason)
	}
	if !same {
		w.Fatalf("%s: got %v, %v; in memory %v, %v", what, got, err, want, wantErr)
	}
}

func (w *claimCalls) take() { w.takeFor(w.invoice()) }

func (w *claimCalls) takeFor(inv billing.Invoice) {
	w.Helper()
	got, err := w.claims.Take(context.Background(), inv)
	want, wantErr := w.memory.Take(context.Background(), inv)
	w.same("Take "+inv.String(), got, err, want, wantErr)
	if err == nil {
		w.taken = append(w.taken, got)
	}
}

func (w *claimCalls) register() {
	if c, ok := w.claim(); ok {
		id := func(what string) string {
			return fmt.Sprint(w.name, "-", rapid.IntRange(1, 3).Draw(w.T, what))
		}
		i := intent(id("intent"))
		i.AmountMinor += int64(rapid.IntRange(0, 1).Draw(w.T, "amount"))
		c.Intent = intent(id("replaced"))
		got, err := w.claims.Register(context.Background(), c, i)
		want, wantErr := w.memory.Register(context.Background(), c, i)
		if err != nil {
			got = want // whatever a failed call returns
		}
		w.same("Register "+i.ID+" for "+c.Key(), got, err, want, wantErr)
	}
}

func (w *claimCalls) postpone() {
	if c, ok := w.claim(); ok {
		w.giveBack(c)
	}
}

func (w *claimCalls) unsent() {
	if c, ok := w.claim(); ok {
		err := w.claims.Return(context.Background(), c)
		w.same("Return "+c.Key(), nil, err, nil, w.memory.Return(context.Background(), c))
	}
}

func (w *claimCalls) giveBack(c billing.Claim) {
	w.Helper()
	err := w.claims.Postpone(context.Background(), c)
	w.same("Postpone "+c.Key(), nil, err, nil, w.memory.Postpone(context.Background(), c))
}

// decline makes an attempt with a card that declines, if the claim can be taken, and lets the pause
// after it pass.
func (w *claimCalls) decline() {
	inv, before := w.invoice(), len(w.taken)
	w.takeFor(inv)
	if len(w.taken) > before {
		w.giveBack(w.taken[before])
		w.pass(w.store.EndPause, w.memory.EndPause, inv)
	}
}

func (w *claimCalls) change() {
	sub := w.invoice().Subscription
	sub.AmountMinor += int64(rapid.IntRange(0, 1).Draw(w.T, "amount"))
	w.store.Change(sub)
	w.ledger.Change(sub)
}

func (w *claimCalls) expire() { w.pass(w.store.Expire, w.memory.Expire, w.invoice()) }

func (w *claimCalls) endPause() { w.pass(w.store.EndPause, w.memory.EndPause, w.invoice()) }

// pass lets time pass for both.
func (w *claimCalls) pass(store, memory func(billing.Invoice), inv billing.Invoice) {
	store(inv)
	memory(inv)
}

func (w *claimCalls) record() {
	inv := w.invoice()
	c := billing.Charge{
		Invoice: inv, PaymentIntent: "pi_" + inv.String(), AmountMinor: 1000, Currency: "usd",
	}
	err := w.store.Ledger.Record(context.Background(), c)
	w.same("Record "+inv.String(), nil, err, nil, w.ledger.Record(context.Background(), c))
}
