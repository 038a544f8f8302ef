package stripesim

var methodExpands = expandables{
	"customer": kindCustomer,
}

func (m *paymentMethod) json(w *writer, e expansion) {
	w.id("id", kindMethod, m.ref)
	w.text("object", "payment_method")
	w.billing(m.billing)
	w.object("card", func() {
		w.card(m.card)
		w.text("display_brand", m.card.brand)
		w.null("generated_from")
		w.object("networks", func() {
			w.texts("available", m.card.brand)
			w.null("preferred")
		})
		w.object("three_d_secure_usage", func() { w.flag("supported", true) })
	})
	w.number("created", m.created)
	w.reference("customer", kindCustomer, m.customer, e)
	w.flag("livemode", false)
	w.metadata(m.metadata)
	w.text("type", "card")
}

// card writes what a card shows wherever it is shown.
func (w *writer) card(c *card) {
	w.text("brand", c.brand)
	w.object("checks", func() {
		w.null("address_line1_check", "address_postal_code_check", "cvc_check")
	})
	w.text("country", c.country)
	w.number("exp_month", c.expMonth)
	w.number("exp_year", c.expYear)
	w.text("fingerprint", c.fingerprint)
	w.text("funding", c.funding)
	w.text("last4", c.last4)
	w.null("wallet")
}

func (w *writer) billing(b *billing) {
	if b == nil {
		b = &billing{}
	}
	at := b.address
	if at == nil {
		at = &address{}
	}
	w.object("billing_details", func() {
		w.address("address", at)
		w.textOrNull("email", b.email)
		w.textOrNull("name", b.name)
		w.textOrNull("phone", b.phone)
	})
}
