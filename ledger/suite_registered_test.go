package ledger_test

import (
	"errors"
	"fmt"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

func ownerFirst(t *testing.T, s claimPorts) {
	superseded, owner := takeOver(t, s)
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_owner")
	wantSuperseded(t, s.Claims, superseded, "pi_superseded")
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_owner")
}

func supersededFirst(t *testing.T, s claimPorts) {
	superseded, owner := takeOver(t, s)
	wantSuperseded(t, s.Claims, superseded, "pi_superseded")
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_superseded")
	wantSuperseded(t, s.Claims, superseded, "pi_another")
	mustRegister(t, s.Claims, owner, "pi_owner", "pi_superseded")
}

func registeredAtOnce(t *testing.T, s claimPorts) {
	superseded, owner := takeOver(t, s)
	setAtOnce(t, s, superseded, owner)
}

// setAtOnce has 100 callers register PaymentIntents for the two claims of Alice at once.
func setAtOnce(t *testing.T, s claimPorts, superseded, owner billing.Claim) {
	t.Helper()
	var told [callers]string
	atOnce(func(i int) {
		c := []billing.Claim{superseded, owner}[i%2]
		registered, err := s.Claims.Register(t.Context(), c, intent(fmt.Sprint("pi_", i)))
		if c == superseded && errors.Is(err, billing.ErrTaken) {
			return
		}
		if c == superseded || err != nil {
			t.Errorf("registered for %s: got %v", c.Key(), err)
		}
		told[i] = registered.ID
	})
	s.Expire(billingtest.Invoice("alice"))
	want := mustTake(t, s.Claims, billingtest.Invoice("alice")).Intent
	if want == owner.Intent || want != intent(want.ID) {
		t.Errorf("%+v is registered", want)
	}
	for i, got := range told {
		if i%2 == 1 && got != want.ID {
			t.Errorf("caller %d was told %q; %q is registered", i, got, want.ID)
		}
	}
}

func ownerReplaces(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	c := mustTake(t, s.Claims, inv)
	mustRegister(t, s.Claims, c, "pi_1", "pi_1")
	c.Intent = intent("pi_1")
	mustRegister(t, s.Claims, c, "pi_2", "pi_2")
	mustRegister(t, s.Claims, c, "pi_2", "pi_2") // after a lost reply
	s.Expire(inv)
	if c = mustTake(t, s.Claims, inv); c.Intent != intent("pi_2") {
		t.Errorf("got %+v, want pi_2", c.Intent)
	}
	cheaper := intent("pi_3")
	cheaper.Customer, cheaper.AmountMinor, cheaper.Currency = "cus_moved", 1, "eur"
	got, err := s.Claims.Register(t.Context(), c, cheaper)
	if err != nil || got != cheaper {
		t.Errorf("got %+v, %v; want %+v", got, err, cheaper)
	}
}

func replacesAnother(t *testing.T, s claimPorts) {
	c := mustTake(t, s.Claims, billingtest.Invoice("alice"))
	mustRegister(t, s.Claims, c, "pi_1", "pi_1")
	for _, canceled := range []string{"", "pi_0"} {
		c.Intent.ID = canceled
		mustRegister(t, s.Claims, c, "pi_2", "pi_1")
	}
	c.Intent.ID = "pi_1"
	mustRegister(t, s.Claims, c, "pi_2", "pi_2")
	mustRegister(t, s.Claims, c, "pi_3", "pi_2")
}

func supersededReplaces(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	mustRegister(t, s.Claims, mustTake(t, s.Claims, inv), "pi_1", "pi_1")
	s.Expire(inv)
	superseded, owner := takeOver(t, s)
	wantSuperseded(t, s.Claims, superseded, "pi_2")
	mustRegister(t, s.Claims, owner, "pi_3", "pi_3")
	wantSuperseded(t, s.Claims, superseded, "pi_2")
	superseded.Intent = intent("pi_3")
	wantSuperseded(t, s.Claims, superseded, "pi_2")
	mustRegister(t, s.Claims, owner, "pi_4", "pi_3")
}

func replacedAtOnce(t *testing.T, s claimPorts) {
	inv := billingtest.Invoice("alice")
	mustRegister(t, s.Claims, mustTake(t, s.Claims, inv), "pi_first", "pi_first")
	s.Expire(inv)
	superseded, owner := takeOver(t, s)
	setAtOnce(t, s, superseded, owner)
}

// A PaymentIntent shared by two invoices would be one charge for both.
func intentOfAnotherInvoice(t *testing.T, s claimPorts) {
	alice := mustTake(t, s.Claims, billingtest.Invoice("alice"))
	bob := mustTake(t, s.Claims, billingtest.Invoice("bob"))
	mustRegister(t, s.Claims, alice, "pi_alice", "pi_alice")
	if got, err := s.Claims.Register(t.Context(), bob, intent("pi_alice")); err == nil {
		t.Errorf("got %s for Bob, want an error", got.ID)
	}
	mustRegister(t, s.Claims, bob, "pi_bob", "pi_bob")
}

// intent returns the PaymentIntent with this ID, as it would be prepared for Alice's invoice.
func intent(id string) billing.Intent {
	sub := billingtest.Subscription("alice")
	return billing.Intent{
		ID: id, Customer: sub.Customer, AmountMinor: sub.AmountMinor, Currency: sub.Currency,
	}
}

func mustRegister(t *testing.T, claims billing.Claims, c billing.Claim, id, want string) {
	t.Helper()
	got, err := claims.Register(t.Context(), c, intent(id))
	if err != nil || got != intent(want) {
		t.Fatalf("registered %s: got %+v, %v; want %s", id, got, err, want)
	}
}

// wantSuperseded registers a PaymentIntent for a claim that another server has taken over.
func wantSuperseded(t *testing.T, claims billing.Claims, c billing.Claim, id string) {
	t.Helper()
	if got, err := claims.Register(t.Context(), c, intent(id)); !errors.Is(err, billing.ErrTaken) {
		t.Fatalf("registered %s: got %+v, %v; want %v", id, got, err, billing.ErrTaken)
	}
}
