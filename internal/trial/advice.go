package trial

import "example.com/triplecharge/internal/faults"

// What would have saved an invoice, in a sentence.

const oneIntent = "one PaymentIntent per invoice, stored before it is confirmed, which no " +
	"request can charge twice"

func overcharged(f faults.Fault) string {
	switch f {
	case faults.None, faults.RedisDown:
		return "The invoice as the idempotency key, or a row in your database that only one " +
			"server can insert, before it charges."
	case faults.Late, faults.CrashBeforeCharge, faults.Stripe500Before, faults.DeclinedThenFixed:
		return "Something that remembers: ask your ledger while you hold the lock, or send the " +
			"invoice as the idempotency key."
	case faults.Pause, faults.SlowStripe, faults.RedisRestart:
		return "The invoice as the idempotency key: a lock can't stop a request that was sent."
	case faults.CrashAfterCharge, faults.PostgresDown:
		return "The invoice as the idempotency key: your ledger doesn't know of the charge, and " +
			"Stripe does."
	case faults.LostReply, faults.Stripe500After:
		return "The invoice as the idempotency key: without a reply the outcome is unknown, and " +
			"only the same key may ask again."
	}
	return "What Stripe doesn't forget after 24 hours: " + oneIntent + "."
}

func unbilled(f faults.Fault) string {
	switch f {
	case faults.Stripe500Before, faults.Stripe500After, faults.DeclinedThenFixed:
		return "Another attempt, under another key: Stripe repeats its answer to a key for 24 " +
			"hours. To be safe with a new key, " + oneIntent + "."
	}
	return "A lock or a claim that expires, and whose next holder asks Stripe what became of the " +
		"charge. (If yours does expire, say after how long: --lock-ttl.)"
}
