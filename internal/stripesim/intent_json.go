package stripesim

var intentExpands = expandables{
	"customer": kindCustomer, "latest_charge": kindCharge, "payment_method": kindMethod,
	"application": kindNone, "invoice": kindNone, "on_behalf_of": kindNone, "review": kindNone,
}

func (i *intent) json(w *writer, e expansion) {
	d := i.details.copy()
	w.id("id", kindIntent, i.ref)
	w.text("object", "payment_intent")
	w.number("amount", i.amount)
	w.number("amount_capturable", i.capturable)
	w.object("amount_details", func() { w.object("tip", func() {}) })
	w.number("amount_received", i.received)
	w.null("application", "application_fee_amount")
	w.automatic(&d)
	if i.status == canceled {
		w.number("canceled_at", d.canceledAt)
	} else {
		w.null("canceled_at")
	}
	w.textOrNull("cancellation_reason", d.cancellationReason)
	w.text("capture_method", i.capture)
	w.clientSecret(i)
	confirmation := d.confirmation
	if confirmation == "" {
		confirmation = "automatic"
	}
	w.text("confirmation_method", confirmation)
	w.number("created", i.created)
	w.text("currency", i.currency)
	w.reference("customer", kindCustomer, i.customer, e)
	w.textOrNull("description", d.description)
	w.null("invoice")
	w.lastError(i.lastError)
	w.reference("latest_charge", kindCharge, i.charge, e)
	w.flag("livemode", false)
	w.metadata(i.metadata)
	w.nextAction(i)
	w.null("on_behalf_of")
	w.reference("payment_method", kindMethod, i.method, e)
	w.null("payment_method_configuration_details")
	w.object("payment_method_options", func() {
		w.object("card", func() {
			w.null("installments", "mandate_options", "network")
			w.text("request_three_d_secure", "automatic")
		})
	})
	types := d.types
	if types == nil {
		types = []string{"card"}
	}
	w.texts("payment_method_types", types...)
	w.null("processing")
	w.textOrNull("receipt_email", d.receiptEmail)
	w.null("review")
	w.textOrNull("setup_future_usage", d.futureUsage)
	w.shipping(d.shipping)
	w.textOrNull("statement_descriptor", d.descriptor)
	w.textOrNull("statement_descriptor_suffix", d.descriptorSuffix)
	w.text("status", i.status)
	w.null("transfer_data")
	w.textOrNull("transfer_group", d.transferGroup)
}

// automatic is on unless the caller named the types, since version 2023-08-16.
func (w *writer) automatic(d *paymentDetails) {
	if d.types != nil {
		w.null("automatic_payment_methods")
		return
	}
	redirects := "always"
	if d.noRedirects {
		redirects = "never"
	}
	w.object("automatic_payment_methods", func() {
		w.text("allow_redirects", redirects)
		w.flag("enabled", true)
	})
}

func (w *writer) clientSecret(i *intent) {
	w.key("client_secret")
	w.buf = append(w.buf, '"')
	w.buf = w.account.ids.append(w.buf, kindIntent, i.ref)
	w.buf = append(w.buf, "_secret_"...)
	w.buf = w.account.ids.secret(w.buf, i.ref)
	w.buf = append(w.buf, '"')
}

func (w *writer) nextAction(i *intent) {
	if i.status != needsAction {
		w.null("next_action")
		return
	}
	w.object("next_action", func() {
		if back := i.details.copy().returnURL; back != "" {
			w.object("redirect_to_url", func() {
				w.text("return_url", back)
				w.text("url", "https://hooks.stripe.com/redirect/authenticate/simulated")
			})
			w.text("type", "redirect_to_url")
			return
		}
		w.text("type", "use_stripe_sdk")
		w.object("use_stripe_sdk", func() { w.text("type", "three_d_secure_redirect") })
	})
}

func (w *writer) lastError(e *apiError) {
	if e == nil {
		w.null("last_payment_error")
		return
	}
	w.object("last_payment_error", func() { w.errorBody(e, 0) })
}
