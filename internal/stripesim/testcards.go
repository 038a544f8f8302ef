package stripesim

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"hash/fnv"
	"strings"
	"sync"
)

// card is what a payment method charges. The test cards are Stripe's
// (https://docs.stripe.com/testing).
type card struct {
	brand, funding, country, last4 string
	fingerprint                    string
	outcome                        outcome
	expMonth, expYear              int64
}

// outcome is what happens when a card is charged.
type outcome struct {
	// Code, Decline and Message are of the error. Without a code the charge succeeds; without a
	// message, that is cardDeclined.
	Code, Decline, Message string
	// Unsaved: saving the card fails as charging it does.
	Unsaved bool
	// Blocked: Stripe's own risk rules, not the bank, refuse the payment.
	Blocked bool
	// Authenticate: the cardholder would have to authenticate the payment, which nobody here can;
	// SetUp: but for one off session, as if that had been done before.
	Authenticate, SetUp bool
	// Available: the money skips the pending balance.
	Available bool
	// Refund is how a refund to this card goes; empty is succeeded at once.
	Refund refundCourse
	// Dispute is what the cardholder says later; without a reason, nothing.
	Dispute disputeCourse
}

const cardDeclined = "Your card was declined."

// refundCourse is the status of a refund at first, and the one that the bank gives it later; "" if
// there is no later one.
type refundCourse struct{ First, Finally string }

// The test cards expire in the year of Stripe's own fixtures for this API version. Nothing here
// checks it, so the simulator's clock may be set to any year.
const (
	testExpMonth = 8
	testExpYear  = 2034
)

// testCard is a row of Stripe's tables of test cards. The Visa credit cards of the US leave the
// rest out.
type testCard struct {
	Number, Brand, Funding, Country string
	outcome
}

// cardTables are Stripe's test cards by name: the part after pm_card_ or tok_ in its test tokens.
type cardTables struct {
	Good map[string]testCard // those that can be charged
	// Special are those that fail somewhere, without a leading "visa_": Stripe accepts most names
	// with and without it.
	Special map[string]testCard
}

//go:embed cards.json
var cardsFile []byte

// testCards reads cards.json, which is embedded and held to be right by a test.
var testCards = sync.OnceValue(func() (t cardTables) {
	_ = json.Unmarshal(cardsFile, &t)
	return t
})

// namedCard returns the card of a name such as visa or visa_chargeDeclined.
func namedCard(name string) (*card, bool) {
	row, ok := testCards().Good[name]
	if !ok {
		row, ok = testCards().Special[strings.TrimPrefix(name, "visa_")]
	}
	return row.card(), ok
}

func (r testCard) card() *card {
	c := &card{
		brand: cmp.Or(r.Brand, "visa"), funding: cmp.Or(r.Funding, "credit"),
		country: cmp.Or(r.Country, "US"), last4: r.Number[max(0, len(r.Number)-4):],
		expMonth: testExpMonth, expYear: testExpYear, outcome: r.outcome,
	}
	c.fingerprint = fingerprint(c.brand + r.Number)
	return c
}

// tokenCard returns the test card of a token such as tok_visa.
func tokenCard(token string) (*card, bool) {
	name, ok := strings.CutPrefix(token, "tok_")
	if !ok {
		return nil, false
	}
	return namedCard(name)
}

func numberCard(number string) (*card, bool) {
	number = strings.ReplaceAll(number, " ", "")
	for _, cards := range []map[string]testCard{testCards().Good, testCards().Special} {
		for name, row := range cards {
			if row.Number == number {
				return namedCard(name)
			}
		}
	}
	return nil, false
}

// fingerprint is the same for the same card, whoever owns it.
func fingerprint(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return string(base62(nil, scramble(h.Sum64()))) + "simul"
}

// refusesAttach returns the decline of a card that fails when it is saved, nil for others.
func (c *card) refusesAttach() *apiError {
	if c.outcome.Unsaved {
		return c.declines()
	}
	return nil
}

// declines returns why a charge of this card fails, nil if it does not.
func (c *card) declines() *apiError {
	if c.outcome.Code == "" {
		return nil
	}
	e := errCard(c.outcome.Code, "", cmp.Or(c.outcome.Message, cardDeclined))
	e.decline, e.executed = c.outcome.Decline, true
	return e
}
