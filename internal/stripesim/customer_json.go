package stripesim

import "fmt"

var customerExpands = expandables{
	"invoice_settings.default_payment_method": kindMethod,
	"cash_balance": kindNone, "default_source": kindNone, "test_clock": kindNone,
}

func (c *customer) json(w *writer, e expansion) {
	w.id("id", kindCustomer, c.ref)
	w.text("object", "customer")
	if c.deleted {
		w.flag("deleted", true)
		return
	}
	w.address("address", c.address)
	w.number("balance", c.balance)
	w.null("cash_balance")
	w.number("created", c.created)
	w.null("currency", "default_source")
	w.flag("delinquent", false)
	w.textOrNull("description", c.description)
	w.null("discount")
	w.textOrNull("email", c.email)
	w.text("invoice_prefix", fmt.Sprintf("%08X", uint32(scramble(uint64(c.ref)^w.account.ids.key))))
	w.object("invoice_settings", func() {
		w.null("custom_fields")
		if sub, expand := e["invoice_settings.default_payment_method"]; expand {
			e = expansion{"default_payment_method": sub}
		}
		w.reference("default_payment_method", kindMethod, c.defaultMethod, e)
		w.null("footer", "rendering_options")
	})
	w.flag("livemode", false)
	w.metadata(c.metadata)
	w.textOrNull("name", c.name)
	w.number("next_invoice_sequence", 1)
	w.textOrNull("phone", c.phone)
	w.texts("preferred_locales", c.locales...)
	w.shipping(c.shipping)
	w.text("tax_exempt", c.taxExempt)
	w.null("test_clock")
}
