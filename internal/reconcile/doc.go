// Package reconcile compares, for a billing period, what Stripe took with what the ledger says, and
// puts right what is wrong: it records what is missing, refunds what is too much, and cancels
// PaymentIntents that nothing will ever confirm.
//
// # What it goes by
//
// An invoice is overcharged if more than one of its charges still has the customer's money, at
// Stripe; what the ledger says has no part in that, so a charge whose entry is only late is never
// refunded. Kept is the earliest charge, by the time its PaymentIntent was created and then by ID,
// of which nothing was refunded. Money given back by hand counts: a duplicate that was refunded is
// right, and so is an invoice whose only charge was. Refunded or not, it was charged.
//
// It never guesses. A payment that can't be attributed to an invoice is listed and left, and so is
// an invoice on which the two sides contradict each other, or whose duplicates aren't alike.
//
// # Why it may be interrupted, repeated, and run beside others
//
// Each step is idempotent by itself, and its result is found again by looking: an entry is unique
// by PaymentIntent or refund; a refund has the key refund/<payment intent> and never an amount, so
// that a second one, from whomever and whenever, finds nothing left to give back. Everyone keeps
// the same charge, since everyone orders them alike; and before a refund the one that is kept is
// looked at once more, in case somebody has just refunded that one by hand.
//
// A due run beside it only adds charges and entries. A charge that the list was too early for is
// found by the next look. Canceled are only PaymentIntents that no card was ever tried with and
// that nobody can come to confirm: exactly-once confirms what is registered and nothing else, what
// is registered stays so, and an invoice with a charge entry is not claimed again. The one server
// that might still register such a PaymentIntent is one that claimed the invoice before another
// mode charged it. While its claim is held, the PaymentIntent is left alone; if it outlives its
// claim and registers one that is canceled, Stripe refuses to confirm it, and that is as well: the
// invoice is charged.
//
// # What it prints for programs
//
// An Outcome, as JSON: {"ok": …, "found": REPORT, "done": […], "now": REPORT or null}. "ok" is true
// if all is right now; a PaymentIntent that could be canceled took no money, and makes nothing
// wrong. "found" is the report of the first look. "done" has what was then done about it, null in
// a dry run: each with "invoice", "kind" (record charge, record refund, refund, cancel),
// "payment_intent", "refund", "amount_minor", "currency" and, if it failed, "error". "now" is the
// report of a second look, if there was anything to do.
//
// A report has "period"; "since" and "until" (null: no end), the window of creation times of which
// Stripe's PaymentIntents were listed, and how many that were, "listed"; "counts", how many
// invoices there are of each verdict; "totals", a line a currency; "invoices", all of them, in the
// order of their subscriptions' IDs; and "unattributed", payments that belong to none of them. An
// invoice has "subscription", "period", "verdicts", "currency" (of its amounts), "due_minor",
// "charges", "charged_minor" and "refunded_minor" at Stripe, "entries", "entered_minor" and
// "entered_refunds_minor" in the ledger, "kept" (of an overcharged one: the charge that stays),
// "to_do" and "remarks". Amounts are in the currency's smallest unit; refunds are not negative.
package reconcile
