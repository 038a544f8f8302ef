package stripesim

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// session is whether the customer is present to authenticate.
type session struct {
	off           bool
	errorOnAction bool
	returnURL     string
}

// confirmationOnly are the parameters that describe a confirmation: a PaymentIntent is created with
// them only together with confirm=true (https://docs.stripe.com/api/payment_intents/create).
var confirmationOnly = []string{"off_session", "return_url", "mandate", "error_on_requires_action"}

// readConfirmation reads the parameters of a confirmation only.
func readConfirmation(p *params) session {
	var s session
	if value, sent := p.optional("off_session"); sent {
		s.off = isTrue(value) || value == "one_off" || value == "recurring"
		if !s.off && !isFalse(value) {
			p.fail(errInvalid("", "off_session", "Invalid off_session: must be a boolean, "+
				"or one of one_off or recurring"))
		}
	}
	s.errorOnAction = p.flag("error_on_requires_action")
	s.returnURL = p.text("return_url")
	if u, err := url.Parse(s.returnURL); s.returnURL != "" && (err != nil || u.Scheme == "") {
		p.fail(errInvalid("url_invalid", "return_url", "Not a valid URL"))
	}
	p.flag("use_stripe_sdk")
	p.text("mandate")
	return s
}

// check refuses a confirmation that Stripe refuses. With the customer present, a payment method may
// redirect to a page of its own, and automatic payment methods are on by default
// (https://docs.stripe.com/upgrades#2023-08-16): so Stripe must know the types, or where to return.
func (s session) check(p *params, d *paymentDetails) {
	named := d != nil && (d.types != nil || d.noRedirects)
	switch {
	case s.off && p.has("setup_future_usage"):
		p.fail(errInvalid("", "setup_future_usage", "You cannot provide `setup_future_usage` "+
			"with `off_session=true`: a card is set up while its customer is present."))
	case !s.off && s.returnURL == "" && !named:
		p.fail(errInvalid("", "", "This PaymentIntent is configured to accept payment methods "+
			"enabled in your Dashboard. Because some of these payment methods might redirect "+
			"your customer off of your page, you must provide a `return_url`. If you don't want "+
			"to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` "+
			"to `true` and `automatic_payment_methods[allow_redirects]` to `never`."))
	}
}

// intentRefs are the objects that a request for a PaymentIntent names.
type intentRefs struct {
	customerID, methodID string
	newMethod            *paymentMethod // of payment_method_data
	method               *paymentMethod
}

// readIntent reads the parameters that create and update share.
func readIntent(c *call, i *intent) intentRefs {
	p, d := c.params, i.details.copy()
	r := intentRefs{customerID: p.text("customer"), methodID: p.text("payment_method")}
	r.newMethod = readMethodData(p)
	readPayment(p, &d, &i.capture)
	p.update("description", &d.description)
	p.update("statement_descriptor", &d.descriptor)
	p.update("statement_descriptor_suffix", &d.descriptorSuffix)
	p.update("transfer_group", &d.transferGroup)
	if method := p.choice("confirmation_method", "automatic", "manual"); method == "manual" {
		d.confirmation = method
	}
	if q := p.object("automatic_payment_methods"); q != nil {
		q.flag("enabled")
		d.noRedirects = q.choice("allow_redirects", "always", "never") == "never"
	}
	i.metadata = p.metadata(i.metadata)
	i.details = d.orNil()
	p.refuse("application_fee_amount", "mandate_data", "on_behalf_of", "payment_method_options",
		"payment_method_configuration", "radar_options", "transfer_data")
	return r
}

// readPayment reads the parameters that a confirmation has, too.
func readPayment(p *params, d *paymentDetails, capture *string) {
	p.email("receipt_email", &d.receiptEmail)
	method := p.choice("capture_method", captureAuto, captureAsync, captureManual)
	*capture = cmp.Or(method, *capture)
	usage, sent := p.optional("setup_future_usage")
	if usage != "" {
		usage = p.choice("setup_future_usage", "off_session", "on_session")
	}
	if sent {
		d.futureUsage = usage
	}
	if q := p.object("shipping"); q != nil {
		d.shipping = readShipping(q)
	}
	types := p.list("payment_method_types")
	for n, t := range types {
		if !slices.Contains(methodTypes(), t) {
			p.fail(errInvalid("", join("payment_method_types", fmt.Sprint(n)),
				"Invalid payment_method_types: %s", t))
		}
	}
	if types != nil {
		d.types = types
	}
}

// resolve looks up what the request names and checks that they belong together.
func (r *intentRefs) resolve(c *call, i *intent) {
	if owner := c.customer(r.customerID); owner != nil {
		i.customer = owner.ref
	}
	r.method = r.newMethod
	if r.methodID != "" {
		r.method = c.account.method(r.methodID, http.StatusBadRequest)
	}
	if r.method == nil {
		return
	}
	err := r.method.usableBy(c.account, i.customer)
	if err != nil && r.method.customer != 0 && i.customer != 0 {
		// Another customer's. Stripe shows the PaymentIntent all the same, and makes it if it was
		// to.
		if err.intent = c.account.intents.get(i.ref); err.intent == nil {
			c.begin()
			err.intent = c.account.addIntent(c, *i, nil, unlocked)
		}
	}
	refuse(err)
}
