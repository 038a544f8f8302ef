// Package faults has a row for each fault of the matrix: what happens, what a scenario needs to
// play it, and how many charges and ledger entries are expected of each mode, after the fault and
// after a recovery run. It is pure: others play the faults and measure.
package faults

import (
	"fmt"
	"slices"
	"strings"

	"example.com/triplecharge/billing"
)

// Fault names what goes wrong in a scenario.
type Fault string

// The faults.
const (
	None                  Fault = "none"
	Late                  Fault = "late"
	Pause                 Fault = "pause"
	SlowStripe            Fault = "slow-stripe"
	CrashBeforeCharge     Fault = "crash-before-charge"
	CrashAfterCharge      Fault = "crash-after-charge"
	LostReply             Fault = "lost-reply"
	Stripe500Before       Fault = "stripe-500-before"
	Stripe500After        Fault = "stripe-500-after"
	KeyExpired            Fault = "key-expired"
	DelayedADay           Fault = "delayed-a-day"
	DeclinedThenFixed     Fault = "declined-then-fixed"
	IntentCanceled        Fault = "intent-canceled"
	AmountChanged         Fault = "amount-changed"
	AmountChangedCrash    Fault = "amount-changed-crash"
	CustomerMoved         Fault = "customer-moved"
	RedisDown             Fault = "redis-down"
	RedisRestart          Fault = "redis-restart"
	RedisFailover         Fault = "redis-failover"
	RedlockMinority       Fault = "redlock-minority"
	RedlockMajority       Fault = "redlock-majority"
	RedisClockJump        Fault = "redis-clock-jump"
	RedlockClockJump      Fault = "redlock-clock-jump"
	PartitionBeforeCharge Fault = "partition-before-charge"
	PartitionDuringCharge Fault = "partition-during-charge"
	PostgresDown          Fault = "postgres-down"
	PostgresFailover      Fault = "postgres-failover"
	PostgresForgets       Fault = "postgres-forgets"
	PostgresForgetsADay   Fault = "postgres-forgets-a-day"
	LogStalls             Fault = "log-stalls"
	LogGone               Fault = "log-gone"
	MixedModes            Fault = "mixed-modes"
	EventLate             Fault = "event-late" // in All, not in Rows
)

// Row is one fault. A test refuses rows without a Text, a Lease or Servers.
type Row struct {
	Fault    Fault
	Kind     string // where it happens
	Text     string // what happens, in a sentence
	Lease    Lease
	Servers  int  // how many servers take part
	Declines bool // the customer's first card is declined
	// Replicated: the ledger is in a Postgres of its own, which has a standby.
	Replicated bool
	Clocks     bool   // the clocks of the Redis nodes can jump
	Webhooks   bool   // the servers take Stripe's events
	Beside     string // the mode that server-a runs instead of the one that is tested; "" for none
	// NotFor are the kinds of lock to which the fault doesn't apply, with the reason.
	NotFor map[billing.Lock]string
	// Cells are what is expected, by the mode's name; modes that share a cell are named together,
	// with blanks between. Of a mode without a cell nothing is expected.
	Cells map[string]Cell
	// Told are the cells that differ with Webhooks, if events come before the next server runs.
	Told map[string]Cell
}

// Lease says how long leases and claims last while a fault is played.
type Lease int

// Short leases are for faults that wait until they expire. Long ones outlast every scenario.
const (
	ShortLease Lease = iota + 1
	LongLease
)

// Cell is what is expected of one mode under one fault.
type Cell struct {
	After     string // charges/entries after the fault, such as "2/1"; or NotApplicable
	Recovered string // the same after a recovery run; "" if that changes nothing
	Why       string // the reason, as the end of a sentence
}

// Under names a mode under a fault.
func Under(mode string, f Fault) string {
	if f == None {
		return mode + ", no fault"
	}
	return mode + " under " + string(f)
}

// Sentence makes a Why a sentence of its own.
func Sentence(why string) string { return strings.ToUpper(why[:1]) + why[1:] + "." }

// NotApplicable is the cell of a fault that doesn't apply to the mode.
const NotApplicable = "n/a"

// All returns Rows, and the faults of Stripe's events.
func All() []Row { return slices.Clone(all()) }

// Rows returns the faults that need no webhooks, in the order of the matrix.
func Rows() []Row { return slices.DeleteFunc(All(), func(r Row) bool { return r.Webhooks }) }

// Faults returns the names of Rows.
func Faults() []Fault {
	var names []Fault
	for _, row := range Rows() {
		names = append(names, row.Fault)
	}
	return names
}

// cell returns what is expected of the mode; false if nothing is.
func (r Row) cell(mode string) (Cell, bool) {
	if cell, ok := of(r.Told, mode); ok && r.Webhooks {
		return cell, true
	}
	return of(r.Cells, mode)
}

func of(cells map[string]Cell, mode string) (Cell, bool) {
	for modes, cell := range cells {
		if slices.Contains(strings.Fields(modes), mode) {
			return cell, true
		}
	}
	return Cell{}, false
}

// Named returns the fault's row, or an error that lists the faults.
func Named(f Fault) (Row, error) {
	for _, row := range all() {
		if row.Fault == f {
			return row, nil
		}
	}
	var names []string
	for _, name := range Faults() {
		names = append(names, string(name))
	}
	return Row{}, fmt.Errorf("no fault is called %q: use one of %s", f, strings.Join(names, ", "))
}
