package stripesim

var disputeExpands = expandables{"charge": kindCharge, "payment_intent": kindIntent}

// evidenceDue is how long the business has to answer, in seconds: a week.
const evidenceDue = 7 * 24 * 60 * 60

func (d *dispute) json(w *writer, e expansion) {
	w.id("id", kindDispute, d.ref)
	w.text("object", "dispute")
	w.number("amount", d.amount)
	w.array("balance_transactions", min(1, int(d.transaction)), func(int) {
		w.value(w.account.transactions.get(d.transaction), nil)
	})
	w.reference("charge", kindCharge, d.charge, e)
	w.number("created", d.created)
	w.text("currency", d.currency)
	w.object("evidence", func() {
		w.null("access_activity_log", "billing_address", "cancellation_policy",
			"cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
			"customer_email_address", "customer_name", "customer_purchase_ip",
			"customer_signature", "duplicate_charge_documentation",
			"duplicate_charge_explanation", "duplicate_charge_id", "product_description",
			"receipt", "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation",
			"service_date", "service_documentation", "shipping_address", "shipping_carrier",
			"shipping_date", "shipping_documentation", "shipping_tracking_number",
			"uncategorized_file", "uncategorized_text")
	})
	w.object("evidence_details", func() {
		w.number("due_by", d.created+evidenceDue)
		w.flag("has_evidence", false)
		w.flag("past_due", d.created+evidenceDue < w.account.clock.unix())
		w.number("submission_count", 0)
	})
	w.flag("is_charge_refundable", d.inquiry)
	w.flag("livemode", false)
	w.object("metadata", func() {})
	w.reference("payment_intent", kindIntent, d.intent, e)
	w.object("payment_method_details", func() {
		w.object("card", func() {
			w.text("brand", d.brand)
			w.text("network_reason_code", d.network)
		})
		w.text("type", "card")
	})
	w.text("reason", d.reason)
	w.text("status", d.status())
}
