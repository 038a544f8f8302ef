// Package reconcile compares, for a billing period, what Stripe charged with what the ledger has
// recorded. It corrects what is wrong: it records what is missing, refunds duplicate charges, and
// cancels PaymentIntents that nothing will ever confirm.
//
// # The rules
//
// An invoice is overcharged if more than one of its charges still has the customer's money at
// Stripe. The ledger has no say in that, so a charge whose entry is only late is never refunded.
// The charge to keep is the earliest of those of which nothing was refunded, by the time its
// PaymentIntent was created and then by ID. Money given back by hand counts: an invoice whose
// duplicate was refunded is right, and so is one whose only charge was refunded: it was charged.
//
// Only this ledger's payments are judged: those with its ID in their metadata, and older ones that
// it names. Others, even with the same names, are counted and left alone.
//
// The reconciler never guesses. It lists a payment that belongs to no known invoice, and leaves it
// alone. It does the same for an invoice on which the two sides contradict each other, or whose
// duplicates have different amounts.
//
// # Why it can be interrupted, repeated, and run beside others
//
// Each step is idempotent, and the next run finds its result at Stripe or in the ledger. An entry
// is unique by PaymentIntent or refund. A refund has the key refund/<payment intent> and never an
// amount, so a second refund, whoever sends it and whenever, finds nothing left to give back. We
// look at both charges once more before a refund, in case somebody has just refunded one by hand.
//
// Of several with --apply or --record, one runs at a time: a lock in Postgres bears the ledger's
// ID. Two that read an invoice before and after a person refunded a charge in part would otherwise
// keep other charges, and refund both. The lock does not hold back a person at the Dashboard, nor a
// reconciler of a copy of the database. It ends with its connection, and the run about a second
// later. Another ledger in the same Stripe account needs no lock, since its payments are others.
//
// While a refund is pending, nothing of its invoice is refunded. A refund that fails later gets a
// reversal beside its entry, and the charge is not refunded again: a person pays another way, and
// records that with reconcile settle. So does a person who leaves a duplicate as it is on purpose:
// --record refunds nothing, but a later --apply would.
//
// A due run at the same time only adds charges and entries. The next run finds a charge that was
// made after the list was read. Canceled are only PaymentIntents that no card was ever tried with
// and that no server needs: exactly-once confirms only the registered PaymentIntent, and an invoice
// with a charge entry is not claimed again. A server may be about to register such a PaymentIntent,
// in place of one that it has canceled; Stripe then refuses to confirm it, and the server registers
// another. So may one that claimed the invoice before another mode charged it: while its claim is
// held, the PaymentIntent is left alone. If the server outlives its claim, Stripe refuses to
// confirm what it registers. That is harmless: the invoice is already charged.
//
// # A ledger that has forgotten
//
// After a restore or a failover the ledger may lack entries and claims. An entry is recorded like
// any other. A claim is recorded anew if Stripe has a PaymentIntent that was prepared under a later
// generation than the ledger knows, or one that was tried, and none is registered. A server that
// registers another at the same time is told of this one. If several were prepared, one is
// registered and the others are canceled, so that no delayed request can take money through them.
// Once nothing failed, servers may charge for the period again (ledger.Store.Reconciled).
//
// # The JSON output
//
// --json prints an Outcome: {"ok": …, "found": REPORT, "done": […], "now": REPORT or null}. The
// comments on Outcome, Report, Invoice, Account, Unattributed, Done and Action describe its fields.
// Amounts are in the currency's smallest unit, and refunds are positive.
package reconcile
