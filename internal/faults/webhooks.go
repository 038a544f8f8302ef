package faults

// eventFaults are about when Stripe's events come. They need webhooks.
func eventFaults() []Row {
	return []Row{{
		Fault: EventLate, Lease: ShortLease, Servers: 3, Webhooks: true,
		Text: "Like crash-after-charge, and Stripe's events come after all servers have run.",
		Cells: map[string]Cell{
			"uncoordinated": {After: "4/4", Recovered: "5/5", Why: eachCharges},
			"naive-lock":    {After: "4/4", Recovered: "5/5", Why: freeAgain},
			"check-first locked redlock fenced": {After: "2/2",
				Why: "server-b has charged again by the time the event tells of server-a's charge"},
			"idempotent": {After: "1/1",
				Why: "server-b's request gets server-a's answer, and server-b records it"},
			"claimed": {After: "1/1",
				Why: "nobody may touch server-a's claim, but the late event records its charge"},
			"exactly-once": {After: "1/1", Why: recorded},
		},
	}}
}

// heard returns the cells of a charge that its server can't record, if Stripe's event of it comes
// before b runs: after and recovered are those of modes that ask nothing.
func heard(after, recovered string, idempotent ...Cell) map[string]Cell {
	cells := map[string]Cell{
		"uncoordinated": {After: after, Recovered: recovered, Why: eachCharges},
		"naive-lock":    {After: after, Recovered: recovered, Why: freeAgain},
		"check-first locked redlock fenced": {After: "1/1",
			Why: "Stripe's event has recorded server-a's charge when server-b asks the ledger"},
		"claimed": {After: "1/1",
			Why: "nobody may touch server-a's claim, but Stripe's event records its charge"},
	}
	for _, c := range idempotent {
		cells["idempotent"] = c
	}
	return cells
}

// notFenced returns the cell of a charge whose entry the fence refuses.
func notFenced() map[string]Cell {
	return map[string]Cell{"fenced": {After: "2/2",
		Why: "the ledger rejects server-a's stale token, but records what Stripe's event says"}}
}
