package verdicts

const (
	// withoutRedis are the modes that keep nothing in Redis, and oneNode those that have one node.
	withoutRedis = "uncoordinated check-first idempotent claimed exactly-once"
	oneNode      = "naive-lock locked fenced"

	noRedis   = "the mode keeps nothing in Redis that could be lost"
	otherRows = "the mode has one Redis node: see redis-down and redis-restart"
	lostLease = "a's lease is gone with the node, so b obtains one while a's charge is on its way"
)

// redisFaults are those of what the locks are in.
func redisFaults() []row {
	return []row{
		{RedisDown, "Redis is dead at midnight, and back for the quiet run",
			[9]string{"3/3 4/4", "3/3", "0/0 1/1", "0/0 1/1", "0/0 1/1", "0/0 1/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":                      "all ask before any has charged; Redis has no part in it",
				"naive-lock locked redlock fenced": "nobody gets a lock, so nobody charges until Redis is back",
				"idempotent claimed exactly-once":  noRedis,
			}},
		{RedisRestart, "one Redis node restarts empty while a's charge is on its way; b and c run",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "1/1", "2/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":                     underWay,
				"naive-lock":                      "a's lock is gone with the node, and nobody asks the ledger",
				"locked":                          lostLease,
				"redlock":                         "four of five nodes still have the lease",
				"fenced":                          refused,
				"idempotent claimed exactly-once": noRedis,
			}},
		{RedisFailover, "a replica that never had the key takes the primary's place",
			[9]string{"3/3 4/4", "2/2", "3/3 4/4", "2/2", "-", "2/1", "1/1", "1/1", "1/1"},
			map[string]string{
				"check-first":                     underWay,
				"naive-lock":                      "a's lock is gone, and nobody asks the ledger",
				"locked":                          lostLease,
				"redlock":                         "its nodes are independent, and have no replicas",
				"fenced":                          refused,
				"idempotent claimed exactly-once": noRedis,
			}},
		{RedlockMinority, "two of five Redis nodes are dead at midnight",
			[9]string{"-", "-", "-", "-", "1/1", "-", "-", "-", "-"},
			map[string]string{
				"redlock": "three of five nodes are a quorum", oneNode: otherRows, withoutRedis: noRedis,
			}},
		{RedlockMajority, "three of five Redis nodes restart empty while a's charge is on its way",
			[9]string{"-", "-", "-", "-", "2/2", "-", "-", "-", "-"},
			map[string]string{
				"redlock": "the three are a quorum for b", oneNode: otherRows, withoutRedis: noRedis,
			}},
		{PartitionBeforeCharge, "a loses Redis; its re-check's answer comes after the TTL and b's run",
			[9]string{"-", "-", "-", "1/1", "1/1", "1/1", "-", "-", "-"},
			map[string]string{
				"naive-lock":            "the mode asks nothing between its lock and its charge",
				"locked redlock fenced": "the lease can't be trusted any longer, so a sends nothing",
				withoutRedis:            noRedis,
			}},
		{PartitionDuringCharge, "a loses Redis while its charge is on its way; b and c run",
			[9]string{"-", "-", "3/3 4/4", "2/2", "2/2", "2/1", "-", "-", "-"},
			map[string]string{
				"naive-lock":     "the lock expires, and nobody asks the ledger",
				"locked redlock": "the lease can't be renewed, and its end stops no request under way",
				"fenced":         refused,
				withoutRedis:     noRedis,
			}},
	}
}

// otherFaults are those of the ledger, and of servers that don't ask the same one.
func otherFaults() []row {
	return []row{
		{PostgresDown, "the ledger can't be reached by a from its charge until its run is over",
			[9]string{"3/2 4/3", "2/1", "3/2 4/3", "2/1", "2/1", "2/1", "1/1", "1/0", "1/1"},
			map[string]string{
				"check-first":           unknown,
				"locked redlock fenced": notLocked,
				"idempotent":            "b's request gets a's answer, and b records it",
				"claimed":               abandoned,
				"exactly-once":          recorded,
			}},
		{MixedModes, "a runs locked, b this mode, at the same instant",
			[9]string{"2/2 3/3", "2/2", "2/2 3/3", "-", "2/2", "1/1", "2/2", "2/2", "2/2"},
			map[string]string{
				"check-first":             "b asks the ledger before a has charged, and no lock",
				"naive-lock":              "its lock has another name, and so is another lock",
				"locked":                  "beside itself it is not mixed",
				"redlock":                 "its lease is on other nodes, and so is another lease",
				"fenced":                  "it asks for the same lease as locked, so the two see each other",
				"idempotent exactly-once": "locked sends a key of its own, and asks for no claim",
				"claimed":                 "locked asks for no claim",
			}},
	}
}
