package verdicts

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

// row is one fault: what happens, then what each mode comes to, and where that needs a word of its
// own, why.
type row struct {
	fault Fault
	what  string
	cells [9]string
	whys  map[string]string // by mode
}

// What happens is why, unless the mode has a reason of its own.
func (r row) why(mode string) string {
	if why, ok := r.whys[mode]; ok {
		return why
	}
	return r.what
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

const (
	noRedis = "the mode keeps nothing in Redis that could be lost"
	oneNode = "the mode has one Redis node: see redis-down and redis-restart"
)

// table has the columns uncoordinated, check-first, naive-lock, locked, redlock, fenced,
// idempotent, claimed, exactly-once. A cell is charges/entries after the fault, and after the quiet
// run where that changes them.
func table() []row { return append(stripeFaults(), storeFaults()...) }

// stripeFaults are those between the servers and Stripe.
func stripeFaults() []row {
	return []row{
		{None, "all three servers fire at the same instant",
			[9]string{"3/3 4/4", "3/3", "1/1 2/2", "1/1", "1/1", "1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"uncoordinated": "nothing keeps the servers from charging, so each does",
				"check-first":   "all ask before any has charged, so all are told no",
				"naive-lock":    "all but one find the lock taken; whoever comes later finds it free",
				"locked":        "all but one find the lease held, or the invoice charged",
				"redlock":       "all but one find the lease held, or the invoice charged",
				"fenced":        "all but one find the lease held, or the invoice charged",
				"idempotent":    "all send the same key, so Stripe charges once and repeats its answer",
				"claimed":       "all but one find the invoice claimed",
				"exactly-once":  "all but one find the invoice claimed",
			}},
		{Late, "b fires after a has finished, c after b",
			[9]string{"3/3 4/4", "1/1", "3/3 4/4", "1/1", "1/1", "1/1", "1/1", "1/1", "1/1"},
			map[string]string{"naive-lock": "the lock is free again, and nobody asks the ledger"}},
		{Pause, "a's request is on its way while a stands still past its lease; b and c run",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "2/2", "2/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"locked":       "the lease stops no request that was sent under it",
				"redlock":      "the lease stops no request that was sent under it, on five nodes or one",
				"fenced":       "the ledger refuses a's old token; Stripe, which checks none, has charged",
				"idempotent":   "a's request carries the key of b's, and gets b's answer",
				"exactly-once": "a's request confirms the PaymentIntent that b has confirmed already",
			}},
		{SlowStripe, "Stripe takes longer over a's request than the TTL; b runs, and c later",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "1/1", "1/1", "1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"naive-lock":   "the lock expires under a's work, since nobody renews it",
				"locked":       "the lease is renewed while a waits",
				"exactly-once": "b confirms the same PaymentIntent, and waits at Stripe for a's request",
			}},
		{CrashBeforeCharge, "a is killed before its request reaches Stripe; b and c run; a restarts",
			[9]string{"3/3 4/4", "1/1", "3/3 4/4", "1/1", "1/1", "1/1", "1/1", "0/0", "1/1"},
			map[string]string{"claimed": "a's claim never ends, and nobody can know that it sent nothing"}},
		{CrashAfterCharge, "a is killed after Stripe charged, before the ledger knew; a restarts",
			[9]string{"4/3 5/4", "2/1", "4/3 5/4", "2/1", "2/1", "2/1", "1/1", "1/0", "1/1"},
			map[string]string{
				"locked":       "the ledger that b asks under its lease doesn't know of a's charge",
				"idempotent":   "b's request gets a's answer, and b records it",
				"claimed":      "nobody may touch a's claim, so nobody records its charge",
				"exactly-once": "b confirms a's PaymentIntent, is told that it succeeded, and records it",
			}},
		{LostReply, "Stripe charges, and every reply to a is lost; b and c run later",
			[9]string{"3/2 4/3", "2/1", "3/2 4/3", "2/1", "2/1", "2/1", "1/1", "1/0", "1/1"}, nil},
		{Stripe500Before, "Stripe saves a 500 under a's key before it charged; b and c run later",
			[9]string{"2/2 3/3", "1/1", "2/2 3/3", "1/1", "1/1", "1/1", "0/0", "0/0", "1/1"},
			map[string]string{
				"idempotent":   "Stripe repeats the saved 500 to everybody, for a day",
				"claimed":      "unknown is not failed: a's claim stays",
				"exactly-once": "b confirms under a key of its own",
			}},
		{Stripe500After, "Stripe charges, and saves a 500 under a's key; b and c run later",
			[9]string{"3/2 4/3", "2/1", "3/2 4/3", "2/1", "2/1", "2/1", "1/0", "1/0", "1/1"},
			map[string]string{"idempotent": "Stripe repeats the 500, and nobody learns of the charge"}},
		{KeyExpired, "as crash-after-charge, and b comes after Stripe forgot the key",
			[9]string{"4/3 5/4", "2/1", "4/3 5/4", "2/1", "2/1", "2/1", "2/1", "1/0", "1/1"},
			map[string]string{"idempotent": "to Stripe, b's key is a new one"}},
		{DelayedADay, "as pause, and a's request arrives after Stripe forgot the key",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "2/2", "2/1", "2/2", "1/1", "1/1"},
			map[string]string{"idempotent": "to Stripe, the key of a's old request is a new one"}},
		{DeclinedThenFixed, "the card declines; the customer puts in a new one; a runs within the day",
			[9]string{"1/1 2/2", "1/1", "1/1 2/2", "1/1", "1/1", "1/1", "0/0", "1/1", "1/1"},
			map[string]string{"idempotent": "the key is bound to the card that was declined"}},
	}
}

// storeFaults are those of Redis and Postgres, and of servers that don't ask the same one.
func storeFaults() []row {
	return []row{
		{RedisDown, "Redis is dead at midnight, and back for the quiet run",
			[9]string{"3/3 4/4", "3/3", "0/0 1/1", "0/0 1/1", "0/0 1/1", "0/0 1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"uncoordinated": noRedis, "check-first": noRedis, "idempotent": noRedis,
				"claimed": noRedis, "exactly-once": noRedis,
			}},
		{RedisRestart, "one Redis node restarts empty while a's charge is on its way; b and c run",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "1/1", "2/1", "1/1", "1/1", "1/1"},
			map[string]string{"redlock": "four of five nodes still have the lease"}},
		{RedisFailover, "a replica that never had the key takes the primary's place",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "-", "2/1", "1/1", "1/1", "1/1"},
			map[string]string{"redlock": "its nodes are independent, and have no replicas"}},
		{RedlockMinority, "two of five Redis nodes are dead at midnight",
			[9]string{"-", "-", "-", "-", "1/1", "-", "-", "-", "-"}, single()},
		{RedlockMajority, "three of five Redis nodes restart empty while a's charge is on its way",
			[9]string{"-", "-", "-", "-", "2/2", "-", "-", "-", "-"}, single()},
		{PartitionBeforeCharge, "a loses Redis; its re-check's answer comes after the TTL and b's run",
			[9]string{"-", "-", "-", "1/1", "1/1", "1/1", "-", "-", "-"},
			map[string]string{
				"naive-lock":    "the mode asks nothing between its lock and its charge",
				"locked":        "the lease can't be trusted any longer, so a sends nothing",
				"redlock":       "the lease can't be trusted any longer, so a sends nothing",
				"fenced":        "the lease can't be trusted any longer, so a sends nothing",
				"uncoordinated": noRedis, "check-first": noRedis, "idempotent": noRedis,
				"claimed": noRedis, "exactly-once": noRedis,
			}},
		{PartitionDuringCharge, "a loses Redis while its charge is on its way; b and c run",
			[9]string{"-", "-", "3/3 4/4", "2/2", "2/2", "2/1", "-", "-", "-"},
			map[string]string{
				"uncoordinated": noRedis, "check-first": noRedis, "idempotent": noRedis,
				"claimed": noRedis, "exactly-once": noRedis,
			}},
		{PostgresDown, "the ledger can't be reached by a from its charge until its run is over",
			[9]string{"3/2 4/3", "2/1", "3/2 4/3", "2/1", "2/1", "2/1", "1/1", "1/0", "1/1"}, nil},
		{MixedModes, "a runs locked, b this mode, at the same instant",
			[9]string{"2/2 3/3", "2/2", "2/2 3/3", "-", "2/2", "1/1", "2/2", "2/2", "2/2"},
			map[string]string{
				"locked": "beside itself it is not mixed",
				"fenced": "it asks for the same lease as locked, so the two see each other",
			}},
	}
}

func single() map[string]string {
	whys := map[string]string{}
	for mode := range columns() {
		if mode != "redlock" {
			whys[mode] = oneNode
		}
	}
	for _, mode := range []string{
		"uncoordinated", "check-first", "idempotent", "claimed", "exactly-once",
	} {
		whys[mode] = noRedis
	}
	return whys
}
