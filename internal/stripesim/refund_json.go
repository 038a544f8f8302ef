package stripesim

var refundExpands = expandables{
	"charge": kindCharge, "payment_intent": kindIntent, "balance_transaction": kindTransaction,
	"failure_balance_transaction": kindTransaction,
	"source_transfer_reversal":    kindNone, "transfer_reversal": kindNone,
}

func (r *refund) json(w *writer, e expansion) {
	w.id("id", kindRefund, r.ref)
	w.text("object", "refund")
	w.number("amount", r.amount)
	w.reference("balance_transaction", kindTransaction, r.transaction, e)
	w.reference("charge", kindCharge, r.charge, e)
	w.number("created", r.created)
	w.text("currency", r.currency)
	w.object("destination_details", func() {
		w.object("card", func() { w.text("type", "refund") })
		w.text("type", "card")
	})
	if r.returned != 0 {
		w.reference("failure_balance_transaction", kindTransaction, r.returned, e)
	}
	if r.status == refundFailed {
		w.text("failure_reason", "unknown")
	}
	w.metadata(r.metadata)
	w.reference("payment_intent", kindIntent, r.intent, e)
	w.textOrNull("reason", r.reason)
	w.null("receipt_number", "source_transfer_reversal")
	w.text("status", r.status)
	w.null("transfer_reversal")
}
