package stripesim

import "cmp"

// The statuses that a PaymentIntent paid by card can have
// (https://docs.stripe.com/payments/intents).
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
	head
	customer ref
	method   ref
	charge   ref // the latest

	amount, received, capturable int64

	currency  string
	status    string
	capture   string
	metadata  metadata
	lastError *apiError
	details   *paymentDetails // nil: none of them was ever set
}

// paymentDetails are the properties that most PaymentIntents and charges do not have. Snapshots
// share them, so they are copied before a change.
type paymentDetails struct {
	canceledAt         int64
	cancellationReason string
	confirmation       string // empty: automatic
	description        string
	receiptEmail       string
	futureUsage        string
	descriptor         string
	descriptorSuffix   string
	transferGroup      string
	returnURL          string // of the authentication that is waited for
	types              []string
	noRedirects        bool
	shipping           *shipping
}

// copy returns the details to read or to change; nil has none.
func (d *paymentDetails) copy() paymentDetails {
	if d == nil {
		return paymentDetails{}
	}
	return *d
}

// orNil returns the details to store: nil if all are empty.
func (d paymentDetails) orNil() *paymentDetails {
	empty := d.canceledAt == 0 && d.shipping == nil && len(d.types) == 0 && !d.noRedirects &&
		d.cancellationReason+d.confirmation+d.description+d.receiptEmail+d.futureUsage+
			d.descriptor+d.descriptorSuffix+d.transferGroup+d.returnURL == ""
	if empty {
		return nil
	}
	kept := d // &d would allocate d in the empty case, too
	return &kept
}

const (
	locked   = true
	unlocked = false
)

// addIntent stores an unconfirmed PaymentIntent, which the request holds from the start if locked.
func (a *account) addIntent(c *call, next intent, m *paymentMethod, locked bool) *intent {
	next.status = needsMethod
	if m != nil {
		next.status, next.method = needsConfirm, a.saved(m).ref
	}
	created := a.intents.add(a.clock.unix(), &next, func() {
		if locked {
			c.keeps(a.locks.acquire(kindIntent, next.ref)) // it is new: nobody else has it
		}
		if owner := a.customers.get(next.customer); owner != nil {
			owner.owned.add(&owner.owned.intents, next.ref)
		}
	})
	a.emit(c, "payment_intent.created", created)
	return created
}

// confirmable returns why the status does not allow a confirmation, nil if it does.
func (i *intent) confirmable() *apiError {
	switch i.status {
	case needsMethod, needsConfirm, needsAction:
		return nil
	case succeeded:
		return errUnexpectedState(i, "You cannot confirm this PaymentIntent because it "+
			"has already succeeded after being previously confirmed.")
	}
	return errWrongStatus(i, "You cannot confirm this PaymentIntent", "confirmed",
		"requires_confirmation, requires_action")
}

// updatable returns why a PaymentIntent that is in progress or finished cannot be changed in this
// way, nil if it can: only its description, metadata and the like can be changed.
func (i *intent) updatable(p *params) *apiError {
	switch i.status {
	case needsMethod, needsConfirm, needsAction:
		return nil
	}
	for _, f := range p.field.children {
		switch f.name {
		case "metadata", "description", "receipt_email", "shipping", "transfer_group", "expand",
			"setup_future_usage":
		default:
			e := errUnexpectedState(i, "This PaymentIntent's %[1]s could not be "+
				"updated because it has a status of %[2]s. You may only update the %[1]s of a "+
				"PaymentIntent with one of the following statuses: requires_payment_method, "+
				"requires_confirmation, requires_action.", f.name, i.status)
			e.param = f.name
			return e
		}
	}
	return nil
}

func errNothingToConfirm(current *intent) *apiError {
	e := errUnexpectedState(current, "You cannot confirm this PaymentIntent because it's missing "+
		"a payment method. You can either update the PaymentIntent with a payment method and "+
		"then confirm it again, or confirm it again directly with a payment method.")
	// Without a current PaymentIntent none was created, and nothing was executed.
	e.executed = current != nil
	return e
}

func errWrongStatus(i *intent, cannot, done, allowed string) *apiError {
	return errUnexpectedState(i, "%s because it has a status of %s. Only a PaymentIntent with "+
		"one of the following statuses may be %s: %s.", cannot, i.status, done, allowed)
}

// errUnexpectedState is for a request that a PaymentIntent's status does not allow.
func errUnexpectedState(i *intent, format string, args ...any) *apiError {
	e := errInvalid("payment_intent_unexpected_state", "", format, args...)
	e.intent, e.executed = i, true
	return e
}

// take charges the card. The caller holds the PaymentIntent's lock, and the request has begun: the
// result is final, success or not.
func (a *account) take(c *call, i *intent, m *paymentMethod, s session) *intent {
	next := *i
	next.lastError = nil
	if o := m.card.outcome; o.Authenticate && !(o.SetUp && s.off) {
		if !s.off && !s.errorOnAction {
			d := next.details.copy()
			d.returnURL = s.returnURL
			next.status, next.details = needsAction, d.orNil()
			a.intents.set(next.ref, &next)
			a.emit(c, "payment_intent.requires_action", &next)
			return &next
		}
		refuse(a.decline(c, next, m, errAuthentication(), 0))
	}
	manual := next.capture == captureManual
	attempt := charge{
		intent: next.ref, customer: next.customer, method: m, amount: next.amount,
		currency: next.currency, metadata: next.metadata, details: next.details,
		failure: m.card.declines(),
	}
	attempt.captured = !manual && attempt.paid()
	charged := a.addCharge(attempt)
	if !charged.paid() {
		a.emit(c, "charge.failed", charged)
		refuse(a.decline(c, next, m, charged.failure, charged.ref))
	}
	next.charge = charged.ref
	if manual {
		next.status, next.capturable = needsCapture, next.amount
	} else {
		next.status, next.received = succeeded, next.amount
	}
	a.used(c, &next, m)
	a.intents.set(next.ref, &next)
	a.emit(c, "charge.succeeded", charged)
	if manual {
		a.emit(c, "payment_intent.amount_capturable_updated", &next)
		a.after(authorizationLasts, func() *apiError { return a.authorizationEnds(next.ref) })
	} else {
		a.emit(c, "payment_intent.succeeded", &next)
		a.took(c, charged)
	}
	return &next
}

// authorizationLasts is how long, in seconds, authorized money can be captured: seven days
// (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method).
const authorizationLasts = 7 * 24 * 60 * 60

// authorizationEnds cancels a PaymentIntent whose authorized money nobody captured.
func (a *account) authorizationEnds(r ref) *apiError {
	release, err := a.locks.acquire(kindIntent, r)
	if err != nil {
		return err
	}
	defer release()
	if current := a.intents.get(r); current.status == needsCapture {
		a.cancel(nil, current, "automatic")
	}
	return nil
}

// cancel ends a PaymentIntent for good, and releases what it had authorized. The caller holds its
// lock, and the status allows it.
func (a *account) cancel(c *call, current *intent, reason string) *intent {
	next := *current
	if current.status == needsCapture {
		a.releaseAuthorization(c, current.charge)
	}
	d := next.details.copy()
	d.canceledAt, d.cancellationReason = a.clock.unix(), reason
	next.details = d.orNil()
	next.status, next.capturable = canceled, 0
	a.intents.set(next.ref, &next)
	a.emit(c, "payment_intent.canceled", &next)
	return &next
}

func errAuthentication() *apiError {
	e := errCard("authentication_required", "",
		"Your card was declined. This transaction requires authentication.")
	e.decline, e.executed = e.code, true
	return e
}

// decline records a decline and returns the error to answer. The PaymentIntent requires a payment
// method again, and can be confirmed with another one. A payment that lacked the cardholder's
// authentication never became a charge: failed is zero.
func (a *account) decline(
	c *call, next intent, m *paymentMethod, declined *apiError, failed ref,
) *apiError {
	shown := *declined
	shown.charge, shown.method = failed, m
	if failed != 0 {
		next.charge = failed
	}
	next.method, next.status = 0, needsMethod
	next.lastError = &shown
	a.spend(m)
	a.intents.set(next.ref, &next)
	a.emit(c, "payment_intent.payment_failed", &next)

	answer := shown
	answer.intent = &next
	return &answer
}

var intentBody = newBody("payment_intent", functions[intent]{
	// They are on unless the caller named the types, since version 2023-08-16.
	"automatic": func(w *writer, i *intent) {
		switch d := i.details; {
		case d != nil && d.types != nil:
			w.text("null")
		case d != nil && d.noRedirects:
			w.text("{\n  \"allow_redirects\": \"never\",\n  \"enabled\": true\n}")
		default:
			w.text("{\n  \"allow_redirects\": \"always\",\n  \"enabled\": true\n}")
		}
	},
	"clientSecret": func(w *writer, i *intent) {
		w.id(`"`, kindIntent, i.ref, "_secret_")
		w.buf = append(w.account.ids.secret(w.buf, i.ref), '"')
	},
	"confirmation": func(w *writer, i *intent) {
		w.quote(cmp.Or(i.details.copy().confirmation, "automatic"))
	},
	"lastError": func(w *writer, i *intent) {
		request := w.request
		w.request = 0 // its log is of another request
		if i.lastError == nil {
			w.text("null")
		} else {
			w.fill(errorBody, i.lastError)
		}
		w.request = request
	},
	"nextAction": func(w *writer, i *intent) {
		back := i.details.copy().returnURL
		switch {
		case i.status != needsAction:
			w.text("null")
		case back == "":
			w.text("{\n  \"type\": \"use_stripe_sdk\",\n  \"use_stripe_sdk\": {\n    " +
				"\"type\": \"three_d_secure_redirect\"\n  }\n}")
		default:
			w.text("{\n  \"redirect_to_url\": {\n    \"return_url\": ")
			w.quote(back)
			w.text(",\n    \"url\": \"https://hooks.stripe.com/redirect/authenticate/simulated\"" +
				"\n  },\n  \"type\": \"redirect_to_url\"\n}")
		}
	},
	"types": func(w *writer, i *intent) {
		if d := i.details; d != nil && d.types != nil {
			w.list("[", len(d.types), "]", func(n int) { w.quote(d.types[n]) })
			return
		}
		w.text("[\n  \"card\"\n]")
	},
})

func (i *intent) json(w *writer) { w.fill(intentBody, i) }
