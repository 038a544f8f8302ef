package explore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
)

// op is what a call asks for.
type op uint8

const (
	none op = iota
	obtain
	trusted
	release
	charged
	record
	issue
	recordFenced
	take
	takeFinal
	register
	postpone
	charge // the first of those that Stripe is asked for
	prepare
	confirm
)

// call is one call of a port, with all that its answer depends on.
type call struct {
	op     op
	card   card
	intent uint8 // the PaymentIntent's number; 0 for none
	n      uint8 // a claim's generation or a fencing token
	slot   uint8 // whose key a lease is
	gated  bool  // it is not sent once the lease can't be trusted
	key    uint32
}

// toStripe reports whether a call is a request to Stripe, which is under way as long as it likes.
func (c call) toStripe() bool { return c.op >= charge }

// takesMoney reports whether a request to Stripe may.
func (c call) takesMoney() bool { return c.op == charge || c.op == confirm }

// toRedis reports whether a call is one of Redis'.
func (c call) toRedis() bool { return c.op == obtain || c.op == release }

// toLedger reports whether a call is one of the ledger's.
func (c call) toLedger() bool { return c.op >= charged && c.op <= postpone }

// card is the one that an invoice is to be charged to.
type card uint8

const (
	oldCard card = iota + 1
	newCard
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
	tooLate // notSent, since the lease can't be trusted
	taken
	paid
	stale
)

// errFailed is what a call of Redis or Postgres comes to when it can't be made, or when its answer
// is lost.
var errFailed = errors.New("no answer")

// err is the error that the port returns.
func (o outcome) err() error {
	switch o {
	case ok:
		return nil
	case held:
		return billing.ErrHeld
	case lost:
		return billing.ErrLeaseLost
	case declined:
		return billing.ErrDeclined
	case unknown:
		return billing.ErrUnknown
	case notSent:
		return billing.ErrNotSent
	case tooLate:
		return fmt.Errorf("%w: %w", billing.ErrNotSent, billing.ErrLeaseLost)
	case taken:
		return billing.ErrTaken
	case paid:
		return billing.ErrCharged
	case stale:
		return billing.ErrStale
	}
	return errFailed
}

// answer is what a call comes to.
type answer struct {
	outcome outcome
	yes     bool  // it is charged
	n       uint8 // a claim's generation or a fencing token
	intent  uint8
	card    card // of the invoice that is begun with
}

// bits is the answer as a number.
func (a answer) bits() uint64 {
	yes := uint64(0)
	if a.yes {
		yes = 1
	}
	return uint64(a.outcome) | yes<<7 | uint64(a.n)<<8 | uint64(a.intent)<<16 | uint64(a.card)<<24
}

// invoice is the one there is, to be charged to a card.
func invoice(c card) billing.Invoice {
	return billing.Invoice{
		Subscription: billing.Subscription{
			ID: "alice", Customer: "cus_alice", PaymentMethod: "pm_" + strconv.Itoa(int(c)),
			AmountMinor: 1000, Currency: "usd",
		},
		Period: december,
	}
}

var december, _ = billing.ParsePeriod("2026-12")

// cardOf is the card of a request's invoice.
func cardOf(inv billing.Invoice) card {
	n, _ := strconv.Atoi(strings.TrimPrefix(inv.Subscription.PaymentMethod, "pm_"))
	return card(n)
}

// The number of a PaymentIntent is its name's; 0 is none.
func intentName(n uint8) string {
	if n == 0 {
		return ""
	}
	return "pi_" + strconv.Itoa(int(n))
}

func intentNumber(name string) uint8 {
	n, _ := strconv.Atoi(strings.TrimPrefix(name, "pi_"))
	return uint8(n)
}

// keyNumber stands for an idempotency key; 0 for none, which is a random one.
func keyNumber(key string) uint32 {
	if key == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}
