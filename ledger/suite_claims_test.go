package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// claimPorts keeps claims beside a ledger, for the suite. Expire and EndPause stand for time
// passing.
type claimPorts struct {
	Claims billing.Claims // they expire
	Final  billing.Claims // they never expire
	Limit  int            // how often a claim may be postponed with one card; at least 2
	Ledger billing.Ledger // checked before a claim is given
	// Change changes a subscription in the list of those that are due.
	Change func(billing.Subscription)
	// Expire ends the lease of the invoice's claim.
	Expire func(billing.Invoice)
	// EndPause makes the invoice's next attempt due.
	EndPause func(billing.Invoice)
}

// claimsSuite is what every billing.Claims must pass. newStore returns one in which nothing is
// claimed.
func claimsSuite(t *testing.T, newStore func(t *testing.T) claimPorts) {
	run := suite(t, newStore)
	run("are taken by one of 100 callers", takenByOne)
	run("are taken over by one of 100 callers once they expired", takenOverByOne)
	run("of one invoice don't affect another's", claimsAreIndependent)
	run("never change hands if they never expire", finalClaims)
	run("are not given for an invoice that is charged", notForWhatIsCharged)
	run("are not given for an invoice charged while another had them", notForWhatWasCharged)
	run("answer with the subscription as it is now", takenAsItIsNow)
	run("have one PaymentIntent, the first: the owner's before the superseded one's", ownerFirst)
	run("have one PaymentIntent, the first: the superseded one's before the owner's",
		supersededFirst)
	run("have one PaymentIntent, even if 100 callers register theirs at once", registeredAtOnce)
	run("let their owner replace the PaymentIntent", ownerReplaces)
	run("let nobody replace a PaymentIntent that is not registered any more", replacesAnother)
	run("let no superseded server replace the PaymentIntent", supersededReplaces)
	run("have one PaymentIntent, even if 100 callers replace it at once", replacedAtOnce)
	run("share no PaymentIntent", intentOfAnotherInvoice)
	run("keep their PaymentIntent for whoever takes them next", intentIsKept)
	run("wait after a decline, with the same card", sameCardWaits)
	run("don't wait after a decline, with another card", anotherCardDoesNotWait)
	run("are given back with the same card up to the limit only", limitIsKept)
	run("are not given back by a superseded server", supersededPostpones)
	run("are free at once if they are returned, and count no attempt", returnedAtOnce)
	run("do nothing under a context that ended, and return its error", claimsUnderEndedContext)
}

func takenByOne(t *testing.T, s claimPorts) {
	if c := takeAtOnce(t, s.Claims); c.Generation != 1 || c.Intent.ID != "" {
		t.Errorf("got %+v, want the first generation, without a PaymentIntent", c)
	}
	wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrTaken)
}

func takenOverByOne(t *testing.T, s claimPorts) {
	mustTake(t, s.Claims, billingtest.Invoice("alice"))
	for generation := int64(2); generation <= 4; generation++ {
		wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrTaken)
		s.Expire(billingtest.Invoice("alice"))
		if c := takeAtOnce(t, s.Claims); c.Generation != generation {
			t.Errorf("got generation %d, want %d", c.Generation, generation)
		}
	}
	wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrTaken)
	// A new card is a reason to try again, not to take another server's claim.
	wantNotTaken(t, s.Claims, withAnotherCard(billingtest.Invoice("alice")), billing.ErrTaken)
}

func claimsAreIndependent(t *testing.T, s claimPorts) {
	others := []billing.Invoice{
		billingtest.Invoice("bob"), inJanuary("alice"),
	}
	first := mustTake(t, s.Claims, billingtest.Invoice("alice"))
	mustRegister(t, s.Claims, first, "pi_alice", "pi_alice")
	for i, other := range others {
		c := mustTake(t, s.Claims, other)
		if c.Generation != 1 || c.Intent.ID != "" {
			t.Errorf("got %+v of %s, want none of another invoice's values", c, other)
		}
		mustRegister(t, s.Claims, c, fmt.Sprint("pi_", i), fmt.Sprint("pi_", i))
	}
	mustPostpone(t, s.Claims, first)
	mustRecord(t, s.Ledger, charge("pi_alice", "alice", 1000))
	s.Expire(billingtest.Invoice("alice"))
	for _, other := range others {
		wantNotTaken(t, s.Claims, other, billing.ErrTaken)
		s.Expire(other)
		mustTake(t, s.Claims, other)
	}
}

func finalClaims(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	first := takeAtOnce(t, s.Final)
	s.Expire(inv)
	wantNotTaken(t, s.Final, inv, billing.ErrTaken)
	wantNotTaken(t, s.Final, withAnotherCard(inv), billing.ErrTaken)
	mustPostpone(t, s.Final, first)
	s.EndPause(inv)
	if c := mustTake(t, s.Final, inv); c.Generation != 2 {
		t.Errorf("got generation %d after it was given back, want 2", c.Generation)
	}
	s.Expire(inv)
	wantNotTaken(t, s.Final, inv, billing.ErrTaken)
}

func notForWhatIsCharged(t *testing.T, s claimPorts) {
	mustRecord(t, s.Ledger, charge("pi_of_another_mode", "alice", 1000))
	wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrCharged)
	wantNotTaken(t, s.Final, billingtest.Invoice("alice"), billing.ErrCharged)
	mustTake(t, s.Claims, billingtest.Invoice("bob"))
	mustTake(t, s.Claims, inJanuary("alice"))
}

func notForWhatWasCharged(t *testing.T, s claimPorts) {
	c := mustTake(t, s.Claims, billingtest.Invoice("alice"))
	mustRecord(t, s.Ledger, charge("pi_of_another_mode", "alice", 1000))
	wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrCharged)
	s.Expire(billingtest.Invoice("alice"))
	wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrCharged)
	mustPostpone(t, s.Claims, c)
	s.EndPause(billingtest.Invoice("alice"))
	wantNotTaken(t, s.Claims, billingtest.Invoice("alice"), billing.ErrCharged)
	wantNotTaken(t, s.Claims, withAnotherCard(billingtest.Invoice("alice")), billing.ErrCharged)
}

func takenAsItIsNow(t *testing.T, s claimPorts) {
	listed, now := billingtest.Invoice("alice"), billingtest.Invoice("alice")
	s.Change(listed.Subscription)
	mustPostpone(t, s.Claims, mustTake(t, s.Claims, listed))
	now.Subscription = billing.Subscription{
		ID: "alice", Customer: "cus_moved", PaymentMethod: "pm_moved",
		AmountMinor: listed.Subscription.AmountMinor + 1, Currency: "eur",
	}
	s.Change(now.Subscription)
	// It isn't the listed card that was declined last that counts, but the one she has now.
	c, err := s.Claims.Take(t.Context(), listed)
	if err != nil || c.Invoice != now {
		t.Fatalf("got %+v, %v; want the subscription as it is now: %+v", c, err, now)
	}
	mustPostpone(t, s.Claims, c)
	wantNotTaken(t, s.Claims, listed, billing.ErrTaken)
	// The ledger answers likewise, before the charge and after it.
	wantAnswer := func(listed, now billing.Invoice, charged bool) {
		t.Helper()
		if got, yes, err := s.Ledger.Charged(t.Context(), listed); err != nil || got != now ||
			yes != charged {
			t.Errorf("got %+v, %t, %v; want %+v, %t", got, yes, err, now, charged)
		}
	}
	wantAnswer(listed, now, false)
	mustRecord(t, s.Ledger, charge("pi_1", "alice", 1000))
	wantAnswer(listed, now, true)
	gone := billingtest.Invoice("gone")
	wantAnswer(gone, gone, false)
}

func intentIsKept(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	mustRegister(t, s.Claims, mustTake(t, s.Claims, inv), "pi_1", "pi_1")
	wantKept := func(when string) billing.Claim {
		c := mustTake(t, s.Claims, inv)
		if c.Intent != intent("pi_1") {
			t.Errorf("%s: got %+v, want pi_1", when, c.Intent)
		}
		return c
	}
	s.Expire(inv)
	c := wantKept("taken over")
	mustPostpone(t, s.Claims, c)
	s.EndPause(inv)
	wantKept("given back")
}

// A call that returns the context's error has done nothing: the claim can still be taken, another
// PaymentIntent can still be registered first, and the claim is not given back.
func claimsUnderEndedContext(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	ended := endedContext(t)
	wantCanceled := func(call string, err error) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the context's error", call, err)
		}
	}
	_, err := s.Claims.Take(ended, inv)
	wantCanceled("Take", err)
	c := mustTake(t, s.Claims, inv)
	if c.Generation != 1 {
		t.Errorf("got generation %d, want the first", c.Generation)
	}
	_, err = s.Claims.Register(ended, c, intent("pi_1"))
	wantCanceled("Register", err)
	mustRegister(t, s.Claims, c, "pi_2", "pi_2")
	wantCanceled("Postpone", s.Claims.Postpone(ended, c))
	wantCanceled("Return", s.Claims.Return(ended, c))
	wantNotTaken(t, s.Claims, withAnotherCard(inv), billing.ErrTaken)
}

// takeAtOnce makes 100 callers take Alice's claim at once, and returns the one claim given.
func takeAtOnce(t *testing.T, claims billing.Claims) (taken billing.Claim) {
	t.Helper()
	var (
		mu     sync.Mutex
		owners int
	)
	atOnce(func(int) {
		c, err := claims.Take(t.Context(), billingtest.Invoice("alice"))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			taken = c
			owners++
		case !errors.Is(err, billing.ErrTaken):
			t.Errorf("got %v, want %v", err, billing.ErrTaken)
		}
	})
	if owners != 1 {
		t.Errorf("%d of %d callers have the claim, want 1", owners, callers)
	}
	return taken
}

// atOnce makes the call `callers` times at the same time and returns once all have returned.
func atOnce(call func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range callers {
		all.Go(func() {
			<-begin
			call(i)
		})
	}
	close(begin)
	all.Wait()
}

func mustTake(t *testing.T, claims billing.Claims, inv billing.Invoice) billing.Claim {
	t.Helper()
	c, err := claims.Take(t.Context(), inv)
	if err != nil || c.Invoice != inv {
		t.Fatalf("got %+v, %v; want the claim of %s", c, err, inv)
	}
	return c
}

// wantNotTaken wants exactly one reason why the claim isn't given: callers act on the first reason
// that matches.
func wantNotTaken(t *testing.T, claims billing.Claims, inv billing.Invoice, want error) {
	t.Helper()
	c, err := claims.Take(t.Context(), inv)
	for _, reason := range []error{billing.ErrTaken, billing.ErrCharged} {
		if errors.Is(err, reason) != (reason == want) {
			t.Errorf("got %+v, %v; want %v", c, err, want)
		}
	}
}

func mustPostpone(t *testing.T, claims billing.Claims, c billing.Claim) {
	t.Helper()
	if err := claims.Postpone(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func mustReturn(t *testing.T, claims billing.Claims, c billing.Claim) {
	t.Helper()
	if err := claims.Return(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// withAnotherCard returns the invoice of a customer who has replaced the card.
func withAnotherCard(inv billing.Invoice) billing.Invoice {
	inv.Subscription.PaymentMethod += "_new"
	return inv
}

// takeOver takes Alice's claim, lets it expire, and takes it over.
func takeOver(t *testing.T, s claimPorts) (superseded, owner billing.Claim) {
	t.Helper()
	superseded = mustTake(t, s.Claims, billingtest.Invoice("alice"))
	s.Expire(billingtest.Invoice("alice"))
	return superseded, mustTake(t, s.Claims, billingtest.Invoice("alice"))
}
