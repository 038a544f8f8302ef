package billingtest

import (
	"fmt"
	"slices"
	"testing"

	"example.com/triplecharge/billing"
)

func ownerFirst(t *testing.T, s ClaimStore) {
	overtaken, owner := takeOver(t, s)
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_owner")
	mustRegister(t, s.Claims, overtaken, "pi_overtaken", "pi_owner")
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_owner")
}

func overtakenFirst(t *testing.T, s ClaimStore) {
	overtaken, owner := takeOver(t, s)
	mustRegister(t, s.Claims, overtaken, "pi_overtaken", "pi_overtaken")
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_overtaken")
	mustRegister(t, s.Claims, overtaken, "pi_another", "pi_overtaken")
}

func registeredAtOnce(t *testing.T, s ClaimStore) {
	overtaken, owner := takeOver(t, s)
	var told [callers]string
	atOnce(func(i int) {
		c := []billing.Claim{overtaken, owner}[i%2]
		registered, err := s.Claims.Register(t.Context(), c, fmt.Sprint("pi_", i))
		if err != nil {
			t.Error(err)
		}
		told[i] = registered
	})
	s.Expire(Invoice("alice"))
	want := mustTake(t, s.Claims, Invoice("alice")).Intent
	if want == "" {
		t.Error("none is registered")
	}
	if i := slices.IndexFunc(told[:], func(got string) bool { return got != want }); i >= 0 {
		t.Errorf("caller %d was told %q; %q is registered", i, told[i], want)
	}
}

// A PaymentIntent that two invoices have would be one charge for both.
func intentOfAnotherInvoice(t *testing.T, s ClaimStore) {
	alice, bob := mustTake(t, s.Claims, Invoice("alice")), mustTake(t, s.Claims, Invoice("bob"))
	mustRegister(t, s.Claims, alice, "pi_alice", "pi_alice")
	if got, err := s.Claims.Register(t.Context(), bob, "pi_alice"); err == nil {
		t.Errorf("got %s for Bob, want an error", got)
	}
	mustRegister(t, s.Claims, bob, "pi_bob", "pi_bob")
}

func intentIsKept(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
	mustRegister(t, s.Claims, mustTake(t, s.Claims, inv), "pi_1", "pi_1")
	wantKept := func(when string) billing.Claim {
		c := mustTake(t, s.Claims, inv)
		if c.Intent != "pi_1" {
			t.Errorf("%s: got %q, want pi_1", when, c.Intent)
		}
		return c
	}
	s.Expire(inv)
	c := wantKept("taken over")
	mustPostpone(t, s.Claims, c)
	s.EndPause(inv)
	wantKept("given back")
}

func sameCardWaits(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
	c := mustTake(t, s.Claims, inv)
	for range s.Limit - 1 {
		mustPostpone(t, s.Claims, c)
		wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
		s.Expire(inv) // the pause is no lease
		wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
		s.EndPause(inv)
		next := takeAtOnce(t, s.Claims)
		if next.Generation != c.Generation+1 {
			t.Errorf("got generation %d after %d", next.Generation, c.Generation)
		}
		wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
		c = next
	}
}

func anotherCardDoesNotWait(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
	fixed := withAnotherCard(inv)
	mustPostpone(t, s.Claims, mustTake(t, s.Claims, inv))
	c := mustTake(t, s.Claims, fixed)
	if c.Generation != 2 {
		t.Errorf("got generation %d, want 2", c.Generation)
	}
	wantNotTaken(t, s.Claims, fixed, billing.ErrTaken)
	mustPostpone(t, s.Claims, c)
	wantNotTaken(t, s.Claims, fixed, billing.ErrTaken)
	mustTake(t, s.Claims, withAnotherCard(fixed))
}

func limitIsKept(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
	for range s.Limit {
		mustPostpone(t, s.Claims, mustTake(t, s.Claims, inv))
		s.EndPause(inv)
	}
	wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
	// Who fixes the card is billed, however late.
	fixed := withAnotherCard(inv)
	mustPostpone(t, s.Claims, mustTake(t, s.Claims, fixed))
	s.EndPause(inv)
	wantNotTaken(t, s.Claims, fixed, billing.ErrTaken)
}

// The overtaken server's card was declined, perhaps; the owner's attempt is under way, and may be
// with another.
func overtakenPostpones(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
	overtaken, owner := takeOver(t, s)
	for range s.Limit {
		mustPostpone(t, s.Claims, overtaken)
	}
	wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
	wantNotTaken(t, s.Claims, withAnotherCard(inv), billing.ErrTaken)
	mustPostpone(t, s.Claims, owner)
	s.EndPause(inv)
	third := mustTake(t, s.Claims, inv) // so only the owner's was counted
	mustPostpone(t, s.Claims, owner)
	wantNotTaken(t, s.Claims, withAnotherCard(inv), billing.ErrTaken)
	s.Expire(inv)
	if c := mustTake(t, s.Claims, inv); c.Generation != third.Generation+1 {
		t.Errorf("got generation %d after %d", c.Generation, third.Generation)
	}
}

// takeOver has Alice's claim taken, and taken over.
func takeOver(t *testing.T, s ClaimStore) (overtaken, owner billing.Claim) {
	t.Helper()
	overtaken = mustTake(t, s.Claims, Invoice("alice"))
	s.Expire(Invoice("alice"))
	return overtaken, mustTake(t, s.Claims, Invoice("alice"))
}
