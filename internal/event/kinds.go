package event

import (
	"maps"
	"slices"
	"strings"
)

// Kind is what happened: the "msg" of a log line, and the label of a metric.
type Kind string

// The kinds that servers log.
const (
	ServerListening Kind = "server.listening"
	ServerReady     Kind = "server.ready"    // Reason is the longest that its end may take
	ServerStopping  Kind = "server.stopping" // nothing is sent to Stripe any more; likewise
	ScheduleSet     Kind = "schedule.set"    // Reason lists the next times
	RunStarted      Kind = "run.started"
	RunFinished     Kind = "run.finished"
	RunSkipped      Kind = "run.skipped" // a scheduled run that could not start
	RunLate         Kind = "run.late"    // a scheduled run that will be made up for
	RunHeld         Kind = "run.held"    // Reason names the dependency that is away
	RunResumed      Kind = "run.resumed"
	LeaseObtained   Kind = "lease.obtained"
	LeaseHeld       Kind = "lease.held"    // by another server
	LeaseWaiting    Kind = "lease.waiting" // logged by locks that wait; none of ours does
	LeaseFailed     Kind = "lease.failed"
	LeaseRenewed    Kind = "lease.renewed"
	LeaseLost       Kind = "lease.lost"
	LeaseAtRisk     Kind = "lease.at_risk" // Redis may drop leases
	LeaseReleased   Kind = "lease.released"
	ClaimTaken      Kind = "claim.taken"
	ClaimHeld       Kind = "claim.held" // by another server
	ClaimRegistered Kind = "claim.registered"
	ClaimPostponed  Kind = "claim.postponed"
	ClaimReturned   Kind = "claim.returned" // nothing was sent
	FenceIssued     Kind = "fence.issued"
	IntentPrepared  Kind = "intent.prepared"
	IntentFailed    Kind = "intent.failed"
	IntentCanceled  Kind = "intent.canceled" // by this server, or found so
	ChargeSent      Kind = "charge.sent"
	ChargeSucceeded Kind = "charge.succeeded"
	ChargeDeclined  Kind = "charge.declined"
	ChargeUnknown   Kind = "charge.unknown"
	ChargeNotSent   Kind = "charge.not_sent"
	LedgerRecorded  Kind = "ledger.recorded"
	LedgerRefused   Kind = "ledger.refused"
	LedgerFailed    Kind = "ledger.failed"
	WebhookReceived Kind = "webhook.received" // Stripe's event of a charge of this ledger
	WebhookRefused  Kind = "webhook.refused"  // Stripe didn't sign it, or not lately
	InvoiceSkipped  Kind = "invoice.skipped"
	InvoiceFailed   Kind = "invoice.failed"
	LedgerOpening   Kind = "ledger.opening" // Reason: what it waits for, or makes
	LogDropped      Kind = "log.dropped"    // the reader of the log was too slow, or away
)

// The kinds that the harness adds, since servers can't see them.
const (
	ServerPaused   Kind = "server.paused" // SIGSTOP, which stands for a long garbage collection
	ServerResumed  Kind = "server.resumed"
	ServerKilled   Kind = "server.killed"
	ServerStarted  Kind = "server.started"  // again, after it was killed
	StripeCharged  Kind = "stripe.charged"  // MS counts from the request's arrival
	StripeAdvanced Kind = "stripe.advanced" // Reason says how much time passes at Stripe
	CardReplaced   Kind = "card.replaced"
	PersonActed    Kind = "person.acted" // at the Dashboard or on a plan; Reason says what
	LeaseExpired   Kind = "lease.expired"
	ClaimExpired   Kind = "claim.expired"   // another server may take the claim over
	RedisDown      Kind = "redis.down"      // Reason says how many nodes
	RedisRestarted Kind = "redis.restarted" // empty; Reason says how many nodes
	RedisReplaced  Kind = "redis.replaced"  // by a node without the lease's key
	// RedisClockJumped: keys expire early; Reason says on how many nodes.
	RedisClockJumped Kind = "redis.clock_jumped"
	LedgerReplaced   Kind = "ledger.replaced" // Postgres failed over; Reason says to what
	LinkCut          Kind = "link.cut"        // Reason names what the server can't reach
	LinkHealed       Kind = "link.healed"
)

// row is all that the program knows about a kind. Every event has a time, a kind and a server;
// those about an invoice name it, and those that a mode has caused say where in its code.
type row struct {
	fields   string // the other fields, by their JSON names
	outside  bool   // the harness adds it: no server logs it
	warning  bool   // it is logged as a warning
	sentence string // Event.Sentence fills in what is in braces
	// or is the sentence for an event with an error, and for an invoice that is already billed.
	// "": the same.
	or string
}

const lease = "key value ttl_ms ms"

// kinds is the one table of kinds. A warning carries an error; so may run.finished and
// lease.released, which are warnings then.
var kinds = map[Kind]row{
	ServerListening: {fields: "address", sentence: "Is up."},
	ServerReady: {
		fields: "reason", sentence: "Is ready, and ends within {reason} of SIGTERM.",
	},
	ServerStopping: {fields: "reason", sentence: "Is stopping, which takes {reason} at most."},
	ScheduleSet:    {fields: "reason", sentence: "Next due runs{: reason}."},
	RunStarted:     {fields: "period", sentence: "Started its due run."},
	RunFinished: {
		fields:   "period billed already_billed skipped declined failed error ms",
		sentence: "Finished its due run.", or: "Finished its due run with an error{: error}.",
	},
	RunSkipped: {fields: "error", warning: true, sentence: "Skipped a due run{: error}."},
	RunLate:    {fields: "reason", sentence: "Will make up for a due run{: reason}."},
	RunHeld: {
		fields: "reason error", warning: true,
		sentence: "Holds its due run: {reason} is away{: error}.",
	},
	RunResumed: {fields: "reason ms", sentence: "Resumed its due run: {reason} is back."},

	LeaseObtained: {fields: lease, sentence: "SET {key} {value} NX PX {ttl_ms} → OK"},
	LeaseHeld:     {fields: lease, sentence: "SET {key} {value} NX PX {ttl_ms} → (nil)"},
	LeaseWaiting:  {sentence: "Is waiting for the lease."},
	LeaseFailed: {
		fields: lease + " error", warning: true, sentence: "Could not obtain the lease{: error}.",
	},
	LeaseRenewed: {fields: "key ms held_ms", sentence: "Renewed the lease."},
	LeaseLost: {
		fields: "key ms held_ms error", warning: true, sentence: "Lost the lease{: error}.",
	},
	LeaseAtRisk: {fields: "error", warning: true, sentence: "May lose leases{: error}."},
	LeaseReleased: {
		fields: "key error ms", sentence: "Released the lease.",
		or: "Could not release the lease{: error}.",
	},

	ClaimTaken: {
		fields: "generation ms", sentence: "Took the claim, generation {generation}.",
	},
	ClaimHeld:       {fields: "ms", sentence: "Found the claim taken."},
	ClaimRegistered: {fields: "payment_intent ms", sentence: "Registered the PaymentIntent."},
	ClaimPostponed:  {fields: "ms", sentence: "Postponed the claim."},
	ClaimReturned:   {fields: "ms", sentence: "Returned the claim."},
	FenceIssued:     {fields: "token ms", sentence: "Got fencing token {token}."},

	IntentPrepared: {fields: "payment_intent ms", sentence: "Prepared a PaymentIntent."},
	IntentFailed: {
		fields: "error ms", warning: true, sentence: "Could not prepare a PaymentIntent{: error}.",
	},
	IntentCanceled: {fields: "payment_intent ms", sentence: "The PaymentIntent is canceled."},
	ChargeSent:     {fields: "amount_minor currency", sentence: "Sent a charge of {amount}."},
	ChargeSucceeded: {
		fields: "payment_intent amount_minor currency ms", sentence: "Charged {customer} {amount}.",
	},
	ChargeDeclined: {
		fields: "error ms", warning: true, sentence: "The card was declined{: error}.",
	},
	ChargeUnknown: {fields: "error ms", warning: true, sentence: "Outcome unknown{: error}."},
	ChargeNotSent: {
		fields: "error ms", warning: true, sentence: "Did not send the charge{: error}.",
	},

	LedgerRecorded: {fields: "payment_intent ms", sentence: "Recorded the charge."},
	LedgerRefused: {
		fields: "payment_intent error ms", warning: true,
		sentence: "The ledger refused the entry{: error}.",
	},
	LedgerFailed: {
		fields: "payment_intent error ms", warning: true,
		sentence: "Could not record the charge{: error}.",
	},
	WebhookReceived: {
		fields:   "payment_intent amount_minor currency",
		sentence: "Got Stripe's event: {customer} has paid {amount}.",
	},
	WebhookRefused: {
		fields: "error", warning: true, sentence: "Refused an event that is not Stripe's{: error}.",
	},
	InvoiceSkipped: {
		fields: "reason", sentence: "Someone else is billing {customer}. Skipping.",
		or: "The ledger says {customer} is already billed. Skipping.",
	},
	InvoiceFailed: {
		fields: "error", warning: true, sentence: "Could not bill {customer}{: error}.",
	},
	LedgerOpening: {fields: "reason", sentence: "Opening the ledger{: reason}."},
	LogDropped:    {fields: "error", warning: true, sentence: "The log has a gap{: error}."},

	ServerPaused:  {outside: true, sentence: "Is paused."},
	ServerResumed: {outside: true, sentence: "Is running again."},
	ServerKilled:  {outside: true, sentence: "Was killed."},
	ServerStarted: {outside: true, sentence: "Was restarted."},
	StripeCharged: {
		fields: "payment_intent amount_minor currency ms", outside: true,
		sentence: "Took {amount} from {customer} for {server}.",
	},
	StripeAdvanced: {fields: "reason", outside: true, sentence: "{reason}."},
	CardReplaced:   {outside: true, sentence: "{customer} has a new card."},
	PersonActed:    {fields: "reason", outside: true, sentence: "{reason}."},
	LeaseExpired:   {outside: true, sentence: "The lease expired."},
	ClaimExpired:   {outside: true, sentence: "The claim expired."},
	RedisDown:      {fields: "reason", outside: true, sentence: "Redis is down{: reason}."},
	RedisRestarted: {fields: "reason", outside: true, sentence: "Redis restarted empty{: reason}."},
	RedisReplaced:  {fields: "reason", outside: true, sentence: "Redis was replaced {reason}."},
	RedisClockJumped: {fields: "reason", outside: true,
		sentence: "Redis' clock jumped, and its leases expired{: reason}."},
	LedgerReplaced: {fields: "reason", outside: true, sentence: "The ledger moved {reason}."},
	LinkCut:        {fields: "reason", outside: true, sentence: "Can't reach {reason}."},
	LinkHealed:     {fields: "reason", outside: true, sentence: "Can reach {reason} again."},
}

// Kinds returns all kinds, sorted.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// Fields returns the JSON names of the fields that an event of this kind may carry, except time,
// msg, server, invoice and at.
func (k Kind) Fields() []string { return strings.Fields(kinds[k].fields) }

// Outside reports whether the harness adds events of this kind: no server logs them.
func (k Kind) Outside() bool { return kinds[k].outside }

// Warning reports whether an event of this kind is always a warning.
func (k Kind) Warning() bool { return kinds[k].warning }
