package stripesim

import "net/http"

// charge is one snapshot of an attempt to take money.
type charge struct {
	ref         ref
	created     int64
	intent      ref // none for one of the older Charges API
	customer    ref
	transaction ref // of the money taken; none for an authorization or a failure
	lastRefund  ref
	earlier     ref // the charge of the same PaymentIntent before this one

	amount, taken, refunded int64

	captured bool
	currency string
	method   *paymentMethod // as it was when it was charged
	metadata metadata
	details  *intentDetails
	failure  *apiError // nil: it succeeded
}

func (c charge) createdAt() int64 { return c.created }

func (c *charge) paid() bool { return c.failure == nil }

// addCharge stores a charge, and the movement of money if there is one.
func (a *account) addCharge(c *call, next charge) *charge {
	if next.paid() && next.captured {
		next.taken = next.amount
	}
	if i := a.intents.get(next.intent); i != nil {
		next.earlier = i.charge
	}
	return a.charges.add(a.clock.unix(), func(r ref, created int64) *charge {
		next.ref, next.created = r, created
		if owner := a.customers.get(next.customer); owner != nil {
			owner.owned.add(&owner.owned.charges, r)
		}
		if next.taken > 0 {
			next.transaction = a.addTransaction(transaction{
				charge: r, amount: next.taken, fee: fee(next.taken), currency: next.currency,
				available: next.method.card.outcome.available,
			})
		}
		return &next
	})
}

func retrieveCharge(c *call) (any, *apiError) {
	e := c.params.expand(kindCharge)
	if err := c.params.done(); err != nil {
		return nil, err
	}
	found, err := c.chargeInPath()
	if err != nil {
		return nil, err
	}
	return c.expanded(found, e), nil
}

func (c *call) chargeInPath() (*charge, *apiError) {
	id := c.http.PathValue("id")
	_, found := find(c.account, &c.account.charges, kindCharge, id)
	if found == nil {
		return nil, errNoSuch(kindCharge, id, "id", http.StatusNotFound)
	}
	return found, nil
}

func listCharges(c *call) (any, *apiError) {
	a := c.account
	q := readListQuery(c, kindCharge)
	customerID, intentID := c.params.text("customer"), c.params.text("payment_intent")
	group := c.params.text("transfer_group")
	if err := c.params.done(); err != nil {
		return nil, err
	}
	list := everything(a.charges.len())
	owner, err := c.ownerInFilter(customerID)
	switch {
	case err != nil:
		return nil, err
	case intentID != "":
		_, i := find(a, &a.intents, kindIntent, intentID)
		if i == nil {
			return nil, errNoSuch(kindIntent, intentID, "payment_intent", http.StatusBadRequest)
		}
		list = a.chargesOf(i)
	case owner != nil:
		list = refs(owner.owned.list(&owner.owned.charges))
	}
	return q.page(c, list, a.charges.created, func(r ref) bool {
		o := a.charges.get(r)
		return (owner == nil || o.customer == owner.ref) &&
			(group == "" || o.details != nil && o.details.transferGroup == group)
	})
}

// chargesOf follows the attempts of a PaymentIntent back to the first.
func (a *account) chargesOf(i *intent) refs {
	var list refs
	for r := i.charge; r != 0; r = a.charges.get(r).earlier {
		list = append(list, r)
	}
	return list.reversed()
}

func (w *writer) charge(c *charge, e expansion) {
	d := c.details
	if d == nil {
		d = &intentDetails{}
	}
	w.id("id", kindCharge, c.ref)
	w.text("object", "charge")
	w.number("amount", c.amount)
	w.number("amount_captured", c.taken)
	w.number("amount_refunded", c.refunded)
	w.null("application", "application_fee", "application_fee_amount")
	w.reference("balance_transaction", kindTransaction, c.transaction, e)
	w.billing(c.method.billing)
	w.textOrNull("calculated_statement_descriptor", c.descriptor())
	w.flag("captured", c.captured)
	w.number("created", c.created)
	w.text("currency", c.currency)
	w.reference("customer", kindCustomer, c.customer, e)
	w.textOrNull("description", d.description)
	w.flag("disputed", false)
	w.null("failure_balance_transaction")
	w.failure(c.failure)
	w.object("fraud_details", func() {})
	w.null("invoice")
	w.flag("livemode", false)
	w.metadata(c.metadata)
	w.null("on_behalf_of")
	w.outcome(c)
	w.flag("paid", c.paid())
	w.reference("payment_intent", kindIntent, c.intent, e)
	w.id("payment_method", kindMethod, c.method.ref)
	w.methodDetails(c)
	w.object("radar_options", func() {})
	w.textOrNull("receipt_email", d.receiptEmail)
	w.null("receipt_number")
	w.receipt(c)
	w.flag("refunded", c.paid() && c.refunded == c.amount)
	w.refunds(c, e)
	w.null("review")
	w.shipping(d.shipping)
	w.null("source_transfer")
	w.textOrNull("statement_descriptor", d.descriptor)
	w.textOrNull("statement_descriptor_suffix", d.descriptorSuffix)
	w.text("status", c.status())
	w.null("transfer_data")
	w.textOrNull("transfer_group", d.transferGroup)
}

func (c *charge) status() string {
	if c.paid() {
		return succeeded
	}
	return "failed"
}

// descriptor is what the cardholder reads on the statement; the account's own is STRIPESIM.
func (c *charge) descriptor() string {
	switch {
	case !c.paid():
		return ""
	case c.details != nil && c.details.descriptor != "":
		return c.details.descriptor
	case c.details != nil && c.details.descriptorSuffix != "":
		return "STRIPESIM* " + c.details.descriptorSuffix
	}
	return "STRIPESIM"
}

func (w *writer) failure(e *apiError) {
	if e == nil {
		w.null("failure_code", "failure_message")
		return
	}
	w.text("failure_code", e.code)
	w.text("failure_message", e.message)
}

func (w *writer) outcome(c *charge) {
	network, reason, seller, typ := "approved_by_network", "", "Payment complete.", "authorized"
	if f := c.failure; f != nil {
		network, typ = "declined_by_network", "issuer_declined"
		reason, seller = f.code, "The bank did not return any further details with this decline."
		if f.decline != "" {
			reason = f.decline
		}
		if c.method.card.outcome.blocked {
			network, reason, typ = "not_sent_to_network", "highest_risk_level", "blocked"
			seller = "Stripe blocked this payment as too risky."
		}
	}
	w.object("outcome", func() {
		w.text("network_status", network)
		w.textOrNull("reason", reason)
		w.text("risk_level", "normal")
		w.number("risk_score", 20)
		w.text("seller_message", seller)
		w.text("type", typ)
	})
}

func (w *writer) methodDetails(c *charge) {
	card := c.method.card
	unavailable := func() { w.text("status", "unavailable") }
	w.object("payment_method_details", func() {
		w.object("card", func() {
			w.number("amount_authorized", c.amount)
			w.text("brand", card.brand)
			w.object("checks", func() {
				w.null("address_line1_check", "address_postal_code_check", "cvc_check")
			})
			w.text("country", card.country)
			w.number("exp_month", card.expMonth)
			w.number("exp_year", card.expYear)
			w.object("extended_authorization", func() { w.text("status", "disabled") })
			w.text("fingerprint", card.fingerprint)
			w.text("funding", card.funding)
			w.object("incremental_authorization", unavailable)
			w.null("installments")
			w.text("last4", card.last4)
			w.null("mandate")
			w.object("multicapture", unavailable)
			w.text("network", card.brand)
			w.object("network_token", func() { w.flag("used", false) })
			w.object("overcapture", func() {
				w.number("maximum_amount_capturable", c.amount)
				unavailable()
			})
			w.null("three_d_secure", "wallet")
		})
		w.text("type", "card")
	})
}

func (w *writer) receipt(c *charge) {
	if !c.paid() {
		w.null("receipt_url")
		return
	}
	w.key("receipt_url")
	w.buf = append(w.buf, `"https://pay.stripe.com/receipts/payment/`...)
	w.buf = w.account.ids.append(w.buf, kindCharge, c.ref)
	w.buf = append(w.buf, '"')
}

// refunds writes the list of refunds when it is asked for; since version 2022-11-15 it is not there
// otherwise.
func (w *writer) refunds(c *charge, e expansion) {
	if _, expand := e["refunds"]; !expand {
		w.null("refunds")
		return
	}
	list := w.account.refundsOf(c)
	w.object("refunds", func() {
		w.text("object", "list")
		shown := min(len(list), defaultLimit)
		w.array("data", shown, func(i int) {
			w.value(w.account.refunds.get(list[len(list)-1-i]), nil)
		})
		w.flag("has_more", shown < len(list))
		w.text("url", "/v1/charges/"+w.account.ids.id(kindCharge, c.ref)+"/refunds")
	})
}
