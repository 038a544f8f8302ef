package stripesim

// dispute is a cardholder's objection to a charge. Nothing here answers or closes it, so it never
// changes.
type dispute struct {
	head
	charge      ref
	intent      ref
	transaction ref // that withdrew the money; an inquiry has none
	amount      int64
	currency    string
	brand       string
	disputeCourse
}

// disputeCourse is what a test card's holder does: its reason and the network's code for it. An
// inquiry comes before a dispute and withdraws no money
// (https://docs.stripe.com/disputes/how-disputes-work#inquiries).
type disputeCourse struct {
	Reason, Network string
	Inquiry         bool
}

// disputeFee is what Stripe takes for a dispute in the US, in cents.
const disputeFee = 1500

// took notes that a request took money. Some cardholders dispute it, before the next request.
func (a *account) took(c *call, o *charge) {
	a.feed.add(c.origin(), o.ref)
	if course := o.method.card.outcome.Dispute; course.Reason != "" {
		a.after(0, func() *apiError { return a.addDispute(o.ref, course) })
	}
}

// addDispute makes the dispute of a charge and, unless it is an inquiry, withdraws the money.
func (a *account) addDispute(r ref, course disputeCourse) *apiError {
	release, err := a.charges.lock(a, r)
	if err != nil {
		return err
	}
	defer release()
	disputed := *a.charges.get(r)
	made := &dispute{charge: r, intent: disputed.intent, amount: disputed.taken,
		currency: disputed.currency, brand: disputed.method.card.brand, disputeCourse: course}
	a.disputes.add(a.clock.unix(), made, func() {
		if !course.Inquiry {
			made.transaction = a.addTransaction(transaction{of: kindDispute, source: made.ref,
				amount: -made.amount, fee: disputeFee, currency: made.currency, available: true})
		}
	})
	disputed.dispute = made.ref
	a.charges.set(r, &disputed)
	a.emit(nil, "charge.dispute.created", made)
	if !course.Inquiry {
		a.emit(nil, "charge.dispute.funds_withdrawn", made)
	}
	return nil
}

// chargedBack reports whether the money of a charge was withdrawn, so that it can't be refunded.
func (a *account) chargedBack(o *charge) bool {
	d := a.disputes.get(o.dispute)
	return d != nil && !d.Inquiry
}

// evidenceDue is how long the business has to answer, in seconds: a week.
const evidenceDue = 7 * 24 * 60 * 60

var disputeBody = newBody("dispute", functions[dispute]{
	"due": func(w *writer, d *dispute) { w.number(d.created + evidenceDue) },
	"status": func(w *writer, d *dispute) {
		w.either(d.Inquiry, "warning_needs_response", "needs_response")
	},
	"pastDue": func(w *writer, d *dispute) {
		w.flag(d.created+evidenceDue < w.account.clock.unix())
	},
	"transactions": func(w *writer, d *dispute) {
		w.list("[", min(1, int(d.transaction)), "]", func(int) {
			w.value(w.account.transactions.get(d.transaction), nil)
		})
	},
})

func (d *dispute) json(w *writer) { w.fill(disputeBody, d) }
