//go:build !searches

package explore

import (
	"fmt"
	"slices"

	"example.com/triplecharge/billing"
)

func mutants() []mutant {
	return slices.Concat(lockMutants(), kindMutants(), keyMutants(), replacementMutants(),
		claimMutants())
}

// kindMutants give each mode that has a lock every other kind of lock.
func kindMutants() (all []mutant) {
	kinds := map[billing.Lock]string{
		billing.NaiveLock: "NaiveLock", billing.SafeLock: "SafeLock",
		billing.QuorumLock: "QuorumLock",
	}
	for _, mode := range billing.Modes() {
		for kind, name := range kinds {
			if mode.Lock == billing.NoLock || mode.Lock == kind {
				continue
			}
			row := fmt.Sprintf("Name: %q, Lock: ", mode.Name)
			all = append(all, mutant{
				"the lock of " + mode.Name + " is a " + name, "billing/modes.go",
				row + kinds[mode.Lock], row + name,
			})
		}
	}
	return all
}

// lockMutants are mutants of the modes that have a lock or ask the ledger.
func lockMutants() []mutant {
	const recheck, without = "\tif charged {\n", "\tif charged && false {\n"
	const now, listed = "\tinv, charged, err :=", "\t_, charged, err :="
	const locked, fenced = "billing/locked.go", "billing/fenced.go"
	const world = "internal/explore/answers.go"
	return []mutant{
		{"the ledger's answer is ignored", "billing/checkfirst.go", recheck, without},
		{"the re-check is left out", locked, recheck, without},
		{"the re-check is left out", fenced, recheck, without},
		{"an attempt starts though the lease is lost", locked, ", Valid: lease.Valid}", "}"},
		{"an attempt starts though the lease is lost", fenced, ", Valid: lease.Valid}", "}"},
		{"the lease is released before the charge", locked,
			"\tcharge, err := m.charger.Charge(",
			"\t_ = lease.Release(ctx)\n\tcharge, err := m.charger.Charge("},
		{"the lease is released before the record", locked,
			"\t// Record the charge, whatever",
			"\t_ = lease.Release(ctx)\n\t// Record the charge, whatever"},
		{"the fencing token is asked for after the lease", fenced,
			"\tlease, token, err := m.locker.ObtainFenced(ctx, inv.LockKey(), floor)\n",
			"\tlease, err := m.locker.Obtain(ctx, inv.LockKey())\n" +
				"\ttoken := floor\n\tif err == nil {\n" +
				"\t\ttoken, _ = m.fence.Highest(ctx, inv)\n\t\ttoken++\n\t}\n"},
		{"the ledger's highest token is no floor", fenced,
			"inv.LockKey(), floor)", "inv.LockKey(), floor-floor)"},
		{"the charge is not recorded", locked,
			"m.ledger.Record(context.WithoutCancel(ctx), charge)",
			"func(Charge) error { return nil }(charge)"},
		{"a charge under a lease that was lost since is not recorded", locked,
			"\t// Record the charge, whatever",
			"\tif err := lease.Valid(); err != nil {\n\t\treturn \"\", err\n\t}\n" +
				"\t// Record the charge, whatever"},
		{"the lease is checked once, and taken for valid from there on", locked,
			"Valid: lease.Valid}", "Valid: func() error { return err }}"},
		{"no answer from the ledger is taken for: not charged", locked,
			"\tinv, charged, err := m.ledger.Charged(ctx, inv)\n" +
				"\tif err != nil {\n\t\treturn \"\", err\n\t}\n",
			"\tinv, charged, _ := m.ledger.Charged(ctx, inv)\n"},
		{"what the list said is charged", "billing/checkfirst.go", now, listed},
		{"what the list said is charged", locked, now, listed},
		{"what the list said is charged", fenced, now, listed},
		{"no answer from Redis is taken for a lease", locked,
			"\t} else if err != nil {\n\t\treturn \"\", err\n\t}\n\n\t// Release",
			"\t} else if err != nil {\n" +
				"\t\tcharge, err := m.charger.Charge(ctx, Request{Invoice: inv})\n" +
				"\t\tif err != nil {\n\t\t\treturn \"\", err\n\t\t}\n" +
				"\t\treturn Billed, m.ledger.Record(ctx, charge)\n\t}\n\n\t// Release"},
		{"the ledger doesn't learn the token", fenced,
			"m.fence.Raise(ctx, inv, token)", "error(nil)"},
		{"the same token twice raises the fence", world, "if c.n <= w.highest {",
			"if c.n < w.highest {"},
		{"the charge is recorded without the fencing token", fenced,
			"\tif err := m.fence.Record(context.WithoutCancel(ctx), charge, token); err",
			"\t_ = token\n\tif err := m.ledger.Record(ctx, charge); err"},
		{"a release removes whosever lease it is", world,
			"if c.any {", "if true {"},
		{"two of five nodes are a majority", world,
			"bits.OnesCount8(c.nodes)/2 + 1", "max(1, bits.OnesCount8(c.nodes)/2)"},
	}
}

// keyMutants are mutants of the modes that rely on what Stripe remembers.
func keyMutants() []mutant {
	const idempotent, once = "billing/idempotent.go", "billing/exactlyonce.go"
	const register = "\treturn m.claims.Register(ctx, claim, prepared)"
	return []mutant{
		{"the key is one that no other server makes", idempotent, "Key: inv.String()", "Key: \"\""},
		{"the prepared PaymentIntent is confirmed, registered or not", once, register,
			"\t_, err = m.claims.Register(ctx, claim, prepared)\n\treturn prepared, err"},
		{"no PaymentIntent is registered", once, register, "\treturn prepared, nil"},
		{"the key of the creation has no generation", once,
			"Request{Invoice: claim.Invoice, Key: claim.Key()}\n",
			"Request{Invoice: claim.Invoice, Key: claim.Invoice.String()}\n"},
		{"the key of the confirmation has no generation", once,
			"Key: claim.Key() + \"/confirm/\"", "Key: claim.Invoice.String() + \"/confirm/\""},
		{"the charge is not recorded", once,
			"m.ledger.Record(context.WithoutCancel(ctx), charge)",
			"func(Charge) error { return nil }(charge)"},
		{"both requests have the same key", once,
			"claim.Key() + \"/confirm/\" + registered.ID", "claim.Key()"},
		{"the key of the confirmation names no PaymentIntent", once,
			"\"/confirm/\" + registered.ID", "\"/confirm/\""},
		{"whoever can't register its PaymentIntent confirms it all the same", once, register,
			"\tif registered, err := m.claims.Register(ctx, claim, prepared); err == nil {\n" +
				"\t\treturn registered, nil\n\t}\n\treturn prepared, nil"},
		{"the charge is recorded before it is made", once,
			"\tcharge, err := m.charge(",
			"\t_ = m.ledger.Record(ctx, Charge{Invoice: inv, PaymentIntent: claim.Intent.ID})\n" +
				"\tcharge, err := m.charge("},
		{"an unknown outcome counts as charged", once,
			"\tcase err != nil:\n\t\t// Unknown is not failed.",
			"\tcase errors.Is(err, ErrUnknown):\n" +
				"\t\treturn Billed, m.ledger.Record(ctx, Charge{\n" +
				"\t\t\tInvoice: inv, PaymentIntent: claim.Intent.ID})\n" +
				"\tcase err != nil:\n\t\t// Unknown is not failed."},
	}
}

// replacementMutants are mutants of how exactly-once replaces a PaymentIntent.
func replacementMutants() []mutant {
	const once, world, sql = "billing/exactlyonce.go", "internal/explore/answers.go",
		"ledger/claims.go"
	const cancel = "\treturn m.intents.Cancel(ctx, registered.ID, r)"
	const replace = "if claim.Intent, err = m.register(ctx, claim); err == nil {\n"
	return []mutant{
		{"what the invoice doesn't ask is confirmed", once,
			"registered.For(claim.Invoice.Subscription):", "true:"},
		{"what the list said is billed, not what the subscription asks now", once,
			"\t// Charge by the registered",
			"\tclaim.Invoice = inv\n\t// Charge by the registered"},
		{"what is canceled is not replaced", once,
			"\tif errors.Is(err, ErrCanceled) {", "\tif claim.Intent.ID == \"\" {"},
		{"a PaymentIntent is replaced without being canceled", once, cancel,
			"\treturn Charge{}, ErrCanceled"},
		{"a PaymentIntent that turns out to have succeeded is replaced", once, cancel,
			"\tif _, err := m.intents.Cancel(ctx, registered.ID, r); err != nil {\n" +
				"\t\treturn Charge{}, err\n\t}\n\treturn Charge{}, ErrCanceled"},
		{"a PaymentIntent is replaced though nobody knows whether it is canceled", once, cancel,
			"\tcharge, err := m.intents.Cancel(ctx, registered.ID, r)\n" +
				"\tif errors.Is(err, ErrUnknown) {\n\t\terr = ErrCanceled\n\t}\n" +
				"\treturn charge, err"},
		{"the one that was read before is confirmed", once, replace,
			"old := claim.Intent\n\t\t" + replace +
				"\t\t\tif old.ID != \"\" {\n\t\t\t\tclaim.Intent = old\n\t\t\t}\n"},
		{"the key of the replacement doesn't name what it replaces", once,
			"\t\tr.Key += \"/instead-of/\" + claim.Intent.ID\n", ""},

		{"whatever is registered is replaced", world,
			"owns && w.registered == c.old {", "owns {"},
		{"a superseded server replaces", world,
			"owns && w.registered == c.old {", "w.registered == c.old {"},
		{"a superseded server isn't told", world, "\t\tif !owns {", "\t\tif false {"},
		{"a canceled PaymentIntent can be confirmed", world,
			"w.canceled>>c.intent&1 == 1:", "c.op == cancel && w.canceled>>c.intent&1 == 1:"},
		{"a charge can be canceled", world,
			"case c.op >= confirm && w.charges", "case c.op == confirm && w.charges"},

		{"whatever is registered is replaced", sql,
			"claims.payment_intent = given.replaced AND claims.generation",
			"claims.generation"},
		{"a superseded server replaces", sql,
			"given.replaced AND claims.generation = given.generation\n", "given.replaced\n"},
		{"a superseded server isn't told", sql,
			"if err == nil && got.generation != claim.Generation {", "if false {"},
		{"a replacement keeps the old amount", sql,
			"set(\"intent_amount_minor\", \"amount_minor\")",
			"`intent_amount_minor = coalesce(claims.intent_amount_minor, given.amount_minor)`"},
		{"the ledger answers with the subscription as it was listed", "ledger/entries.go",
			"if c.subscription.Customer != \"\" {", "if false {"},
		{"the card that was listed waits, whatever the customer has now", sql,
			"coalesce(subscriptions.payment_method, given.card) AS card", "given.card AS card"},
	}
}

// claimMutants are mutants of the claim protocol: in a mode, in memory, and in SQL.
func claimMutants() []mutant {
	const claimed, world = "billing/claimed.go", "internal/explore/answers.go"
	const sql = "ledger/claims.go"
	const generation = "\n\t\t\tAND claims.generation = given.generation`"
	return []mutant{
		{"the claim is given back though the outcome is unknown", claimed,
			"errors.Is(err, ErrNotSent):",
			"errors.Is(err, ErrNotSent), errors.Is(err, ErrUnknown):"},
		{"the claim is kept after a decline", claimed, "ErrDeclined):", "ErrDeclined) && false:"},
		{"the claim is kept though nothing was sent", claimed, "ErrNotSent):",
			"ErrNotSent) && false:"},
		{"the claim is given back since the charge can't be recorded", claimed,
			"charge); err != nil {\n\t\treturn \"\", err",
			"charge); err != nil {\n" +
				"\t\treturn \"\", errors.Join(err, m.claims.Postpone(ctx, claim))"},
		{"the claim expires", "billing/modes.go", "claimed{p.Final,", "claimed{p.Claims,"},

		{"the last writer wins", world, "if w.registered == 0 || owns", "if true || owns"},
		{"each gets its own PaymentIntent", world,
			"answer{intent: w.registered, asks", "answer{intent: c.intent, asks"},
		{"whoever takes the claim over gets no PaymentIntent", world,
			"\tw.generation++\n\ts.claim", "\tw.generation++\n\tw.registered = 0\n\ts.claim"},
		{"a decline ends the PaymentIntent, too", world,
			"w.claimed, w.paused, w.postponed = false, true, c.card",
			"w.claimed, w.paused, w.postponed, w.registered = false, true, c.card, 0"},
		{"a claim that is held is given", world,
			"case w.claimed, w.paused &&", "case w.paused &&"},
		{"a claim is given though the invoice is charged", world,
			"\tcase w.entries != 0:\n\t\treturn answer{outcome: paid}\n", ""},
		{"a superseded server gives the claim back", world,
			"if w.generation == c.n {\n\t\t\tw.claimed, w.paused",
			"if w.generation >= c.n {\n\t\t\tw.claimed, w.paused"},
		{"a superseded server returns the claim", world,
			"if w.generation == c.n {\n\t\t\tw.claimed = false",
			"if w.generation >= c.n {\n\t\t\tw.claimed = false"},
		{"a taking doesn't raise the generation", world,
			"\tw.generation++\n\ts.claim", "\tw.generation = max(w.generation, 1)\n\ts.claim"},

		{"the last writer wins", sql, "CASE WHEN claims.payment_intent IS NULL OR",
			"CASE WHEN true OR claims.payment_intent IS NULL OR"},
		{"a superseded server gives the claim back", sql, generation, "`"},
		{"a returned claim counts as declined", sql, "{ return e.declined }", "{ return true }"},
		{"a decline counts as an attempt that was not sent", sql,
			"{ return e.declined }", "{ return false }"},
		{"a claim is given though the invoice is charged", sql,
			"FROM given WHERE charge = ''", "FROM given WHERE true"},
		{"a taking doesn't raise the generation", sql,
			"+ (claims.owner <> excluded.owner)::int", "+ 0"},
		{"a claim that is held is given", sql,
			"OR claims.lease_until <= now() AND (", "OR true AND ("},
		{"claims that never expire do", sql,
			"coalesce(now() + $5::interval, 'infinity')", "coalesce(now() + $5::interval, now())"},
		{"the next attempt doesn't wait", sql,
			"claims.next_attempt <= now() AND", "true AND"},
		{"another card waits, too", sql, "IS DISTINCT FROM", "IS NOT DISTINCT FROM"},
		{"declines have no limit", sql,
			"$6::int = 0 OR claims.declines < $6::int",
			"$6::int >= 0 OR claims.declines < $6::int"},
		{"the same token twice raises the fence", "ledger/fence.go",
			"WHERE fences.token < excluded.token", "WHERE fences.token <= excluded.token"},
		{"a higher token doesn't raise the fence", "ledger/fence.go",
			"SET token = excluded.token", "SET token = fences.token"},
	}
}
