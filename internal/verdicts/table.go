package verdicts

import (
	"slices"
	"strings"
)

// Fault names what goes wrong in a scenario.
type Fault string

// The faults, as the design lists them.
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
	RedisDown             Fault = "redis-down"
	RedisRestart          Fault = "redis-restart"
	RedisFailover         Fault = "redis-failover"
	RedlockMinority       Fault = "redlock-minority"
	RedlockMajority       Fault = "redlock-majority"
	PartitionBeforeCharge Fault = "partition-before-charge"
	PartitionDuringCharge Fault = "partition-during-charge"
	PostgresDown          Fault = "postgres-down"
	MixedModes            Fault = "mixed-modes"
)

// Faults returns all faults, in the order of the matrix.
func Faults() []Fault {
	var faults []Fault
	for _, row := range table() {
		faults = append(faults, row.fault)
	}
	return faults
}

// MixedWith is the mode that server a runs under mixed-modes.
const MixedWith = "locked"

// columns are the modes' places in a row of the table.
func columns() map[string]int {
	return map[string]int{
		"uncoordinated": 0, "check-first": 1, "naive-lock": 2, "locked": 3, "redlock": 4, "fenced": 5,
		"idempotent": 6, "claimed": 7, "exactly-once": 8,
	}
}

// row is one fault: what happens, what each mode comes to, and why.
type row struct {
	fault Fault
	what  string
	cells [9]string
	whys  map[string]string // by the modes that share the reason, such as "locked redlock"
}

// why is the row's own reason for the mode, or else the mode's, which is the same in every row.
func (r row) why(mode string) string {
	for modes, why := range r.whys {
		if slices.Contains(strings.Fields(modes), mode) {
			return why
		}
	}
	return always()[mode]
}

// always is why a mode comes to what it does, where that doesn't depend on the fault.
func always() map[string]string {
	return map[string]string{
		"uncoordinated": "nothing keeps the servers from charging, so each does",
		"naive-lock":    "the lock is free again, and nobody asks the ledger",
		"locked":        "b and c find the invoice charged when they ask under their lease",
		"redlock":       "b and c find the invoice charged when they ask under their lease",
		"fenced":        "b and c find the invoice charged when they ask under their lease",
		"idempotent":    "all send the same key, so Stripe charges once and repeats its answer",
		"claimed":       "b and c find the invoice claimed",
		"exactly-once":  "only the one PaymentIntent of the invoice is ever confirmed",
	}
}

// About returns what happens in a fault, in a sentence.
func About(f Fault) string {
	for _, row := range table() {
		if row.fault == f {
			return row.what
		}
	}
	return ""
}

// table has the columns uncoordinated, check-first, naive-lock, locked, redlock, fenced,
// idempotent, claimed, exactly-once. A cell is charges/entries after the fault, and after the quiet
// run where that changes them.
func table() []row {
	return slices.Concat(serverFaults(), stripeFaults(), redisFaults(), otherFaults())
}

const (
	unknown   = "the ledger that b asks doesn't know of a's charge"
	underWay  = "b asks the ledger while a's charge is still on its way"
	notLocked = "b asks the ledger under its lease, and that doesn't know of a's charge"
	sentUnder = "the lease stops no request that was sent under it"
	refused   = "the ledger refuses a's old token; Stripe, which checks none, has charged"
	abandoned = "nobody may touch a's claim, so nobody records its charge"
	recorded  = "b confirms a's PaymentIntent, is told that it succeeded, and records it"
)

// serverFaults are those of the servers, and of when they come.
func serverFaults() []row {
	return []row{
		{None, "all three servers fire at the same instant",
			[9]string{"3/3 4/4", "3/3", "1/1 2/2", "1/1", "1/1", "1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":           "all ask before any has charged, so all are told no",
				"naive-lock":            "all but one find the lock taken; whoever comes later finds it free",
				"locked redlock fenced": "all but one find the lease held, or the invoice charged",
				"claimed exactly-once":  "all but one find the invoice claimed",
			}},
		{Late, "b fires after a has finished, c after b",
			[9]string{"3/3 4/4", "1/1", "3/3 4/4", "1/1", "1/1", "1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":          "b and c are told that the invoice is charged",
				"claimed exactly-once": "b and c find a's claim settled",
			}},
		{Pause, "a's request is on its way while a stands still past its lease; b and c run",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "2/2", "2/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":  underWay,
				"locked":       sentUnder,
				"redlock":      sentUnder + ", on five nodes or one",
				"fenced":       refused,
				"idempotent":   "a's request carries the key of b's, and gets b's answer",
				"exactly-once": "a's request confirms the PaymentIntent that b has confirmed already",
			}},
		{SlowStripe, "Stripe takes longer over a's request than the TTL; b runs, and c later",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "1/1", "1/1", "1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":           underWay,
				"naive-lock":            "the lock expires under a's work, since nobody renews it",
				"locked redlock fenced": "the lease is renewed while a waits, so b finds it held",
				"exactly-once":          "b confirms the same PaymentIntent, and waits for a's request",
			}},
		{CrashBeforeCharge, "a is killed before its request reaches Stripe; b and c run; a restarts",
			[9]string{"3/3 4/4", "1/1", "3/3 4/4", "1/1", "1/1", "1/1", "1/1", "0/0", "1/1"},
			map[string]string{
				"check-first":           "nothing was charged, so b may; c and a are told that b has",
				"locked redlock fenced": "the lease expires, and nothing was charged, so b may",
				"claimed":               "a's claim never ends, and nobody can know that it sent nothing",
				"exactly-once":          "a's claim expires, and b takes it over",
			}},
		{CrashAfterCharge, "a is killed after Stripe charged, before the ledger knew; a restarts",
			[9]string{"4/3 5/4", "2/1", "4/3 5/4", "2/1", "2/1", "2/1", "1/1", "1/0", "1/1"},
			map[string]string{
				"check-first":           unknown,
				"locked redlock fenced": notLocked,
				"idempotent":            "b's request gets a's answer, and b records it",
				"claimed":               abandoned,
				"exactly-once":          recorded,
			}},
	}
}

// stripeFaults are those between the servers and Stripe.
func stripeFaults() []row {
	return []row{
		{LostReply, "Stripe charges, and every reply to a is lost; b and c run later",
			[9]string{"3/2 4/3", "2/1", "3/2 4/3", "2/1", "2/1", "2/1", "1/1", "1/0", "1/1"},
			map[string]string{
				"check-first":           unknown,
				"locked redlock fenced": notLocked,
				"idempotent":            "b's request gets the answer that a never got, and b records it",
				"claimed":               abandoned,
				"exactly-once":          recorded,
			}},
		{Stripe500Before, "Stripe saves a 500 under a's key before it charged; b and c run later",
			[9]string{"2/2 3/3", "1/1", "2/2 3/3", "1/1", "1/1", "1/1", "0/0", "0/0", "1/1"},
			map[string]string{
				"check-first":           "nothing was charged, so b may; c is told that b has",
				"locked redlock fenced": "nothing was charged, so b may, and under a key of its own",
				"idempotent":            "Stripe repeats the saved 500 to everybody, for a day",
				"claimed":               "unknown is not failed: a's claim stays",
				"exactly-once":          "b confirms under a key of its own",
			}},
		{Stripe500After, "Stripe charges, and saves a 500 under a's key; b and c run later",
			[9]string{"3/2 4/3", "2/1", "3/2 4/3", "2/1", "2/1", "2/1", "1/0", "1/0", "1/1"},
			map[string]string{
				"check-first":           unknown,
				"locked redlock fenced": notLocked,
				"idempotent":            "Stripe repeats the 500, and nobody learns of the charge",
				"claimed":               "unknown is not failed: a's claim stays, its charge unrecorded",
				"exactly-once":          recorded,
			}},
		{KeyExpired, "as crash-after-charge, and b comes after Stripe forgot the key",
			[9]string{"4/3 5/4", "2/1", "4/3 5/4", "2/1", "2/1", "2/1", "2/1", "1/0", "1/1"},
			map[string]string{
				"check-first":           unknown,
				"locked redlock fenced": notLocked,
				"idempotent":            "to Stripe, b's key is a new one",
				"claimed":               abandoned,
				"exactly-once":          "the PaymentIntent remembers that it succeeded; keys are forgotten",
			}},
		{DelayedADay, "as pause, and a's request arrives after Stripe forgot the key",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "2/2", "2/1", "2/2", "1/1", "1/1"},
			map[string]string{
				"check-first":    underWay,
				"locked redlock": sentUnder + ", however late it arrives",
				"fenced":         refused,
				"idempotent":     "to Stripe, the key of a's old request is a new one",
				"exactly-once":   "the PaymentIntent remembers that b's request has confirmed it",
			}},
		{DeclinedThenFixed, "the card declines; the customer puts in a new one; a runs within the day",
			[9]string{"1/1 2/2", "1/1", "1/1 2/2", "1/1", "1/1", "1/1", "0/0", "1/1", "1/1"},
			map[string]string{
				"uncoordinated":         "a charges the new card; whoever comes later charges it again",
				"naive-lock":            "a charges the new card; whoever comes later finds the lock free",
				"check-first":           "nothing was charged yet, so a may; whoever comes later is told so",
				"locked redlock fenced": "nothing was charged yet, so a may; whoever comes later is told so",
				"idempotent":            "the key is bound to the card that was declined",
				"claimed":               "a decline is definite, so the claim was given back",
				"exactly-once":          "the same PaymentIntent is confirmed with the new card",
			}},
	}
}
