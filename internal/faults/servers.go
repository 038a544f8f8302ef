package faults

// The reasons that several cells share.
const (
	eachCharges = "nothing stops the servers, so each of them charges"
	freeAgain   = "the lock is free again, and nobody asks the ledger"
	recheck     = "the others find the invoice charged when they re-check under their lease"
	sameKey     = "all servers send the same key, so Stripe charges once and repeats its answer"
	isClaimed   = "the others find the invoice claimed"
	oneIntent   = "only the invoice's one PaymentIntent is ever confirmed"
	unknown     = "the ledger doesn't know of server-a's charge when server-b asks"
	inFlight    = "server-b asks the ledger while server-a's charge is still in flight"
	notLocked   = "server-b holds the lease, but the ledger it asks doesn't know of server-a's " +
		"charge"
	sentUnder = "a lease can't stop a request that was already sent"
	refused   = "the ledger rejects server-a's stale token, but Stripe checks none and charges"
	abandoned = "nobody may touch server-a's claim, so nobody records its charge"
	found     = "the others find that in the ledger"
	recorded  = "server-b confirms server-a's PaymentIntent, learns that it has succeeded, and " +
		"records it"
)

// timingFaults are about when servers run.
func timingFaults() []Row {
	return []Row{
		{
			Fault: None, Lease: LongLease, Servers: 3,
			Text: "All three servers fire at the same instant.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":   {After: "3/3", Why: "all ask the ledger before any has charged"},
				"naive-lock": {After: "1/1", Recovered: "2/2",
					Why: "only one gets the lock, but whoever comes later finds it free"},
				"locked redlock fenced": {After: "1/1",
					Why: "the others find the lease held, or the invoice charged"},
				"idempotent":           {After: "1/1", Why: sameKey},
				"claimed exactly-once": {After: "1/1", Why: "the others find the invoice claimed"},
			},
		},
		{
			Fault: Late, Lease: LongLease, Servers: 3,
			Text: "Server-b fires after server-a has finished, and server-c after server-b.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first": {After: "1/1",
					Why: "the others ask the ledger and find the invoice charged"},
				"naive-lock":            {After: "3/3", Recovered: "4/4", Why: freeAgain},
				"locked redlock fenced": {After: "1/1", Why: recheck},
				"idempotent":            {After: "1/1", Why: sameKey},
				"claimed exactly-once": {After: "1/1", Why: "the others find server-a's " +
					"claim settled"},
			},
		},
		{
			Fault: Pause, Lease: ShortLease, Servers: 3,
			Told: notFenced(),
			Text: "Server-a is paused past its lease while its request is in flight; the others " +
				"run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":   {After: "2/2", Why: inFlight},
				"naive-lock":    {After: "3/3", Recovered: "4/4", Why: freeAgain},
				"locked":        {After: "2/2", Why: sentUnder},
				"redlock":       {After: "2/2", Why: sentUnder + ", on five nodes or one"},
				"fenced":        {After: "2/1", Why: refused},
				"idempotent": {After: "1/1",
					Why: "server-a's request has the same key as server-b's, and gets its answer"},
				"claimed": {After: "1/1", Why: isClaimed},
				"exactly-once": {After: "1/1",
					Why: "server-a's request confirms the PaymentIntent that server-b has " +
						"already confirmed"},
			},
		},
		{
			Fault: SlowStripe, Lease: ShortLease, Servers: 3,
			Text: "Stripe holds server-a's request for longer than the TTL; server-b runs, then " +
				"server-c.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":   {After: "2/2", Why: inFlight},
				"naive-lock": {After: "3/3", Recovered: "4/4",
					Why: "the lock expires while server-a waits, since nobody renews it"},
				"locked redlock fenced": {After: "1/1",
					Why: "the lease is renewed while server-a waits, so server-b finds it held"},
				"idempotent": {After: "1/1", Why: sameKey},
				"claimed":    {After: "1/1", Why: isClaimed},
				"exactly-once": {After: "1/1",
					Why: "server-b confirms the same PaymentIntent, and waits for server-a's " +
						"request"},
			},
		},
	}
}

// crashFaults kill a server.
func crashFaults() []Row {
	return []Row{
		{
			Fault: CrashBeforeCharge, Lease: ShortLease, Servers: 3,
			Text: "Server-a is killed before its request reaches Stripe; the others run; " +
				"server-a restarts.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first": {After: "1/1",
					Why: "nothing was charged, so server-b charges; server-c and server-a find " +
						"that in the ledger"},
				"naive-lock": {After: "3/3", Recovered: "4/4", Why: freeAgain},
				"locked redlock fenced": {After: "1/1",
					Why: "the lease expires, and nothing was charged, so server-b charges"},
				"idempotent": {After: "1/1", Why: sameKey},
				"claimed": {After: "0/0",
					Why: "server-a's claim never expires, and nobody can know that " +
						"server-a sent nothing"},
				"exactly-once": {After: "1/1", Why: "server-a's claim expires, and b " +
					"takes it over"},
			},
		},
		{
			Fault: CrashAfterCharge, Lease: ShortLease, Servers: 3,
			Told: heard("4/4", "5/5"),
			Text: "Server-a is killed after Stripe charged, before the ledger knew; " +
				"server-a restarts.",
			Cells: map[string]Cell{
				"uncoordinated":         {After: "4/3", Recovered: "5/4", Why: eachCharges},
				"check-first":           {After: "2/1", Why: unknown},
				"naive-lock":            {After: "4/3", Recovered: "5/4", Why: freeAgain},
				"locked redlock fenced": {After: "2/1", Why: notLocked},
				"idempotent": {After: "1/1",
					Why: "server-b's request gets server-a's answer, and server-b records it"},
				"claimed":      {After: "1/0", Why: abandoned},
				"exactly-once": {After: "1/1", Why: recorded},
			},
		},
	}
}

// logFaults are about whoever reads a server's log. A worker that waits for its log between a
// charge and its entry, or ends with it, loses the entry: then these are like crash-after-charge.
func logFaults() []Row {
	cells := func() map[string]Cell {
		return map[string]Cell{
			"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
			"check-first": {After: "1/1", Why: "server-a records its charge all the " +
				"same: " + found},
			"naive-lock": {After: "3/3", Recovered: "4/4", Why: freeAgain},
			"locked redlock fenced": {After: "1/1",
				Why: "server-a renews, records and releases all the same: " + found},
			"idempotent":           {After: "1/1", Why: sameKey},
			"claimed exactly-once": {After: "1/1", Why: "server-a settles its claim all the same"},
		}
	}
	return []Row{
		{
			Fault: LogStalls, Lease: LongLease, Servers: 3, Cells: cells(),
			Text: "Nobody reads server-a's log from its charge until server-b has run; then " +
				"server-c runs.",
		},
		{
			Fault: LogGone, Lease: LongLease, Servers: 3, Cells: cells(),
			Text: "The reader of server-a's log goes away during its charge; the others run later.",
		},
	}
}
