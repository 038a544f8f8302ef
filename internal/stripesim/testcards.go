package stripesim

import (
	"cmp"
	"hash/fnv"
	"strings"
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
	code, decline, message string
	// unsaved: saving the card fails as charging it does.
	unsaved bool
	// authenticate: the cardholder would have to authenticate the payment; setUp: but for one off
	// session, as if that had been done before.
	authenticate, setUp bool
	// available: the money skips the pending balance.
	available bool
	// refund is how a refund to this card goes; empty is succeeded at once.
	refund refundCourse
	// dispute is what the cardholder says later; without a reason, nothing.
	dispute disputeCourse
	// blocked: Stripe's own risk rules, not the bank, refuse the payment.
	blocked bool
}

// refundCourse is the status of a refund at first, and the one that the bank gives it later; "" if
// there is no later one.
type refundCourse struct{ first, finally string }

// The test cards expire in the year of Stripe's own fixtures for this API version. Nothing here
// checks it, so the simulator's clock may be set to any year.
const (
	testExpMonth = 8
	testExpYear  = 2034
)

// testCard is a row of Stripe's tables of test cards. The Visa credit cards of the US leave the
// rest out.
type testCard struct {
	number, brand, funding, country string
	outcome                         outcome
}

// goodCards are those that can be charged, by name: the part after pm_card_ or tok_ in Stripe's
// test tokens.
var goodCards = map[string]testCard{
	"visa":               {number: "4242424242424242"},
	"us":                 {number: "4242424242424242"},
	"visa_debit":         {number: "4000056655665556", funding: "debit"},
	"mastercard":         {number: "5555555555554444", brand: "mastercard"},
	"mastercard_debit":   {number: "5200828282828210", brand: "mastercard", funding: "debit"},
	"mastercard_prepaid": {number: "5105105105105100", brand: "mastercard", funding: "prepaid"},
	"amex":               {number: "378282246310005", brand: "amex"},
	"discover":           {number: "6011111111111117", brand: "discover"},
	"diners":             {number: "3056930009020004", brand: "diners"},
	"jcb":                {number: "3566002020360505", brand: "jcb"},
	"unionpay":           {number: "6200000000000005", brand: "unionpay"},
	"br":                 {number: "4000000760000002", country: "BR"},
	"ca":                 {number: "4000001240000000", country: "CA"},
	"de":                 {number: "4000002760000016", country: "DE"},
	"fr":                 {number: "4000002500000003", country: "FR"},
	"gb":                 {number: "4000008260000000", country: "GB"},
	"in":                 {number: "4000003560000008", country: "IN"},
	"jp":                 {number: "4000003920000003", country: "JP"},
	"mx":                 {number: "4000004840008001", country: "MX"},
}

// specialCards are those that fail somewhere, by name without a leading "visa_": Stripe accepts
// most names with and without it.
var specialCards = map[string]testCard{
	"chargeDeclined":           {number: "4000000000000002", outcome: declined("generic_decline")},
	"chargeDeclinedLostCard":   {number: "4000000000009987", outcome: declined("lost_card")},
	"chargeDeclinedStolenCard": {number: "4000000000009979", outcome: declined("stolen_card")},
	"chargeDeclinedFraudulent": {number: "4100000000000019", outcome: blocked},
	"riskLevelHighest":         {number: "4100000000000019", outcome: blocked},
	"chargeDeclinedInsufficientFunds": {number: "4000000000009995", outcome: fails("card_declined",
		"insufficient_funds", "Your card has insufficient funds.")},
	"chargeDeclinedVelocityLimitExceeded": {number: "4000000000006975",
		outcome: fails("card_declined", "card_velocity_exceeded", "Your card was declined for "+
			"making repeated attempts too frequently or exceeding its amount limit.")},
	"chargeDeclinedExpiredCard": {number: "4000000000000069",
		outcome: fails("expired_card", "", "Your card has expired.")},
	"chargeDeclinedIncorrectCvc": {number: "4000000000000127",
		outcome: fails("incorrect_cvc", "", "Your card's security code is incorrect.")},
	"chargeDeclinedProcessingError": {number: "4000000000000119", outcome: fails("processing_error",
		"", "An error occurred while processing your card. Try again in a little bit.")},
	"chargeCustomerFail": {number: "4000000000000341", outcome: outcome{code: "card_declined",
		decline: "generic_decline", message: cardDeclined}},
	"bypassPending": {number: "4000000000000077", outcome: outcome{available: true}},
	"refundFail": {number: "4000000000005126",
		outcome: outcome{refund: refundCourse{succeeded, refundFailed}}},
	"pendingRefund": {number: "4000000000007726",
		outcome: outcome{refund: refundCourse{refundPending, succeeded}}},
	"createDispute": {number: "4000000000000259",
		outcome: outcome{dispute: disputeCourse{reason: "fraudulent", network: "10.4"}}},
	"createDisputeProductNotReceived": {number: "4000000000002685",
		outcome: outcome{dispute: disputeCourse{reason: "product_not_received", network: "13.1"}}},
	"createDisputeInquiry": {number: "4000000000001976", outcome: outcome{
		dispute: disputeCourse{reason: "fraudulent", network: "10.4", inquiry: true}}},

	// 3-D Secure. What follows an authentication never comes here, for nobody can authenticate.
	"authenticationRequired":        {number: "4000002760003184", outcome: authenticates},
	"authenticationRequiredOnSetup": {number: "4000002500003155", outcome: authenticates},
	"authenticationRequiredSetupForOffSession": {number: "4000003800000446",
		outcome: outcome{authenticate: true, setUp: true}},
	"authenticationRequiredChargeDeclinedInsufficientFunds": {number: "4000008260003178",
		outcome: authenticates},
	"threeDSecureRequired":                {number: "4000000000003063", outcome: authenticates},
	"threeDSecure2Required":               {number: "4000000000003220", outcome: authenticates},
	"threeDSecureRequiredChargeDeclined":  {number: "4000008400001629", outcome: authenticates},
	"threeDSecureRequiredProcessingError": {number: "4000008400001280", outcome: authenticates},
	"threeDSecureOptional":                {number: "4000000000003055"},
}

var (
	authenticates = outcome{authenticate: true}
	blocked       = outcome{code: "card_declined", decline: "fraudulent", message: cardDeclined,
		unsaved: true, blocked: true}
)

const cardDeclined = "Your card was declined."

func declined(decline string) outcome { return fails("card_declined", decline, cardDeclined) }

func fails(code, decline, message string) outcome {
	return outcome{code: code, decline: decline, message: message, unsaved: true}
}

// namedCard returns the card of a name such as visa or visa_chargeDeclined.
func namedCard(name string) (*card, bool) {
	row, ok := goodCards[name]
	if !ok {
		row, ok = specialCards[strings.TrimPrefix(name, "visa_")]
	}
	return row.card(), ok
}

func (r testCard) card() *card {
	c := &card{
		brand: cmp.Or(r.brand, "visa"), funding: cmp.Or(r.funding, "credit"),
		country: cmp.Or(r.country, "US"), last4: r.number[max(0, len(r.number)-4):],
		expMonth: testExpMonth, expYear: testExpYear, outcome: r.outcome,
	}
	c.fingerprint = fingerprint(c.brand + r.number)
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

// numberCard returns the test card of a card number.
func numberCard(number string) (*card, bool) {
	number = strings.ReplaceAll(number, " ", "")
	for _, cards := range []map[string]testCard{goodCards, specialCards} {
		for name, row := range cards {
			if row.number == number {
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
	if c.outcome.unsaved {
		return c.declines()
	}
	return nil
}

// declines returns why a charge of this card fails, nil if it does not.
func (c *card) declines() *apiError {
	if c.outcome.code == "" {
		return nil
	}
	e := errCard(c.outcome.code, "", c.outcome.message)
	e.decline, e.executed = c.outcome.decline, true
	return e
}
