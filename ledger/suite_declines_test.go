package ledger_test

import (
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func sameCardWaits(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
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

func anotherCardDoesNotWait(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
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

func limitIsKept(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	for range s.Limit {
		mustPostpone(t, s.Claims, mustTake(t, s.Claims, inv))
		s.EndPause(inv)
	}
	wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
	// A customer who puts in a new card is billed, however late.
	fixed := withAnotherCard(inv)
	mustPostpone(t, s.Claims, mustTake(t, s.Claims, fixed))
	s.EndPause(inv)
	wantNotTaken(t, s.Claims, fixed, billing.ErrTaken)
}

// The superseded server's card may have been declined, but the owner's attempt is under way,
// perhaps with another card.
func supersededPostpones(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	superseded, owner := takeOver(t, s)
	for range s.Limit {
		mustPostpone(t, s.Claims, superseded)
		mustReturn(t, s.Claims, superseded)
	}
	wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
	wantNotTaken(t, s.Claims, withAnotherCard(inv), billing.ErrTaken)
	mustPostpone(t, s.Claims, owner)
	s.EndPause(inv)
	third := mustTake(t, s.Claims, inv) // only the owner's decline was counted
	mustPostpone(t, s.Claims, owner)
	wantNotTaken(t, s.Claims, withAnotherCard(inv), billing.ErrTaken)
	s.Expire(inv)
	if c := mustTake(t, s.Claims, inv); c.Generation != third.Generation+1 {
		t.Errorf("got generation %d after %d", c.Generation, third.Generation)
	}
}

func returnedAtOnce(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	for _, claims := range []billing.Claims{s.Claims, s.Final} {
		c := mustTake(t, claims, inv)
		for range s.Limit + 1 {
			mustReturn(t, claims, c)
			next := takeAtOnce(t, claims)
			if next.Generation != c.Generation+1 {
				t.Errorf("got generation %d after %d", next.Generation, c.Generation)
			}
			mustReturn(t, claims, c) // of an earlier taking: another server has the claim
			wantNotTaken(t, claims, inv, billing.ErrTaken)
			c = next
		}
		mustReturn(t, claims, c)
	}
	// What was declined before stays so.
	mustPostpone(t, s.Claims, mustTake(t, s.Claims, inv))
	mustReturn(t, s.Claims, mustTake(t, s.Claims, withAnotherCard(inv)))
	wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
	for range s.Limit - 1 {
		s.EndPause(inv)
		mustReturn(t, s.Claims, mustTake(t, s.Claims, inv))
		mustPostpone(t, s.Claims, mustTake(t, s.Claims, inv))
	}
	s.EndPause(inv)
	wantNotTaken(t, s.Claims, inv, billing.ErrTaken)
}
