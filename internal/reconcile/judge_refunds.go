package reconcile

import (
	"slices"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

// refundEntries compares the refunds with their entries.
func (j *judging) refundEntries() {
	recorded := map[string]ledger.Refund{}
	for _, r := range j.account.Refunds {
		if !r.IsByHand() {
			recorded[r.ID] = r
		}
	}
	for _, c := range j.charges {
		for _, r := range c.Refunds {
			e, ok := recorded[r.ID]
			switch {
			case r.State == stripecharge.RefundPending:
				j.found[verdict.Pending] = true
				j.remark("the refund %s of %s is still pending", r.ID, c.ID)
			case ok && (e.AmountMinor != r.AmountMinor || e.PaymentIntent != c.ID):
				j.doubt("Stripe says that %s gave back %s of %s, the ledger says %s of %s", r.ID,
					money.Amount(r.AmountMinor, c.Currency), c.ID,
					money.Amount(e.AmountMinor, c.Currency), e.PaymentIntent)
			case r.State == stripecharge.RefundFailed:
				j.remark("the refund %s of %s failed: the customer did not get the money", r.ID,
					c.ID)
				if ok && !e.Reversed {
					j.found[verdict.Unrecorded] = true
					j.toDo(RecordReversal, c, r.ID, r.AmountMinor)
				}
			case !ok:
				j.found[verdict.Unrecorded] = true
				j.toDo(RecordRefund, c, r.ID, r.AmountMinor)
			}
			delete(recorded, r.ID)
		}
	}
	for _, r := range j.account.Refunds {
		if _, left := recorded[r.ID]; left {
			j.found[verdict.NotAtStripe] = true
			j.remark("%s of %s: Stripe has no such refund", r.ID, r.PaymentIntent)
		}
	}
}

// settle takes from the charges what was given back outside of Stripe.
func (j *judging) settle() {
	for _, r := range j.account.Refunds {
		n := slices.IndexFunc(j.charges, byID(r.PaymentIntent))
		if n >= 0 && r.IsByHand() && !r.Reversed {
			j.charges[n].RemainingMinor -= r.AmountMinor
			if j.charges[n].RemainingMinor < 0 {
				j.doubt("%s was settled by hand, and refunded at Stripe, too", r.PaymentIntent)
			}
		}
	}
}

// standing finds the charges that still have the customer's money, and picks the one to keep.
func (j *judging) standing() {
	var standing []stripecharge.Intent
	for _, c := range j.charges {
		if c.RemainingMinor > 0 {
			standing = append(standing, c)
		}
	}
	if len(standing) < 2 {
		if len(standing) == 1 {
			j.comparePrice(standing[0])
		}
		return
	}
	j.found[verdict.Overcharged] = true
	kept := slices.IndexFunc(standing, func(c stripecharge.Intent) bool {
		return c.RemainingMinor == c.AmountMinor
	})
	for _, c := range standing {
		switch first := standing[0]; {
		case c.Disputed:
			j.doubt("%s is disputed: that money may go back another way", c.ID)
		case c.AmountMinor != first.AmountMinor || c.Currency != first.Currency:
			j.doubt("%s and %s are not for the same amount: choose which to refund", first.ID, c.ID)
		}
	}
	if kept < 0 {
		j.doubt("each of %d charges is refunded in part: choose which to keep", len(standing))
		return
	}
	j.invoice.Kept = standing[kept].ID
	for n, c := range standing {
		switch {
		case n == kept:
		case j.found[verdict.Pending]: // what was given back is not known yet
			j.remark("%s is not refunded while a refund is pending: run again later", c.ID)
		case slices.ContainsFunc(c.Refunds, failed):
			j.remark("%s is not refunded again: pay the customer another way, then "+
				"reconcile settle --payment %[1]s", c.ID)
		default:
			j.toDo(RefundCharge, c, "", c.RemainingMinor)
		}
	}
}

func failed(r stripecharge.Refund) bool { return r.State == stripecharge.RefundFailed }
