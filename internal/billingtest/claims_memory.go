package billingtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
)

// LikeMemoryClaims holds a store to what MemoryClaims do, call by call, whatever is called in
// whatever order. So what is found out about the modes over MemoryClaims is true over the store.
func LikeMemoryClaims(t *testing.T, s ClaimStore) {
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++ // each run has invoices of its own: the store is the same
		w := newClaimWalk(t, s, fmt.Sprint("run-", runs))
		steps := map[string]func(){
			"take": w.take, "register": w.register, "postpone": w.postpone, "decline": w.decline,
			"expire": w.expire, "end pause": w.endPause, "record": w.record,
		}
		// Few charges in the ledger, which end all that can happen to a claim; whole declines, as
		// the limit of them would seldom be met otherwise.
		names := []string{
			"take", "take", "take", "register", "register", "postpone", "postpone",
			"decline", "decline", "decline", "expire", "expire", "end pause", "record",
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			steps[rapid.SampledFrom(names).Draw(t, "step")]()
		}
	})
}

// claimWalk makes the same calls to a store and to claims in memory.
type claimWalk struct {
	*rapid.T
	name   string
	store  ClaimStore
	claims billing.Claims // the store's that expire, or those that don't
	memory *MemoryClaims
	taken  []billing.Claim
}

func newClaimWalk(t *rapid.T, s ClaimStore, name string) *claimWalk {
	w := &claimWalk{T: t, name: name, store: s, claims: s.Claims}
	w.memory = &MemoryClaims{Ledger: new(MemoryLedger), Limit: s.Limit}
	if rapid.Bool().Draw(t, "final") {
		w.claims, w.memory.Final = s.Final, true
	}
	return w
}

// invoice draws one of two invoices, with one of two cards.
func (w *claimWalk) invoice() billing.Invoice {
	subscription := rapid.SampledFrom([]string{"alice", "bob"}).Draw(w.T, "subscription")
	inv := Invoice(w.name + "-" + subscription)
	if rapid.Bool().Draw(w.T, "another card") {
		inv = withAnotherCard(inv)
	}
	return inv
}

// claim draws one of the claims that were taken, however long ago.
func (w *claimWalk) claim() (c billing.Claim, ok bool) {
	if len(w.taken) == 0 {
		return c, false
	}
	return w.taken[rapid.IntRange(0, len(w.taken)-1).Draw(w.T, "claim")], true
}

// same wants both to have returned the same, and errors that mean the same.
func (w *claimWalk) same(what string, got any, err error, want any, wantErr error) {
	w.Helper()
	same := got == want && (err == nil) == (wantErr == nil)
	for _, reason := range []error{billing.ErrTaken, billing.ErrCharged} {
		same = same && errors.Is(err, reason) == errors.Is(wantErr, reason)
	}
	if !same {
		w.Fatalf("%s: got %v, %v; in memory %v, %v", what, got, err, want, wantErr)
	}
}

func (w *claimWalk) take() { w.takeFor(w.invoice()) }

func (w *claimWalk) takeFor(inv billing.Invoice) {
	w.Helper()
	got, err := w.claims.Take(context.Background(), inv)
	want, wantErr := w.memory.Take(context.Background(), inv)
	w.same("Take "+inv.String(), got, err, want, wantErr)
	if err == nil {
		w.taken = append(w.taken, got)
	}
}

func (w *claimWalk) register() {
	if c, ok := w.claim(); ok {
		intent := fmt.Sprint(w.name, "-", rapid.IntRange(1, 3).Draw(w.T, "intent"))
		got, err := w.claims.Register(context.Background(), c, intent)
		want, wantErr := w.memory.Register(context.Background(), c, intent)
		w.same("Register "+intent+" for "+c.Key(), got, err, want, wantErr)
	}
}

func (w *claimWalk) postpone() {
	if c, ok := w.claim(); ok {
		w.giveBack(c)
	}
}

func (w *claimWalk) giveBack(c billing.Claim) {
	w.Helper()
	err := w.claims.Postpone(context.Background(), c)
	w.same("Postpone "+c.Key(), nil, err, nil, w.memory.Postpone(context.Background(), c))
}

// decline is an attempt with a card that declines, if there may be one, and the pause after it.
func (w *claimWalk) decline() {
	inv, before := w.invoice(), len(w.taken)
	w.takeFor(inv)
	if len(w.taken) > before {
		w.giveBack(w.taken[before])
		w.pass(w.store.EndPause, w.memory.EndPause, inv)
	}
}

func (w *claimWalk) expire() { w.pass(w.store.Expire, w.memory.Expire, w.invoice()) }

func (w *claimWalk) endPause() { w.pass(w.store.EndPause, w.memory.EndPause, w.invoice()) }

// pass lets time pass for both.
func (w *claimWalk) pass(store, memory func(billing.Invoice), inv billing.Invoice) {
	store(inv)
	memory(inv)
}

func (w *claimWalk) record() {
	inv := w.invoice()
	c := billing.Charge{
		Invoice: inv, PaymentIntent: "pi_" + inv.String(), AmountMinor: 1000, Currency: "usd",
	}
	err := w.store.Ledger.Record(context.Background(), c)
	w.same("Record "+inv.String(), nil, err, nil, w.memory.Ledger.Record(context.Background(), c))
}
