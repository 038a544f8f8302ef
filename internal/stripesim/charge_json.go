package stripesim

var chargeExpands = expandables{
	"customer": kindCustomer, "payment_intent": kindIntent,
	"balance_transaction": kindTransaction, "refunds": kindNone, "application": kindNone,
	"application_fee": kindNone, "invoice": kindNone, "failure_balance_transaction": kindNone,
	"on_behalf_of": kindNone, "review": kindNone, "source_transfer": kindNone,
}

func (c *charge) json(w *writer, e expansion) {
	d := c.details.copy()
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
	w.flag("disputed", c.dispute != 0)
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
	w.flag("refunded", c.allRefunded())
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
			w.card(card)
			if c.paid() && !c.captured {
				w.number("capture_before", c.created+authorizationLasts)
			}
			w.object("extended_authorization", func() { w.text("status", "disabled") })
			w.object("incremental_authorization", unavailable)
			w.null("installments", "mandate")
			w.object("multicapture", unavailable)
			w.text("network", card.brand)
			w.object("network_token", func() { w.flag("used", false) })
			w.object("overcapture", func() {
				w.number("maximum_amount_capturable", c.amount)
				unavailable()
			})
			w.null("three_d_secure")
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

// refunds writes the list of refunds if it is expanded; since version 2022-11-15 it is null
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
