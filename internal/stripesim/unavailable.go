package stripesim

import (
	"fmt"
	"net/http"
)

// The endpoints here belong to features that a card payment, or this account, does not have. They
// answer as Stripe answers an account without them, so that all of stripe-go's calls on the objects
// that are simulated lead somewhere.

func incrementAuthorization(c *call) (any, *apiError) {
	readAmount(c.params, "amount", true)
	c.params.metadata(nil)
	c.params.text("description")
	return c.unavailableOnIntent("This PaymentIntent is not eligible for incremental " +
		"authorization: its payment_method_details[card][incremental_authorization][status] is " +
		"unavailable.")
}

func applyCustomerBalance(c *call) (any, *apiError) {
	c.params.integer("amount", 1)
	c.params.text("currency")
	return c.unavailableOnIntent("This PaymentIntent cannot be paid from a cash balance: its " +
		"payment_method_types do not include customer_balance.")
}

func verifyMicrodeposits(c *call) (any, *apiError) {
	c.params.list("amounts")
	c.params.text("descriptor_code")
	return c.unavailableOnIntent("This PaymentIntent has no microdeposits to verify.")
}

// unavailableOnIntent is 404 for a PaymentIntent that does not exist, and 400 for any other.
func (c *call) unavailableOnIntent(message string) (any, *apiError) {
	c.params.expand(kindIntent)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.intentInPath()
	if err != nil {
		return nil, err
	}
	e := errUnexpectedState(found, message)
	e.executed = false
	return nil, e
}

func cancelRefund(c *call) (any, *apiError) {
	c.params.expand(kindRefund)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.refundInPath()
	if err != nil {
		return nil, err
	}
	return nil, errInvalid("", "", fmt.Sprintf("The refund %s cannot be canceled because its "+
		"status is %s: only a refund that requires action can.",
		c.account.ids.id(kindRefund, found.ref), found.status))
}

func deleteDiscount(c *call) (any, *apiError) {
	if err := c.params.done(); err != nil {
		return nil, err
	}
	if _, err := c.customerInPath(); err != nil {
		return nil, err
	}
	id := c.http.PathValue("id")
	return nil, &apiError{status: http.StatusNotFound, typ: typeInvalid, code: "resource_missing",
		message: "No active discount for customer: " + id}
}

func createFundingInstructions(c *call) (any, *apiError) {
	c.params.required("currency")
	c.params.required("funding_type")
	c.params.refuse("bank_transfer")
	c.params.expand(kindNone)
	if _, err := c.customerInPath(); err != nil {
		return nil, err
	}
	if err := c.params.done(); err != nil {
		return nil, err
	}
	return nil, errInvalid("", "", "This account cannot take bank transfers.")
}
