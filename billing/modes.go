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
	New     func(Ports) Biller
}

// Lock names the kind of lock a mode relies on.
type Lock string

// The kinds of lock.
const (
	NoLock    Lock = ""
	NaiveLock Lock = "naive" // one Redis; SET NX PX and DEL, not renewed
	SafeLock  Lock = "safe"  // one Redis; lease token, compare-and-delete, renewed
)

// Ports is what a mode may use; those it doesn't need may be nil.
type Ports struct {
	Ledger  Ledger
	Charger Charger
	Locker  Locker
}

// Modes returns the table of modes, in the order of the lesson.
func Modes() []Mode {
	return []Mode{
		{
			"uncoordinated",
			"protects nothing: three servers, three charges",
			NoLock,
			func(p Ports) Biller { return uncoordinated{p.Ledger, p.Charger} },
		},
		{
			"naive-lock",
			"SET NX PX, charge, DEL: stops servers at the same moment, not a late or a slow one",
			NaiveLock,
			func(p Ports) Biller { return naiveLock{p.Locker, p.Ledger, p.Charger} },
		},
		{
			"locked",
			"a lease with a token, renewed, and the ledger asked again under it: late and slow too",
			SafeLock,
			func(p Ports) Biller { return locked{p.Locker, p.Ledger, p.Charger} },
		},
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
