package billing

import (
	"embed"
	"fmt"
	"strings"
)

// Mode is one way to protect an invoice before it is charged.
type Mode struct {
	Name         string
	Promise      string // what the mode does and what it survives, in one line
	Lock         Lock   // the kind of lock that Ports.Locker must be
	ChecksLedger bool   // it never charges an invoice that the ledger says is charged
	New          func(Ports) Biller
}

// Lock names the kind of lock that a mode relies on.
type Lock string

// The kinds of lock.
const (
	NoLock     Lock = ""       // the mode uses no lock
	NaiveLock  Lock = "naive"  // one Redis: SET NX PX and DEL, no renewal
	SafeLock   Lock = "safe"   // one Redis: lease token, compare-and-delete, renewal
	QuorumLock Lock = "quorum" // SafeLock on a majority of independent Redis nodes: Redlock
)

// Ports are the interfaces that a mode may use. Those it doesn't need may be nil.
type Ports struct {
	Ledger  Ledger
	Charger Charger
	Locker  Locker
	Fenced  FencedLocker // Locker, for a mode that has a Fence
	Fence   Fence
	Claims  Claims // claims that expire
	Final   Claims // claims that never expire
	Intents Intents
}

// Source has the files of this package, for those who show a mode's code beside what it does.
//
//go:embed *.go
var Source embed.FS

// Modes returns a new copy of the table of modes, in the order of the lesson.
func Modes() []Mode {
	return []Mode{
		{
			Name:    "uncoordinated",
			Promise: "No protection: three servers make three charges.",
			New:     func(p Ports) Biller { return uncoordinated{p.Ledger, p.Charger} },
		},
		{
			Name: "check-first", ChecksLedger: true,
			Promise: "Asks the ledger first, without a lock. " +
				"Survives late servers, not simultaneous ones.",
			New: func(p Ports) Biller { return checkFirst{p.Ledger, p.Charger} },
		},
		{
			Name: "naive-lock", Lock: NaiveLock,
			Promise: "SET NX PX, charge, DEL. " +
				"Survives simultaneous servers, not late or slow ones.",
			New: func(p Ports) Biller { return naiveLock{p.Locker, p.Ledger, p.Charger} },
		},
		{
			Name: "locked", Lock: SafeLock, ChecksLedger: true,
			Promise: "Token lease with renewal; re-checks the ledger while holding it. " +
				"Survives late and slow servers.",
			New: func(p Ports) Biller { return locked{p.Locker, p.Ledger, p.Charger} },
		},
		{
			Name: "redlock", Lock: QuorumLock, ChecksLedger: true,
			Promise: "The same lease on five Redis nodes, quorum three. " +
				"Also survives the loss of two nodes.",
			New: func(p Ports) Biller { return locked{p.Locker, p.Ledger, p.Charger} },
		},
		{
			Name: "fenced", Lock: SafeLock, ChecksLedger: true,
			Promise: "Like locked, plus fencing: the ledger rejects a stale holder, " +
				"but the card is still charged.",
			New: func(p Ports) Biller { return fenced{p.Fenced, p.Fence, p.Ledger, p.Charger} },
		},
		{
			Name: "idempotent",
			Promise: "No lock: the invoice is Stripe's idempotency key. " +
				"Protects for 24 hours.",
			New: func(p Ports) Biller { return idempotent{p.Ledger, p.Charger} },
		},
		{
			Name: "claimed", ChecksLedger: true,
			Promise: "A claim row in Postgres, then the charge. " +
				"Never charges twice; a crash leaves the invoice unbilled.",
			New: func(p Ports) Biller { return claimed{p.Final, p.Ledger, p.Charger} },
		},
		{
			Name: "exactly-once", ChecksLedger: true,
			Promise: "One PaymentIntent per invoice, registered before it can be charged. " +
				"Survives all faults but a ledger that forgets.",
			New: func(p Ports) Biller { return exactlyOnce{p.Claims, p.Intents, p.Ledger} },
		},
	}
}

// ModeNamed returns the mode with that name, or an error that lists the names.
func ModeNamed(name string) (Mode, error) {
	var names []string
	for _, m := range Modes() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	all := strings.Join(names, ", ")
	return Mode{}, fmt.Errorf("no mode is called %q: use one of %s", name, all)
}
