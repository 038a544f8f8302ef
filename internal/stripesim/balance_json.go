package stripesim

var transactionExpands = expandables{
	"source": kindCharge,
}

func (t *transaction) json(w *writer, e expansion) {
	w.id("id", kindTransaction, t.ref)
	w.text("object", "balance_transaction")
	w.number("amount", t.amount)
	w.number("available_on", t.availableOn)
	w.number("created", t.created)
	w.text("currency", t.currency)
	w.null("description", "exchange_rate")
	w.number("fee", t.fee)
	fees, category := "Stripe processing fees", t.kind()
	if t.of == kindDispute {
		fees, category = "Dispute fee", "dispute"
	}
	w.array("fee_details", min(1, int(t.fee)), func(int) {
		w.begin('{')
		w.number("amount", t.fee)
		w.null("application")
		w.text("currency", t.currency)
		w.text("description", fees)
		w.text("type", "stripe_fee")
		w.end('}')
	})
	w.number("net", t.amount-t.fee)
	w.text("reporting_category", category)
	w.reference("source", t.of, t.source, e)
	status := "pending"
	if t.availableOn <= w.account.clock.unix() {
		status = "available"
	}
	w.text("status", status)
	w.text("type", t.kind())
}

func (v *balanceView) json(w *writer, _ expansion) {
	w.text("object", "balance")
	amounts := func(name string, sums map[string]int64) {
		w.array(name, len(v.currencies), func(i int) {
			sum := sums[v.currencies[i]]
			w.begin('{')
			w.number("amount", sum)
			w.text("currency", v.currencies[i])
			w.object("source_types", func() { w.number("card", sum) })
			w.end('}')
		})
	}
	amounts("available", v.available)
	w.flag("livemode", false)
	amounts("pending", v.pending)
}
