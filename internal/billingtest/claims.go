package billingtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"example.com/triplecharge/billing"
)

// ClaimStore is where claims are kept, beside a ledger, for the suite. What Expire and EndPause do
// is what time does: it ends what was to end, and nothing else.
type ClaimStore struct {
	Claims billing.Claims // that expire
	Final  billing.Claims // that never do
	Limit  int            // how often either may be postponed with one card; at least 2
	Ledger billing.Ledger // the one that is asked before a claim is given
	// Expire lets the lease of the invoice's claim pass.
	Expire func(billing.Invoice)
	// EndPause lets the time of the invoice's next attempt come.
	EndPause func(billing.Invoice)
}

// Claims runs the suite of billing.Claims. newStore returns one in which nothing is claimed.
func Claims(t *testing.T, newStore func(t *testing.T) ClaimStore) {
	run := func(name string, test func(*testing.T, ClaimStore)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t))
		})
	}
	run("are taken by one among 100 callers", takenByOne)
	run("are taken over by one among 100 callers once they expired", takenOverByOne)
	run("are of one invoice each", claimsAreIndependent)
	run("never change hands if they never expire", finalClaims)
	run("are not given for what is charged already", notForWhatIsCharged)
	run("are not given for what was charged while another had them", notForWhatWasCharged)
	run("have one PaymentIntent, the first: the owner's before the overtaken one's", ownerFirst)
	run("have one PaymentIntent, the first: the overtaken one's before the owner's", overtakenFirst)
	run("have one PaymentIntent, also if 100 callers register theirs at once", registeredAtOnce)
	run("share no PaymentIntent", intentOfAnotherInvoice)
	run("keep their PaymentIntent for whoever takes them next", intentIsKept)
	run("wait after a decline, with the same card", sameCardWaits)
	run("don't wait after a decline, with another card", anotherCardDoesNotWait)
	run("are given back no more often than the limit says, with the same card", limitIsKept)
	run("are not given back by who was overtaken", overtakenPostpones)
	run("do nothing under a context that ended, and say so", claimsUnderEndedContext)
}

func takenByOne(t *testing.T, s ClaimStore) {
	if c := takeAtOnce(t, s.Claims); c.Generation != 1 || c.Intent != "" {
		t.Errorf("got %+v, want the first generation, without a PaymentIntent", c)
	}
	wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrTaken)
}

func takenOverByOne(t *testing.T, s ClaimStore) {
	mustTake(t, s.Claims, Invoice("alice"))
	for generation := int64(2); generation <= 4; generation++ {
		wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrTaken)
		s.Expire(Invoice("alice"))
		if c := takeAtOnce(t, s.Claims); c.Generation != generation {
			t.Errorf("got generation %d, want %d", c.Generation, generation)
		}
	}
	wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrTaken)
	// A card is a reason to try again, not to take what is another server's.
	wantNotTaken(t, s.Claims, withAnotherCard(Invoice("alice")), billing.ErrTaken)
}

func claimsAreIndependent(t *testing.T, s ClaimStore) {
	others := []billing.Invoice{
		Invoice("bob"), {Subscription: Subscription("alice"), Period: january()},
	}
	first := mustTake(t, s.Claims, Invoice("alice"))
	mustRegister(t, s.Claims, first, "pi_alice", "pi_alice")
	for i, other := range others {
		c := mustTake(t, s.Claims, other)
		if c.Generation != 1 || c.Intent != "" {
			t.Errorf("got %+v of %s, want nothing of another invoice's", c, other)
		}
		mustRegister(t, s.Claims, c, fmt.Sprint("pi_", i), fmt.Sprint("pi_", i))
	}
	mustPostpone(t, s.Claims, first)
	mustRecord(t, s.Ledger, charge("pi_alice"))
	s.Expire(Invoice("alice"))
	for _, other := range others {
		wantNotTaken(t, s.Claims, other, billing.ErrTaken)
		s.Expire(other)
		mustTake(t, s.Claims, other)
	}
}

func finalClaims(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
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

func notForWhatIsCharged(t *testing.T, s ClaimStore) {
	mustRecord(t, s.Ledger, charge("pi_of_another_mode"))
	wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrCharged)
	wantNotTaken(t, s.Final, Invoice("alice"), billing.ErrCharged)
	mustTake(t, s.Claims, Invoice("bob"))
	mustTake(t, s.Claims, billing.Invoice{Subscription: Subscription("alice"), Period: january()})
}

func notForWhatWasCharged(t *testing.T, s ClaimStore) {
	c := mustTake(t, s.Claims, Invoice("alice"))
	mustRecord(t, s.Ledger, charge("pi_of_another_mode"))
	wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrCharged)
	s.Expire(Invoice("alice"))
	wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrCharged)
	mustPostpone(t, s.Claims, c)
	s.EndPause(Invoice("alice"))
	wantNotTaken(t, s.Claims, Invoice("alice"), billing.ErrCharged)
	wantNotTaken(t, s.Claims, withAnotherCard(Invoice("alice")), billing.ErrCharged)
}

// Nothing is what a call does that says it didn't: the claim can still be taken, another's
// PaymentIntent still be registered first, and the claim is not given back.
func claimsUnderEndedContext(t *testing.T, s ClaimStore) {
	inv := Invoice("alice")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
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
	_, err = s.Claims.Register(ended, c, "pi_1")
	wantCanceled("Register", err)
	mustRegister(t, s.Claims, c, "pi_2", "pi_2")
	wantCanceled("Postpone", s.Claims.Postpone(ended, c))
	wantNotTaken(t, s.Claims, withAnotherCard(inv), billing.ErrTaken)
}

// takeAtOnce lets 100 callers take Alice's claim, and returns the one that there may be.
func takeAtOnce(t *testing.T, claims billing.Claims) (taken billing.Claim) {
	t.Helper()
	var (
		mu     sync.Mutex
		owners int
	)
	atOnce(func(int) {
		c, err := claims.Take(t.Context(), Invoice("alice"))
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

// atOnce makes a call many times over, and returns when all have returned. They begin together.
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

// wantNotTaken wants one reason why a claim isn't given, and no other: a caller acts on the first
// that it asks for.
func wantNotTaken(t *testing.T, claims billing.Claims, inv billing.Invoice, want error) {
	t.Helper()
	c, err := claims.Take(t.Context(), inv)
	for _, reason := range []error{billing.ErrTaken, billing.ErrCharged} {
		if errors.Is(err, reason) != (reason == want) {
			t.Errorf("got %+v, %v; want %v", c, err, want)
		}
	}
}

func mustRegister(t *testing.T, claims billing.Claims, c billing.Claim, intent, want string) {
	t.Helper()
	if got, err := claims.Register(t.Context(), c, intent); err != nil || got != want {
		t.Fatalf("registered %s: got %s, %v; want %s", intent, got, err, want)
	}
}

func mustPostpone(t *testing.T, claims billing.Claims, c billing.Claim) {
	t.Helper()
	if err := claims.Postpone(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// withAnotherCard returns the invoice of a customer who has replaced the card.
func withAnotherCard(inv billing.Invoice) billing.Invoice {
	inv.Subscription.PaymentMethod += "_new"
	return inv
}
