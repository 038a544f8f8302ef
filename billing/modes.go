package billing

import (
	"fmt"
	"strings"
)

// Mode is one way to protect an invoice before it is charged.
type Mode struct {
	Name    string
	Promise string // what it does and what that survives, in a line
	Lock    Lock   // the lock that Ports.Locker must be
	Asks    bool   // it charges nothing that the ledger or a claim says is charged
	New     func(Ports) Biller
}

// Lock names the kind of lock a mode relies on.
type Lock string

// The kinds of lock.
const (
	NoLock     Lock = ""
	NaiveLock  Lock = "naive"  // one Redis; SET NX PX and DEL, not renewed
	SafeLock   Lock = "safe"   // one Redis; lease token, compare-and-delete, renewed
	QuorumLock Lock = "quorum" // the same on a majority of independent Redis nodes: Redlock
)

// Ports is what a mode may use; those it doesn't need may be nil.
type Ports struct {
	Ledger  Ledger
	Charger Charger
	Locker  Locker
	Fence   Fence
	Claims  Claims // that expire
	Final   Claims // that never do
	Intents Intents
}

// Modes returns the table of modes, in the order of the lesson.
func Modes() []Mode {
	const asks, forgets = true, false
	return []Mode{
		{"uncoordinated", "protects nothing: three servers, three charges", NoLock, forgets,
			func(p Ports) Biller { return uncoordinated{p.Ledger, p.Charger} }},
		{"check-first", "asks the ledger, no lock: stops late servers, not simultaneous ones",
			NoLock, asks, func(p Ports) Biller { return checkFirst{p.Ledger, p.Charger} }},
		{"naive-lock", "SET NX PX, charge, DEL: stops simultaneous servers, not late or slow ones",
			NaiveLock, forgets, func(p Ports) Biller { return naiveLock{p.Locker, p.Ledger, p.Charger} }},
		{"locked", "a lease with a token, renewed, the ledger asked under it: late and slow, too",
			SafeLock, asks, func(p Ports) Biller { return locked{p.Locker, p.Ledger, p.Charger} }},
		{"redlock", "the same lease on five Redis nodes, quorum three: two lost nodes, too",
			QuorumLock, asks, func(p Ports) Biller { return locked{p.Locker, p.Ledger, p.Charger} }},
		{"fenced", "locked, and the ledger refuses who was overtaken: the card is still charged",
			SafeLock, asks, func(p Ports) Biller { return fenced{p.Locker, p.Fence, p.Ledger, p.Charger} }},
		{"idempotent", "no lock, the invoice is Stripe's idempotency key: for 24 hours", NoLock, forgets,
			func(p Ports) Biller { return idempotent{p.Ledger, p.Charger} }},
		{"claimed", "a claim row, then charge: never twice, and a crash leaves it unbilled", NoLock, asks,
			func(p Ports) Biller { return claimed{p.Final, p.Ledger, p.Charger} }},
		{"exactly-once", "one PaymentIntent an invoice, registered before it can take money: all faults",
			NoLock, asks, func(p Ports) Biller { return exactlyOnce{p.Claims, p.Intents, p.Ledger} }},
	}
}

// ModeNamed returns the mode of that name, or an error that lists the names there are.
func ModeNamed(name string) (Mode, error) {
	var names []string
	for _, m := range Modes() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Mode{}, fmt.Errorf("no mode is called %q: use one of %s", name, strings.Join(names, ", "))
}
