package faults

import "example.com/triplecharge/billing"

const (
	noRedis   = "the mode keeps nothing in Redis"
	lockGone  = "server-a's lock is gone with the node, and nobody asks the ledger"
	fourHave  = "four of five nodes still have the lease"
	lostLease = "server-a's lease is gone with the node, so server-b obtains one while " +
		"server-a's charge is in flight"
)

// noLease returns the lock to which faults that cut a server off from its lease don't apply.
func noLease() map[billing.Lock]string { return map[billing.Lock]string{billing.NoLock: noRedis} }

// fewerNodes returns the locks to which faults of five nodes don't apply.
func fewerNodes() map[billing.Lock]string {
	const oneNode = "the mode has one Redis node: see redis-down and redis-restart"
	return map[billing.Lock]string{
		billing.NoLock: noRedis, billing.NaiveLock: oneNode, billing.SafeLock: oneNode,
	}
}

// redisFaults take leases away.
func redisFaults() []Row {
	return []Row{
		{
			Fault: RedisDown, Lease: LongLease, Servers: 3,
			Text: "Redis is dead at midnight, and back for the recovery run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first": {After: "3/3",
					Why: "all servers ask the ledger before any has charged; Redis plays no part"},
				"naive-lock locked redlock fenced": {After: "0/0", Recovered: "1/1",
					Why: "nobody gets a lock, so nobody charges until Redis is back"},
				"idempotent claimed exactly-once": {After: "1/1", Why: noRedis},
			},
		},
		{
			Fault: RedisRestart, Lease: LongLease, Servers: 3,
			Told: notFenced(),
			Text: "A Redis node restarts empty while server-a's charge is in flight; the others " +
				"run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":   {After: "2/2", Why: inFlight},
				"naive-lock":    {After: "3/3", Recovered: "4/4", Why: lockGone},
				"locked":        {After: "2/2", Why: lostLease},
				"redlock":       {After: "1/1", Why: fourHave},
				"fenced":        {After: "2/1", Why: refused},
				"idempotent claimed exactly-once": {After: "1/1",
					Why: noRedis},
			},
		},
		{
			Fault: RedisFailover, Lease: LongLease, Servers: 3,
			NotFor: map[billing.Lock]string{
				billing.QuorumLock: "its nodes are independent and have no replicas",
			},
			Told: notFenced(),
			Text: "A replica that never had the key replaces the Redis primary; the others run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":   {After: "2/2", Why: inFlight},
				"naive-lock":    {After: "3/3", Recovered: "4/4", Why: lockGone},
				"locked":        {After: "2/2", Why: lostLease},
				"fenced":        {After: "2/1", Why: refused},
				"idempotent claimed exactly-once": {After: "1/1",
					Why: noRedis},
			},
		},
		{
			Fault: RedlockMinority, Lease: LongLease, Servers: 3,
			NotFor: fewerNodes(),
			Text:   "Two of five Redis nodes are dead at midnight.",
			Cells: map[string]Cell{
				"redlock": {After: "1/1", Why: "three of five nodes are a quorum"},
			},
		},
		{
			Fault: RedlockMajority, Lease: LongLease, Servers: 3,
			NotFor: fewerNodes(),
			Text:   "Three of five nodes restart empty while server-a's charge is in flight.",
			Cells: map[string]Cell{
				"redlock": {After: "2/2", Why: "the three empty nodes are a quorum for server-b"},
			},
		},
	}
}

// clockFaults make leases expire early, by Redis' clock.
func clockFaults() []Row {
	return []Row{
		{
			Fault: RedisClockJump, Lease: LongLease, Servers: 3, Clocks: true,
			Told: notFenced(),
			Text: "The clock of a Redis node jumps past the TTL while server-a's charge is in " +
				"flight; the others run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":   {After: "2/2", Why: inFlight},
				"naive-lock": {After: "3/3", Recovered: "4/4",
					Why: "server-a's lock has expired by Redis' clock, and nobody asks the ledger"},
				"locked": {After: "2/2", Why: "server-a's lease has expired by Redis' " +
					"clock, so server-b obtains one while server-a's charge is in flight"},
				"redlock": {After: "1/1", Why: fourHave},
				"fenced":  {After: "2/1", Why: refused},
				"idempotent claimed exactly-once": {After: "1/1",
					Why: noRedis},
			},
		},
		{
			Fault: RedlockClockJump, Lease: LongLease, Servers: 3, Clocks: true,
			NotFor: fewerNodes(),
			Text: "The clocks of three of five nodes jump past the TTL while server-a's charge " +
				"is in flight.",
			Cells: map[string]Cell{
				"redlock": {After: "2/2",
					Why: "the three nodes whose keys have expired are a quorum for server-b"},
			},
		},
	}
}

// replicaFaults move the ledger to a standby.
func replicaFaults() []Row {
	return []Row{
		{
			Fault: PostgresFailover, Lease: LongLease, Servers: 3, Replicated: true,
			Text: "A synchronous standby takes over from Postgres during server-a's charge; " +
				"the others run.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"naive-lock":    {After: "3/3", Recovered: "4/4", Why: freeAgain},
				"check-first locked redlock fenced idempotent claimed exactly-once": {
					After: "1/1", Why: "the new primary has all, and server-a records its " +
						"charge there"},
			},
		},
		{
			Fault: PostgresForgets, Lease: LongLease, Servers: 3, Replicated: true,
			Text: "A standby without server-a's run, which is over, takes over from Postgres; " +
				"the others run.",
			Cells: forgotten("1/1",
				"the key is the one that server-a sent, and Stripe answers with server-a's charge"),
		},
		{
			Fault: PostgresForgetsADay, Lease: LongLease, Servers: 3, Replicated: true,
			Text:  "Like postgres-forgets, but server-b runs after Stripe has forgotten the key.",
			Cells: forgotten("2/1", "nobody remembers server-a's charge: neither ledger nor key"),
		},
	}
}

// forgotten returns the cells of a ledger that has lost a's run. Modes whose key any server makes
// have a cell of their own.
func forgotten(byKey, why string) map[string]Cell {
	return map[string]Cell{
		"uncoordinated": {After: "3/2", Recovered: "4/3", Why: eachCharges},
		"naive-lock":    {After: "3/2", Recovered: "4/3", Why: freeAgain},
		"check-first locked redlock fenced": {After: "2/1",
			Why: "the ledger has forgotten server-a's charge, so server-b charges"},
		"idempotent claimed exactly-once": {After: byKey, Why: why},
	}
}

// partitionFaults cut servers off from what the others see.
func partitionFaults() []Row {
	return []Row{
		{
			Fault: PartitionBeforeCharge, Lease: ShortLease, Servers: 3,
			NotFor: noLease(),
			Text: "Server-a loses Redis; its re-check is answered after the TTL and " +
				"server-b's run.",
			Cells: map[string]Cell{
				"naive-lock": {After: NotApplicable,
					Why: "the mode asks nothing between its lock and its charge"},
				"locked redlock fenced": {After: "1/1",
					Why: "the lease is no longer valid, so server-a sends nothing"},
			},
		},
		{
			Fault: PartitionDuringCharge, Lease: ShortLease, Servers: 3,
			NotFor: noLease(),
			Told:   notFenced(),
			Text:   "Server-a loses Redis while its charge is in flight; the others run.",
			Cells: map[string]Cell{
				"naive-lock": {After: "3/3", Recovered: "4/4",
					Why: "the lock expires, and nobody asks the ledger"},
				"locked redlock": {After: "2/2",
					Why: "the lease can't be renewed, and its end stops no request in flight"},
				"fenced": {After: "2/1", Why: refused},
			},
		},
		{
			Fault: PostgresDown, Lease: ShortLease, Servers: 3,
			Told: heard("3/3", "4/4"),
			Text: "Server-a can't reach the ledger from its charge until its run is over.",
			Cells: map[string]Cell{
				"uncoordinated":         {After: "3/2", Recovered: "4/3", Why: eachCharges},
				"check-first":           {After: "2/1", Why: unknown},
				"naive-lock":            {After: "3/2", Recovered: "4/3", Why: freeAgain},
				"locked redlock fenced": {After: "2/1", Why: notLocked},
				"idempotent": {After: "1/1",
					Why: "server-b's request gets server-a's answer, and server-b records it"},
				"claimed":      {After: "1/0", Why: abandoned},
				"exactly-once": {After: "1/1", Why: recorded},
			},
		},
	}
}

// mixedModes is about servers in two modes.
func mixedModes() []Row {
	return []Row{
		{
			Fault: MixedModes, Lease: LongLease, Servers: 2,
			Beside: "locked",
			Text:   "Server-a runs locked and server-b this mode, at the same instant.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "2/2", Recovered: "3/3", Why: eachCharges},
				"check-first": {After: "2/2",
					Why: "server-b asks the ledger before server-a has charged, and asks for no " +
						"lock"},
				"naive-lock": {After: "2/2", Recovered: "3/3",
					Why: "its key has another name, so it is another lock"},
				"redlock": {After: "2/2",
					Why: "its lease is on other nodes, so it is another lease"},
				"fenced": {After: "1/1",
					Why: "it asks for the same lease as locked, so they exclude each other"},
				"idempotent exactly-once": {After: "2/2",
					Why: "locked sends its own key and takes no claim"},
				"claimed": {After: "2/2", Why: "locked takes no claim"},
			},
		},
	}
}
