package stripesim

import (
	"fmt"
	"net/http"
)

// session says whether the customer is there to authenticate.
type session struct {
	sent          bool
	off           bool
	errorOnAction bool
}

// readConfirmation reads the parameters that only a confirmation has.
func readConfirmation(p *params) session {
	var s session
	if value, sent := p.optional("off_session"); sent {
		s.sent = true
		s.off = value == "true" || value == "one_off" || value == "recurring"
		if !s.off && value != "false" {
			p.fail(errInvalidParameter("off_session", "Invalid off_session: must be a boolean, "+
				"or one of one_off or recurring"))
		}
	}
	s.errorOnAction = p.flag("error_on_requires_action")
	p.text("return_url")
	p.flag("use_stripe_sdk")
	p.text("mandate")
	return s
}

// confirmIntent takes the money of a PaymentIntent that exists. From the first look at its status
// to the last write it holds the PaymentIntent's lock: this is what makes it succeed at most once.
func confirmIntent(c *call) (any, *apiError) {
	p, a := c.params, c.account
	found, err := c.intentInPath()
	if err != nil {
		return nil, err
	}
	release, err := a.locks.acquire(kindIntent, found.ref)
	if err != nil {
		return nil, err
	}
	defer release()

	current := a.intents.get(found.ref)
	next := *current
	d := next.detail()
	r := intentRefs{methodID: p.text("payment_method"), newMethod: readMethodData(p)}
	s := readConfirmation(p)
	if method := p.choice("capture_method", captureAuto, captureAsync, captureManual); method != "" {
		next.capture = method
	}
	if types := readTypes(p); types != nil {
		d.types = types
	}
	p.update("receipt_email", &d.receiptEmail)
	readFutureUsage(p, &d)
	if q := p.object("shipping"); q != nil {
		d.shipping = readShipping(q)
	}
	p.text("client_secret")
	p.refuse("mandate_data", "payment_method_options", "radar_options")
	e := p.expand(kindIntent)
	if err := p.done(); err != nil {
		return nil, err
	}
	next.setDetail(d)
	if err := next.confirmable(current); err != nil {
		return nil, err
	}
	if err := r.resolve(c, &next); err != nil {
		return nil, err
	}
	if r.method == nil {
		r.method = a.methods.get(next.method)
	}
	if r.method == nil {
		return nil, errNothingToConfirm(current)
	}
	m, releaseMethod, err := c.lockPayer(r.method)
	if err != nil {
		return nil, err
	}
	defer releaseMethod()
	if err := c.begin(); err != nil {
		return nil, err
	}
	m = a.saved(m)
	next.method = m.ref
	confirmed, err := a.take(c, &next, m, s)
	if err != nil {
		return nil, err
	}
	return c.expanded(confirmed, e), nil
}

// intentInPath is the PaymentIntent the path names.
func (c *call) intentInPath() (*intent, *apiError) {
	id := c.http.PathValue("id")
	_, found := find(c.account, &c.account.intents, kindIntent, id)
	if found == nil {
		return nil, errNoSuch(kindIntent, id, "intent", http.StatusNotFound)
	}
	return found, nil
}

// confirmable says why the status does not allow a confirmation, nil if it does.
func (i *intent) confirmable(current *intent) *apiError {
	switch i.status {
	case needsMethod, needsConfirm, needsAction:
		return nil
	case succeeded:
		return errUnexpectedState(current, "You cannot confirm this PaymentIntent because it "+
			"has already succeeded after being previously confirmed.")
	}
	return errUnexpectedState(current, fmt.Sprintf("You cannot confirm this PaymentIntent "+
		"because it has a status of %s. Only a PaymentIntent with one of the following statuses "+
		"may be confirmed: requires_confirmation, requires_action.", i.status))
}

func errNothingToConfirm(current *intent) *apiError {
	e := errUnexpectedState(current, "You cannot confirm this PaymentIntent because it's missing "+
		"a payment method. You can either update the PaymentIntent with a payment method and "+
		"then confirm it again, or confirm it again directly with a payment method.")
	// A new PaymentIntent was never made, so that nothing was executed.
	e.executed = current != nil
	return e
}

// take charges the card. The caller holds the PaymentIntent's lock, and the request has begun: what
// this returns is final, success or not.
func (a *account) take(c *call, i *intent, m *paymentMethod, s session) (*intent, *apiError) {
	next := *i
	next.lastError = nil
	if m.card.outcome.authenticate {
		if !s.off && !s.errorOnAction {
			next.status = needsAction
			a.intents.set(next.ref, &next)
			a.emit(c, eventIntentNeedsAction, &next)
			return &next, nil
		}
		return nil, a.decline(c, next, m, errAuthentication())
	}
	if declined := m.card.declines(); declined != nil {
		return nil, a.decline(c, next, m, declined)
	}

	manual := next.capture == captureManual
	charged := a.addCharge(c, charge{
		intent: next.ref, customer: next.customer, method: m, amount: next.amount,
		captured: !manual, currency: next.currency, metadata: next.metadata,
		details: next.details,
	})
	next.charge = charged.ref
	if manual {
		next.status, next.capturable = needsCapture, next.amount
	} else {
		next.status, next.received = succeeded, next.amount
	}
	a.used(c, &next, m)
	a.intents.set(next.ref, &next)
	a.emit(c, eventChargeSucceeded, charged)
	if manual {
		a.emit(c, eventIntentCapturable, &next)
	} else {
		a.emit(c, eventIntentSucceeded, &next)
		a.feed.add(c.origin(), charged.ref)
	}
	return &next, nil
}

func errAuthentication() *apiError {
	return &apiError{status: http.StatusPaymentRequired, typ: typeCard, executed: true,
		code: "authentication_required", decline: "authentication_required",
		message: "Your card was declined. This transaction requires authentication."}
}

// decline records that the card refused, and returns the error to answer. The PaymentIntent is back
// to where it needs a payment method, and can be confirmed again with another one.
func (a *account) decline(c *call, next intent, m *paymentMethod, declined *apiError) *apiError {
	failed := a.addCharge(c, charge{
		intent: next.ref, customer: next.customer, method: m, amount: next.amount,
		currency: next.currency, metadata: next.metadata, details: next.details,
		failure: declined,
	})
	shown := *declined
	shown.charge, shown.method = failed.ref, m
	next.charge, next.method, next.status = failed.ref, 0, needsMethod
	next.lastError = &shown
	a.spend(m)
	a.intents.set(next.ref, &next)
	a.emit(c, eventChargeFailed, failed)
	a.emit(c, eventIntentFailed, &next)

	answer := shown
	answer.intent = &next
	return &answer
}

// lockPayer locks a payment method that no customer owns, since it pays only once; one that is
// owned, or not saved yet, needs no lock.
func (c *call) lockPayer(m *paymentMethod) (
	locked *paymentMethod, release func(), err *apiError,
) {
	if m.customer != 0 || m.ref == 0 {
		return m, func() {}, nil
	}
	release, err = c.account.locks.acquire(kindMethod, m.ref)
	if err != nil {
		return nil, nil, err
	}
	m = c.account.methods.get(m.ref)
	if m.spent {
		release()
		return nil, nil, errSpent("payment_method")
	}
	return m, release, nil
}

// used keeps a payment method for the customer if that was asked for, or else spends it.
func (a *account) used(c *call, i *intent, m *paymentMethod) {
	owner := a.customers.get(i.customer)
	if i.detail().futureUsage != "" && m.customer == 0 && owner != nil && !owner.deleted {
		a.attach(c, m, owner)
		return
	}
	a.spend(m)
}

// spend marks a payment method that no customer owns: it pays once.
func (a *account) spend(m *paymentMethod) {
	if m.customer != 0 || m.spent {
		return
	}
	next := *m
	next.spent = true
	a.methods.set(next.ref, &next)
}
