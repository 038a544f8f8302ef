package explore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
)

// op is the method that a call calls.
type op uint8

const (
	none op = iota
	obtain
	obtainFenced
	checkValid
	release
	charged
	record
	highest
	raise
	recordFenced
	take
	takeFinal
	register
	postpone
	giveBack
	charge // the first request to Stripe
	prepare
	confirm
	cancel
)

// call is one call of a port, with everything that its answer depends on.
type call struct {
	op     op
	card   card
	terms  terms // of the invoice
	intent uint8 // the PaymentIntent's number; 0 for none
	old    uint8 // the number of the one that it replaces
	n      uint8 // a claim's generation, a fencing token or its floor
	lease  uint8 // its number
	nodes  uint8 // the Redis nodes that the lock is on, a bit each
	any    bool  // a release deletes the key, whoever holds it
	gated  bool  // it is not sent once the lease is no longer valid
	key    uint32
}

// toStripe reports whether a call is a request to Stripe, which may stay in flight for any time.
func (c call) toStripe() bool { return c.op >= charge }

// takesMoney reports whether a request to Stripe may take money.
func (c call) takesMoney() bool { return c.op == charge || c.op == confirm }

func (o op) obtains() bool { return o == obtain || o == obtainFenced }

func (c call) toLedger() bool { return c.op >= charged && c.op <= giveBack }

// card is the customer's payment method.
type card uint8

const (
	oldCard card = iota + 1
	newCard
)

// terms are what the subscription asks, and of whom: a bit for each thing that a person may change.
type terms uint8

const (
	anotherAmount terms = 1 << iota
	anotherCustomer
	termsBits = iota
)

// outcome is an answer's error.
type outcome uint8

const (
	ok outcome = iota
	failed
	held
	lost
	declined
	unknown
	notSent
	tooLate // notSent, because the lease is no longer valid
	taken
	paid
	stale
	canceled
)

// errFailed is the error of a call to Redis or Postgres that can't be made or whose answer is lost.
var errFailed = errors.New("no answer")

var errs = [...]error{
	ok: nil, failed: errFailed, held: billing.ErrHeld, lost: billing.ErrLeaseLost,
	declined: billing.ErrDeclined, unknown: billing.ErrUnknown, notSent: billing.ErrNotSent,
	tooLate: fmt.Errorf("%w: %w", billing.ErrNotSent, billing.ErrLeaseLost),
	taken:   billing.ErrTaken, paid: billing.ErrCharged, stale: billing.ErrStale,
	canceled: billing.ErrCanceled,
}

func (o outcome) err() error { return errs[o] }

type answer struct {
	outcome outcome
	yes     bool  // the invoice is charged
	n       uint8 // a claim's generation or a fencing token
	intent  uint8
	asks    terms // of the PaymentIntent
	card    card  // of the invoice, where the answer brings it: the first one does
	terms   terms // likewise
}

func (a answer) bits() uint64 {
	return uint64(a.outcome) | uint64(flags(a.yes))<<7 | uint64(a.n)<<8 | uint64(a.intent)<<16 |
		uint64(a.card)<<24 | uint64(a.terms)<<28 | uint64(a.asks)<<32
}

// invoice returns the only invoice, to be charged to the card.
func invoice(c card, t terms) billing.Invoice {
	sub := billing.Subscription{
		ID: "alice", Customer: "cus_alice", PaymentMethod: "pm_" + strconv.Itoa(int(c)),
		AmountMinor: 1000, Currency: "usd",
	}
	if t&anotherAmount != 0 {
		sub.AmountMinor = 500
	}
	if t&anotherCustomer != 0 {
		sub.Customer = "cus_bob"
	}
	return billing.Invoice{Subscription: sub, Period: december}
}

// termsOf returns the terms with this customer and amount.
func termsOf(customer string, amountMinor int64) (t terms) {
	for t = range terms(1 << termsBits) {
		sub := invoice(oldCard, t).Subscription
		if sub.Customer == customer && sub.AmountMinor == amountMinor {
			break
		}
	}
	return t
}

var december, _ = billing.ParsePeriod("2026-12")

func cardOf(inv billing.Invoice) card {
	n, _ := strconv.Atoi(strings.TrimPrefix(inv.Subscription.PaymentMethod, "pm_"))
	return card(n)
}

// A PaymentIntent's number is part of its name; 0 means none.
func intentName(n uint8) string {
	if n == 0 {
		return ""
	}
	return "pi_" + strconv.Itoa(int(n))
}

// intent returns the PaymentIntent of the number, which asks this.
func intent(n uint8, asks terms) billing.Intent {
	if n == 0 {
		return billing.Intent{}
	}
	sub := invoice(oldCard, asks).Subscription
	return billing.Intent{
		ID: intentName(n), Customer: sub.Customer, AmountMinor: sub.AmountMinor,
		Currency: sub.Currency,
	}
}

func intentNumber(name string) uint8 {
	n, _ := strconv.Atoi(strings.TrimPrefix(name, "pi_"))
	return uint8(n)
}

// keyNumber hashes an idempotency key. 0 stands for no key: the client then makes a random one.
func keyNumber(key string) uint32 {
	if key == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}
