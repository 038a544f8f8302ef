package stripesim

import (
	"net/http"
	"strings"
)

// card is what a payment method charges. The test cards are Stripe's
// (https://stripe.com/docs/testing).
type card struct {
	brand, funding, country, last4 string
	fingerprint                    string
	outcome                        outcome
	expMonth, expYear              int64
}

// outcome is what happens when a card is charged.
type outcome struct {
	code, decline, message string
	// attaches says that the card can be saved although charging it fails.
	attaches bool
	// authenticate says that the cardholder would have to authenticate the payment.
	authenticate bool
	// available says that the money skips the pending balance.
	available bool
	// refund is the status a refund to this card comes to; empty is succeeded.
	refund string
	// blocked says that Stripe's own risk rules, not the bank, refuse the payment.
	blocked bool
}

// The test cards expire in the year that Stripe's own fixtures show for this API version; nothing
// here checks it, so that the simulator's clock may be set to any year.
const (
	testExpMonth = 8
	testExpYear  = 2034
)

// goodCard is a test card that can be charged.
func goodCard(name string) (card, bool) {
	brand, funding, last4, country := "", "credit", "", "US"
	switch name {
	case "visa", "us":
		brand, last4 = "visa", "4242"
	case "visa_debit":
		brand, last4, funding = "visa", "5556", "debit"
	case "mastercard":
		brand, last4 = "mastercard", "4444"
	case "mastercard_debit":
		brand, last4, funding = "mastercard", "3222", "debit"
	case "mastercard_prepaid":
		brand, last4, funding = "mastercard", "5100", "prepaid"
	case "amex":
		brand, last4 = "amex", "8431"
	case "discover":
		brand, last4 = "discover", "9424"
	case "diners":
		brand, last4 = "diners", "0004"
	case "jcb":
		brand, last4 = "jcb", "0505"
	case "unionpay":
		brand, last4 = "unionpay", "0005"
	case "br", "ca", "de", "fr", "gb", "in", "jp", "mx":
		brand, last4, country = "visa", "0008", strings.ToUpper(name)
	default:
		return card{}, false
	}
	return card{brand: brand, funding: funding, last4: last4, country: country}, true
}

// badCard is a visa with a fault in it. The name has no "visa_" before it: Stripe has both
// spellings for most.
func badCard(name string) (last4 string, o outcome, ok bool) {
	switch name {
	case "chargeDeclined":
		return "0002", declined("card_declined", "generic_decline", cardDeclined), true
	case "chargeDeclinedInsufficientFunds":
		return "9995", declined("card_declined", "insufficient_funds",
			"Your card has insufficient funds."), true
	case "chargeDeclinedLostCard":
		return "9987", declined("card_declined", "lost_card", cardDeclined), true
	case "chargeDeclinedStolenCard":
		return "9979", declined("card_declined", "stolen_card", cardDeclined), true
	case "chargeDeclinedFraudulent", "riskLevelHighest":
		o = declined("card_declined", "fraudulent", cardDeclined)
		o.blocked = true
		return "0019", o, true
	case "chargeDeclinedVelocityLimitExceeded":
		return "6975", declined("card_declined", "card_velocity_exceeded",
			"Your card was declined for making repeated attempts too frequently or exceeding "+
				"its amount limit."), true
	case "chargeDeclinedExpiredCard":
		return "0069", declined("expired_card", "", "Your card has expired."), true
	case "chargeDeclinedIncorrectCvc":
		return "0127", declined("incorrect_cvc", "", "Your card's security code is incorrect."), true
	case "chargeDeclinedProcessingError":
		return "0119", declined("processing_error", "",
			"An error occurred while processing your card. Try again in a little bit."), true
	case "chargeCustomerFail":
		o = declined("card_declined", "generic_decline", cardDeclined)
		o.attaches = true
		return "0341", o, true
	case "authenticationRequired", "authenticationRequiredOnSetup", "threeDSecure2Required",
		"threeDSecureRequired":
		return "3184", outcome{attaches: true, authenticate: true}, true
	case "bypassPending":
		return "0077", outcome{attaches: true, available: true}, true
	case "refundFail":
		return "5126", outcome{attaches: true, refund: "failed"}, true
	case "pendingRefund":
		return "7726", outcome{attaches: true, refund: "pending"}, true
	}
	return "", outcome{}, false
}

const cardDeclined = "Your card was declined."

func declined(code, decline, message string) outcome {
	return outcome{code: code, decline: decline, message: message}
}

// testCard is the card behind a name such as visa or visa_chargeDeclined: what follows pm_card_
// and tok_ in Stripe's test tokens.
func testCard(name string) (*card, bool) {
	c, ok := goodCard(name)
	c.outcome = outcome{attaches: true}
	if !ok {
		last4, o, found := badCard(strings.TrimPrefix(name, "visa_"))
		if !found {
			return nil, false
		}
		c = card{brand: "visa", funding: "credit", country: "US", last4: last4, outcome: o}
	}
	c.expMonth, c.expYear = testExpMonth, testExpYear
	c.fingerprint = fingerprint(c.brand + c.last4 + c.country)
	return &c, true
}

// numberCard is the test card of a card number.
func numberCard(number string) (*card, bool) {
	names := map[string]string{
		"4242424242424242": "visa", "4000056655665556": "visa_debit",
		"5555555555554444": "mastercard", "5200828282828210": "mastercard_debit",
		"5105105105105100": "mastercard_prepaid", "378282246310005": "amex",
		"6011111111111117": "discover", "3056930009020004": "diners",
		"3566002020360505": "jcb", "6200000000000005": "unionpay",
		"4000000000000002": "chargeDeclined", "4000000000009995": "chargeDeclinedInsufficientFunds",
		"4000000000009987": "chargeDeclinedLostCard", "4000000000009979": "chargeDeclinedStolenCard",
		"4000000000000069": "chargeDeclinedExpiredCard",
		"4000000000000127": "chargeDeclinedIncorrectCvc",
		"4000000000000119": "chargeDeclinedProcessingError",
		"4000000000006975": "chargeDeclinedVelocityLimitExceeded",
		"4100000000000019": "chargeDeclinedFraudulent",
		"4000000000000341": "chargeCustomerFail", "4000002760003184": "authenticationRequired",
		"4000002500003155": "authenticationRequiredOnSetup",
		"4000000000000077": "bypassPending", "4000000000005126": "refundFail",
		"4000000000007726": "pendingRefund",
	}
	name, ok := names[strings.ReplaceAll(number, " ", "")]
	if !ok {
		return nil, false
	}
	return testCard(name)
}

// fingerprint is the same for the same card, whoever's it is.
func fingerprint(s string) string {
	var h uint64 = 14695981039346656037 // FNV-1a
	for _, b := range []byte(s) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return string(base62(nil, scramble(h))) + "simul"
}

// refusesAttach is the decline of a card that fails already when it is saved.
func (c *card) refusesAttach() *apiError {
	if c.outcome.attaches {
		return nil
	}
	return &apiError{status: http.StatusPaymentRequired, typ: typeCard, executed: true,
		code: c.outcome.code, decline: c.outcome.decline, message: c.outcome.message}
}

// declines is why a charge of this card fails, nil if it does not.
func (c *card) declines() *apiError {
	if c.outcome.code == "" {
		return nil
	}
	return &apiError{status: http.StatusPaymentRequired, typ: typeCard, executed: true,
		code: c.outcome.code, decline: c.outcome.decline, message: c.outcome.message}
}
