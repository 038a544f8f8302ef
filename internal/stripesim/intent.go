package stripesim

import (
	"fmt"
	"net/http"
	"slices"
)

// The statuses of a PaymentIntent that cards can bring about
// (https://stripe.com/docs/payments/intents).
const (
	needsMethod   = "requires_payment_method"
	needsConfirm  = "requires_confirmation"
	needsAction   = "requires_action"
	needsCapture  = "requires_capture"
	succeeded     = "succeeded"
	canceled      = "canceled"
	captureManual = "manual"
	captureAuto   = "automatic"
	captureAsync  = "automatic_async"
)

// intent is one snapshot of a PaymentIntent.
type intent struct {
	ref      ref
	created  int64
	customer ref
	method   ref
	charge   ref // the latest

	amount, received, capturable int64

	currency  string
	status    string
	capture   string
	metadata  metadata
	lastError *apiError
	details   *intentDetails // nil: none of them was ever set
}

func (i intent) createdAt() int64 { return i.created }

// intentDetails are the properties that most PaymentIntents do not have. Snapshots share them, so
// they are copied to be changed.
type intentDetails struct {
	canceledAt         int64
	cancellationReason string
	confirmation       string // empty: automatic
	description        string
	receiptEmail       string
	futureUsage        string
	descriptor         string
	descriptorSuffix   string
	transferGroup      string
	types              []string
	noRedirects        bool
	shipping           *shipping
}

// detail returns the details to read.
func (i *intent) detail() intentDetails {
	if i.details == nil {
		return intentDetails{}
	}
	return *i.details
}

// setDetail stores details that were changed, and keeps none if they are all empty.
func (i *intent) setDetail(d intentDetails) {
	empty := d.canceledAt == 0 && d.shipping == nil && len(d.types) == 0 && !d.noRedirects &&
		d.cancellationReason+d.confirmation+d.description+d.receiptEmail+d.futureUsage+
			d.descriptor+d.descriptorSuffix+d.transferGroup == ""
	if empty {
		i.details = nil
		return
	}
	i.details = &d
}

func createIntent(c *call) (any, *apiError) {
	p, a := c.params, c.account
	next := intent{capture: captureAuto}
	next.amount = readAmount(p, "amount", true)
	next.currency = readCurrency(p)
	checkMinimum(p, next.amount, next.currency)
	r := readIntent(c, &next)
	confirm := p.flag("confirm")
	offSession := readConfirmation(p)
	if offSession.sent && !confirm {
		p.fail(errInvalidParameter("off_session", "You cannot set `off_session` without "+
			"`confirm=true`: it describes the confirmation."))
	}
	e := p.expand(kindIntent)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := r.resolve(c, &next); err != nil {
		return nil, err
	}
	if !confirm {
		if err := c.begin(); err != nil {
			return nil, err
		}
		return c.expanded(a.addIntent(c, next, r.method, nil), e), nil
	}
	if r.method == nil {
		return nil, errNothingToConfirm(nil)
	}
	m, releaseMethod, err := c.lockPayer(r.method)
	if err != nil {
		return nil, err
	}
	defer releaseMethod()
	if err := c.begin(); err != nil {
		return nil, err
	}

	// It is born locked, so that nobody else can confirm or cancel it before its outcome is known.
	m = a.saved(m)
	var release func()
	created := a.addIntent(c, next, m, &release)
	defer release()
	confirmed, err := a.take(c, created, m, offSession)
	if err != nil {
		return nil, err
	}
	return c.expanded(confirmed, e), nil
}

// addIntent stores a PaymentIntent that was not confirmed yet, locked if the caller has a place for
// what releases it.
func (a *account) addIntent(c *call, next intent, m *paymentMethod, release *func()) *intent {
	next.status = needsMethod
	if m != nil {
		next.status, next.method = needsConfirm, a.saved(m).ref
	}
	created := a.intents.add(a.clock.unix(), func(r ref, created int64) *intent {
		next.ref, next.created = r, created
		if release != nil {
			*release, _ = a.locks.acquire(kindIntent, r) // it is new: nobody holds it
		}
		if owner := a.customers.get(next.customer); owner != nil {
			owner.owned.add(&owner.owned.intents, r)
		}
		return &next
	})
	a.emit(c, eventIntentCreated, created)
	return created
}

// intentRefs are the objects that a request on a PaymentIntent names.
type intentRefs struct {
	customerID, methodID string
	newMethod            *paymentMethod // of payment_method_data
	customer             *customer
	method               *paymentMethod
}

// readIntent reads what create and update have in common.
func readIntent(c *call, i *intent) intentRefs {
	p, d := c.params, i.detail()
	r := intentRefs{customerID: p.text("customer"), methodID: p.text("payment_method")}
	r.newMethod = readMethodData(p)
	p.update("description", &d.description)
	p.update("receipt_email", &d.receiptEmail)
	readFutureUsage(p, &d)
	p.update("statement_descriptor", &d.descriptor)
	p.update("statement_descriptor_suffix", &d.descriptorSuffix)
	p.update("transfer_group", &d.transferGroup)
	if method := p.choice("capture_method", captureAuto, captureAsync, captureManual); method != "" {
		i.capture = method
	}
	if method := p.choice("confirmation_method", "automatic", "manual"); method == "manual" {
		d.confirmation = method
	}
	if types := readTypes(p); types != nil {
		d.types = types
	}
	if q := p.object("automatic_payment_methods"); q != nil {
		q.flag("enabled")
		d.noRedirects = q.choice("allow_redirects", "always", "never") == "never"
	}
	if q := p.object("shipping"); q != nil {
		d.shipping = readShipping(q)
	}
	i.metadata = p.metadata(i.metadata)
	i.setDetail(d)
	p.refuse("application_fee_amount", "mandate_data", "on_behalf_of", "payment_method_options",
		"payment_method_configuration", "radar_options", "transfer_data")
	return r
}

func readFutureUsage(p *params, d *intentDetails) {
	usage, sent := p.optional("setup_future_usage")
	if usage != "" {
		usage = p.choice("setup_future_usage", "off_session", "on_session")
	}
	if sent {
		d.futureUsage = usage
	}
}

// readTypes returns payment_method_types, nil if they were not sent.
func readTypes(p *params) []string {
	types := p.list("payment_method_types")
	for n, t := range types {
		if !slices.Contains(methodTypes(), t) {
			p.fail(errInvalidParameter(join("payment_method_types", fmt.Sprint(n)),
				"Invalid payment_method_types: "+t))
		}
	}
	return types
}

// readMethodData reads a card that is given in place of a saved one.
func readMethodData(p *params) *paymentMethod {
	q := p.object("payment_method_data")
	if q == nil {
		return nil
	}
	q.choice("type", "card")
	return &paymentMethod{card: readCard(q), billing: readBilling(q, nil),
		metadata: q.metadata(nil)}
}

// resolve looks up what the request names and checks that they belong together.
func (r *intentRefs) resolve(c *call, i *intent) *apiError {
	var err *apiError
	if r.customerID != "" {
		if r.customer, err = c.customer(r.customerID, "customer"); err != nil {
			return err
		}
		i.customer = r.customer.ref
	}
	r.method = r.newMethod
	if r.methodID != "" {
		r.method, err = c.account.method(r.methodID, "payment_method", http.StatusBadRequest)
		if err != nil {
			return err
		}
	}
	if r.method != nil {
		return r.method.usableBy(c.account, i.customer)
	}
	return nil
}

// usableBy says why a payment method cannot pay for a customer, zero being none.
func (m *paymentMethod) usableBy(a *account, owner ref) *apiError {
	switch {
	case m.spent:
		return errSpent("payment_method")
	case m.customer != 0 && owner == 0:
		return errInvalidParameter("payment_method", fmt.Sprintf("The provided PaymentMethod "+
			"was attached to a Customer. To use it, provide the customer %s.",
			a.ids.id(kindCustomer, m.customer)))
	case m.customer != 0 && m.customer != owner:
		return errInvalidParameter("payment_method", fmt.Sprintf("The customer does not have a "+
			"payment method with the ID %s. The payment method must be attached to the customer.",
			a.ids.id(kindMethod, m.ref)))
	}
	return nil
}
