package faults

const (
	nothingYet = "nothing is created at Stripe before the charge"
	replaced   = "server-b cancels server-a's PaymentIntent, which asks something else, and " +
		"registers another"
	boundKey = "the key is bound to what server-a's request asked"
)

// personFaults are about what people change between two attempts.
func personFaults() []Row {
	return []Row{
		{
			Fault: IntentCanceled, Lease: LongLease, Servers: 3, Declines: true,
			Text: "The card is declined; a person cancels the PaymentIntent; a new card; " +
				"the others run.",
			Cells: map[string]Cell{
				"uncoordinated check-first naive-lock locked redlock fenced idempotent claimed": {
					After: NotApplicable, Why: nothingYet},
				"exactly-once": {After: "1/1",
					Why: "server-b finds the registered PaymentIntent canceled, and registers " +
						"another"},
			},
		},
		{
			Fault: AmountChanged, Lease: LongLease, Servers: 3, Declines: true,
			Text:  "The card is declined; the plan becomes cheaper; a new card; the others run.",
			Cells: afterDecline(),
		},
		{
			Fault: AmountChangedCrash, Lease: ShortLease, Servers: 3,
			Text: "Server-a is killed before its charge arrives; the plan becomes cheaper; " +
				"the others run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "2/2", Recovered: "3/3", Why: eachCharges},
				"check-first": {After: "1/1",
					Why: "server-b charges what it lists now, and server-c finds that in the " +
						"ledger"},
				"naive-lock": {After: "2/2", Recovered: "3/3", Why: freeAgain},
				"locked redlock fenced": {After: "1/1",
					Why: "the lease expires, and server-b charges the new amount"},
				"idempotent": {After: "1/1",
					Why: "server-a's request never arrived, so the key is bound to server-b's " +
						"new amount"},
				"claimed": {After: "0/0",
					Why: "server-a's claim never expires, and nobody can know that " +
						"server-a sent nothing"},
				"exactly-once": {After: "1/1", Why: replaced},
			},
		},
		{
			Fault: CustomerMoved, Lease: LongLease, Servers: 3, Declines: true,
			Text: "The card is declined; the subscription moves to another customer; the " +
				"others run.",
			Cells: afterDecline(),
		},
	}
}

// afterDecline returns the cells of a change after a decline: a's attempt has taken no money.
func afterDecline() map[string]Cell {
	return map[string]Cell{
		"uncoordinated": {After: "2/2", Recovered: "3/3", Why: eachCharges},
		"check-first": {After: "1/1",
			Why: "server-b charges what it lists now, and server-c finds that in the ledger"},
		"naive-lock": {After: "2/2", Recovered: "3/3", Why: freeAgain},
		"locked redlock fenced": {After: "1/1",
			Why: "server-b charges what it lists now, and server-c finds the invoice charged"},
		"idempotent":   {After: "0/0", Why: boundKey},
		"claimed":      {After: "1/1", Why: "a decline is definite, so the claim was given back"},
		"exactly-once": {After: "1/1", Why: replaced},
	}
}
